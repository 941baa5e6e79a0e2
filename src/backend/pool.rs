//! Connections kept from one call to the next, for every database driver.
//!
//! sqlx's own pool is the largest cost of a call: it pings a connection on each release and locks around it. Here a
//! connection goes back without a word, because a run says whether it left it clean: a [`Lease`] that is dropped without
//! [`Lease::release`], as when its future is dropped at the deadline, takes its connection out of the pool for good.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use deadpool::managed::{
    self, Metrics, Object, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use tokio::time::Instant;

use super::{Connections, Failure, FailureKind};
use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::{Spanned, read::record},
};

record! {
    /// How many connections are kept, and how long.
    pub struct PoolSpec {
        /// The least number of connections, kept even when nobody calls. Default: `0`.
        min: Option<Spanned<u64>>,
        /// The most connections. Default: `10`.
        max: Option<Spanned<u64>>,
        /// How long a call waits for a connection. Default: `2s`.
        acquire_timeout: Option<Duration>,
        /// After which time without use a connection is closed. Default: `10m`.
        idle_timeout: Option<Duration>,
        /// After which age a connection is closed. Default: `30m`.
        max_lifetime: Option<Duration>,
    }
}

/// The most connections that `max` may ask for.
const MOST: u64 = 1000;
/// A wait ends so long before the deadline: so that it is known that there was no connection, and not only that time is up.
const HEAD_START: Duration = Duration::from_millis(5);
/// How often idle connections are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// How many connections are kept, and how long.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// The least number, kept even when nobody calls.
    pub min: usize,
    /// The most; at least 1.
    pub max: usize,
    /// How long a call waits for one.
    pub acquire_timeout: Duration,
    /// After which time without use one is closed.
    pub idle_timeout: Duration,
    /// After which age one is closed.
    pub max_lifetime: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            min: 0,
            max: 10,
            acquire_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1800),
        }
    }
}

impl PoolSettings {
    /// The settings as used, with the defaults for what is not written.
    pub fn new(spec: Option<&PoolSpec>, out: &mut Vec<Diagnostic>) -> Self {
        let mut settings = Self::default();
        let Some(spec) = spec else { return settings };
        if let Some(max) = &spec.max {
            if (1..=MOST).contains(&max.value) {
                settings.max = max.value as usize;
            } else {
                out.push(BAD_VALUE.at(max.span, format!("expected 1 to {MOST} connections, got {}", max.value)));
            }
        }
        if let Some(min) = &spec.min {
            if min.value <= settings.max as u64 {
                settings.min = min.value as usize;
            } else {
                let message = format!("expected at most `max` ({}) connections, got {}", settings.max, min.value);
                out.push(BAD_VALUE.at(min.span, message));
            }
        }
        settings.acquire_timeout = spec.acquire_timeout.unwrap_or(settings.acquire_timeout);
        settings.idle_timeout = spec.idle_timeout.unwrap_or(settings.idle_timeout);
        settings.max_lifetime = spec.max_lifetime.unwrap_or(settings.max_lifetime);
        settings
    }
}

/// How a driver makes connections.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// A connection. Dropped in the middle of a statement, it cancels it.
    type Connection: Send + 'static;

    /// Makes one.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;

    /// Whether one that waited may be used again. Does not ask the server: a call finds out soon enough.
    fn usable(&self, connection: &Self::Connection) -> bool;
}

/// A bounded set of connections, handed out in order of asking.
pub struct Pool<C: Connect> {
    inner: managed::Pool<Manager<C>>,
    settings: PoolSettings,
    swept: AtomicBool,
}

impl<C: Connect> Pool<C> {
    /// A pool without connections.
    pub fn new(connect: C, settings: PoolSettings) -> Self {
        // The connection that was used last is the one with the warmest caches; the others may become idle.
        let config = PoolConfig { max_size: settings.max, timeouts: Timeouts::new(), queue_mode: QueueMode::Lifo };
        let inner = managed::Pool::builder(Manager { connect, settings })
            .config(config)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a runtime for the timeouts is given");
        Self { inner, settings, swept: AtomicBool::new(false) }
    }

    /// A connection for one run, after at most `acquire_timeout` and not past `deadline`.
    pub async fn get(&self, deadline: Instant) -> Result<Lease<C>, Failure> {
        if !self.swept.load(Ordering::Relaxed) {
            self.sweep();
        }
        let wait = deadline.saturating_duration_since(Instant::now()).saturating_sub(HEAD_START);
        let wait = wait.min(self.settings.acquire_timeout);
        match self.inner.timeout_get(&Timeouts { wait: Some(wait), create: None, recycle: None }).await {
            Ok(object) => Ok(Lease(Some(object))),
            Err(PoolError::Backend(failure)) => Err(failure),
            Err(PoolError::Timeout(_)) => Err(Failure::new(FailureKind::Overloaded, "no connection came free in time")),
            Err(_) => Err(Failure::new(FailureKind::Unavailable, "the pool is closed")),
        }
    }

    /// Opens the least number of connections, at least one.
    pub async fn connect(&self, deadline: Instant) -> Result<(), Failure> {
        let mut leases = Vec::new();
        for _ in 0..self.settings.min.max(1) {
            leases.push(self.get(deadline).await?);
        }
        leases.into_iter().for_each(Lease::release);
        Ok(())
    }

    /// Closes what waits now: a connection was lost, and those beside it may be as well.
    pub fn forget(&self) {
        self.inner.retain(|_, _| false);
    }

    /// Closes what waits now, and what is in use when it comes back. Nobody gets a connection any more.
    pub fn close(&self) {
        self.inner.close();
    }

    /// How many connections there are, in use and idle.
    pub fn connections(&self) -> Connections {
        let status = self.inner.status();
        Connections { open: status.size, idle: status.available }
    }

    /// Closes idle and old connections from now on, until the pool is gone.
    fn sweep(&self) {
        if self.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let (pool, settings) = (self.inner.weak(), self.settings);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(pool) = pool.upgrade().filter(|pool| !pool.is_closed()) else { return };
                let mut spare = pool.status().size.saturating_sub(settings.min);
                pool.retain(|_, metrics| {
                    let stale = settings.outlived(&metrics) && spare > 0;
                    spare -= usize::from(stale);
                    !stale
                });
            }
        });
    }
}

impl<C: Connect> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connect", &self.inner.manager().connect).finish_non_exhaustive()
    }
}

impl PoolSettings {
    fn outlived(&self, metrics: &Metrics) -> bool {
        metrics.age() > self.max_lifetime || metrics.last_used() > self.idle_timeout
    }
}

/// A connection while a run has it. Without [`Lease::release`] it is closed when it is dropped.
pub struct Lease<C: Connect>(Option<Object<Manager<C>>>);

impl<C: Connect> Lease<C> {
    /// Gives the connection back: it is idle and as it was.
    pub fn release(mut self) {
        self.0.take();
    }
}

impl<C: Connect> Deref for Lease<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        self.0.as_ref().expect("only release and drop empty a lease")
    }
}

impl<C: Connect> DerefMut for Lease<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        self.0.as_mut().expect("only release and drop empty a lease")
    }
}

impl<C: Connect> Drop for Lease<C> {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

#[derive(Debug)]
struct Manager<C> {
    connect: C,
    settings: PoolSettings,
}

impl<C: Connect> managed::Manager for Manager<C> {
    type Type = C::Connection;
    type Error = Failure;

    async fn create(&self) -> Result<C::Connection, Failure> {
        self.connect.connect().await
    }

    async fn recycle(&self, connection: &mut C::Connection, metrics: &Metrics) -> RecycleResult<Failure> {
        if self.settings.outlived(metrics) || !self.connect.usable(connection) {
            return Err(RecycleError::message("no longer wanted"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    };

    use super::*;

    /// Connections that are numbers, in the order of their making.
    #[derive(Clone, Debug, Default)]
    struct Numbers {
        made: Arc<AtomicUsize>,
        stale: Arc<AtomicBool>,
    }

    impl Connect for Numbers {
        type Connection = usize;

        async fn connect(&self) -> Result<usize, Failure> {
            Ok(self.made.fetch_add(1, Ordering::Relaxed))
        }

        fn usable(&self, _: &usize) -> bool {
            !self.stale.load(Ordering::Relaxed)
        }
    }

    fn pool(settings: PoolSettings) -> (Pool<Numbers>, Numbers) {
        let numbers = Numbers::default();
        (Pool::new(numbers.clone(), PoolSettings { max: 2, ..settings }), numbers)
    }

    async fn get(pool: &Pool<Numbers>) -> Lease<Numbers> {
        pool.get(Instant::now() + Duration::from_secs(60)).await.expect("a connection is free")
    }

    #[tokio::test]
    async fn a_released_connection_serves_again_and_a_dropped_one_does_not() {
        let (pool, _) = pool(PoolSettings::default());
        for _ in 0..3 {
            let lease = get(&pool).await;
            assert_eq!(*lease, 0);
            lease.release();
        }
        drop(get(&pool).await);
        assert_eq!(pool.connections(), Connections { open: 0, idle: 0 });
        assert_eq!(*get(&pool).await, 1);
    }

    #[tokio::test]
    async fn what_is_forgotten_is_made_anew() {
        let (pool, _) = pool(PoolSettings::default());
        let (first, second) = (get(&pool).await, get(&pool).await);
        first.release();
        pool.forget();
        assert_eq!(pool.connections(), Connections { open: 1, idle: 0 });
        assert_eq!(*get(&pool).await, 2);
        second.release();
        assert_eq!(*get(&pool).await, 1, "it was in use");
    }

    #[tokio::test]
    async fn an_old_or_useless_connection_is_replaced() {
        let (pool, numbers) = pool(PoolSettings { max_lifetime: Duration::from_millis(20), ..PoolSettings::default() });
        get(&pool).await.release();
        tokio::time::sleep(Duration::from_millis(40)).await;
        let lease = get(&pool).await;
        assert_eq!(*lease, 1);
        lease.release();
        numbers.stale.store(true, Ordering::Relaxed);
        assert_eq!(*get(&pool).await, 2);
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_settings_and_the_deadline_allow() {
        let (pool, _) = pool(PoolSettings { acquire_timeout: Duration::from_millis(30), ..PoolSettings::default() });
        let _held = (get(&pool).await, get(&pool).await);
        for deadline in [Duration::ZERO, Duration::from_secs(60)] {
            let refused = pool.get(Instant::now() + deadline).await.err().map(|failure| failure.kind);
            assert_eq!(refused, Some(FailureKind::Overloaded));
        }
    }

    #[tokio::test]
    async fn the_least_number_is_made_at_once() {
        let (pool, numbers) = pool(PoolSettings { min: 2, ..PoolSettings::default() });
        pool.connect(Instant::now() + Duration::from_secs(60)).await.expect("both can be made");
        assert_eq!((pool.connections(), numbers.made.load(Ordering::Relaxed)), (Connections { open: 2, idle: 2 }, 2));
    }
}
