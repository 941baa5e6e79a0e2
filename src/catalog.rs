//! The actions that are served: immutable, with their routes, states and limiters. A reload makes a new one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{action::Action, diagnostic::Report, limit::Limiter};

/// All actions of a deployment at one moment. Immutable: a call that holds one sees nothing of a reload.
#[derive(Debug, Default)]
pub struct Catalog {
    /// A digest of all revisions.
    pub revision: String,
    entries: BTreeMap<String, Arc<Entry>>,
    routes: HashMap<String, Arc<Entry>>,
}

/// One action file: what it serves, and what is wrong with it.
#[derive(Debug)]
pub struct Entry {
    /// The action's name.
    pub name: String,
    /// What is served: the file's own action, or its last good version; `None` when it never had one.
    pub action: Option<Arc<Action>>,
    /// Its state.
    pub state: State,
    /// Since when it has this state.
    pub since: jiff::Timestamp,
    /// What lint says of the file as it is now, if anything.
    pub report: Option<Report>,
    /// Its own limits, kept over reloads that do not change them.
    pub limiter: Option<Arc<Limiter>>,
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
}

impl State {
    /// The word in `/catalog`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Quarantined => "quarantined",
            Self::Broken => "broken",
        }
    }
}

impl Catalog {
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
}
