//! The block of a Snowflake backend in `datadip.yaml` (SPEC 7.3): its keys, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use rustls::pki_types::CertificateDer;
use serde_json::{Value as Json, json};

use super::{
    account::{ACCOUNT, Account},
    costs::CostQuery,
};
use crate::{
    backend::service::{
        jwt::{self, Signer},
        settings::{address, authorities, concurrency, origin, text},
    },
    diagnostic::{BAD_VALUE, Diagnostic, MISSING_KEY, MISUSED_KEY, Span, has_errors},
    yaml::{
        Kind as NodeKind, Node, Spanned,
        read::{FromNode, keywords, record, wrong_type},
    },
};

/// The longest `query_tag`, in characters: Snowflake takes 2000, and the action and the request are added to it.
const MAX_QUERY_TAG: usize = 1000;
/// The private key of a user.
const KEY: &str = "an RSA private key of 2048 to 8192 bits as PEM";
/// The least time from one question for costs to the next: each one wakes a warehouse.
const LEAST_EVERY: Duration = Duration::from_secs(1);
/// The most: the history is asked for statements of two days, and lags.
const MOST_EVERY: Duration = Duration::from_secs(36 * 60 * 60);
/// The longest name of an object.
const MAX_NAME: usize = 255;

keywords! {
    /// The kind of backend.
    pub enum Kind {
        /// Snowflake.
        Snowflake = "snowflake",
    }
}

record! {
    /// A Snowflake account, over its SQL API.
    pub struct SettingsSpec {
        /// The kind of backend.
        kind: Kind,
        /// The account, as organization and account: `myorg-myaccount`.
        account: Option<Spanned<String>>,
        /// Where to ask, instead of the account's own address.
        url: Option<Spanned<String>>,
        /// The user, for whom a key signs.
        user: Option<Spanned<String>>,
        /// The warehouse that statements run on, written as `SHOW WAREHOUSES` prints it. Default: the user's own.
        warehouse: Option<Spanned<String>>,
        /// The database of names without one, written as `SHOW DATABASES` prints it.
        database: Option<Spanned<String>>,
        /// The schema of names without one, written as `SHOW SCHEMAS` prints it.
        schema: Option<Spanned<String>>,
        /// The role that statements run with, written as `SHOW ROLES` prints it. Default: the user's own.
        role: Option<Spanned<String>>,
        /// A word for Snowflake's query history, at most 1000 characters.
        query_tag: Option<Spanned<String>>,
        /// How many calls run at once; more of them wait. Default: `20`.
        max_concurrency: Option<Spanned<u64>>,
        /// A file of certificates, as PEM, of authorities that are trusted besides the system's.
        tls_ca: Option<Spanned<String>>,
        /// Whether `datadip test --live` may read from it. Default: `false`.
        allow_tests: Option<bool>,
        /// How to log in: a key, an OAuth client, an OAuth token or a programmatic access token.
        auth: Spanned<AuthSpec>,
        /// Joins the credits that statements cost from the account's history. Default: not.
        cost_query: Option<Spanned<CostQuerySpec>>,
    }
}

record! {
    /// Joins the credits that statements cost from the account's history, which lags hours and needs a grant.
    pub struct CostQuerySpec {
        /// How often the history is asked.
        every: Spanned<Duration>,
        /// The warehouse that asks.
        warehouse: Spanned<String>,
    }
}

record! {
    /// The gateway signs tokens with a user's key.
    pub struct KeyPairSpec {
        /// The private key of the user: a file in PEM.
        private_key_file: Spanned<String>,
        /// The password of that file, where it has one.
        private_key_password: Option<Spanned<String>>,
    }
}

record! {
    /// The gateway gets tokens for itself, as a client of an authorization server.
    pub struct OauthSpec {
        /// `oauth`.
        oauth: OauthClientSpec,
    }
}

record! {
    /// A client of an authorization server that the account trusts.
    pub struct OauthClientSpec {
        /// Where the server gives tokens.
        token_url: Spanned<String>,
        /// The client's id.
        client_id: Spanned<String>,
        /// The client's secret.
        client_secret: Spanned<String>,
        /// What is asked for, such as `session:role:READER`.
        scope: Option<Spanned<String>>,
    }
}

record! {
    /// A token of OAuth that somebody else renews.
    pub struct OauthTokenSpec {
        /// The token, such as `${file:/run/secrets/token}`: the file is read again when it changes.
        oauth_token: Spanned<String>,
    }
}

record! {
    /// A token that Snowflake made for a user.
    pub struct AccessTokenSpec {
        /// The token.
        programmatic_access_token: Spanned<String>,
    }
}

/// `auth`.
#[derive(Clone, Debug)]
pub enum AuthSpec {
    /// By a key.
    KeyPair(KeyPairSpec),
    /// As a client of OAuth.
    Oauth(OauthSpec),
    /// By a token of OAuth.
    OauthToken(OauthTokenSpec),
    /// By a programmatic access token.
    AccessToken(AccessTokenSpec),
}

/// The keys that tell how to log in, one for each variant of [`AuthSpec`].
const WAYS: [&str; 4] = ["private_key_file", "oauth", "oauth_token", "programmatic_access_token"];

impl FromNode for AuthSpec {
    fn from_node(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let help = format!("write one of {}", WAYS.join(", "));
        let NodeKind::Map(entries) = &node.kind else {
            out.push(wrong_type(node, "a map of keys").help(help));
            return None;
        };
        let mut ways = entries.iter().filter(|(key, _)| WAYS.contains(&key.value.as_str())).map(|(key, _)| key);
        let Some(way) = ways.next() else {
            let place = Span { end: node.span.start, ..node.span };
            out.push(MISSING_KEY.at(place, "`auth` does not say how to log in").help(help));
            return None;
        };
        if let Some(other) = ways.next() {
            let message =
                format!("`auth` has one way to log in, and `{}` is another one than `{}`", other.value, way.value);
            out.push(MISUSED_KEY.at(other.span, message).help("keep one of them"));
            return None;
        }
        match way.value.as_str() {
            "private_key_file" => FromNode::from_node(node, out).map(Self::KeyPair),
            "oauth" => FromNode::from_node(node, out).map(Self::Oauth),
            "oauth_token" => FromNode::from_node(node, out).map(Self::OauthToken),
            _ => FromNode::from_node(node, out).map(Self::AccessToken),
        }
    }

    fn schema() -> Json {
        json!({ "oneOf": [KeyPairSpec::schema(), OauthSpec::schema(), OauthTokenSpec::schema(), AccessTokenSpec::schema()] })
    }
}

/// What is needed to log in and to ask, checked.
pub struct Settings {
    /// Where to ask, without a path.
    pub url: Url,
    /// How many calls run at once.
    pub concurrency: usize,
    /// Certificates that are trusted besides the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether tests may read from it.
    pub allow_tests: bool,
    /// How to log in.
    pub credentials: Credentials,
    /// Where statements run, unless an action says otherwise.
    pub context: Context,
    /// How the costs of statements are asked for, where they are.
    pub cost_query: Option<CostQuery>,
}

/// Where statements run; what is not set is the user's own. Names are as Snowflake's SHOW prints them: their case counts.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The schema.
    pub schema: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// A word for the query history.
    pub query_tag: Option<String>,
}

/// How to log in, with its secrets, which nothing here shows.
pub enum Credentials {
    /// By a key.
    KeyPair {
        /// The account's name in a token.
        account: String,
        /// The user, in capitals.
        user: String,
        /// The private key.
        signer: Signer,
    },
    /// As a client of OAuth.
    Oauth {
        /// Where the server gives tokens.
        url: Url,
        /// The client's id.
        id: String,
        /// The client's secret.
        secret: String,
        /// What is asked for.
        scope: Option<String>,
    },
    /// By a token of OAuth.
    OauthToken(String),
    /// By a programmatic access token.
    AccessToken(String),
}

impl Settings {
    /// Reads the block; what is wrong with it goes to `out`.
    pub fn read(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let spec = SettingsSpec::from_node(node, out)?;
        let account = spec.account.as_ref().and_then(|given| account(given, out));
        let url = match &spec.url {
            Some(given) => origin(given, "write the address of the account, `https://….snowflakecomputing.com`", out),
            None => account.as_ref().map(|account| account.url.clone()),
        };
        if spec.account.is_none() && spec.url.is_none() {
            missing(&spec, "account", "organization and account, such as `myorg-myaccount`", out);
        }
        let mut named = |given: Option<&Spanned<String>>| given.map(|given| name(given, out));
        let context = Context {
            warehouse: named(spec.warehouse.as_ref()),
            database: named(spec.database.as_ref()),
            schema: named(spec.schema.as_ref()),
            role: named(spec.role.as_ref()),
            query_tag: spec.query_tag.as_ref().map(|given| query_tag(given, out)),
        };
        let concurrency = concurrency(spec.max_concurrency.as_ref(), out);
        let authorities = authorities(spec.tls_ca.as_ref(), out);
        let credentials = credentials(&spec, account, out);
        let cost_query = spec.cost_query.as_ref().map(|cost| {
            if !(LEAST_EVERY..=MOST_EVERY).contains(&cost.every.value) {
                let message = "expected 1s to 36h, got another time";
                out.push(BAD_VALUE.at(cost.every.span, message).help("write `6h`: the history lags by hours"));
            }
            CostQuery { every: cost.every.value, warehouse: name(&cost.warehouse, out) }
        });
        if has_errors(&out[before..]) {
            return None;
        }
        Some(Self {
            url: url?,
            concurrency,
            authorities,
            allow_tests: spec.allow_tests.unwrap_or(false),
            credentials: credentials?,
            context,
            cost_query,
        })
    }
}

/// The name of an object of Snowflake's, as it is. Quotes around it would be part of it.
pub(super) fn name(given: &Spanned<String>, out: &mut Vec<Diagnostic>) -> String {
    let name = text(given, out);
    if name.contains('"') || name.chars().any(char::is_control) || name.chars().count() > MAX_NAME {
        let message = format!("expected a name of at most {MAX_NAME} characters, got {:?}", given.value);
        out.push(BAD_VALUE.at(given.span, message).help("write it as Snowflake's SHOW prints it, without quotes"));
    }
    name
}

/// A word for the query history.
pub(super) fn query_tag(given: &Spanned<String>, out: &mut Vec<Diagnostic>) -> String {
    let length = given.chars().count();
    if length > MAX_QUERY_TAG {
        let message = format!("expected at most {MAX_QUERY_TAG} characters, got {length}");
        out.push(BAD_VALUE.at(given.span, message));
    }
    given.value.clone()
}

fn account(given: &Spanned<String>, out: &mut Vec<Diagnostic>) -> Option<Account> {
    let account = Account::read(given);
    if account.is_none() {
        let found = BAD_VALUE.at(given.span, format!("expected {ACCOUNT}, got {:?}", given.value));
        out.push(found.help("`SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()` tells it"));
    }
    account
}

fn missing(spec: &SettingsSpec, key: &str, what: &str, out: &mut Vec<Diagnostic>) {
    let place = Span { end: spec.span.start, ..spec.span };
    out.push(MISSING_KEY.at(place, format!("the key `{key}` is missing")).help(format!("add `{key}: …`, {what}")));
}

fn credentials(spec: &SettingsSpec, account: Option<Account>, out: &mut Vec<Diagnostic>) -> Option<Credentials> {
    Some(match &spec.auth.value {
        AuthSpec::KeyPair(auth) => {
            if spec.account.is_none() && spec.url.is_some() {
                missing(spec, "account", "which a signed token names", out);
            }
            if spec.user.is_none() {
                missing(spec, "user", "for whom the key signs", out);
            }
            let user = spec.user.as_ref().map(|user| text(user, out).to_uppercase());
            let signer = signer(auth, out);
            Credentials::KeyPair { account: account?.name, user: user?, signer: signer? }
        }
        AuthSpec::Oauth(OauthSpec { oauth, .. }) => Credentials::Oauth {
            id: text(&oauth.client_id, out),
            secret: text(&oauth.client_secret, out),
            scope: oauth.scope.as_ref().map(|scope| text(scope, out)),
            url: address(&oauth.token_url, "write the address where the authorization server gives tokens", out)?,
        },
        AuthSpec::OauthToken(auth) => Credentials::OauthToken(token(&auth.oauth_token, out)),
        AuthSpec::AccessToken(auth) => Credentials::AccessToken(token(&auth.programmatic_access_token, out)),
    })
}

/// A token as a header can have it; what stands around it in a file does not belong to it.
fn token(given: &Spanned<String>, out: &mut Vec<Diagnostic>) -> String {
    let token = text(given, out).trim().to_owned();
    if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        out.push(BAD_VALUE.at(given.span, "expected a token of letters, digits and signs, got something else"));
    }
    token
}

fn signer(auth: &KeyPairSpec, out: &mut Vec<Diagnostic>) -> Option<Signer> {
    let pem = auth.private_key_file.value.as_str();
    let refused = |place: Span, expected: &str| BAD_VALUE.at(place, format!("expected {expected}, got something else"));
    let (signer, found) = match &auth.private_key_password {
        _ if !jwt::is_encrypted(pem) => {
            let found = refused(auth.private_key_file.span, KEY);
            (Signer::from_pem(pem), found.help("name the file that `openssl genrsa 2048 | openssl pkcs8 -topk8` made"))
        }
        None => {
            let found = BAD_VALUE.at(auth.private_key_file.span, "the private key has a password");
            (None, found.help("add `private_key_password: …`"))
        }
        Some(password) => {
            let found = refused(password.span, "the password of the private key");
            (Signer::from_encrypted_pem(pem, password), found.help("or the key is none that signs by RSA"))
        }
    };
    if signer.is_none() {
        out.push(found);
    }
    signer
}

#[cfg(test)]
mod tests;
