//! What is fetched once for all who want it at the time: a token, a description.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::time::{Duration, Instant};

use super::{Refused, background};
use crate::backend::{Failure, FailureKind};

/// How long a refusal that would only be repeated is remembered: a crowd of callers asks once, not each by itself.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Something that is fetched once for all. Whoever wants it while it is being fetched waits for that; a failure is told to
/// all of them.
#[derive(Debug)]
pub struct Once<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    known: Option<Known<T>>,
    flight: Option<Flight<T>>,
    refused: Option<(Instant, Refused)>,
}

/// Something that was fetched, and when.
#[derive(Debug)]
pub struct Known<T> {
    /// What was fetched.
    pub value: Arc<T>,
    /// When that was asked for: what it tells may be of any moment after that.
    pub since: Instant,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), since: self.since }
    }
}

type Flight<T> = Shared<BoxFuture<'static, Result<Known<T>, Refused>>>;

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { known: None, flight: None, refused: None })))
    }
}

impl<T: Send + Sync + 'static> Once<T> {
    /// What is known and `fits`; else what `fetch` answers. The fetching goes on when those who wait for it leave. What others
    /// asked for before and does not fit is asked for again.
    pub async fn get<F>(&self, fits: impl Fn(&Known<T>) -> bool, fetch: impl Fn() -> F) -> Result<Known<T>, Refused>
    where
        F: Future<Output = Result<T, Refused>> + Send + 'static,
    {
        let wanted = Instant::now();
        let outcome = self.flight(&fits, &fetch).await;
        match outcome {
            Ok(known) if known.since < wanted && !fits(&known) => self.flight(&fits, &fetch).await,
            outcome => outcome,
        }
    }

    async fn flight<F>(&self, fits: &impl Fn(&Known<T>) -> bool, fetch: &impl Fn() -> F) -> Result<Known<T>, Refused>
    where
        F: Future<Output = Result<T, Refused>> + Send + 'static,
    {
        let flight = {
            let mut state = self.state();
            if let Some(known) = state.known.as_ref().filter(|known| fits(known)) {
                return Ok(known.clone());
            }
            let recent = |(at, _): &&(Instant, Refused)| at.elapsed() < REMEMBERED;
            if let Some((_, refused)) = state.refused.as_ref().filter(recent) {
                return Err(refused.clone());
            }
            match &state.flight {
                Some(flight) => flight.clone(),
                None => state.flight.insert(self.start(fetch())).clone(),
            }
        };
        flight.await
    }

    /// What is known, however old.
    pub fn known(&self) -> Option<Known<T>> {
        self.state().known.clone()
    }

    /// Forgets a value, unless another one has taken its place.
    pub fn forget(&self, value: &Arc<T>) {
        let mut state = self.state();
        if state.known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.value, value)) {
            state.known = None;
        }
    }

    fn start(&self, fetching: impl Future<Output = Result<T, Refused>> + Send + 'static) -> Flight<T> {
        let (state, since) = (Arc::clone(&self.0), Instant::now());
        let fetching = background::spawn(async move {
            let outcome = fetching.await.map(|value| Known { value: Arc::new(value), since });
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.flight = None;
            match &outcome {
                Ok(known) => state.known = Some(known.clone()),
                Err(refused) if refused.is_final() => state.refused = Some((Instant::now(), refused.clone())),
                Err(_) => {}
            }
            outcome
        });
        let state = Arc::clone(&self.0);
        async move {
            fetching.await.unwrap_or_else(|error| {
                state.lock().unwrap_or_else(PoisonError::into_inner).flight = None;
                let failed = |kind| Failure::new(kind, error.to_string());
                // Nothing is known of what did not come to its end.
                Err(if error.is_cancelled() {
                    Refused::again(failed(FailureKind::Unavailable))
                } else {
                    Refused::never(failed(FailureKind::Other))
                })
            })
        }
        .boxed()
        .shared()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        runtime::Builder,
        sync::{Notify, oneshot},
        task::yield_now,
    };

    use super::*;

    #[test]
    fn what_is_fetched_comes_though_the_worker_that_asked_for_it_has_ended() {
        let runtime = || Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (once, (send, wait)) = (Once::default(), oneshot::channel());
        let wait = wait.shared();
        let worker = runtime();
        worker.block_on(async {
            let fetch = || wait.clone().map(|answer| Ok(answer.expect("the test answers")));
            assert!(once.get(|_| true, fetch).now_or_never().is_none(), "it is not there yet");
        });
        drop(worker);
        // Nobody hears it where fetching has ended with the worker.
        let _ = send.send("fetched");
        let known = runtime().block_on(once.get(|_| true, || async { Ok("fetched again") }));
        assert_eq!(*known.expect("it was fetched").value, "fetched");
    }

    #[tokio::test]
    async fn what_was_asked_for_before_a_doubt_is_asked_for_again_by_who_joined_it() {
        let once = Once::<usize>::default();
        let (asked, held) = (AtomicUsize::new(0), Arc::new(Notify::new()));
        let fetch = || {
            let (number, held) = (asked.fetch_add(1, Ordering::Relaxed), Arc::clone(&held));
            async move {
                if number == 0 {
                    held.notified().await;
                }
                Ok(number)
            }
        };
        let before = once.get(|_| true, fetch);
        let after = async {
            while asked.load(Ordering::Relaxed) == 0 {
                yield_now().await;
            }
            let doubted = Instant::now();
            held.notify_one();
            once.get(|known| known.since > doubted, fetch).await
        };
        let (before, after) = tokio::join!(before, after);
        let values = [before, after].map(|known| *known.expect("it is fetched").value);
        assert_eq!((values, once.known().map(|known| *known.value)), ([0, 1], Some(1)));
    }
}
