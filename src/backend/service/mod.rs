//! What all services over HTTP have in common: addresses, TLS, one token for all callers, requests that are tried again. It
//! knows none of the services.

pub mod address;
pub mod background;
pub mod client;
pub mod descriptions;
pub mod jwt;
pub mod oauth;
pub mod once;
mod retry_after;
mod sending;
pub mod settings;
pub mod tls;
pub mod turn;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Failure, FailureKind, Retry};
use client::{Answer, Client, Lost};
use once::{Known, Once};
pub use retry_after::retry_after;
use sending::Doubt;

/// How a request that did not succeed goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Not at all: it would fail again, or may have taken effect.
    Never,
    /// It is tried again after a pause.
    Again,
    /// It is tried again with a new token, once.
    Renew,
}

/// A request that did not succeed.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Why, as its caller hears it in the end.
    pub failure: Failure,
    /// How it goes on.
    pub then: Then,
    /// Whether it may have taken effect all the same.
    pub in_doubt: bool,
}

impl Refused {
    /// One that is final, and had no effect.
    pub fn never(failure: Failure) -> Self {
        Self { failure, then: Then::Never, in_doubt: false }
    }

    /// One that may pass, and had no effect.
    pub fn again(failure: Failure) -> Self {
        Self { failure, then: Then::Again, in_doubt: false }
    }

    fn is_final(&self) -> bool {
        self.then == Then::Never
    }
}

/// How the requests of one call are tried.
#[derive(Clone, Copy, Debug)]
pub struct Tries<'a> {
    /// How often, and with which pauses: each request by itself.
    pub retry: Retry,
    /// When the call is over.
    pub deadline: Instant,
    /// Counts what was tried again.
    pub retries: &'a AtomicU32,
}

/// Gets a token. The request for it is not tried again here: those who wait for it do.
type Login<T> = Box<dyn Fn() -> BoxFuture<'static, Result<T, Refused>> + Send + Sync>;

/// What shows a service who asks.
pub trait Token: Send + Sync + 'static {
    /// Whether it is still good, as far as anybody knows before it is refused.
    fn is_good(&self) -> bool {
        true
    }
}

/// A service that wants a token with each request.
pub struct Service<T> {
    client: Arc<Client>,
    login: Login<T>,
    token: Once<T>,
}

impl<T> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

impl<T: Token> Service<T> {
    /// A service that is asked by this client with the tokens of `login`.
    pub fn new(client: Arc<Client>, login: Login<T>) -> Self {
        Self { client, login, token: Once::default() }
    }

    /// The token that is valid as far as anybody knows.
    pub async fn token(&self) -> Result<Known<T>, Refused> {
        self.token.get(|known| known.value.is_good(), || (self.login)()).await
    }

    /// Sends a request until its answer is taken, it fails for good, or there is no time left. `request` makes it for a token;
    /// `judge` takes its answer, or says how it goes on.
    ///
    /// # Errors
    ///
    /// What became of the last try. At the deadline of kind [`Timeout`](FailureKind::Timeout), in doubt where it was sent; of
    /// kind [`Unavailable`](FailureKind::Unavailable) where there was no connection to send it over.
    pub async fn ask<A>(
        &self,
        tries: Tries<'_>,
        request: impl Fn(&T) -> Result<reqwest::Request, Failure>,
        judge: impl Fn(Result<Answer, Lost>) -> Result<A, Refused>,
    ) -> Result<A, Refused> {
        self.commit(tries, &AtomicBool::default(), request, judge).await
    }

    /// The same for a request that takes effect. `committing` is set where it may have, and nobody knows: also where this is
    /// dropped on the way.
    pub async fn commit<A>(
        &self,
        tries: Tries<'_>,
        committing: &AtomicBool,
        request: impl Fn(&T) -> Result<reqwest::Request, Failure>,
        judge: impl Fn(Result<Answer, Lost>) -> Result<A, Refused>,
    ) -> Result<A, Refused> {
        let (mut paused, mut renewed) = (0, false);
        loop {
            let doubt = Doubt::new(committing);
            let refused = match self.once(tries.deadline, doubt, &request, &judge, renewed).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            match refused.then {
                Then::Renew if !renewed => renewed = true,
                Then::Again if paused + 1 < tries.retry.attempts => {
                    let pause = refused.failure.retry_after.unwrap_or_default() + tries.retry.pause(paused);
                    if Instant::now() + pause >= tries.deadline {
                        return Err(refused);
                    }
                    sleep(pause).await;
                    paused += 1;
                }
                _ => return Err(refused),
            }
            tries.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One try. A token that is refused is not used again.
    async fn once<A>(
        &self,
        deadline: Instant,
        doubt: Doubt<'_>,
        request: &impl Fn(&T) -> Result<reqwest::Request, Failure>,
        judge: &impl Fn(Result<Answer, Lost>) -> Result<A, Refused>,
        renewed: bool,
    ) -> Result<A, Refused> {
        let late = || Failure::new(FailureKind::Timeout, "no answer of the service in time");
        let token = timeout_at(deadline, self.token()).await.unwrap_or_else(|_| Err(Refused::never(late())))?.value;
        let mut request = request(&token).map_err(Refused::never)?;
        doubt.sending.watch(&mut request);
        let outcome = match timeout_at(deadline, self.client.send(request)).await {
            Ok(Err(Lost::Broken(reason))) if doubt.sending.withdraw() => judge(Err(Lost::Unsent(reason))),
            Ok(outcome) => judge(outcome),
            Err(_) if doubt.sending.withdraw() => {
                Err(Refused::never(Failure::new(FailureKind::Unavailable, "no connection to the service in time")))
            }
            Err(_) => Err(Refused { failure: late(), then: Then::Never, in_doubt: true }),
        };
        doubt.settle(outcome.as_ref().is_err_and(|refused| refused.in_doubt));
        outcome.inspect_err(|refused| {
            // A token that was new is refused for another reason: all others would be as well.
            if refused.then == Then::Renew && !renewed {
                self.token.forget(&token);
            }
        })
    }
}

#[cfg(test)]
mod tests;
