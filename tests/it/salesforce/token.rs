//! The token endpoint: what each flow has to send, and what it gets (FACTS 2.1).

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value as Json, json};

use super::{
    org::Org,
    server::{Got, Reply},
};

/// The key of the app's certificate. It opens nothing but this server.
pub const KEY: &str = include_str!("key.pem");

/// Grants a token, or says why not.
pub fn grant(got: &Got, org: &mut Org, address: SocketAddr) -> Reply {
    let denied =
        |error: &str, description: &str| Reply::json(400, &json!({ "error": error, "error_description": description }));
    if got.method != "POST" || got.header("content-type") != Some("application/x-www-form-urlencoded") {
        return denied("invalid_request", "must use HTTP POST with a form");
    }
    let form: HashMap<String, String> = form_urlencoded::parse(&got.body).into_owned().collect();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    let app = is("client_id", "app") && is("client_secret", "app secret");
    let granted = match form.get("grant_type").map(String::as_str).unwrap_or_default() {
        "client_credentials" if !app => Err(denied("invalid_client", "invalid client credentials")),
        "client_credentials" => Ok(()),
        "password" if !app => Err(denied("invalid_client_id", "client identifier invalid")),
        "password" if is("username", "ada@example.com") && is("password", "p&ss+wördTOKEN") => Ok(()),
        "refresh_token" if is("client_id", "app") && is("refresh_token", "5Aep861=") => Ok(()),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => match form.get("assertion").map(|token| claims(token)) {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(denied("invalid_grant", reason)),
            None => Err(denied("invalid_grant", "no assertion")),
        },
        "password" | "refresh_token" => Err(denied("invalid_grant", "authentication failure")),
        _ => Err(denied("unsupported_grant_type", "grant type not supported")),
    };
    if let Err(reply) = granted {
        return reply;
    }
    org.logins += 1;
    let token = format!("00D!token.{}", org.logins);
    org.tokens.insert(token.clone());
    let instance = org.instance.clone().unwrap_or_else(|| format!("http://{address}"));
    Reply::json(
        200,
        &json!({
            "access_token": token, "signature": "c2ln", "scope": "api", "token_type": "Bearer",
            "instance_url": instance, "id": format!("http://{address}/id/00D/005"),
            "issued_at": "1763625600000",
        }),
    )
}

/// Checks a signed token as Salesforce does.
fn claims(token: &str) -> Result<(), &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("invalid assertion")?;
    let (header, payload) = signed.split_once('.').ok_or("invalid assertion")?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "invalid assertion");
    let json = |text: &str| serde_json::from_slice::<Json>(&decoded(text)?).map_err(|_| "invalid assertion");
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let key = KeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
    public.verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| "invalid assertion signature")?;
    let (header, claims) = (json(header)?, json(payload)?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    if header["alg"] != "RS256" || claims["iss"] != "app" {
        return Err("invalid client");
    }
    if claims["aud"] != "https://login.salesforce.com" {
        return Err("audience is invalid");
    }
    if claims["sub"] != "ada@example.com" {
        return Err("user has not approved this consumer");
    }
    match claims["exp"].as_u64() {
        Some(end) if end > now && end <= now + 180 => Ok(()),
        _ => Err("expired authorization code"),
    }
}
