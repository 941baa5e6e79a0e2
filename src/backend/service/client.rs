//! One request over HTTP and its whole answer. Nothing is followed, repeated or kept here but connections.

use std::{error::Error, sync::Arc};

use reqwest::{Request, header::HeaderMap, redirect};
use rustls::pki_types::CertificateDer;
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    address::{is_loopback, is_safe},
    background, tls,
};

/// The most bytes of an answer's body, unpacked (SPEC 7.3).
pub const MAX_BODY: usize = 64 * 1024 * 1024;
/// How long a connection may take to be made: longer, and there is none.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(5);
/// How long a connection is kept without a request. Services close theirs after some minutes, unannounced.
const IDLE: std::time::Duration = std::time::Duration::from_secs(30);

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent.
    Unsent(String),
    /// Something was sent, and no whole answer came.
    Broken(String),
    /// The body is larger than [`MAX_BODY`].
    TooLarge,
}

/// Sends requests over connections that are kept.
#[derive(Debug)]
pub struct Client(Arc<Shared>);

/// What the requests of a client share.
#[derive(Debug)]
struct Shared {
    authorities: Vec<CertificateDer<'static>>,
    /// Made when it is first needed: that reads the system's certificates.
    made: OnceCell<Made>,
}

#[derive(Debug)]
struct Made {
    /// Through the proxies of the environment.
    outside: reqwest::Client,
    /// For this machine itself, which no proxy would reach.
    here: reqwest::Client,
}

impl Client {
    /// A client that also trusts these authorities.
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> Self {
        Self(Arc::new(Shared { authorities, made: OnceCell::new() }))
    }

    /// Sends a request and reads the answer to its end. Dropped on the way, the request is given up.
    pub async fn send(&self, request: Request) -> Result<Answer, Lost> {
        let shared = self.0.clone();
        let outcome = background::run(async move { shared.send(request).await }).await;
        outcome.unwrap_or_else(|error| Err(Lost::Broken(error.to_string())))
    }
}

impl Shared {
    async fn send(&self, request: Request) -> Result<Answer, Lost> {
        let url = request.url();
        if !is_safe(url) {
            return Err(Lost::Unsent("the address is not one of HTTPS".into()));
        }
        let made = self.made().await?;
        let client = if is_loopback(url) { &made.here } else { &made.outside };
        let mut answer = client.execute(request).await.map_err(lost)?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Lost::Broken(reason(error)))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Lost::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    async fn made(&self) -> Result<&Made, Lost> {
        let make = || async {
            let authorities = self.authorities.clone();
            let config = spawn_blocking(move || tls::config(&authorities)).await;
            let config = config.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let builder = || {
                reqwest::Client::builder()
                    .tls_backend_preconfigured(config.clone())
                    .user_agent(concat!("datadip/", env!("CARGO_PKG_VERSION")))
                    .redirect(redirect::Policy::none())
                    .retry(reqwest::retry::never())
                    .connect_timeout(CONNECT)
                    .pool_idle_timeout(IDLE)
                    .tcp_nodelay(true)
            };
            let built = |builder: reqwest::ClientBuilder| builder.build().map_err(reason);
            Ok(Made { outside: built(builder())?, here: built(builder().no_proxy())? })
        };
        self.made.get_or_try_init(make).await.map_err(Lost::Unsent)
    }
}

fn lost(error: reqwest::Error) -> Lost {
    let unsent = error.is_connect() || error.is_builder();
    let reason = reason(error);
    if unsent { Lost::Unsent(reason) } else { Lost::Broken(reason) }
}

/// Why, without the address: it may hold what a caller sent.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reasons = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        reasons.push(error.to_string());
        source = error.source();
    }
    reasons.dedup();
    reasons.join(": ")
}
