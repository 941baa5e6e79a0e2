//! Watches the live backends of a gateway: examines actions that are new, once a minute, or as seldom as the backend wants, those whose tables changed, and at
//! once those whose calls fail as if something was missing. A round is broken off for what is more urgent. What it finds is in each action's [`Standing`](crate::catalog::Standing).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinHandle, JoinSet, yield_now},
    time::{Instant, sleep, sleep_until},
};

use super::examine::{asked, costs, examine, tables};
use crate::{
    action::Action,
    backend::{Backend, Failure, FailureKind, Inspect},
    catalog::{Entry, Finding, State},
    diagnostic::{Diagnostic, Report, has_errors},
    gateway::{Gateway, Live},
};

/// How often backends are asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time from one comparison of tables, and one look at costs, to the next.
    pub every: Duration,
    /// How long a reload or a suspicion is waited on for others.
    pub gather: Duration,
    /// The least time between two checks that failing calls ask for.
    pub apart: Duration,
    /// How soon a backend that cannot be reached is tried again.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            gather: Duration::from_millis(250),
            apart: Duration::from_secs(5),
            retry: Duration::from_secs(5),
        }
    }
}

/// Backends that are being watched, until this is dropped.
#[derive(Debug)]
pub struct Watch {
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the backends of `live`, each by itself. Wants a tokio runtime.
pub fn watch(live: Arc<Live>, pace: Pace) -> Watch {
    Watch { task: tokio::spawn(watch_all(live, pace)) }
}

async fn watch_all(live: Arc<Live>, pace: Pace) {
    let mut changes = live.changes();
    let mut tasks = JoinSet::new();
    let mut watched: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        let gateway = live.snapshot();
        watched.retain(|name, task| {
            let stays = gateway.backends.contains_key(name);
            if !stays {
                task.abort();
            }
            stays && !task.is_finished()
        });
        for name in gateway.backends.keys().filter(|name| !watched.contains_key(*name)).cloned().collect::<Vec<_>>() {
            watched.insert(name.clone(), tasks.spawn(watch_one(live.clone(), name, pace)));
        }
        drop(gateway);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            Some(ended) = tasks.join_next() => if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("watching a backend failed by a mistake of datadip's; it is begun again");
                sleep(pace.retry).await;
            },
        }
    }
}

async fn watch_one(live: Arc<Live>, name: String, pace: Pace) {
    let mut changes = live.changes();
    let mut alarm = live.snapshot().catalog.alarm().listen();
    let mut watched = Watched::default();
    let mut regular = Instant::now();
    let mut alarmed = Instant::now();
    // How many regular rounds in a row left something unknown.
    let mut left = 0;
    loop {
        let gateway = live.snapshot();
        let begun = Instant::now();
        let due = begun >= regular;
        let urgent = || {
            let heard = |what: &watch::Receiver<()>| what.has_changed().unwrap_or(true);
            heard(&changes) || (Instant::now() >= alarmed && heard(&alarm))
        };
        let round = watched.check(&gateway, &name, due, pace, urgent).await;
        let least = gateway.backends.get(&name).and_then(|backend| backend.inspect()).map(Inspect::every);
        let least = least.unwrap_or_default();
        drop(gateway);
        let longest = pace.every.max(least);
        match round {
            // What is due while the backend is down, or something else more urgent, is still due then.
            Round::Broken => {}
            Round::Left => {
                let wait = (pace.every.max(least / 60) * (1 << left)).min(longest);
                regular = if due { begun + wait } else { regular.min(begun + wait) };
                left = if due { MOST_LEFT.min(left + 1) } else { left };
            }
            Round::Done if due => (regular, left) = (begun + longest, 0),
            Round::Done => {}
        }
        let next = if round == Round::Broken { Instant::now() + pace.retry.max(least / 60) } else { regular };
        tokio::select! {
            () = sleep_until(next) => {}
            _ = changes.changed() => sleep(pace.gather).await,
            () = heard(&mut alarm, alarmed) => {
                sleep(pace.gather).await;
                alarmed = Instant::now() + pace.apart;
            }
        }
    }
}

/// Waits for an alarm, and for the time from which on alarms are answered. The suspicions themselves are kept by the actions.
async fn heard(alarm: &mut watch::Receiver<()>, from: Instant) {
    // A catalog, and with it its alarm, is always held by the gateway that serves.
    let _ = alarm.changed().await;
    sleep_until(from).await;
}

/// How a round of checks went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// All is known.
    Done,
    /// Something could not be told. A backend that is asked seldom is asked again sooner, each time after twice as long.
    Left,
    /// The backend cannot be reached, or something more urgent came in between.
    Broken,
}

/// So often the time to the next round doubles.
const MOST_LEFT: u32 = 6;

/// What is known of the actions on one backend.
#[derive(Debug, Default)]
struct Watched {
    /// The backend that all this is of.
    backend: Option<Weak<dyn Backend>>,
    actions: HashMap<String, Watching>,
    /// The tables as they were when they were last compared, as each role sees them.
    digests: HashMap<Role, HashMap<String, String>>,
}

/// The role of its own that an action runs with.
type Role = Option<Arc<str>>;

/// When an action is to be examined, the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// It is new, or suspected.
    #[default]
    First,
    /// A table of it changed.
    Soon,
    /// What is known is of now, as far as anybody knows.
    Known,
}

/// What is known of one action.
#[derive(Debug, Default)]
struct Watching {
    revision: String,
    tables: BTreeSet<String>,
    role: Role,
    due: Due,
    drift: Vec<Diagnostic>,
    costed: Option<Instant>,
    over: Vec<Diagnostic>,
    /// Whether the log says that it cannot be examined.
    unexamined: bool,
    /// What the log says of it.
    logged: Option<String>,
}

impl Watched {
    /// Looks at what may have changed: with one query of the backend's catalog, then at each action that it concerns, one
    /// after the other.
    async fn check(
        &mut self,
        gateway: &Gateway,
        name: &str,
        due: bool,
        pace: Pace,
        urgent: impl Fn() -> bool,
    ) -> Round {
        let Some(backend) = gateway.backends.get(name) else { return Round::Done };
        let Some(inspect) = backend.inspect() else { return Round::Done };
        let served = gateway.catalog.entries().filter_map(|entry| Some((entry, entry.action.as_ref()?)));
        let mut served: Vec<(&Arc<Entry>, &Arc<Action>)> =
            served.filter(|(_, action)| action.backend == name).collect();
        self.follow(backend, &served).await;
        let known = self.actions.values().all(|watching| watching.due == Due::Known);
        let fine = || self.actions.values().all(|watching| !has_errors(&watching.drift));
        if known && (!due || (fine() && inspect.rests())) {
            return Round::Done;
        }
        let mut round = Round::Done;
        match self.compare(inspect).await {
            Err(failure) if failure.kind == FailureKind::Unavailable => return Round::Broken,
            Err(failure) => {
                tracing::debug!(backend = name, code = failure.code, "tables cannot be compared");
                round = Round::Left;
            }
            Ok(()) => {}
        }
        served.sort_by_key(|(entry, _)| self.actions.get(&*entry.name).map(|watching| watching.due));
        for (entry, action) in served {
            if urgent() {
                return Round::Broken;
            }
            let Some(watching) = self.actions.get_mut(&*entry.name) else { continue };
            let looked = watching.look(action, inspect, due, pace).await;
            if watching.due == Due::Known {
                watching.publish(entry, action);
            }
            match looked {
                Ok(()) => watching.unexamined = false,
                Err(failure) if failure.kind == FailureKind::Unavailable => return Round::Broken,
                Err(failure) => {
                    if !watching.unexamined {
                        tracing::warn!(action = &*entry.name, code = failure.code, "the action cannot be examined now");
                    }
                    watching.unexamined = true;
                    round = Round::Left;
                }
            }
        }
        round
    }

    /// Follows what is served: what is new or suspected is to be examined, and everything where the backend is another one.
    async fn follow(&mut self, backend: &Arc<dyn Backend>, served: &[(&Arc<Entry>, &Arc<Action>)]) {
        let backend = Arc::downgrade(backend);
        let same = self.backend.as_ref().is_some_and(|known| known.ptr_eq(&backend));
        let mut before = std::mem::take(&mut self.actions);
        for (entry, action) in served {
            let mut watching = before.remove(&*entry.name).unwrap_or_default();
            if watching.revision != action.revision {
                watching = Watching {
                    revision: action.revision.clone(),
                    tables: tables(action),
                    role: action.options.role.clone(),
                    logged: watching.logged,
                    unexamined: watching.unexamined,
                    ..Watching::default()
                };
                // Reading statements takes time, and other tasks wait.
                yield_now().await;
            }
            if !same {
                (watching.due, watching.costed) = (Due::First, None);
            }
            if entry.standing.take_suspicion() {
                watching.due = Due::First;
            }
            self.actions.insert(entry.name.to_string(), watching);
        }
        if !same {
            self.digests.clear();
        }
        self.backend = Some(backend);
    }

    /// One query for all tables that actions use, for each role that they run with: actions of a table that changed are to be
    /// examined again.
    async fn compare(&mut self, inspect: &dyn Inspect) -> Result<(), Failure> {
        let mut tables: BTreeMap<Role, BTreeSet<String>> = BTreeMap::new();
        for watching in self.actions.values() {
            tables.entry(watching.role.clone()).or_default().extend(watching.tables.iter().cloned());
        }
        let mut now = HashMap::new();
        for (role, tables) in tables {
            let own = role.as_deref().and_then(|role| inspect.with_role(role));
            let tables: Vec<String> = tables.into_iter().collect();
            now.insert(role, asked(own.as_deref().unwrap_or(inspect).digests(&tables)).await?);
        }
        for watching in self.actions.values_mut() {
            let of = |digests: &HashMap<Role, HashMap<String, String>>, table: &String| {
                digests.get(&watching.role).and_then(|digests| digests.get(table)).cloned()
            };
            if watching.tables.iter().any(|table| of(&now, table) != of(&self.digests, table)) {
                watching.due = watching.due.min(Due::Soon);
            }
        }
        self.digests = now;
        Ok(())
    }
}

impl Watching {
    /// Examines the action where that is due: also each minute while it is drifted, because not all that may have been mended
    /// is a table's.
    async fn look(&mut self, action: &Action, inspect: &dyn Inspect, due: bool, pace: Pace) -> Result<(), Failure> {
        if self.due != Due::Known || (due && has_errors(&self.drift)) {
            self.drift = examine(action, inspect).await?;
            self.due = Due::Known;
        }
        // A minute is a little longer or shorter from one time to the next.
        if self.costed.is_none_or(|costed| due && costed.elapsed() >= pace.every / 2) {
            self.over = costs(action, inspect).await?;
            self.costed = Some(Instant::now());
        }
        Ok(())
    }

    /// Shows calls and operators what was found, and logs what is new.
    fn publish(&mut self, entry: &Entry, action: &Action) {
        let found = [(State::Drifted, &self.drift), (State::Gated, &self.over)];
        let found = found.into_iter().find(|(_, found)| has_errors(found));
        let before = entry.standing.finding();
        // Until its costs are known again, what was gated is.
        if found.is_none() && self.costed.is_none() && before.as_ref().is_some_and(|b| b.state == State::Gated) {
            return;
        }
        let told = found.map(|(state, found)| {
            let messages: Vec<&str> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            (state, messages.join("; "))
        });
        match &told {
            Some((state, problem)) if self.logged.as_ref() != Some(problem) => {
                tracing::warn!(action = &*entry.name, "the action is {}: {problem}", state.as_str());
            }
            None if self.logged.is_some() => tracing::info!(action = &*entry.name, "the action fits its backend again"),
            _ => {}
        }
        if found.is_some() || before.is_some() {
            entry.standing.set(found.map(|(state, found)| Finding {
                state,
                since: before.filter(|before| before.state == state).map_or_else(Timestamp::now, |before| before.since),
                report: Report::new(action.source.clone(), found.clone()),
            }));
        }
        self.logged = told.map(|(_, problem)| problem);
    }
}
