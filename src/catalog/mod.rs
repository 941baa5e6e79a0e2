//! The actions that are served: immutable, with their routes, states and limiters. A reload makes a new one. What changes
//! in between is how an action stands with its live backend.

mod standing;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    action::{Action, usual_path},
    diagnostic::Report,
    limit::{Limiter, LimiterSettings},
    profile::Stats,
    template::Template,
    value::ParamType,
};

pub use standing::{Alarm, Finding, Standing};

/// All actions of a deployment at one moment. Immutable: a call that holds one sees nothing of a reload.
#[derive(Debug, Default)]
pub struct Catalog {
    /// A digest of all revisions.
    pub revision: String,
    entries: BTreeMap<String, Arc<Entry>>,
    routes: HashMap<String, Arc<Entry>>,
    alarm: Alarm,
}

/// One action file: what it serves, and what is wrong with it.
#[derive(Debug)]
pub struct Entry {
    /// The action's name.
    pub name: Arc<str>,
    /// What is served: the file's own action, or its last good version; `None` when it never had one.
    pub action: Option<Arc<Action>>,
    /// The state of its file.
    pub file: State,
    /// Since when its file has this state.
    pub since: Timestamp,
    /// What lint says of the file as it is now, if anything.
    pub report: Option<Report>,
    /// Its own limits, kept over reloads that do not change them.
    pub limiter: Option<Arc<Limiter>>,
    /// What its calls did, kept over every reload.
    pub stats: Arc<Stats>,
    /// How what is served stands with its live backend, kept over reloads that do not change what is asked of it.
    pub standing: Arc<Standing>,
}

/// An action file as it is now.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The action's name.
    pub name: &'a str,
    /// The action, unless the file is broken.
    pub action: Option<&'a Arc<Action>>,
    /// What lint says of it.
    pub report: &'a Report,
}

/// The state of an action (SPEC 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves its file.
    Ok,
    /// Its file is broken; it serves its last good version.
    Quarantined,
    /// Its file is broken and never was good.
    Broken,
    /// The live backend lacks or refuses something that it needs.
    Drifted,
    /// The live backend's planner estimates more than its `max_cost`.
    Gated,
}

impl State {
    /// The word in `/catalog`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Quarantined => "quarantined",
            Self::Broken => "broken",
            Self::Drifted => "drifted",
            Self::Gated => "gated",
        }
    }
}

impl Catalog {
    /// The catalog of a deployment's files. An action whose file is broken keeps what `previous` served under its name, if
    /// that still `fits`; what did not change keeps its limiter, its standing and since when it is as it is. The limits of
    /// actions have the gateway's queue, `queued`.
    pub fn build<'a>(
        files: impl Iterator<Item = File<'a>>,
        previous: &Self,
        fits: impl Fn(&Action) -> bool,
        queued: &LimiterSettings,
        now: Timestamp,
    ) -> Self {
        let mut catalog = Self { alarm: previous.alarm.clone(), ..Self::default() };
        for file in files {
            // Two files of one name are both broken: one entry shows it.
            if !catalog.entries.contains_key(file.name) {
                let last = previous.get(file.name).map(|last| &**last);
                let served = last.and_then(|last| last.action.as_ref()).filter(|action| fits(action));
                let entry = entry(file, last, served, &catalog.alarm, queued, now);
                catalog.entries.insert(file.name.to_owned(), Arc::new(entry));
            }
        }
        // A good file comes first where a last good version holds its path.
        for state in [State::Ok, State::Quarantined, State::Broken] {
            for entry in catalog.entries.values().filter(|entry| entry.file == state) {
                let path = entry.action.as_ref().map_or_else(|| usual_path(&entry.name), |action| action.path.clone());
                catalog.routes.entry(path).or_insert_with(|| entry.clone());
            }
        }
        let mut digest = Sha256::new();
        for entry in catalog.entries.values() {
            let revision = entry.action.as_ref().map_or("", |action| &action.revision);
            for part in [&*entry.name, entry.file.as_str(), revision] {
                digest.update(part);
                digest.update([0]);
            }
        }
        catalog.revision = hex::encode(&digest.finalize()[..16]);
        catalog
    }

    /// The action of a path, percent-decoded.
    pub fn route(&self, path: &str) -> Option<&Arc<Entry>> {
        self.routes.get(path)
    }

    /// The action of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(name)
    }

    /// All of them, ordered by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// What wakes the watcher of live backends.
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }
}

/// The entry of a file; `served` is what is served of a previous one if the file is broken.
fn entry(
    file: File<'_>,
    previous: Option<&Entry>,
    served: Option<&Arc<Action>>,
    alarm: &Alarm,
    queued: &LimiterSettings,
    now: Timestamp,
) -> Entry {
    let (action, state) = match (file.action, served) {
        (Some(action), _) => (Some(action), State::Ok),
        (None, Some(served)) => (Some(served), State::Quarantined),
        (None, None) => (None, State::Broken),
    };
    let settings = action
        .filter(|action| action.concurrency.is_some() || action.rate.is_some())
        .map(|action| LimiterSettings { concurrency: action.concurrency, rate: action.rate, ..*queued });
    let kept = previous.and_then(|previous| previous.limiter.clone());
    let same = previous.filter(|previous| match (&previous.action, action) {
        (Some(previous), Some(action)) => asks_the_same(previous, action),
        (previous, action) => previous.is_none() && action.is_none(),
    });
    Entry {
        stats: previous.map(|previous| previous.stats.clone()).unwrap_or_default(),
        name: file.name.into(),
        action: action.cloned(),
        file: state,
        since: previous.filter(|previous| previous.file == state).map_or(now, |previous| previous.since),
        report: Some(file.report).filter(|report| !report.diagnostics.is_empty()).cloned(),
        limiter: settings.map(|settings| {
            kept.filter(|kept| *kept.settings() == settings).unwrap_or_else(|| Arc::new(Limiter::new(settings)))
        }),
        standing: same.map_or_else(|| Arc::new(Standing::new(alarm.clone())), |same| same.standing.clone()),
    }
}

/// Whether two actions ask the same of the same backend: then what keeps one from being called keeps the other.
fn asks_the_same(a: &Action, b: &Action) -> bool {
    let backend = |action: &Action| (action.driver.kind, action.max_cost.as_ref().map(|most| most.value.0));
    a.revision == b.revision || (a.backend == b.backend && backend(a) == backend(b) && shapes(a).eq(shapes(b)))
}

/// The texts that an action can send, with the types of their binds.
fn shapes(action: &Action) -> impl Iterator<Item = (&str, &[ParamType])> {
    let shapes = action.statements.iter().flat_map(Template::shapes);
    shapes.map(|(_, statement)| (statement.text(), statement.types()))
}
