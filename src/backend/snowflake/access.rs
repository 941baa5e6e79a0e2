//! Who asks: the token of each request, by one of four ways to log in (FACTS 3.4). A secret that comes from a file is read again
//! with `datadip.yaml`, when the file changes; nothing here reads any.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use reqwest::{
    Request, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::settings::Credentials;
use crate::backend::service::{
    self, Refused,
    client::Client,
    jwt::Signer,
    oauth::{self, grant, unavailable},
};

/// Tells what kind of token a request has.
const TOKEN_TYPE: HeaderName = HeaderName::from_static("x-snowflake-authorization-token-type");
/// How long a signed token is good for: Snowflake takes none longer than an hour, and clocks differ.
const SIGNED: Duration = Duration::from_secs(59 * 60);
/// No token is kept for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a token is renewed, so that it does not end on its way.
const BEFORE_END: Duration = Duration::from_secs(60);

/// What shows a request's sender.
pub struct Token {
    header: HeaderValue,
    kind: &'static str,
    /// When it is renewed; none is good until it is refused.
    until: Option<Instant>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.kind)
    }
}

impl Token {
    /// A token with its life, where that is known. `None` for one that no header can have.
    fn new(kind: &'static str, token: &str, life: Option<Duration>) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self { header, kind, until: life.map(|life| Instant::now() + usable(life)) })
    }

    /// Puts it into a request.
    pub fn put(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.header.clone());
        headers.insert(TOKEN_TYPE, HeaderValue::from_static(self.kind));
    }
}

impl service::Token for Token {
    fn is_good(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// How long a token of this life is used; a short one to its half.
fn usable(life: Duration) -> Duration {
    life.saturating_sub(BEFORE_END).max(life / 2)
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// In seconds; some servers write it as text.
    expires_in: Option<Json>,
}

impl Granted {
    /// How long it is good for, where the server says so.
    fn life(&self) -> Option<Duration> {
        let life = self.expires_in.as_ref()?;
        let seconds = life.as_u64().or_else(|| life.as_str()?.parse().ok())?;
        Some(Duration::from_secs(seconds).min(LONGEST))
    }
}

/// Gets a new token, over this client where it is asked for.
pub async fn login(client: &Client, credentials: &Credentials) -> Result<Token, Refused> {
    let token = match credentials {
        Credentials::KeyPair { account, user, signer } => {
            let signed = signed(account, user, signer, Timestamp::now());
            let signed = signed.ok_or_else(|| Refused::never(unavailable("the token could not be signed")))?;
            Token::new("KEYPAIR_JWT", &signed, Some(SIGNED))
        }
        Credentials::Oauth { url, id, secret, scope } => {
            let granted: Granted = grant(client, request(url, id, secret, scope.as_deref())).await?;
            Token::new("OAUTH", &granted.access_token, granted.life())
        }
        Credentials::OauthToken(token) => Token::new("OAUTH", token, None),
        Credentials::AccessToken(token) => Token::new("PROGRAMMATIC_ACCESS_TOKEN", token, None),
    };
    token.ok_or_else(|| Refused::never(unavailable("the token cannot be sent")))
}

/// A token that a key signs for a user.
fn signed(account: &str, user: &str, signer: &Signer, now: Timestamp) -> Option<String> {
    let subject = format!("{account}.{user}");
    let issuer = format!("{subject}.SHA256:{}", signer.fingerprint()?);
    let (begin, life) = (now.as_second(), i64::try_from(SIGNED.as_secs()).ok()?);
    signer.sign(&json!({ "iss": issuer, "sub": subject, "iat": begin, "exp": begin + life }))
}

/// A request for a token as a client that shows its secret (RFC 6749, 2.3.1 and 4.4.2).
fn request(url: &Url, id: &str, secret: &str, scope: Option<&str>) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = scope {
        form.append_pair("scope", scope);
    }
    let mut request = oauth::request(url.clone(), form.finish());
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let shown = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    if let Ok(mut header) = HeaderValue::from_str(&format!("Basic {shown}")) {
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
    }
    request
}

#[cfg(test)]
mod tests;
