//! Concurrency with a fair, bounded queue, and rates. Used for the gateway as a whole, for single actions and for the requests
//! to a service (SPEC 6, 7.1, 7.3).

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

use crate::yaml::read::Rate;

/// A concurrency limit with its queue, and a rate.
#[derive(Debug)]
pub struct Limiter {
    settings: LimiterSettings,
    running: Option<Semaphore>,
    waiting: AtomicUsize,
    rate: Option<DefaultDirectRateLimiter>,
}

/// What a [`Limiter`] enforces. Equal settings keep their limiter, with its state, over a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimiterSettings {
    /// How many at once; `None` is no limit.
    pub concurrency: Option<usize>,
    /// How many may wait.
    pub queue: usize,
    /// How long one waits at most.
    pub max_wait: Duration,
    /// How many in a length of time.
    pub rate: Option<Rate>,
}

/// Held while a call runs.
#[derive(Debug)]
pub struct Permit<'a>(#[expect(dead_code, reason = "held for its drop")] Option<SemaphorePermit<'a>>);

/// Why a call may not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Over the rate; the time after which it may be tried again.
    Rate(Duration),
    /// The queue is full, or nothing came free in time.
    Overloaded,
}

impl Limiter {
    /// A limiter with nothing running. A concurrency of 0 lets nothing run.
    pub fn new(settings: LimiterSettings) -> Self {
        let running = settings.concurrency.map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let rate = settings.rate.map(|rate| DefaultDirectRateLimiter::direct(quota(rate)));
        Self { settings, running, waiting: AtomicUsize::new(0), rate }
    }

    /// What it enforces.
    pub fn settings(&self) -> &LimiterSettings {
        &self.settings
    }

    /// How many calls run at the moment; none where there is no limit to count them for.
    pub fn running(&self) -> usize {
        let most = self.settings.concurrency.map_or(0, |most| most.min(Semaphore::MAX_PERMITS));
        self.running.as_ref().map_or(0, |running| most - running.available_permits().min(most))
    }

    /// Takes one of the rate, or says when to come again. Never waits.
    pub fn check_rate(&self) -> Result<(), Refused> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.check().map_err(|early| Refused::Rate(early.wait_time_from(DefaultClock::default().now())))
    }

    /// Waits in order for a permit, at most `max_wait` and not past `deadline`.
    pub async fn acquire(&self, deadline: Instant) -> Result<Permit<'_>, Refused> {
        let Some(running) = &self.running else { return Ok(Permit(None)) };
        // Those who wait are served before a permit is free for this: nobody overtakes them.
        if let Ok(permit) = running.try_acquire() {
            return Ok(Permit(Some(permit)));
        }
        let _place = Place::take(&self.waiting, self.settings.queue).ok_or(Refused::Overloaded)?;
        let until = deadline.min(Instant::now() + self.settings.max_wait);
        match timeout_at(until, running.acquire()).await {
            Ok(Ok(permit)) => Ok(Permit(Some(permit))),
            _ => Err(Refused::Overloaded),
        }
    }

    /// Waits in order for a permit that was given back on the way. Who calls bounds the time; no more of them wait than calls
    /// that had a permit.
    pub async fn acquire_again(&self) -> Permit<'_> {
        match &self.running {
            Some(running) => Permit(running.acquire().await.ok()),
            None => Permit(None),
        }
    }
}

fn quota(rate: Rate) -> Quota {
    // A rate of a billion an hour and more has no whole nanosecond for each; one a nanosecond is as good as no limit.
    let each = (rate.period / rate.count.get()).max(Duration::from_nanos(1));
    Quota::with_period(each).map_or(Quota::per_second(NonZeroU32::MAX), |quota| quota.allow_burst(rate.count))
}

/// A place in a queue, given back however the waiting ends.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = |count| (count < most).then_some(count + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;

    use super::*;

    fn limiter(concurrency: usize, queue: usize, rate: Option<Rate>) -> Limiter {
        let max_wait = Duration::from_secs(5);
        Limiter::new(LimiterSettings { concurrency: Some(concurrency), queue, max_wait, rate })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn waits_at_most_max_wait() {
        let mut limiter = limiter(1, 1, None);
        limiter.settings.max_wait = Duration::from_millis(20);
        let _held = limiter.acquire(soon()).await.expect("nothing runs");
        let before = Instant::now();
        assert_eq!(limiter.acquire(soon()).await.err(), Some(Refused::Overloaded));
        assert!(before.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn waits_not_past_the_deadline() {
        let limiter = limiter(1, 1, None);
        let _held = limiter.acquire(soon()).await.expect("nothing runs");
        let before = Instant::now();
        let refused = limiter.acquire(before + Duration::from_millis(20)).await.err();
        assert_eq!(refused, Some(Refused::Overloaded));
        assert!(before.elapsed() < limiter.settings.max_wait);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let limiter = limiter(1, 2, None);
        let _held = limiter.acquire(soon()).await.expect("nothing runs");
        let mut first = Box::pin(limiter.acquire(soon()));
        let mut second = Box::pin(limiter.acquire(soon()));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(limiter.acquire(soon()).now_or_never().and_then(Result::err), Some(Refused::Overloaded));
        // Who leaves gives the place in the queue back.
        drop(second);
        assert!(Box::pin(limiter.acquire(soon())).as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn the_queue_is_served_in_order() {
        let limiter = Arc::new(limiter(1, 10, None));
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = limiter.acquire(soon()).await.expect("nothing runs");
        let mut tasks = Vec::new();
        for number in 0..10 {
            let (limiter, order) = (limiter.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _permit = limiter.acquire(soon()).await.expect("comes free in time");
                order.lock().expect("nobody panics").push(number);
            }));
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.expect("does not panic");
        }
        assert_eq!(*order.lock().expect("nobody panics"), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn over_the_rate_says_when_to_come_again() {
        let rate = Rate { count: NonZeroU32::new(2).expect("not zero"), period: Duration::from_secs(3600) };
        let limiter = limiter(1, 1, Some(rate));
        assert_eq!((limiter.check_rate(), limiter.check_rate()), (Ok(()), Ok(())));
        let Err(Refused::Rate(wait)) = limiter.check_rate() else { panic!("the third is over the rate") };
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800), "{wait:?}");
    }

    #[test]
    fn an_enormous_rate_is_no_limit() {
        let rate = Rate { count: NonZeroU32::MAX, period: Duration::from_secs(1) };
        let limiter = limiter(1, 1, Some(rate));
        assert!((0..1000).all(|_| limiter.check_rate().is_ok()));
    }
}
