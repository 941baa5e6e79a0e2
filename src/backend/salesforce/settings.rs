//! The block of a Salesforce backend in `datadip.yaml` (SPEC 7.3): its keys, and what is wrong with them.

use reqwest::Url;
use rustls::pki_types::CertificateDer;
use serde_json::{Value as Json, json};

use crate::{
    backend::service::{
        jwt::{self, Signer},
        settings::{authorities, concurrency, origin, text},
    },
    diagnostic::{BAD_VALUE, Diagnostic, MISSING_KEY, MY_DOMAIN, PASSWORD_FLOW, Span, has_errors},
    yaml::{
        Kind as NodeKind, Node, Spanned,
        read::{FromNode, keywords, record, wrong_type},
    },
};

/// Where users log in, unless the block says otherwise.
pub const LOGIN: &str = "https://login.salesforce.com";
/// Where users of sandboxes log in.
pub const TEST_LOGIN: &str = "https://test.salesforce.com";
/// The version of the API, unless the block says otherwise.
pub const API_VERSION: &str = "v66.0";

keywords! {
    /// The kind of backend.
    pub enum Kind {
        /// Salesforce.
        Salesforce = "salesforce",
    }
}

record! {
    /// A Salesforce org, over its REST API.
    pub struct SettingsSpec {
        /// The kind of backend.
        kind: Kind,
        /// Where to log in: `https://login.salesforce.com` (default), `https://test.salesforce.com` for a sandbox, or the org's My Domain address, which client credentials need.
        login_url: Option<Spanned<String>>,
        /// The version of the REST API. Default: `v66.0`.
        api_version: Option<Spanned<String>>,
        /// How many calls run at once; more of them wait. Default: `20`.
        max_concurrency: Option<Spanned<u64>>,
        /// A file of certificates, as PEM, of authorities that are trusted besides the system's.
        tls_ca: Option<Spanned<String>>,
        /// Whether `datadip test --live` may read from it. Default: `false`.
        allow_tests: Option<bool>,
        /// How to log in: `flow` and what it needs.
        auth: Spanned<AuthSpec>,
    }
}

record! {
    /// The gateway logs in as itself: an app with a client secret and a run-as user.
    pub struct ClientCredentialsSpec {
        /// `client_credentials`.
        flow: String,
        /// The app's consumer key.
        client_id: Spanned<String>,
        /// The app's consumer secret.
        client_secret: Spanned<String>,
    }
}

record! {
    /// The gateway signs a token for a user: an app with a certificate.
    pub struct JwtBearerSpec {
        /// `jwt_bearer`.
        flow: String,
        /// The app's consumer key.
        client_id: Spanned<String>,
        /// The user whose rights apply.
        username: Spanned<String>,
        /// The private key of the app's certificate: a file in PEM, without a password.
        private_key_file: Spanned<String>,
        /// Whom the token is for. Default: the login address of production or of sandboxes, whichever `login_url` belongs to.
        audience: Option<Spanned<String>>,
    }
}

record! {
    /// A user has logged in once and left a refresh token.
    pub struct RefreshTokenSpec {
        /// `refresh_token`.
        flow: String,
        /// The app's consumer key.
        client_id: Spanned<String>,
        /// The app's consumer secret, where it has one.
        client_secret: Option<Spanned<String>>,
        /// The refresh token.
        refresh_token: Spanned<String>,
    }
}

record! {
    /// A user's name and password. Discouraged, and blocked in new orgs.
    pub struct PasswordSpec {
        /// `password`.
        flow: String,
        /// The app's consumer key.
        client_id: Spanned<String>,
        /// The app's consumer secret.
        client_secret: Spanned<String>,
        /// The user.
        username: Spanned<String>,
        /// The user's password.
        password: Spanned<String>,
        /// The user's security token, which is appended to the password.
        security_token: Option<Spanned<String>>,
    }
}

/// `auth`.
#[derive(Clone, Debug)]
pub enum AuthSpec {
    /// `flow: client_credentials`.
    ClientCredentials(ClientCredentialsSpec),
    /// `flow: jwt_bearer`.
    JwtBearer(JwtBearerSpec),
    /// `flow: refresh_token`.
    RefreshToken(RefreshTokenSpec),
    /// `flow: password`.
    Password(PasswordSpec),
}

keywords! {
    /// `flow`.
    pub enum Flow {
        /// [`AuthSpec::ClientCredentials`].
        ClientCredentials = "client_credentials",
        /// [`AuthSpec::JwtBearer`].
        JwtBearer = "jwt_bearer",
        /// [`AuthSpec::RefreshToken`].
        RefreshToken = "refresh_token",
        /// [`AuthSpec::Password`].
        Password = "password",
    }
}

impl FromNode for AuthSpec {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let flow = match node.get("flow") {
            Some(flow) => Flow::from_node(flow, out)?,
            None => {
                let flows = "client_credentials, jwt_bearer, refresh_token, password";
                let start = node.span.start;
                out.push(match &node.kind {
                    NodeKind::Map(_) => MISSING_KEY
                        .at(Span { start, end: start }, "the key `flow` is missing")
                        .help(format!("add `flow: …`, one of {flows}")),
                    _ => wrong_type(node, "a map of keys").help(format!("begin with `flow: …`, one of {flows}")),
                });
                return None;
            }
        };
        match flow {
            Flow::ClientCredentials => FromNode::from_node(node, out).map(Self::ClientCredentials),
            Flow::JwtBearer => FromNode::from_node(node, out).map(Self::JwtBearer),
            Flow::RefreshToken => FromNode::from_node(node, out).map(Self::RefreshToken),
            Flow::Password => FromNode::from_node(node, out).map(Self::Password),
        }
    }

    fn schema() -> Json {
        let flows = [
            (Flow::ClientCredentials, ClientCredentialsSpec::schema()),
            (Flow::JwtBearer, JwtBearerSpec::schema()),
            (Flow::RefreshToken, RefreshTokenSpec::schema()),
            (Flow::Password, PasswordSpec::schema()),
        ];
        let flows = flows.map(|(flow, mut schema)| {
            schema["properties"]["flow"] = json!({ "const": flow.as_str() });
            schema
        });
        json!({ "oneOf": flows })
    }
}

/// What is needed to log in and to ask, checked.
pub struct Settings {
    /// Where to log in, without a path.
    pub login: Url,
    /// The version of the API.
    pub version: String,
    /// How many calls run at once.
    pub concurrency: usize,
    /// Certificates that are trusted besides the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether tests may read from it.
    pub allow_tests: bool,
    /// How to log in.
    pub credentials: Credentials,
}

/// How to log in: a flow and its secrets, which nothing here shows.
pub enum Credentials {
    /// As the app itself.
    ClientCredentials {
        /// The consumer key.
        id: String,
        /// The consumer secret.
        secret: String,
    },
    /// By a token that is signed for a user.
    JwtBearer {
        /// The consumer key.
        id: String,
        /// The user.
        user: String,
        /// The private key.
        signer: Box<Signer>,
        /// Whom the token is for.
        audience: String,
    },
    /// By what a login left.
    RefreshToken {
        /// The consumer key.
        id: String,
        /// The consumer secret.
        secret: Option<String>,
        /// The refresh token.
        token: String,
    },
    /// By a user's password.
    Password {
        /// The consumer key.
        id: String,
        /// The consumer secret.
        secret: String,
        /// The user.
        user: String,
        /// The password with the security token behind it.
        password: String,
    },
}

impl Settings {
    /// Reads the block; what is wrong with it goes to `out`.
    pub fn read(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let spec = SettingsSpec::from_node(node, out)?;
        let login = login(spec.login_url.as_ref(), out);
        let version = version(spec.api_version.as_ref(), out);
        let concurrency = concurrency(spec.max_concurrency.as_ref(), out);
        let authorities = authorities(spec.tls_ca.as_ref(), out);
        let credentials = credentials(&spec.auth, login.as_ref(), out);
        if matches!(spec.auth.value, AuthSpec::ClientCredentials(_)) && spec.login_url.is_none() {
            let found = MY_DOMAIN.at(spec.auth.span, "client credentials are not taken at the common login address");
            out.push(found.help("add `login_url: https://….my.salesforce.com`, the org's My Domain address"));
        }
        if has_errors(&out[before..]) {
            return None;
        }
        Some(Self {
            login: login?,
            version,
            concurrency,
            authorities,
            allow_tests: spec.allow_tests.unwrap_or(false),
            credentials: credentials?,
        })
    }
}

fn login(given: Option<&Spanned<String>>, out: &mut Vec<Diagnostic>) -> Option<Url> {
    let Some(given) = given else { return LOGIN.parse().ok() };
    origin(given, &format!("write `{LOGIN}`, `{TEST_LOGIN}` or the org's `https://….my.salesforce.com`"), out)
}

fn version(given: Option<&Spanned<String>>, out: &mut Vec<Diagnostic>) -> String {
    let Some(given) = given else { return API_VERSION.into() };
    let number = given.strip_prefix('v').and_then(|text| text.strip_suffix(".0"));
    if number.is_none_or(|number| !(2..=3).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit())) {
        let message = format!("expected a version such as {API_VERSION}, got {:?}", given.value);
        out.push(BAD_VALUE.at(given.span, message).help("`v`, the number of the release, `.0`"));
    }
    given.value.clone()
}

fn credentials(auth: &AuthSpec, login: Option<&Url>, out: &mut Vec<Diagnostic>) -> Option<Credentials> {
    let mut text = |given: &Spanned<String>| text(given, out);
    Some(match auth {
        AuthSpec::ClientCredentials(auth) => {
            Credentials::ClientCredentials { id: text(&auth.client_id), secret: text(&auth.client_secret) }
        }
        AuthSpec::JwtBearer(auth) => {
            let (id, user) = (text(&auth.client_id), text(&auth.username));
            let audience = auth.audience.as_ref().map(&mut text).unwrap_or_else(|| audience(login).into());
            let signer = Signer::from_pem(&auth.private_key_file);
            if signer.is_none() {
                let message = format!("expected {}, got something else", jwt::KEY);
                let found = BAD_VALUE.at(auth.private_key_file.span, message);
                out.push(
                    found.help(
                        "name the file that `openssl genrsa -out private.pem 2048` made for the app's certificate",
                    ),
                );
            }
            Credentials::JwtBearer { id, user, signer: Box::new(signer?), audience }
        }
        AuthSpec::RefreshToken(auth) => Credentials::RefreshToken {
            id: text(&auth.client_id),
            secret: auth.client_secret.as_ref().map(&mut text),
            token: text(&auth.refresh_token),
        },
        AuthSpec::Password(auth) => {
            let (id, secret) = (text(&auth.client_id), text(&auth.client_secret));
            let token = auth.security_token.as_ref().map(|token| token.value.as_str()).unwrap_or_default();
            let (user, password) = (text(&auth.username), text(&auth.password) + token);
            let found = PASSWORD_FLOW.at(auth.span, "a user's name and password are kept where a key would do");
            out.push(
                found
                    .help("use `flow: client_credentials` or `flow: jwt_bearer`; Salesforce advises to block this one"),
            );
            Credentials::Password { id, secret, user, password }
        }
    })
}

/// Whom a token is for: Salesforce knows two login addresses, and My Domain addresses of sandboxes tell themselves apart.
fn audience(login: Option<&Url>) -> &'static str {
    let host = login.and_then(Url::host_str).unwrap_or_default();
    // Sandboxes without enhanced domains are told by their first label alone: `acme--dev`.
    let of_sandbox = host.split('.').next().is_some_and(|label| label.contains("--"));
    let of_tests = [".sandbox.", ".scratch."].iter().any(|part| host.contains(part));
    if host == "test.salesforce.com" || of_sandbox || of_tests { TEST_LOGIN } else { LOGIN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend::service::address::ADDRESS, yaml};

    /// What is said of a block.
    fn check(yaml: &str, expected: &[&str]) -> Option<Settings> {
        let (document, mut out) = yaml::parse(yaml);
        let settings = Settings::read(&document.expect("YAML").root, &mut out);
        let found: Vec<String> = out.iter().map(|d| format!("{}: {}", d.rule.name, d.message)).collect();
        assert_eq!(found, expected, "{yaml}");
        settings
    }

    fn with(more: &str, expected: &[&str]) -> Option<Settings> {
        let auth = "auth: { flow: refresh_token, client_id: a, refresh_token: b }";
        check(&format!("kind: salesforce\n{auth}\n{more}\n"), expected)
    }

    fn auth(auth: &str, expected: &[&str]) {
        check(&format!("kind: salesforce\nlogin_url: https://a.my.salesforce.com\nauth: {{ {auth} }}\n"), expected);
    }

    #[test]
    fn what_is_not_said_has_its_usual_value() {
        let settings = with("", &[]).expect("nothing is wrong");
        assert_eq!(settings.login.as_str(), "https://login.salesforce.com/");
        assert_eq!((settings.version.as_str(), settings.concurrency, settings.allow_tests), ("v66.0", 20, false));
    }

    #[test]
    fn an_address_is_one_of_https_without_a_path() {
        with("login_url: http://localhost:8080", &[]);
        for url in ["http://acme.my.salesforce.com", "acme.my.salesforce.com", "ftp://127.0.0.1", "https://"] {
            let expected = format!("bad-value: expected {ADDRESS}, got {url:?}");
            with(&format!("login_url: '{url}'"), &[&expected]);
        }
        for url in ["https://a.my.salesforce.com/services", "https://u:p@a.my.salesforce.com", "https://a.com?x=1"] {
            let expected = format!("bad-value: expected an address without a path, got {url:?}");
            with(&format!("login_url: '{url}'"), &[&expected]);
        }
    }

    #[test]
    fn a_version_is_that_of_a_release() {
        assert_eq!(with("api_version: v61.0", &[]).expect("nothing is wrong").version, "v61.0");
        for version in ["61.0", "v61", "v6.0", "v61.1", "vxx.0", "v61.0/.."] {
            let expected = format!("bad-value: expected a version such as v66.0, got {version:?}");
            with(&format!("api_version: {version}"), &[&expected]);
        }
    }

    #[test]
    fn numbers_and_certificates_are_checked() {
        with("max_concurrency: 0", &["bad-value: expected a number from 1 to 1000, got 0"]);
        with("tls_ca: ca.pem", &["bad-value: expected a file of certificates as PEM, got something else"]);
        with("tlsca: ca.pem", &["unknown-key: unknown key `tlsca`"]);
    }

    #[test]
    fn a_flow_has_its_own_keys() {
        auth("flow: client_credentials, client_id: a, client_secret: b", &[]);
        auth("flow: refresh_token, client_id: a, client_secret: b, refresh_token: c", &[]);
        auth("client_id: a", &["missing-key: the key `flow` is missing"]);
        auth(
            "flow: client_credential",
            &[
                "bad-value: expected one of client_credentials, jwt_bearer, refresh_token, password, got the text \"client_credential\"",
            ],
        );
        auth("flow: client_credentials, client_id: a", &["missing-key: the key `client_secret` is missing"]);
        auth(
            "flow: client_credentials, client_id: a, client_secret: ' '",
            &["bad-value: expected a value, got nothing"],
        );
        auth(
            "flow: client_credentials, client_id: a, client_secret: b, username: c",
            &["unknown-key: unknown key `username`"],
        );
        auth(
            "flow: password, client_id: a, client_secret: b, username: c, password: d",
            &["password-flow: a user's name and password are kept where a key would do"],
        );
        auth(
            "flow: jwt_bearer, client_id: a, username: b, private_key_file: c",
            &["bad-value: expected an unencrypted RSA private key of 2048 to 8192 bits as PEM, got something else"],
        );
        check("kind: salesforce\nauth: [1]\n", &["wrong-type: expected a map of keys, got a list"]);
        check(
            "kind: salesforce\nauth: { flow: client_credentials, client_id: a, client_secret: b }\n",
            &["my-domain: client credentials are not taken at the common login address"],
        );
    }

    #[test]
    fn a_token_is_signed_for_the_login_address_of_its_kind_of_org() {
        let check =
            |login: &str, expected: &str| assert_eq!(audience(login.parse().ok().as_ref()), expected, "{login}");
        check("https://login.salesforce.com", LOGIN);
        check("https://acme.my.salesforce.com", LOGIN);
        check("https://test.salesforce.com", TEST_LOGIN);
        check("https://acme--dev.sandbox.my.salesforce.com", TEST_LOGIN);
        check("https://acme--dev.my.salesforce.com", TEST_LOGIN);
        check("https://acme-dev-12-ed.scratch.my.salesforce.com", TEST_LOGIN);
        check("https://acme-dev-ed.develop.my.salesforce.com", LOGIN);
    }

    #[test]
    fn the_schema_has_every_key_of_every_flow() {
        let schema = SettingsSpec::schema();
        for key in ["kind", "login_url", "api_version", "max_concurrency", "tls_ca", "allow_tests", "auth"] {
            assert!(schema["properties"].get(key).is_some(), "{key}");
        }
        let flows: Vec<&Json> = schema["properties"]["auth"]["oneOf"].as_array().expect("flows").iter().collect();
        let named: Vec<&str> = flows.iter().filter_map(|flow| flow["properties"]["flow"]["const"].as_str()).collect();
        assert_eq!(named, ["client_credentials", "jwt_bearer", "refresh_token", "password"]);
    }
}
