//! Token endpoints of OAuth (RFC 6749): one request to one of them, and what its refusals mean.

use std::time::Duration;

use reqwest::{
    Method, Request, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{
    Refused,
    client::{Client, Lost},
    retry_after,
};
use crate::backend::{Failure, FailureKind};

/// How long logging in may take, whoever waits for it.
const LONGEST: Duration = Duration::from_secs(20);

/// What a token endpoint answers to what it refuses.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// A request with this form.
pub fn request(url: Url, form: String) -> Request {
    let mut request = Request::new(Method::POST, url);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(form.into());
    request
}

/// Asks for a token, once.
pub async fn grant<T: DeserializeOwned>(client: &Client, request: Request) -> Result<T, Refused> {
    let answer = match timeout(LONGEST, client.send(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Lost::Unsent(reason) | Lost::Broken(reason))) => return Err(Refused::again(unavailable(reason))),
        Ok(Err(Lost::TooLarge)) => return Err(Refused::never(unavailable("the token endpoint answers too much"))),
        Err(_) => return Err(Refused::again(unavailable("the token endpoint does not answer"))),
    };
    match answer.status {
        200 => {
            let granted = serde_json::from_slice(&answer.body);
            granted.map_err(|_| Refused::never(unavailable("the token endpoint answers no token")))
        }
        status @ (429 | 500..) => {
            let kind = if status == 429 { FailureKind::Throttled } else { FailureKind::Unavailable };
            let failure = Failure::new(kind, format!("the token endpoint answers HTTP {status}"));
            Err(Refused::again(Failure { retry_after: retry_after(&answer.headers), ..failure }))
        }
        status => Err(Refused::never(denied(status, &answer.body))),
    }
}

/// That nobody can log in.
pub fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message)
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
