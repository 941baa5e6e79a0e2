//! Logging in: one request to the token endpoint for each flow of OAuth (FACTS 2.1). Tokens come without an end: one is good
//! until it is refused.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Method, Request, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{
    failure::{Effect, without_answer},
    settings::Credentials,
};
use crate::backend::{
    Failure, FailureKind,
    service::{
        Refused,
        address::is_safe,
        client::{Answer, Client},
        retry_after,
    },
};

/// How long logging in may take, whoever waits for it.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a signed token is good for: Salesforce takes three minutes at most, and clocks differ.
const SIGNED: Duration = Duration::from_secs(120);

/// A login.
pub struct Session {
    /// The token.
    pub token: String,
    /// Where this org is asked.
    pub instance: Url,
}

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

/// What it answers to what it refuses.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Logs in, once.
pub async fn login(client: &Client, login: &Url, credentials: &Credentials) -> Result<Session, Refused> {
    let request = request(login, credentials).map_err(Refused::never)?;
    let late = |_| Err(Refused::again(unavailable("the token endpoint does not answer")));
    let outcome = timeout(LONGEST, client.send(request))
        .await
        .map_or_else(late, |outcome| outcome.map_err(|lost| without_answer(lost, Effect::Reads)));
    session(&outcome?)
}

fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message)
}

fn request(login: &Url, credentials: &Credentials) -> Result<Request, Failure> {
    let mut url = login.clone();
    url.set_path("/services/oauth2/token");
    let mut request = Request::new(Method::POST, url);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
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
    *request.body_mut() = Some(form.finish().into());
    Ok(request)
}

fn session(answer: &Answer) -> Result<Session, Refused> {
    match answer.status {
        200 => {}
        status @ (429 | 500..) => {
            let kind = if status == 429 { FailureKind::Throttled } else { FailureKind::Unavailable };
            let failure = Failure::new(kind, format!("the token endpoint answers HTTP {status}"));
            return Err(Refused::again(Failure { retry_after: retry_after(&answer.headers), ..failure }));
        }
        status => return Err(Refused::never(denied(status, &answer.body))),
    }
    let odd = |what: &str| Refused::never(unavailable(format!("the token endpoint answers {what}")));
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| odd("no token"))?;
    let instance: Option<Url> = granted.instance_url.parse().ok().filter(is_safe);
    let instance = instance.ok_or_else(|| odd("an `instance_url` that is not one of HTTPS"))?;
    if HeaderValue::from_str(&granted.access_token).is_err() {
        return Err(odd("a token that cannot be sent"));
    }
    Ok(Session { token: granted.access_token, instance })
}

/// Credentials that are refused. The word and its description are Salesforce's own and name no secret.
fn denied(status: u16, body: &[u8]) -> Failure {
    let Ok(denied) = serde_json::from_slice::<Denied>(body) else {
        return unavailable(format!("the token endpoint answers HTTP {status}"));
    };
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let plain = |text: &str| text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphabetic() || " _-,.'".contains(c));
    let code = word(&denied.error).then_some(denied.error);
    let mut message = "the credentials are refused".to_owned();
    if !denied.error_description.is_empty() && plain(&denied.error_description) {
        message += ": ";
        message += &denied.error_description;
    }
    Failure { code, ..unavailable(message) }
}
