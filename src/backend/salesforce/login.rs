//! Logging in: one request to the token endpoint for each flow of OAuth (FACTS 2.1). Tokens come without an end: one is good
//! until it is refused.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use reqwest::{Request, Url, header::HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::settings::Credentials;
use crate::backend::{
    Failure,
    service::{
        Refused, Token,
        address::is_safe,
        client::Client,
        oauth::{self, grant, unavailable},
    },
};

/// How long a signed token is good for: Salesforce takes three minutes at most, and clocks differ.
const SIGNED: Duration = Duration::from_secs(120);

/// A login.
pub struct Session {
    /// The token.
    pub token: String,
    /// Where this org is asked.
    pub instance: Url,
}

impl Token for Session {}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.instance)
    }
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    instance_url: String,
}

/// Logs in, once.
pub async fn login(client: &Client, login: &Url, credentials: &Credentials) -> Result<Session, Refused> {
    let request = request(login, credentials).map_err(Refused::never)?;
    session(grant(client, request).await?)
}

fn request(login: &Url, credentials: &Credentials) -> Result<Request, Failure> {
    let mut url = login.clone();
    url.set_path("/services/oauth2/token");
    let mut form = form_urlencoded::Serializer::new(String::new());
    match credentials {
        Credentials::ClientCredentials { id, secret } => {
            form.append_pair("grant_type", "client_credentials");
            form.append_pair("client_id", id).append_pair("client_secret", secret);
        }
        Credentials::JwtBearer { id, user, signer, audience } => {
            let end = (Timestamp::now() + SIGNED).as_second();
            let claims = json!({ "iss": id, "sub": user, "aud": audience, "exp": end });
            let signed = signer.sign(&claims).ok_or_else(|| unavailable("the token could not be signed"))?;
            form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            form.append_pair("assertion", &signed);
        }
        Credentials::RefreshToken { id, secret, token } => {
            form.append_pair("grant_type", "refresh_token").append_pair("client_id", id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret);
            }
            form.append_pair("refresh_token", token);
        }
        Credentials::Password { id, secret, user, password } => {
            form.append_pair("grant_type", "password");
            form.append_pair("client_id", id).append_pair("client_secret", secret);
            form.append_pair("username", user).append_pair("password", password);
        }
    }
    Ok(oauth::request(url, form.finish()))
}

fn session(granted: Granted) -> Result<Session, Refused> {
    let odd = |what: &str| Refused::never(unavailable(format!("the token endpoint answers {what}")));
    let instance: Option<Url> = granted.instance_url.parse().ok().filter(is_safe);
    let instance = instance.ok_or_else(|| odd("an `instance_url` that is not one of HTTPS"))?;
    if HeaderValue::from_str(&granted.access_token).is_err() {
        return Err(odd("a token that cannot be sent"));
    }
    Ok(Session { token: granted.access_token, instance })
}
