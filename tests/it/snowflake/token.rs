//! Who may ask: signed tokens and their claims (FACTS 3.4), tokens of OAuth, programmatic ones.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest::{SHA256, digest},
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value as Json, json};

use super::{account::Account, server::Reply};
use crate::salesforce::{server::Got, token::KEY};

/// Grants a token of OAuth to the app.
pub fn grant(got: &Got, account: &mut Account) -> Reply {
    let form: HashMap<String, String> = form_urlencoded::parse(&got.body).into_owned().collect();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    if got.method != "POST" || !is("grant_type", "client_credentials") {
        return Reply::json(400, &json!({ "error": "unsupported_grant_type" }));
    }
    let basic = format!("Basic {}", STANDARD.encode("app:app+secret"));
    let known =
        is("client_id", "app") && is("client_secret", "app secret") || got.header("authorization") == Some(&basic);
    if !known {
        return Reply::json(401, &json!({ "error": "invalid_client" }));
    }
    account.logins += 1;
    let token = format!("oauth.{}", account.logins);
    account.tokens.insert(token.clone(), "OAUTH");
    Reply::json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600 }))
}

/// Why a request is not let in, if so.
pub fn denied(got: &Got, account: &Account) -> Option<Reply> {
    let Some(token) = got.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
        return Some(Reply::error(400, "390146", "Authorization header does not specify an OAuth or JWT token"));
    };
    if account.refused.contains(token) {
        return Some(Reply::error(401, "390318", "OAuth access token expired"));
    }
    // Without the header a token of OAuth is assumed.
    let kind = got.header("x-snowflake-authorization-token-type").unwrap_or("OAUTH");
    let denied = match kind {
        "KEYPAIR_JWT" => claims(token).err(),
        kind => (account.tokens.get(token) != Some(&kind)).then_some("it is not known"),
    };
    let code = if kind == "KEYPAIR_JWT" { "390144" } else { "390303" };
    denied.map(|reason| Reply::error(401, code, &format!("the token is invalid: {reason}")))
}

/// Checks a signed token as Snowflake does.
fn claims(token: &str) -> Result<(), &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it has no signature")?;
    let (header, payload) = signed.split_once('.').ok_or("it has no claims")?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "it is not base64");
    let json = |text: &str| serde_json::from_slice::<Json>(&decoded(text)?).map_err(|_| "it is not JSON");
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let key = KeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
    public.verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| "its signature is wrong")?;
    let (header, claims) = (json(header)?, json(payload)?);
    let print = STANDARD.encode(digest(&SHA256, &public_der(key.public_key().as_ref())));
    let user = "ACME-PROD.ADA";
    if header["alg"] != "RS256" || claims["sub"] != user || claims["iss"] != format!("{user}.SHA256:{print}") {
        return Err("it is of somebody else");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (Some(from), Some(to)) = (claims["iat"].as_u64(), claims["exp"].as_u64()) else { return Err("it has no end") };
    // Clocks differ by a minute.
    if from > now + 60 || to <= now || now >= from + 3600 { Err("its time is over") } else { Ok(()) }
}

/// A public key with its algorithm in front of it (RFC 5280): what the fingerprint is of.
fn public_der(key: &[u8]) -> Vec<u8> {
    let wrapped = |tag: u8, content: &[u8]| {
        let length = content.len();
        let mut der = vec![tag];
        match length {
            0..128 => der.push(length as u8),
            128..256 => der.extend([0x81, length as u8]),
            _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        der.extend(content);
        der
    };
    let algorithm = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = wrapped(0x03, &[&[0], key].concat());
    wrapped(0x30, &[&algorithm, &bits[..]].concat())
}
