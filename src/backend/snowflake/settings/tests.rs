use super::*;
use crate::yaml;

const KEY: &str = include_str!("../../../../tests/it/salesforce/key.pem");
const ENCRYPTED: &str = include_str!("../../../../tests/it/snowflake/keys/aes.pem");

/// A block with these lines, and what is said of it: each message with the text that it points at.
fn read(lines: &str) -> (Option<Settings>, Vec<String>) {
    let indented = |pem: &str| pem.replace('\n', "\n      ");
    let text = format!("kind: snowflake\n{lines}\n").replace("KEY", "|\n      ENCRYPTED");
    let text = text.replace("ENCRYPTEDPLAIN", &indented(KEY)).replace("ENCRYPTED", &indented(ENCRYPTED));
    let (document, mut out) = yaml::parse(&text);
    let settings = Settings::read(&document.expect("YAML").root, &mut out);
    let place = |found: &Diagnostic| text[found.span.range()].lines().next().unwrap_or_default().to_owned();
    (settings, out.iter().map(|found| format!("{} {}: {}", found.rule.name, place(found), found.message)).collect())
}

fn accepted(lines: &str) -> Settings {
    let (settings, found) = read(lines);
    settings.unwrap_or_else(|| panic!("{lines}: {found:?}"))
}

fn refused(lines: &str, expected: &[&str]) {
    let (settings, found) = read(lines);
    assert!(settings.is_none() || found.is_empty());
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn a_block_with_all_keys_is_read() {
    let settings = accepted(
        "account: MyOrg.acct\nuser: dip\nwarehouse: WH\ndatabase: CRM\nschema: PUBLIC\nrole: READER\nquery_tag: dip\n\
         max_concurrency: 7\nallow_tests: true\nauth:\n  private_key_file: KEYPLAIN",
    );
    assert_eq!(settings.url.as_str(), "https://myorg-acct.snowflakecomputing.com/");
    let Credentials::KeyPair { account, user, .. } = &settings.credentials else { panic!("a key pair") };
    assert_eq!((account.as_str(), user.as_str()), ("MYORG-ACCT", "DIP"));
    assert_eq!((settings.concurrency, settings.allow_tests), (7, true));
    let Context { warehouse, database, schema, role, query_tag } = settings.context;
    let all = [warehouse, database, schema, role, query_tag].map(|name| name.expect("a name"));
    assert_eq!(all, ["WH", "CRM", "PUBLIC", "READER", "dip"]);
}

#[test]
fn a_key_may_be_encrypted() {
    accepted("account: a-b\nuser: dip\nauth:\n  private_key_password: sésame\n  private_key_file: KEY");
    // A password that is not needed does no harm.
    accepted("account: a-b\nuser: dip\nauth:\n  private_key_password: x\n  private_key_file: KEYPLAIN");
}

#[test]
fn what_is_wrong_with_a_key_is_told_where_it_is() {
    let begin = "account: a-b\nuser: dip\nauth:\n  private_key_file: ";
    refused(
        &format!("{begin}key.p8"),
        &["bad-value key.p8: expected an RSA private key of 2048 to 8192 bits as PEM, got something else"],
    );
    refused(
        &format!("{begin}key.p8\n  private_key_password: x"),
        &["bad-value key.p8: expected an RSA private key of 2048 to 8192 bits as PEM, got something else"],
    );
    refused(
        "account: a-b\nuser: dip\nauth:\n  private_key_password: wrong\n  private_key_file: KEY",
        &["bad-value wrong: expected the password of the private key, got something else"],
    );
    let (_, found) = read(&format!("{begin}KEY"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(": the private key has a password"), "{found:?}");
}

#[test]
fn a_token_needs_no_user_and_with_an_address_no_account() {
    let settings = accepted("url: http://127.0.0.1:1234\nauth: { oauth_token: \" abc \\n\" }");
    assert_eq!(settings.url.as_str(), "http://127.0.0.1:1234/");
    assert!(matches!(&settings.credentials, Credentials::OauthToken(token) if token == "abc"));
    let settings = accepted("account: a-b\nauth: { programmatic_access_token: def }");
    assert!(matches!(&settings.credentials, Credentials::AccessToken(token) if token == "def"));
    let settings = accepted(
        "account: a-b\nauth: { oauth: { token_url: 'https://a.example/token', client_id: a, client_secret: b, scope: c } }",
    );
    assert!(matches!(&settings.credentials, Credentials::Oauth { url, scope: Some(scope), .. }
        if url.as_str() == "https://a.example/token" && scope == "c"));
    assert_eq!(settings.concurrency, 20);
}

#[test]
fn there_is_exactly_one_way_to_log_in() {
    refused("account: a-b\nauth: {}", &["missing-key : `auth` does not say how to log in"]);
    refused("account: a-b\nauth: { flow: jwt }", &["missing-key : `auth` does not say how to log in"]);
    refused("account: a-b\nauth: abc", &["wrong-type abc: expected a map of keys, got the text \"abc\""]);
    refused(
        "account: a-b\nauth: { oauth_token: a, programmatic_access_token: b }",
        &[
            "misused-key programmatic_access_token: `auth` has one way to log in, and `programmatic_access_token` is another one \
           than `oauth_token`",
        ],
    );
    refused(
        "account: a-b\nauth: { oauth_token: a, private_key_password: b }",
        &["unknown-key private_key_password: unknown key `private_key_password`"],
    );
    refused("account: a-b\nauth: { private_key_password: b }", &["missing-key : `auth` does not say how to log in"]);
}

#[test]
fn what_is_missing_and_what_is_wrong_is_told_at_once() {
    refused(
        "auth:\n  private_key_file: KEYPLAIN",
        &["missing-key : the key `account` is missing", "missing-key : the key `user` is missing"],
    );
    refused(
        "url: https://a.example\nuser: x\nauth:\n  private_key_file: KEYPLAIN",
        &["missing-key : the key `account` is missing"],
    );
    let token = "auth: { oauth_token: a }";
    refused(
        &format!("account: a b\n{token}"),
        &["bad-value a b: expected an account such as `myorg-myaccount`, got \"a b\""],
    );
    refused(
        &format!(
            "account: a-b\nurl: http://a.example\nwarehouse: ''\nrole: '\"R\"'\nmax_concurrency: 0\nquery_tag: {}\n{token}",
            "x".repeat(1001)
        ),
        &[
            "bad-value http://a.example: expected an address that begins with `https://`, or with `http://` and a loopback host, \
             got \"http://a.example\"",
            "bad-value '': expected a value, got nothing",
            "bad-value '\"R\"': expected a name of at most 255 characters, got \"\\\"R\\\"\"",
            &format!("bad-value {}: expected at most 1000 characters, got 1001", "x".repeat(1001)),
            "bad-value 0: expected a number from 1 to 1000, got 0",
        ],
    );
    refused(
        "account: a-b\nauth: { oauth_token: 'a b' }",
        &["bad-value 'a b': expected a token of letters, digits and signs, got something else"],
    );
    refused(
        "account: a-b\nauth: { oauth: { token_url: 'http://a.example', client_id: '', client_secret: b } }",
        &[
            "bad-value '': expected a value, got nothing",
            "bad-value 'http://a.example': expected an address that begins with `https://`, or with `http://` and a loopback host, \
             got \"http://a.example\"",
        ],
    );
    refused(
        &format!("account: a-b\ncost_query: {{ every: 10ms, warehouse: W }}\n{token}"),
        &["bad-value 10ms: expected 1s to 36h, got another time"],
    );
}

#[test]
fn options_of_an_action_are_read() {
    let read = |text: &str| {
        let (document, mut out) = yaml::parse(text);
        let options = super::super::options::read(&document.expect("YAML").root, &mut out);
        (options, out.iter().map(|found| found.rule.name).collect::<Vec<_>>())
    };
    let (options, found) = read("{ warehouse: BIG, role: WRITER, query_tag: '' }");
    assert!(found.is_empty(), "{found:?}");
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    let all = [&options.warehouse, &options.role, &options.query_tag].map(text);
    assert_eq!(all, [Some("BIG".to_owned()), Some("WRITER".to_owned()), Some(String::new())]);
    assert_eq!(read("{ warehouse: '', isolation: serializable }").1, ["unknown-key", "bad-value"]);
}
