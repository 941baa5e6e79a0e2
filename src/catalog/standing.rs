//! How an action stands with its live backend: what a watcher found last, for calls to see before anything runs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::watch;

use super::State;
use crate::diagnostic::Report;

/// What keeps an action from being called as long as its backend is as it is.
#[derive(Debug)]
pub struct Finding {
    /// [`State::Drifted`] or [`State::Gated`].
    pub state: State,
    /// Since when it is so.
    pub since: Timestamp,
    /// What is wrong, at its places in the file that is served.
    pub report: Report,
}

/// An action and its live backend. Shared by all catalogs whose action asks the same of it, however else its file changed.
#[derive(Debug)]
pub struct Standing {
    finding: ArcSwapOption<Finding>,
    mended: ArcSwapOption<Timestamp>,
    suspected: AtomicBool,
    alarm: Alarm,
}

/// Wakes whoever watches live backends. One for a gateway's whole life.
#[derive(Clone, Debug, Default)]
pub struct Alarm(watch::Sender<()>);

impl Alarm {
    /// Hears every suspicion from now on.
    pub fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

impl Standing {
    /// An action of which nothing is known yet.
    pub fn new(alarm: Alarm) -> Self {
        Self {
            finding: ArcSwapOption::empty(),
            mended: ArcSwapOption::empty(),
            suspected: AtomicBool::new(false),
            alarm,
        }
    }

    /// Which state keeps the action from being called, if any: the one look that a call takes.
    pub fn refuses(&self) -> Option<State> {
        self.finding.load().as_ref().map(|finding| finding.state)
    }

    /// What is wrong, if anything.
    pub fn finding(&self) -> Option<Arc<Finding>> {
        self.finding.load_full()
    }

    /// When it last became callable again, if it ever was not.
    pub fn mended(&self) -> Option<Timestamp> {
        self.mended.load().as_deref().copied()
    }

    /// Remembers what was found; nothing where all is well.
    pub fn set(&self, finding: Option<Finding>) {
        let well = finding.is_none();
        if self.finding.swap(finding.map(Arc::new)).is_some() && well {
            self.mended.store(Some(Arc::new(Timestamp::now())));
        }
    }

    /// A call failed as if the backend had changed: somebody should look. A flood of these wakes nobody twice.
    pub fn suspect(&self) {
        if !self.suspected.swap(true, Ordering::Relaxed) {
            self.alarm.0.send_replace(());
        }
    }

    /// Whether there was a suspicion since the last time that this was asked.
    pub fn take_suspicion(&self) -> bool {
        self.suspected.load(Ordering::Relaxed) && self.suspected.swap(false, Ordering::Relaxed)
    }
}
