use std::{
    sync::atomic::{AtomicU64, AtomicUsize},
    thread,
};

use super::*;

/// Connections that are numbers, in the order of their making.
#[derive(Clone, Debug, Default)]
struct Numbers {
    made: Arc<AtomicUsize>,
    stale: Arc<AtomicBool>,
    /// How many milliseconds it takes to make one.
    slow: Arc<AtomicU64>,
    /// Held while one is looked at.
    looking: Arc<Mutex<()>>,
}

impl Connect for Numbers {
    type Connection = usize;

    async fn connect(&self) -> Result<usize, Failure> {
        tokio::time::sleep(Duration::from_millis(self.slow.load(Ordering::Relaxed))).await;
        Ok(self.made.fetch_add(1, Ordering::Relaxed))
    }

    fn usable(&self, _: &usize) -> bool {
        let _looking = self.looking.lock();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_looked_at_for_long_is_in_nobodys_way() {
    let (pool, numbers) = pool(PoolSettings::default());
    get(&pool).await.release();
    let (runtime, looking) = (Handle::current(), numbers.looking.lock());
    thread::scope(|scope| {
        let looked_at = scope.spawn(|| runtime.block_on(get(&pool)).release_number());
        let taken = (0..5000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            pool.0.kept.try_lock().is_ok_and(|kept| kept.idle.is_empty())
        });
        drop(looking);
        assert_eq!((taken, looked_at.join().expect("no panic")), (true, 0));
    });
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

#[test]
fn the_sweep_outlives_the_runtime_that_began_it() {
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (pool, _) = pool(PoolSettings::default());
    let swept = || pool.0.swept.load(Ordering::Relaxed);
    let first = runtime();
    first.block_on(async { get(&pool).await.release() });
    assert!(swept());
    drop(first);
    assert!(!swept(), "the next call begins another");
    runtime().block_on(async {
        get(&pool).await.release();
        assert!(swept());
    });
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
