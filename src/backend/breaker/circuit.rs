//! When calls are refused: a state machine of counters that calls share without locks. It knows no clock and no backend: what
//! time it is comes from outside, counted from any one moment on.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// So many failures in a row open it.
const IN_A_ROW: u32 = 5;
/// It looks back so many seconds, the one that runs included.
const WINDOW: usize = 10;
/// Within the window, half of so many calls or more open it.
const ENOUGH: u64 = 20;
/// How long it stays open before a call is let through as a probe, and how long the next one waits for that probe.
pub const OPEN: Duration = Duration::from_secs(5);

/// In [`Circuit::open_until`], that it is closed.
const CLOSED: u64 = 0;

/// Lets calls through as long as they do not fail too often.
#[derive(Debug, Default)]
pub struct Circuit {
    /// While it is open, the millisecond from which on a call may probe.
    open_until: AtomicU64,
    /// The millisecond in which it was closed last. Calls from before then tell of another time.
    closed_at: AtomicU64,
    /// Failures since the last success.
    in_a_row: AtomicU32,
    /// What happened in each of the last seconds: [`Second`].
    seconds: [AtomicU64; WINDOW],
}

/// The way through, for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// When it was given.
    pub since: Duration,
    /// For a probe, until when no other call becomes one.
    lease: Option<u64>,
}

/// What a call did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    None,
    /// It opened.
    Opened,
    /// It closed.
    Closed,
}

impl Circuit {
    /// A way through, or how long none is given.
    pub fn enter(&self, now: Duration) -> Result<Pass, Duration> {
        let until = self.open_until.load(Relaxed);
        if until == CLOSED {
            return Ok(Pass { since: now, lease: None });
        }
        let (moment, lease) = (millis(now), millis(now + OPEN));
        if moment >= until {
            // A probe that is never heard of again keeps nobody out for longer than this.
            match self.open_until.compare_exchange(until, lease, Relaxed, Relaxed) {
                Ok(_) => return Ok(Pass { since: now, lease: Some(lease) }),
                Err(CLOSED) => return Ok(Pass { since: now, lease: None }),
                Err(_) => return Err(OPEN),
            }
        }
        Err(Duration::from_millis(until - moment))
    }

    /// The backend answered.
    pub fn succeeded(&self, pass: Pass, now: Duration) -> Turn {
        if self.is_open() {
            return if pass.lease.is_some() { self.close(now) } else { Turn::None };
        }
        if self.in_a_row.load(Relaxed) > 0 {
            self.in_a_row.store(0, Relaxed);
        }
        self.count(now, false);
        Turn::None
    }

    /// The backend failed.
    pub fn failed(&self, pass: Pass, now: Duration) -> Turn {
        let later = millis(now + OPEN);
        if self.is_open() {
            if pass.lease.is_some() {
                let longer = |until: u64| (until != CLOSED).then(|| until.max(later));
                // Where another probe has just closed it, that one knows better.
                let _ = self.open_until.fetch_update(Relaxed, Relaxed, longer);
            }
            return Turn::None;
        }
        if millis(pass.since) < self.closed_at.load(Relaxed) {
            return Turn::None;
        }
        self.count(now, true);
        let in_a_row = self.in_a_row.fetch_add(1, Relaxed) + 1;
        let (calls, failures) = self.counted(now);
        let opens = in_a_row >= IN_A_ROW || calls >= ENOUGH && failures * 2 >= calls;
        if opens && self.open_until.compare_exchange(CLOSED, later, Relaxed, Relaxed).is_ok() {
            return Turn::Opened;
        }
        Turn::None
    }

    /// The call says nothing of the backend. A probe is for the next call then.
    pub fn undecided(&self, pass: Pass, now: Duration) {
        if let Some(lease) = pass.lease {
            let _ = self.open_until.compare_exchange(lease, millis(now).max(1), Relaxed, Relaxed);
        }
    }

    /// Whether calls are refused, or one of them probes.
    pub fn is_open(&self) -> bool {
        self.open_until.load(Relaxed) != CLOSED
    }

    /// Whether no call would be let through.
    pub fn refuses(&self, now: Duration) -> bool {
        millis(now) < self.open_until.load(Relaxed)
    }

    fn close(&self, now: Duration) -> Turn {
        self.in_a_row.store(0, Relaxed);
        self.seconds.iter().for_each(|second| second.store(0, Relaxed));
        self.closed_at.store(millis(now), Relaxed);
        if self.open_until.swap(CLOSED, Relaxed) == CLOSED { Turn::None } else { Turn::Closed }
    }

    fn count(&self, now: Duration, failed: bool) {
        let at = now.as_secs();
        let add = |word| Some(Second::of(word).with(at, failed).word());
        let _ = self.seconds[at as usize % WINDOW].fetch_update(Relaxed, Relaxed, add);
    }

    /// The calls in the window, and how many of them failed.
    fn counted(&self, now: Duration) -> (u64, u64) {
        let oldest = (now.as_secs() + 1).saturating_sub(WINDOW as u64);
        let seconds = self.seconds.iter().map(|word| Second::of(word.load(Relaxed)));
        let recent = seconds.filter(|second| second.at >= oldest);
        recent.fold((0, 0), |(calls, failures), second| (calls + second.calls, failures + second.failures))
    }
}

/// What happened in one second, in one word: so that it is changed as a whole.
#[derive(Clone, Copy, Debug)]
struct Second {
    /// Which second: 28 bits are eight years.
    at: u64,
    calls: u64,
    failures: u64,
}

impl Second {
    /// The bits of each number of calls: a quarter of a million in a second, which stands for more.
    const BITS: u32 = 18;
    const MOST: u64 = (1 << Self::BITS) - 1;

    fn of(word: u64) -> Self {
        Self { at: word >> (2 * Self::BITS), calls: word >> Self::BITS & Self::MOST, failures: word & Self::MOST }
    }

    fn word(self) -> u64 {
        self.at << (2 * Self::BITS) | self.calls << Self::BITS | self.failures
    }

    /// With another call, of that second.
    fn with(self, at: u64, failed: bool) -> Self {
        let same = if self.at == at { self } else { Self { at, calls: 0, failures: 0 } };
        Self {
            at,
            calls: (same.calls + 1).min(Self::MOST),
            failures: (same.failures + u64::from(failed)).min(Self::MOST),
        }
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The same rules, written down plainly.
    #[derive(Default)]
    struct Model {
        now: u64,
        /// The second of each call that counted, and whether it failed.
        calls: Vec<(u64, bool)>,
        in_a_row: u32,
        open_until: Option<u64>,
        closed_at: u64,
    }

    #[derive(Clone, Copy, Debug)]
    struct Ticket {
        since: u64,
        /// Of a probe.
        until: Option<u64>,
    }

    impl Model {
        fn enter(&mut self) -> Result<Ticket, u64> {
            match self.open_until {
                None => Ok(Ticket { since: self.now, until: None }),
                Some(until) if until > self.now => Err(until - self.now),
                Some(_) => {
                    self.open_until = Some(self.now + 5000);
                    Ok(Ticket { since: self.now, until: self.open_until })
                }
            }
        }

        fn finish(&mut self, ticket: Ticket, outcome: Option<bool>) -> Turn {
            match (self.open_until, ticket.until, outcome) {
                (Some(until), Some(lease), None) if until == lease => self.open_until = Some(self.now),
                (Some(_), Some(_), Some(true)) => {
                    let now = self.now;
                    *self = Self { now, closed_at: now, ..Self::default() };
                    return Turn::Closed;
                }
                (Some(until), Some(_), Some(false)) => self.open_until = Some(until.max(self.now + 5000)),
                (None, _, Some(success)) => return self.count(ticket, success),
                _ => {}
            }
            Turn::None
        }

        fn count(&mut self, ticket: Ticket, success: bool) -> Turn {
            if !success && ticket.since < self.closed_at {
                return Turn::None;
            }
            self.calls.push((self.now / 1000, !success));
            self.in_a_row = if success { 0 } else { self.in_a_row + 1 };
            let recent = self.calls.iter().filter(|(second, _)| second + 10 > self.now / 1000);
            let failures = recent.clone().filter(|(_, failed)| *failed).count();
            let many = recent.clone().count() >= 20 && failures * 2 >= recent.count();
            if !success && (self.in_a_row >= 5 || many) {
                self.open_until = Some(self.now + 5000);
                return Turn::Opened;
            }
            Turn::None
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u64),
        Enter,
        /// One of the calls that run ends so.
        Finish(prop::sample::Index, Option<bool>),
        /// A whole call.
        Call(Option<bool>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let outcome = || prop_oneof![4 => Just(Some(true)), 4 => Just(Some(false)), 1 => Just(None)];
        prop_oneof![
            2 => (0_u64..900).prop_map(Step::Wait),
            1 => (4000_u64..12_000).prop_map(Step::Wait),
            3 => Just(Step::Enter),
            3 => (any::<prop::sample::Index>(), outcome()).prop_map(|(index, outcome)| Step::Finish(index, outcome)),
            12 => outcome().prop_map(Step::Call),
        ]
    }

    proptest! {
        #[test]
        fn it_turns_as_the_plain_rules_say(steps in vec(step(), 0..200)) {
            let (circuit, mut model) = (Circuit::default(), Model { now: 1, ..Model::default() });
            let mut running = Vec::new();
            for step in steps {
                let now = Duration::from_millis(model.now);
                let (ended, outcome) = match step {
                    Step::Wait(time) => { model.now += time; continue }
                    Step::Enter | Step::Call(_) => {
                        let (pass, ticket) = (circuit.enter(now), model.enter());
                        prop_assert_eq!(pass.map(|pass| pass.lease).map_err(millis), ticket.map(|ticket| ticket.until));
                        let Step::Call(outcome) = step else { running.extend(pass.ok().zip(ticket.ok())); continue };
                        let Some(entered) = pass.ok().zip(ticket.ok()) else { continue };
                        (entered, outcome)
                    }
                    Step::Finish(index, outcome) if !running.is_empty() => {
                        (running.swap_remove(index.index(running.len())), outcome)
                    }
                    Step::Finish(..) => continue,
                };
                let (pass, ticket) = ended;
                let turn = match outcome {
                    Some(true) => circuit.succeeded(pass, now),
                    Some(false) => circuit.failed(pass, now),
                    None => { circuit.undecided(pass, now); Turn::None }
                };
                prop_assert_eq!(turn, model.finish(ticket, outcome));
                prop_assert_eq!(circuit.is_open(), model.open_until.is_some());
            }
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn call(circuit: &Circuit, now: Duration, success: bool) -> Turn {
        let pass = circuit.enter(now).expect("closed");
        if success { circuit.succeeded(pass, now) } else { circuit.failed(pass, now) }
    }

    fn open(circuit: &Circuit, now: Duration) {
        assert!((0..5).any(|_| call(circuit, now, false) == Turn::Opened));
    }

    fn opened(now: Duration) -> Circuit {
        let circuit = Circuit::default();
        open(&circuit, now);
        circuit
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        let circuit = Circuit::default();
        for success in [false, false, false, false, true, false, false, false, false] {
            assert_eq!(call(&circuit, at(100), success), Turn::None);
        }
        assert_eq!(call(&circuit, at(100), false), Turn::Opened);
        assert_eq!(circuit.enter(at(101)), Err(at(4)));
        assert_eq!([at(104), at(105)].map(|now| circuit.refuses(now)), [true, false]);
    }

    #[test]
    fn half_of_twenty_open_it() {
        let circuit = Circuit::default();
        let turns: Vec<Turn> = (0..20).map(|call_no| call(&circuit, at(100), call_no % 2 == 0)).collect();
        assert_eq!(turns.iter().position(|turn| *turn == Turn::Opened), Some(19));
    }

    #[test]
    fn what_happened_ten_seconds_ago_is_forgotten() {
        let circuit = Circuit::default();
        for call_no in 0..19 {
            assert_eq!(call(&circuit, at(100), call_no % 2 == 0), Turn::None);
        }
        assert_eq!(call(&circuit, at(110), false), Turn::None);
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let circuit = opened(at(100));
        let probe = circuit.enter(at(105)).expect("a probe");
        assert_eq!(circuit.enter(at(106)), Err(at(4)), "the others wait for it");
        assert_eq!(circuit.failed(probe, at(107)), Turn::None);
        assert_eq!(circuit.enter(at(111)), Err(at(1)), "it failed at 107");
        let left = circuit.enter(at(112)).expect("another probe");
        circuit.undecided(left, at(113));
        let probe = circuit.enter(at(113)).expect("its caller left, so the next one probes");
        assert_eq!(circuit.succeeded(probe, at(114)), Turn::Closed);
        assert_eq!(call(&circuit, at(114), false), Turn::None, "it begins anew");
    }

    #[test]
    fn a_probe_that_hangs_keeps_nobody_out_for_good() {
        let circuit = opened(at(100));
        let hung = circuit.enter(at(105)).expect("a probe");
        let probe = circuit.enter(at(110)).expect("another probe");
        assert_eq!(circuit.succeeded(probe, at(111)), Turn::Closed);
        assert_eq!(circuit.failed(hung, at(140)), Turn::None);
        assert!(!circuit.is_open());
    }

    #[test]
    fn calls_of_before_it_closed_do_not_open_it_again() {
        let circuit = Circuit::default();
        let old: Vec<Pass> = (0..8).map(|_| circuit.enter(at(99)).expect("closed")).collect();
        open(&circuit, at(100));
        let probe = circuit.enter(at(105)).expect("a probe");
        assert_eq!(circuit.succeeded(probe, at(105)), Turn::Closed);
        for pass in old {
            assert_eq!(circuit.failed(pass, at(120)), Turn::None);
        }
    }

    #[test]
    fn among_threads_one_opens_it_and_one_probes() {
        for _ in 0..50 {
            let circuit = Circuit::default();
            let among = |work: &(dyn Fn() -> bool + Sync)| -> usize {
                std::thread::scope(|scope| {
                    let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
                    threads.into_iter().map(|thread| usize::from(thread.join().expect("fine"))).sum()
                })
            };
            let pass = circuit.enter(at(100)).expect("closed");
            assert_eq!(among(&|| circuit.failed(pass, at(100)) == Turn::Opened), 1);
            assert_eq!(among(&|| circuit.enter(at(105)).is_ok()), 1);
        }
    }
}
