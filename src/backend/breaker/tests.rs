use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::time::{sleep, timeout, timeout_at};

use super::*;
use crate::backend::{Nobody, Options, Retry, sqlite};

/// What a scripted backend does with one run.
#[derive(Clone, Debug)]
enum Does {
    Answer,
    Fail(FailureKind),
    /// Fails with a code of its own.
    Code(FailureKind, &'static str),
    /// Never answers.
    Hang,
    /// Gets a connection after a while, and never answers.
    HangQueued(Duration),
    /// Begins to answer, and no more.
    HangLate,
}

/// Does one thing after the other, and then answers.
#[derive(Debug, Default)]
struct Scripted {
    script: Mutex<VecDeque<Does>>,
    runs: AtomicUsize,
}

impl Backend for Scripted {
    fn run<'a>(&'a self, _: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        Box::pin(async {
            self.runs.fetch_add(1, Ordering::Relaxed);
            let next = self.script.lock().expect("no panic").pop_front();
            match next.unwrap_or(Does::Answer) {
                Does::Answer => sink.begin(&[])?,
                Does::Fail(kind) => return Err(Failure::new(kind, "scripted")),
                Does::Code(kind, code) => {
                    return Err(Failure { code: Some(code.into()), ..Failure::new(kind, "scripted") });
                }
                Does::Hang => std::future::pending().await,
                Does::HangQueued(time) => {
                    sleep(time).await;
                    sink.connected();
                    std::future::pending().await
                }
                Does::HangLate => {
                    sink.begin(&[])?;
                    std::future::pending().await
                }
            }
            sink.end(0)?;
            Ok(Timings::default())
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Health {
        Health::Up
    }

    fn allow_tests(&self) -> bool {
        true
    }

    fn connections(&self) -> Connections {
        Connections { open: 1, idle: 1 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The backend cannot be reached, so many times.
fn unreachable(times: usize) -> Vec<Does> {
    vec![Does::Fail(FailureKind::Unavailable); times]
}

/// A breaker before a backend that does this.
fn breaker(script: Vec<Does>) -> (Breaker, Arc<Scripted>) {
    let scripted = Arc::new(Scripted::default());
    scripted.script.lock().expect("no panic").extend(script);
    (Breaker::new("b", &sqlite::DRIVER, scripted.clone()), scripted)
}

/// One run with a deadline, kept as a call keeps it.
async fn run(breaker: &Breaker, deadline: Duration) -> Result<Timings, Failure> {
    let deadline = Instant::now() + deadline;
    let request = Request {
        statements: Vec::new(),
        write: false,
        dry: false,
        deadline,
        options: Options::default(),
        retry: Retry::default(),
        retries: 0.into(),
        record: None,
        committing: false.into(),
        committed: false.into(),
        jobs: Default::default(),
        origin: None,
    };
    let outcome = timeout_at(deadline, Backend::run(breaker, &request, &mut Nobody)).await;
    outcome.unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout, "the call's deadline passed")))
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

/// Whether five runs like this open the circuit.
async fn opens(does: Does, deadline: Duration) -> bool {
    opens_with(does, deadline, None).await
}

/// The same with another patience.
async fn opens_with(does: Does, deadline: Duration, patience: Option<Duration>) -> bool {
    let (mut breaker, scripted) = breaker(vec![does.clone(); 5]);
    breaker.patience = patience.unwrap_or(breaker.patience);
    for _ in 0..5 {
        assert!(!breaker.circuit_open(), "{does:?}: not yet");
        let _ = run(&breaker, deadline).await;
    }
    assert_eq!(scripted.runs.load(Ordering::Relaxed), 5, "all of them were run");
    breaker.circuit_open()
}

#[tokio::test]
async fn failures_of_the_backend_open_it() {
    for does in [
        Does::Fail(FailureKind::Unavailable),
        Does::Fail(FailureKind::Throttled),
        Does::Code(FailureKind::Unavailable, "28P01"),
    ] {
        assert!(opens(does.clone(), LONG).await, "{does:?}");
    }
    assert!(opens_with(Does::Hang, SHORT, Some(SHORT / 2)).await, "nothing came before the deadline");
}

#[tokio::test]
async fn what_is_not_the_backends_fault_does_not_open_it() {
    for kind in [
        FailureKind::Stopped,
        FailureKind::Overloaded,
        FailureKind::Limited,
        FailureKind::Contention,
        FailureKind::InvalidValue,
        FailureKind::Constraint("unique"),
        FailureKind::Drift,
        FailureKind::Other,
    ] {
        assert!(!opens(Does::Fail(kind.clone()), LONG).await, "{kind:?}");
    }
    assert!(!opens(Does::Hang, SHORT).await, "an action's own short timeout");
    assert!(!opens(Does::Fail(FailureKind::Timeout), LONG).await, "a short bound of the backend's own");
    assert!(!opens(Does::Code(FailureKind::Timeout, "57014"), LONG).await, "the backend itself gave up");
    let queued = Does::HangQueued(Duration::from_millis(200));
    let (deadline, patience) = (Duration::from_millis(220), Duration::from_millis(150));
    assert!(!opens_with(queued, deadline, Some(patience)).await, "it waited for a connection most of the time");
    assert!(!opens_with(Does::HangLate, SHORT, Some(SHORT / 2)).await, "it had begun to answer");
    assert!(!opens(Does::Answer, LONG).await);
}

#[tokio::test]
async fn callers_who_leave_say_nothing() {
    let (mut breaker, _) = breaker(vec![Does::Hang; 5]);
    breaker.patience = SHORT;
    for _ in 0..5 {
        let left = timeout(Duration::from_millis(30), run(&breaker, LONG)).await;
        assert!(left.is_err(), "it hangs");
    }
    assert!(!breaker.circuit_open());
}

#[tokio::test]
async fn while_it_is_open_nothing_runs_and_callers_hear_when_to_come_again() {
    let (breaker, scripted) = breaker(unreachable(5));
    for _ in 0..5 {
        let _ = run(&breaker, LONG).await;
    }
    assert_eq!(breaker.health(), Health::Down);
    let failure = run(&breaker, LONG).await.expect_err("open");
    assert_eq!((failure.kind, failure.again), (FailureKind::Unavailable, crate::backend::Again::Never));
    assert_eq!(failure.message, "the circuit breaker is open: scripted", "the log tells the cause");
    let wait = failure.retry_after.expect("a time to come again");
    assert!(wait <= circuit::OPEN && wait > Duration::ZERO, "{wait:?}");
    assert_eq!(scripted.runs.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_call_that_succeeds_closes_it_and_one_that_leaves_lets_the_next_one_try() {
    let then = vec![Does::Hang, Does::Fail(FailureKind::Overloaded)];
    let (mut breaker, scripted) = breaker([unreachable(6), then].concat());
    for _ in 0..5 {
        let _ = run(&breaker, LONG).await;
    }
    let later = |breaker: &mut Breaker| breaker.started -= circuit::OPEN;
    later(&mut breaker);
    assert_eq!(run(&breaker, LONG).await.expect_err("a probe that fails").message, "scripted");
    assert!(run(&breaker, LONG).await.expect_err("open").retry_after.is_some());
    later(&mut breaker);
    let probe = timeout(SHORT, run(&breaker, LONG)).await;
    assert!(probe.is_err(), "its caller leaves");
    assert_eq!(run(&breaker, LONG).await.expect_err("no connection came free").kind, FailureKind::Overloaded);
    assert!(breaker.circuit_open());
    run(&breaker, LONG).await.expect("a probe that succeeds");
    assert_eq!((breaker.circuit_open(), breaker.health()), (false, Health::Up));
    assert_eq!(scripted.runs.load(Ordering::Relaxed), 9);
}

#[tokio::test]
async fn only_one_call_probes() {
    let (mut breaker, scripted) = breaker([unreachable(5), vec![Does::Hang]].concat());
    for _ in 0..5 {
        let _ = run(&breaker, LONG).await;
    }
    breaker.started -= circuit::OPEN;
    let others = async {
        sleep(SHORT).await;
        for _ in 0..10 {
            assert!(run(&breaker, LONG).await.expect_err("open").retry_after.is_some());
        }
    };
    tokio::select! {
        _ = run(&breaker, LONG) => panic!("it hangs"),
        () = others => {}
    }
    assert_eq!(scripted.runs.load(Ordering::Relaxed), 6);
}
