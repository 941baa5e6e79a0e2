use std::collections::HashMap;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const KEY: &str = include_str!("../../../../tests/it/salesforce/key.pem");

fn signer() -> Signer {
    Signer::from_pem(KEY).expect("a key")
}

fn headers(token: &Token) -> HashMap<String, String> {
    let mut headers = HeaderMap::new();
    token.put(&mut headers);
    assert!(headers[AUTHORIZATION].is_sensitive());
    let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[test]
fn a_signed_token_says_what_snowflake_wants() {
    let now = Timestamp::from_second(1_700_000_000).expect("a time");
    let token = signed("MYORG-ACCT", "DIP", &signer(), now).expect("a token");
    let claims = token.split('.').nth(1).expect("claims");
    let claims: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let expected = json!({
        "iss": format!("MYORG-ACCT.DIP.SHA256:{}", signer().fingerprint().expect("a fingerprint")),
        "sub": "MYORG-ACCT.DIP",
        "iat": 1_700_000_000,
        "exp": 1_700_003_540,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn each_way_tells_its_kind_of_token() {
    let client = Client::new(Vec::new());
    let check = async |credentials, kind: &str, bearer: Option<&str>| {
        let token = login(&client, &credentials).await.expect("a token");
        let headers = headers(&token);
        assert_eq!(headers["x-snowflake-authorization-token-type"], kind);
        let shown = headers["authorization"].strip_prefix("Bearer ").expect("a bearer");
        assert!(bearer.is_none_or(|bearer| bearer == shown), "{kind}");
        assert!(service::Token::is_good(&token));
        assert_eq!(format!("{token:?}"), format!("Token({kind})"));
    };
    let (account, user) = ("A-B".to_owned(), "DIP".to_owned());
    check(Credentials::KeyPair { account, user, signer: signer() }, "KEYPAIR_JWT", None).await;
    check(Credentials::OauthToken("abc".into()), "OAUTH", Some("abc")).await;
    check(Credentials::AccessToken("def".into()), "PROGRAMMATIC_ACCESS_TOKEN", Some("def")).await;
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    let check = |life, expected| {
        assert_eq!(usable(Duration::from_secs(life)), Duration::from_secs(expected), "{life}");
    };
    check(SIGNED.as_secs(), 58 * 60);
    check(600, 540);
    check(90, 45);
    check(0, 0);
    let token = |life| Token::new("OAUTH", "abc", life).expect("a token");
    assert!(!service::Token::is_good(&token(Some(Duration::ZERO))));
    assert!(service::Token::is_good(&token(None)));
    assert!(Token::new("OAUTH", "a\nb", None).is_none());
}

#[test]
fn a_client_shows_its_secret_in_a_header() {
    let url = "https://login.example.com/t/token?a=b".parse().expect("an address");
    let request = request(&url, "client:1", "s/ü", Some("session:role:READER"));
    assert_eq!(request.url(), &url);
    let shown = request.headers()[AUTHORIZATION].to_str().expect("text").strip_prefix("Basic ").expect("basic");
    assert_eq!(STANDARD.decode(shown).expect("base64"), b"client%3A1:s%2F%C3%BC");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
    let body = request.body().and_then(|body| body.as_bytes()).expect("a form");
    assert_eq!(body, b"grant_type=client_credentials&scope=session%3Arole%3AREADER");
}

#[test]
fn a_lifetime_may_be_a_number_or_text() {
    let check = |text: &str, expected: Option<u64>| {
        let granted: Granted = serde_json::from_str(text).expect("an answer");
        assert_eq!(granted.life(), expected.map(Duration::from_secs), "{text}");
    };
    check(r#"{"access_token":"a","expires_in":600,"token_type":"Bearer"}"#, Some(600));
    check(r#"{"access_token":"a","expires_in":"600"}"#, Some(600));
    check(r#"{"access_token":"a","expires_in":18446744073709551615}"#, Some(24 * 60 * 60));
    check(r#"{"access_token":"a","expires_in":-1}"#, None);
    check(r#"{"access_token":"a"}"#, None);
}
