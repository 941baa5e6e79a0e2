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
        Arc, Mutex, MutexGuard, PoisonError, Weak,
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

    /// How many connections there may be.
    pub fn most(&self) -> usize {
        self.0.settings.max
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
        let sweep = Sweep(Arc::downgrade(&self.0));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(pool) = sweep.0.upgrade().filter(|pool| !pool.permits.is_closed()) else { return };
                pool.tend().await;
            }
        });
    }
}

/// The sweep of a pool. When it ends before the pool does, as with its runtime, the next call begins another.
struct Sweep<C: Connect>(Weak<Inner<C>>);

impl<C: Connect> Drop for Sweep<C> {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.swept.store(false, Ordering::Relaxed);
        }
    }
}

impl<C: Connect> Inner<C> {
    fn kept(&self) -> MutexGuard<'_, Kept<C::Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection; `None` where a new one is to be made, which is counted already. The caller has a permit, so
    /// where there may be no more, somebody's is idle.
    fn take(&self, home: runtime::Id, now: Instant) -> Option<Idle<C::Connection>> {
        loop {
            let idle = self.candidate(home, now)?;
            // Neither looking at a connection nor closing it may keep others from the pool. How long it was idle is the
            // sweep's matter, which keeps the least number.
            if !self.outlived(&idle, now) && self.connect.usable(&idle.connection) {
                return Some(idle);
            }
            drop(idle);
            self.kept().open -= 1;
        }
    }

    /// The next connection to look at, which counts as one in use; without one, a new one counts.
    fn candidate(&self, home: runtime::Id, now: Instant) -> Option<Idle<C::Connection>> {
        let mut kept = self.kept();
        let own = kept.idle.iter().rposition(|idle| idle.home == home);
        let free = || kept.idle.iter().rposition(|idle| idle.fresh || now.duration_since(idle.used) > SWEEP);
        let full = kept.open >= self.settings.max;
        let at = own.or_else(free).or_else(|| kept.idle.len().checked_sub(1).filter(|_| full));
        if at.is_none() {
            kept.open += 1;
        }
        at.map(|at| kept.idle.remove(at))
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
mod tests;
