//! Writes under an idempotency key (SPEC 6): each runs once, and whoever repeats it gets its outcome. What is known of a key
//! is known in this process only.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    CallError, Code, Target, Trace, acquire, check_rates,
    digest::{self, Digest},
    perform, prepare, stands,
};
use crate::action::{Age, Encoded, Kept, Variables};

/// How long an outcome is replayed, and one in doubt kept even where others need the room.
const REPLAYED: Duration = Duration::from_secs(600);
/// How long an outcome in doubt keeps its call from running again: longer than anybody repeats by itself.
const IN_DOUBT: Duration = Duration::from_secs(24 * 3600);
/// The most bytes of outcomes, those that still run apart.
const MAX_BYTES: usize = 64 << 20;
/// What a key takes besides its outcome: its slots in the tables and what is allocated.
const OVERHEAD: usize = 512;

/// How many may wait for one call: CXone sends a call that failed up to two times more, and nobody sends it faster than that.
const WAITING: usize = 3;

/// The keys of writes that run or have run, with their outcomes.
#[derive(Debug)]
pub struct Repeats {
    memory: Mutex<Memory>,
    max_bytes: usize,
}

impl Default for Repeats {
    fn default() -> Self {
        Self::new(MAX_BYTES)
    }
}

/// The key of one write. It belongs to an action and to who calls.
#[derive(Clone, Copy, Debug)]
pub struct Under<'a> {
    /// Where keys are remembered.
    pub repeats: &'a Repeats,
    /// The name of the caller's access key.
    pub caller: Option<&'a str>,
    /// The caller's word.
    pub key: &'a str,
    /// Set once it is the first: from then on it has to be run to its end.
    pub first: &'a AtomicBool,
}

/// Makes a write under a key, or answers what came of it before. Where it is the first, it is to be run to its end, also when
/// the caller has left: a future that is dropped on the way leaves its outcome in doubt.
///
/// Those who wait for another send of the same call hold no place among the calls that run, so that they cannot be in its
/// way. There are no more of them than may wait in the gateway's queue, nor many for one call.
pub async fn once(
    target: Target<'_>,
    under: Under<'_>,
    variables: &Variables<'_>,
    trace: &mut Trace,
) -> Result<Encoded, CallError> {
    let action = target.action;
    let started = Instant::now();
    let deadline = started + action.timeout;
    check_rates(target)?;
    let prepared = prepare(action, variables, trace);
    let key = digest::of_texts(&[&action.name, under.caller.unwrap_or_default(), under.key]);
    let values = digest::of_sent(action, variables);
    let most = target.limiters[0].map_or(usize::MAX, |limiter| limiter.settings().queue);
    let ticket = loop {
        match under.repeats.begin(key, values, most, Instant::now()) {
            Begun::First(ticket) => break ticket,
            Begun::Running(waiting) => {
                let ended = timeout_at(deadline, waiting.end()).await;
                trace.queue = started.elapsed();
                if ended.is_err() {
                    let error = CallError::new(Code::Timeout).detail("another call under the same key still runs");
                    return Err(CallError { in_doubt: true, ..error });
                }
            }
            Begun::Done(outcome) => {
                trace.replayed = true;
                return match &*outcome {
                    Outcome::Answer(kept) => Ok(kept.answer(target.request_id, Age::New)),
                    Outcome::Failure(error) => Err(error.clone()),
                };
            }
            Begun::Conflict => return Err(CallError::new(Code::IdempotencyConflict)),
            Begun::Crowded => {
                return Err(CallError::new(Code::Overloaded).detail("too many repeats wait for calls that run"));
            }
            Begun::Full => {
                return Err(CallError::new(Code::Overloaded).detail("no further idempotency key can be remembered"));
            }
        }
    };
    under.first.store(true, Ordering::Relaxed);
    // Not before: a repeat finds its outcome, even where its action wants other variables by now.
    let outcome = match prepared {
        Ok(()) => first(target, deadline, trace).await,
        Err(error) => Err(error),
    };
    ticket.finish(&outcome, Instant::now());
    outcome
}

async fn first(target: Target<'_>, deadline: Instant, trace: &mut Trace) -> Result<Encoded, CallError> {
    stands(target)?;
    let _permits = acquire(target, deadline, trace).await?;
    perform(target, true, deadline, trace).await
}

/// What repeats of a call get.
#[derive(Debug)]
enum Outcome {
    Answer(Kept),
    Failure(CallError),
}

impl Outcome {
    /// What is kept of an outcome: what another try would not change, and what may have taken effect. What certainly had no
    /// effect and may pass is not kept.
    fn of(outcome: &Result<Encoded, CallError>) -> Option<Self> {
        match outcome {
            Ok(answer) => Some(Self::Answer(Kept::of(answer))),
            Err(error) => {
                let lasts = matches!(
                    error.code,
                    Code::NotFound | Code::ResultInvalid | Code::ConstraintViolation | Code::Own(_)
                );
                (lasts || error.in_doubt || error.committed).then(|| Self::Failure(error.clone()))
            }
        }
    }

    fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Failure(error) if error.in_doubt)
    }

    fn size(&self) -> usize {
        match self {
            Self::Answer(kept) => kept.size(),
            Self::Failure(error) => error.message.len() + error.detail.as_ref().map_or(0, |detail| detail.len()),
        }
    }
}

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<Digest, Known>,
    /// The keys with an outcome that is certain, and since when; the oldest first.
    certain: VecDeque<(Instant, Digest)>,
    /// The same of those in doubt, which make room for others only once they are old.
    doubtful: VecDeque<(Instant, Digest)>,
    bytes: usize,
    /// How many wait for calls that run.
    waiting: usize,
    /// When the log last heard that there was no room.
    warned: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    values: Digest,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(Arc<Run>),
    Done(Arc<Outcome>),
}

/// A call that runs.
#[derive(Debug)]
struct Run {
    /// Has no permits, and is closed when the call ends.
    end: Semaphore,
    /// How many wait for it; changed while the memory is held.
    waiting: AtomicUsize,
}

/// Held by who waits for a call that runs.
#[derive(Debug)]
struct Waiting<'a> {
    repeats: &'a Repeats,
    run: Arc<Run>,
}

impl Waiting<'_> {
    async fn end(&self) {
        // It gives no permits.
        let _ = self.run.end.acquire().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.repeats.memory().waiting -= 1;
        self.run.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a call under a key finds.
#[derive(Debug)]
enum Begun<'a> {
    /// It is the first, and has to finish.
    First(Ticket<'a>),
    /// Another one runs.
    Running(Waiting<'a>),
    /// Another one runs, and too many wait already.
    Crowded,
    /// Another one has run.
    Done(Arc<Outcome>),
    /// The key was used with other values.
    Conflict,
    /// The memory is full of keys that must not be forgotten.
    Full,
}

impl Repeats {
    fn new(max_bytes: usize) -> Self {
        Self { memory: Mutex::default(), max_bytes }
    }

    /// `most` may wait for calls that run, of whichever keys.
    fn begin(&self, key: Digest, values: Digest, most: usize, now: Instant) -> Begun<'_> {
        let memory = &mut *self.memory();
        memory.forget_expired(now);
        if let Some(known) = memory.known.get(&key) {
            return match &known.state {
                _ if known.values != values => Begun::Conflict,
                State::Running(run) if memory.waiting >= most || run.waiting.load(Ordering::Relaxed) >= WAITING => {
                    Begun::Crowded
                }
                State::Running(run) => {
                    memory.waiting += 1;
                    run.waiting.fetch_add(1, Ordering::Relaxed);
                    Begun::Running(Waiting { repeats: self, run: run.clone() })
                }
                State::Done(outcome) => Begun::Done(outcome.clone()),
            };
        }
        if !memory.make_room(self.max_bytes.saturating_sub(OVERHEAD), now) {
            return Begun::Full;
        }
        let run = Arc::new(Run { end: Semaphore::new(0), waiting: AtomicUsize::new(0) });
        memory.known.insert(key, Known { values, state: State::Running(run.clone()) });
        memory.bytes += OVERHEAD;
        Begun::First(Ticket { repeats: self, key, finished: false, run })
    }

    fn finish(&self, key: Digest, outcome: Option<Outcome>, now: Instant) {
        let mut memory = self.memory();
        let Some(outcome) = outcome else {
            memory.forget(&key);
            return;
        };
        // What has run has to be remembered, even if the others that run leave no room for it.
        memory.make_room(self.max_bytes.saturating_sub(outcome.size()), now);
        memory.bytes += outcome.size();
        let finished = if outcome.is_in_doubt() { &mut memory.doubtful } else { &mut memory.certain };
        finished.push_back((now, key));
        if let Some(known) = memory.known.get_mut(&key) {
            known.state = State::Done(Arc::new(outcome));
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn forget_expired(&mut self, now: Instant) {
        for (finished, time) in [(&mut self.certain, REPLAYED), (&mut self.doubtful, IN_DOUBT)] {
            let expired =
                finished.iter().take_while(|(since, _)| now.saturating_duration_since(*since) >= time).count();
            for (_, key) in finished.drain(..expired) {
                self.bytes -= forget(&mut self.known, &key);
            }
        }
    }

    /// Forgets outcomes until no more than these bytes are used, if that can be: the oldest that are certain, then the
    /// oldest in doubt that nobody repeats by itself any more. Otherwise a bad day of the database would be one of all keys.
    fn make_room(&mut self, most: usize, now: Instant) -> bool {
        while self.bytes > most {
            let oldest = match self.certain.pop_front() {
                Some(oldest) => Some(oldest),
                None => {
                    self.warn(now);
                    let old = |(since, _): &(Instant, Digest)| now.saturating_duration_since(*since) >= REPLAYED;
                    if self.doubtful.front().is_some_and(old) { self.doubtful.pop_front() } else { None }
                }
            };
            let Some((_, oldest)) = oldest else { return false };
            self.forget(&oldest);
        }
        true
    }

    /// Tells the log, once a minute at most.
    fn warn(&mut self, now: Instant) {
        if self.warned.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_secs(60)) {
            self.warned = Some(now);
            let (keys, in_doubt) = (self.known.len(), self.doubtful.len());
            tracing::warn!(keys, in_doubt, "idempotency keys that run or are in doubt leave no room for others");
        }
    }

    fn forget(&mut self, key: &Digest) {
        self.bytes -= forget(&mut self.known, key);
    }
}

/// Forgets a key; answers how many bytes it took.
fn forget(known: &mut HashMap<Digest, Known>, key: &Digest) -> usize {
    match known.remove(key) {
        Some(Known { state: State::Done(outcome), .. }) => OVERHEAD + outcome.size(),
        Some(_) => OVERHEAD,
        None => 0,
    }
}

/// Held by the call that runs.
#[derive(Debug)]
struct Ticket<'a> {
    repeats: &'a Repeats,
    key: Digest,
    finished: bool,
    run: Arc<Run>,
}

impl Ticket<'_> {
    fn finish(mut self, outcome: &Result<Encoded, CallError>, now: Instant) {
        self.finished = true;
        self.repeats.finish(self.key, Outcome::of(outcome), now);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let error = CallError { in_doubt: true, ..CallError::new(Code::Internal) };
            self.repeats.finish(self.key, Some(Outcome::Failure(error)), Instant::now());
        }
        // The outcome is known: that wakes those who wait.
        self.run.end.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// What a call of the model ends with.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum End {
        /// Kept for ten minutes.
        Certain,
        /// Kept for a day.
        Doubtful,
        /// Not kept.
        Passing,
    }

    #[derive(Clone, Debug)]
    enum Move {
        Begin { key: u8, values: u8 },
        Finish { key: u8, end: End },
        Wait(u64),
    }

    fn any_move() -> impl Strategy<Value = Move> {
        let end = prop::sample::select(vec![End::Certain, End::Doubtful, End::Passing]);
        prop_oneof![
            4 => (0u8..6, 0u8..2).prop_map(|(key, values)| Move::Begin { key, values }),
            4 => (0u8..6, end).prop_map(|(key, end)| Move::Finish { key, end }),
            1 => (1u64..100_000).prop_map(Move::Wait),
        ]
    }

    fn digest(number: u8) -> Digest {
        [number; 32]
    }

    fn ended(end: End) -> Result<Encoded, CallError> {
        let error = CallError::new(match end {
            End::Certain => Code::NotFound,
            _ => Code::Timeout,
        });
        Err(CallError { in_doubt: end == End::Doubtful, ..error })
    }

    /// What is known of a key: its values, and since when it has an outcome in doubt or not, unless it runs.
    type Model = HashMap<u8, (u8, Option<(u64, bool)>)>;

    fn expire(model: &mut Model, now: u64) {
        model.retain(|_, (_, done)| {
            done.is_none_or(|(since, doubtful)| now - since < if doubtful { IN_DOUBT } else { REPLAYED }.as_secs())
        });
    }

    proptest! {
        #[test]
        fn the_store_knows_what_a_simple_one_would(moves in prop::collection::vec(any_move(), 0..60)) {
            let repeats = Repeats::default();
            let mut model = Model::new();
            let mut tickets = HashMap::new();
            let start = Instant::now();
            let mut now = 0;
            for each in moves {
                let at = start + Duration::from_secs(now);
                match each {
                    Move::Wait(seconds) => now += seconds,
                    Move::Begin { key, values } => {
                        expire(&mut model, now);
                        let begun = repeats.begin(digest(key), digest(values), usize::MAX, at);
                        match (begun, model.get(&key)) {
                            (Begun::First(ticket), None) => {
                                tickets.insert(key, ticket);
                                model.insert(key, (values, None));
                            }
                            (Begun::Conflict, Some((other, _))) => prop_assert_ne!(values, *other),
                            (Begun::Running(_), Some((same, None))) => prop_assert_eq!(values, *same),
                            (Begun::Done(outcome), Some((same, Some((_, doubtful))))) => {
                                prop_assert_eq!((values, outcome.is_in_doubt()), (*same, *doubtful));
                            }
                            (begun, known) => prop_assert!(false, "{begun:?} {known:?}"),
                        }
                    }
                    Move::Finish { key, end } => {
                        let Some(ticket) = tickets.remove(&key) else { continue };
                        ticket.finish(&ended(end), at);
                        match end {
                            End::Passing => _ = model.remove(&key),
                            end => model.get_mut(&key).expect("it ran").1 = Some((now, end != End::Certain)),
                        }
                    }
                }
            }
        }

        #[test]
        fn a_full_store_forgets_no_key_that_runs_or_is_in_doubt(moves in prop::collection::vec(any_move(), 0..200)) {
            let most = 4 * OVERHEAD;
            let repeats = Repeats::new(most);
            let now = Instant::now();
            let mut tickets = HashMap::new();
            let mut doubtful: HashMap<u8, u8> = HashMap::new();
            for each in moves {
                match each {
                    Move::Wait(_) => {}
                    Move::Begin { key, values } => match repeats.begin(digest(key), digest(values), usize::MAX, now) {
                        Begun::First(ticket) => {
                            prop_assert!(!doubtful.contains_key(&key));
                            prop_assert!(tickets.insert(key, (ticket, values)).is_none());
                        }
                        Begun::Full => prop_assert!(tickets.len() + doubtful.len() >= 3),
                        _ => {}
                    },
                    Move::Finish { key, end } => {
                        let Some((ticket, values)) = tickets.remove(&key) else { continue };
                        ticket.finish(&ended(end), now);
                        if end == End::Doubtful {
                            doubtful.insert(key, values);
                        }
                    }
                }
                let memory = repeats.memory();
                let outcomes = doubtful.len() + 1;
                prop_assert!(memory.bytes <= most + outcomes * 100, "{} bytes", memory.bytes);
                prop_assert_eq!(memory.known.len(), tickets.len() + memory.certain.len() + memory.doubtful.len());
            }
            drop(tickets);
            let left: usize = repeats.memory().known.values().map(|known| match &known.state {
                State::Running(_) => OVERHEAD,
                State::Done(outcome) => OVERHEAD + outcome.size(),
            }).sum();
            prop_assert_eq!(repeats.memory().bytes, left);
        }
    }

    #[test]
    fn a_full_store_takes_keys_again_once_its_doubts_are_old() {
        let repeats = Repeats::new(4 * OVERHEAD);
        let start = Instant::now();
        let begin = |key, at| repeats.begin(digest(key), digest(0), usize::MAX, start + at);
        for key in 1..=3 {
            let Begun::First(ticket) = begin(key, Duration::ZERO) else { panic!("there is room") };
            ticket.finish(&ended(End::Doubtful), start);
        }
        let soon = REPLAYED - Duration::from_secs(1);
        assert!(matches!(begin(4, soon), Begun::Full));
        assert!(matches!(begin(1, soon), Begun::Done(_)));
        assert!(matches!(begin(4, REPLAYED), Begun::First(_)));
        assert!(matches!(begin(3, REPLAYED), Begun::Done(_)), "no more is forgotten than there has to be");
    }

    #[test]
    fn a_call_that_is_lost_on_its_way_is_in_doubt() {
        let repeats = Repeats::default();
        let now = Instant::now();
        let begun = repeats.begin(digest(1), digest(1), usize::MAX, now);
        let Begun::Running(waiting) = repeats.begin(digest(1), digest(1), usize::MAX, now) else { panic!("it runs") };
        drop(begun);
        assert!(waiting.end().now_or_never().is_some(), "those who wait are woken");
        let Begun::Done(outcome) = repeats.begin(digest(1), digest(1), usize::MAX, now) else { panic!("it is done") };
        assert!(outcome.is_in_doubt());
    }

    #[test]
    fn only_what_would_come_again_or_may_have_happened_is_kept() {
        let kept = |code, in_doubt| Outcome::of(&Err(CallError { in_doubt, ..CallError::new(code) })).is_some();
        let own = || Code::Own(Box::new(crate::action::OwnError { code: "closed".into(), http: 409 }));
        for code in [Code::NotFound, Code::ResultInvalid, Code::ConstraintViolation, own()] {
            assert!(kept(code, false));
        }
        for code in [
            Code::InvalidParameter,
            Code::RateLimited,
            Code::Overloaded,
            Code::BackendUnavailable,
            Code::Contention,
            Code::Timeout,
            Code::SchemaDrift,
            Code::CostExceeded,
            Code::BackendError,
            Code::ResultTooLarge,
            Code::Internal,
        ] {
            assert!(!kept(code.clone(), false), "{code:?}");
            assert!(kept(code, true));
        }
    }
}
