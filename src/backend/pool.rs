//! Connections kept from one call to the next, for every database driver.
//!
//! sqlx's own pool is the largest cost of a call: it pings a connection on each release and locks around it. Here a
//! connection goes back without a word, because a run says whether it left it clean: a [`Lease`] that is dropped without
//! [`Lease::release`], as when its future is dropped at the deadline, takes its connection out of the pool for good.
//!
//! Each worker of the server has a runtime of its own, and a connection is woken by the one that opened it. So a worker
//! gets connections of its own as long as there may be more: one of another's costs two threads a switch at each answer.
//! Only one that nobody has used yet, or for a while, serves whoever comes: that is less than the making of another.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::{self, Handle},
    sync::{Semaphore, TryAcquireError},
    time::{Instant, timeout},
};

use super::{Connections, Failure, FailureKind};
use crate::{
    diagnostic::{BAD_VALUE, Diagnostic},
    yaml::{Spanned, read::record},
};

record! {
    /// How many connections are kept, and how long.
    pub struct PoolSpec {
        /// The least number of connections, kept even when nobody calls and made up for every 15 seconds. Default: `0`.
        min: Option<Spanned<u64>>,
        /// The most connections. Default: `10`.
        max: Option<Spanned<u64>>,
        /// How long a call waits for a connection. Default: `2s`.
        acquire_timeout: Option<Duration>,
        /// After which time without use a connection above `min` is closed. Default: `10m`.
        idle_timeout: Option<Duration>,
        /// After which age a connection is closed. Default: `30m`.
        max_lifetime: Option<Duration>,
    }
}

/// The most connections that `max` may ask for.
const MOST: u64 = 1000;
/// A wait ends so long before the deadline: so that it is known that there was no connection, and not only that time is up.
const HEAD_START: Duration = Duration::from_millis(5);
/// How often old connections are closed and missing ones made; and how long one must have been idle to serve any runtime.
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
    /// After which time without use one above the least number is closed.
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
pub struct Pool<C: Connect>(Arc<Inner<C>>);

struct Inner<C: Connect> {
    connect: C,
    settings: PoolSettings,
    /// One for each connection that may be in use.
    permits: Semaphore,
    kept: Mutex<Kept<C::Connection>>,
    swept: AtomicBool,
}

struct Kept<T> {
    /// How many there are, in use, idle and being made: never more than there are permits.
    open: usize,
    /// The one that was used last, the one with the warmest caches, is at the end; the first become old.
    idle: Vec<Idle<T>>,
}

struct Idle<T> {
    connection: T,
    /// The runtime that wakes it.
    home: runtime::Id,
    made: Instant,
    used: Instant,
    /// Whether no run has had it.
    fresh: bool,
}

impl<C: Connect> Pool<C> {
    /// A pool without connections.
    pub fn new(connect: C, settings: PoolSettings) -> Self {
        let permits = Semaphore::new(settings.max);
        let kept = Mutex::new(Kept { open: 0, idle: Vec::new() });
        Self(Arc::new(Inner { connect, settings, permits, kept, swept: AtomicBool::new(false) }))
    }

    /// A connection for one run, after at most `acquire_timeout` and not past `deadline`.
    pub async fn get(&self, deadline: Instant) -> Result<Lease<C>, Failure> {
        let pool = &self.0;
        if !pool.swept.load(Ordering::Relaxed) {
            self.sweep();
        }
        let permit = match pool.permits.try_acquire() {
            Err(TryAcquireError::NoPermits) => {
                let wait = deadline.saturating_duration_since(Instant::now()).saturating_sub(HEAD_START);
                timeout(wait.min(pool.settings.acquire_timeout), pool.permits.acquire())
                    .await
                    .map_err(|_| Failure::new(FailureKind::Overloaded, "no connection came free in time"))?
                    .map_err(|_| closed())?
            }
            permit => permit.map_err(|_| closed())?,
        };
        permit.forget();
        let home = Handle::current().id();
        let now = Instant::now();
        let mut lease = Lease { pool: pool.clone(), connection: None, home, made: now, released: false, fresh: true };
        match pool.take(home, now) {
            Some(idle) => {
                (lease.home, lease.made) = (idle.home, idle.made);
                lease.connection = Some(idle.connection);
            }
            None => lease = made(lease).await?,
        }
        (lease.released, lease.fresh) = (false, false);
        Ok(lease)
    }

    /// Opens the least number of connections, at least one.
    pub async fn connect(&self, deadline: Instant) -> Result<(), Failure> {
        let mut leases = Vec::new();
        for _ in 0..self.0.settings.min.max(1) {
            leases.push(self.get(deadline).await?);
        }
        for mut lease in leases {
            lease.fresh = true;
            lease.release();
        }
        Ok(())
    }

    /// Closes what waits now: a connection was lost, and those beside it may be as well.
    pub fn forget(&self) {
        let mut kept = self.0.kept();
        kept.open -= kept.idle.len();
        let idle = mem::take(&mut kept.idle);
        drop(kept);
        drop(idle);
    }

    /// Closes what waits now, and what is in use when it comes back. Nobody gets a connection any more.
    pub fn close(&self) {
        self.0.permits.close();
        self.forget();
    }

    /// How many connections there are, in use and idle.
    pub fn connections(&self) -> Connections {
        let kept = self.0.kept();
        Connections { open: kept.open, idle: kept.idle.len() }
    }

    /// Looks after the idle connections from now on, until the pool is gone.
    fn sweep(&self) {
        if self.0.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(pool) = pool.upgrade().filter(|pool| !pool.permits.is_closed()) else { return };
                pool.tend().await;
            }
        });
    }
}

impl<C: Connect> Inner<C> {
    fn kept(&self) -> MutexGuard<'_, Kept<C::Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection; `None` where a new one is to be made, which is counted already. The caller has a permit, so
    /// where there may be no more, somebody's is idle.
    fn take(&self, home: runtime::Id, now: Instant) -> Option<Idle<C::Connection>> {
        let mut useless = Vec::new();
        let mut kept = self.kept();
        let taken = loop {
            let own = kept.idle.iter().rposition(|idle| idle.home == home);
            let free = || kept.idle.iter().rposition(|idle| idle.fresh || now.duration_since(idle.used) > SWEEP);
            let full = kept.open >= self.settings.max;
            let Some(at) = own.or_else(free).or_else(|| kept.idle.len().checked_sub(1).filter(|_| full)) else {
                kept.open += 1;
                break None;
            };
            let idle = kept.idle.remove(at);
            // How long it was idle is the sweep's matter, which keeps the least number.
            if !self.outlived(&idle, now) && self.connect.usable(&idle.connection) {
                break Some(idle);
            }
            kept.open -= 1;
            useless.push(idle);
        };
        // Closing takes a while: not while others wait.
        drop(kept);
        drop(useless);
        taken
    }

    /// Closes what nobody should have any more and makes what is missing from the least number.
    async fn tend(self: &Arc<Self>) {
        drop(self.old());
        while let Some(lease) = self.missing() {
            if made(lease).await.is_err() {
                // It is tried again at the next time.
                return;
            }
        }
    }

    /// Takes out what is too old, and what was idle for too long as far as more than the least number are left.
    fn old(&self) -> Vec<Idle<C::Connection>> {
        let now = Instant::now();
        let mut kept = self.kept();
        let mut old: Vec<_> = kept.idle.extract_if(.., |idle| self.outlived(idle, now)).collect();
        let spare = (kept.open - old.len()).saturating_sub(self.settings.min);
        let unused = |idle: &mut Idle<_>| now.duration_since(idle.used) > self.settings.idle_timeout;
        old.extend(kept.idle.extract_if(.., unused).take(spare));
        kept.open -= old.len();
        old
    }

    /// A lease for a connection that is missing from the least number, if there is a permit for it.
    fn missing(self: &Arc<Self>) -> Option<Lease<C>> {
        let permit = self.permits.try_acquire().ok()?;
        let mut kept = self.kept();
        if kept.open >= self.settings.min {
            return None;
        }
        kept.open += 1;
        permit.forget();
        let (home, made) = (Handle::current().id(), Instant::now());
        Some(Lease { pool: self.clone(), connection: None, home, made, released: false, fresh: true })
    }

    fn outlived(&self, idle: &Idle<C::Connection>, now: Instant) -> bool {
        now.duration_since(idle.made) > self.settings.max_lifetime
    }
}

/// Makes a lease's connection, in a task of its own: when the caller leaves before it is there, it waits for the next one.
async fn made<C: Connect>(mut lease: Lease<C>) -> Result<Lease<C>, Failure> {
    let making = tokio::spawn(async move {
        lease.connection = Some(lease.pool.connect.connect().await?);
        lease.released = true;
        Ok(lease)
    });
    making.await.unwrap_or_else(|error| Err(Failure::new(FailureKind::Unavailable, error.to_string())))
}

fn closed() -> Failure {
    Failure::new(FailureKind::Unavailable, "the pool is closed")
}

impl<C: Connect> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connect", &self.0.connect).finish_non_exhaustive()
    }
}

/// A connection while a run has it. Without [`Lease::release`] it is closed when it is dropped.
pub struct Lease<C: Connect> {
    pool: Arc<Inner<C>>,
    /// `None` while it is being made.
    connection: Option<C::Connection>,
    home: runtime::Id,
    made: Instant,
    /// Whether it goes back when this is dropped.
    released: bool,
    /// Whether no run has had it.
    fresh: bool,
}

impl<C: Connect> Lease<C> {
    /// Gives the connection back: it is idle and as it was.
    pub fn release(mut self) {
        self.released = true;
    }
}

impl<C: Connect> Deref for Lease<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        self.connection.as_ref().expect("only release and drop empty a lease")
    }
}

impl<C: Connect> DerefMut for Lease<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        self.connection.as_mut().expect("only release and drop empty a lease")
    }
}

impl<C: Connect> Drop for Lease<C> {
    fn drop(&mut self) {
        let mut connection = self.connection.take();
        if !self.released {
            drop(connection.take());
        }
        let (home, made, used, fresh) = (self.home, self.made, Instant::now(), self.fresh);
        let mut kept = self.pool.kept();
        match connection.take_if(|_| !self.pool.permits.is_closed()) {
            Some(connection) => kept.idle.push(Idle { connection, home, made, used, fresh }),
            None => kept.open -= 1,
        }
        drop(kept);
        self.pool.permits.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    };

    use super::*;

    /// Connections that are numbers, in the order of their making.
    #[derive(Clone, Debug, Default)]
    struct Numbers {
        made: Arc<AtomicUsize>,
        stale: Arc<AtomicBool>,
        /// How many milliseconds it takes to make one.
        slow: Arc<AtomicU64>,
    }

    impl Connect for Numbers {
        type Connection = usize;

        async fn connect(&self) -> Result<usize, Failure> {
            tokio::time::sleep(Duration::from_millis(self.slow.load(Ordering::Relaxed))).await;
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
    async fn a_connection_whose_caller_left_is_finished_for_the_next_one() {
        let (pool, numbers) = pool(PoolSettings::default());
        numbers.slow.store(50, Ordering::Relaxed);
        let deadline = Instant::now() + Duration::from_secs(60);
        for _ in 0..2 {
            assert!(timeout(Duration::from_millis(5), pool.get(deadline)).await.is_err(), "it is not there yet");
        }
        assert_eq!(pool.connections(), Connections { open: 2, idle: 0 });
        let both = [get(&pool).await, get(&pool).await];
        assert_eq!(both.map(|lease| *lease), [0, 1]);
        assert_eq!(numbers.made.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_is_lost_when_callers_leave_while_they_wait() {
        let numbers = Numbers { slow: Arc::new(AtomicU64::new(1)), ..Numbers::default() };
        let pool = Arc::new(Pool::new(numbers, PoolSettings { max: 3, ..PoolSettings::default() }));
        let calls = (0..2000_u64).map(|caller| {
            let pool = pool.clone();
            let call = async move {
                let Ok(lease) = pool.get(Instant::now() + Duration::from_millis(5 + caller % 7 * 5)).await else {
                    return;
                };
                assert!(pool.connections().open <= 3);
                tokio::task::yield_now().await;
                if caller % 11 > 0 {
                    lease.release();
                }
            };
            // Some leave in the middle of whatever they wait for.
            let patience = if caller % 3 == 0 { Duration::from_micros(caller) } else { Duration::from_secs(60) };
            tokio::spawn(timeout(patience, call))
        });
        let callers: Vec<_> = calls.collect();
        for caller in callers {
            let _left = caller.await.expect("no panic");
        }
        let leases = [get(&pool).await, get(&pool).await, get(&pool).await];
        assert_eq!(pool.connections(), Connections { open: 3, idle: 0 });
        assert_eq!(pool.0.permits.available_permits(), 0);
        drop(leases);
        assert_eq!((pool.connections().open, pool.0.permits.available_permits()), (0, 3));
    }

    #[tokio::test]
    async fn the_least_number_is_made_at_once() {
        let (pool, numbers) = pool(PoolSettings { min: 2, ..PoolSettings::default() });
        pool.connect(Instant::now() + Duration::from_secs(60)).await.expect("both can be made");
        assert_eq!((pool.connections(), numbers.made.load(Ordering::Relaxed)), (Connections { open: 2, idle: 2 }, 2));
    }

    #[tokio::test]
    async fn the_least_number_is_kept_and_made_up_for() {
        let idle_timeout = Duration::from_millis(10);
        let (pool, numbers) = pool(PoolSettings { min: 1, idle_timeout, ..PoolSettings::default() });
        let check = async |left: Connections, made: usize| {
            tokio::time::sleep(idle_timeout * 2).await;
            pool.0.tend().await;
            assert_eq!((pool.connections(), numbers.made.load(Ordering::Relaxed)), (left, made));
        };
        let both = [get(&pool).await, get(&pool).await];
        both.into_iter().for_each(Lease::release);
        check(Connections { open: 1, idle: 1 }, 2).await;
        assert_eq!(get(&pool).await.release_number(), 1, "it was idle for long, but serves");
        pool.forget();
        check(Connections { open: 1, idle: 1 }, 3).await;
    }

    #[test]
    fn a_connection_that_nobody_has_used_serves_every_runtime_and_is_replaced_when_it_is_old() {
        let runtime = || runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (one, other) = (runtime(), runtime());
        let max_lifetime = Duration::from_millis(50);
        let (pool, _) = pool(PoolSettings { min: 1, max_lifetime, ..PoolSettings::default() });
        let deadline = || Instant::now() + Duration::from_secs(60);
        one.block_on(async { pool.connect(deadline()).await }).expect("it can be made");
        assert_eq!(other.block_on(async { get(&pool).await.release_number() }), 0);
        one.block_on(async {
            tokio::time::sleep(max_lifetime * 2).await;
            pool.0.tend().await;
        });
        assert_eq!(other.block_on(async { get(&pool).await.release_number() }), 1);
    }

    #[test]
    fn a_runtime_has_connections_of_its_own_as_long_as_there_may_be_more() {
        let runtime = || runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (one, other) = (runtime(), runtime());
        let (pool, _) = pool(PoolSettings::default());
        for _ in 0..2 {
            assert_eq!(one.block_on(async { get(&pool).await.release_number() }), 0);
            assert_eq!(other.block_on(async { get(&pool).await.release_number() }), 1);
        }
        let both = one.block_on(async { [get(&pool).await, get(&pool).await] });
        assert_eq!(both.map(|lease| *lease), [0, 1], "there may be no more, and the other one has nothing to do");
    }

    impl Lease<Numbers> {
        fn release_number(self) -> usize {
            let number = *self;
            self.release();
            number
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_not_made_or_comes_back_late_is_not_counted() {
        let (pool, _) = pool(PoolSettings::default());
        let late = get(&pool).await;
        get(&pool).await.release();
        pool.close();
        assert_eq!(pool.connections(), Connections { open: 1, idle: 0 });
        late.release();
        assert_eq!(pool.connections(), Connections { open: 0, idle: 0 });
        assert!(pool.get(Instant::now() + Duration::from_secs(60)).await.is_err());
    }
}
