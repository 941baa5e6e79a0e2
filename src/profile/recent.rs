//! The last calls, one by one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::Call;

/// How many calls are kept unless `profiler.history` says otherwise.
const USUAL: usize = 1000;

/// A call, and what it was of.
#[derive(Debug)]
pub struct Recent {
    /// When it ended.
    pub at: Timestamp,
    /// The action's name.
    pub action: Arc<str>,
    /// What it did.
    pub call: Call,
}

/// The last calls of all actions, the oldest first.
#[derive(Debug)]
pub struct RecentCalls(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    calls: VecDeque<Arc<Recent>>,
    most: usize,
}

impl Default for RecentCalls {
    fn default() -> Self {
        Self(Mutex::new(Ring { calls: VecDeque::new(), most: USUAL }))
    }
}

impl RecentCalls {
    /// Keeps so many from now on.
    pub fn keep(&self, most: usize) {
        let mut ring = self.ring();
        ring.most = most;
        let surplus = ring.calls.len().saturating_sub(most);
        ring.calls.drain(..surplus);
    }

    /// Adds a call, in place of the oldest one where there is no more room.
    pub fn add(&self, action: &Arc<str>, call: Call) {
        let mut ring = self.ring();
        if ring.most == 0 {
            return;
        }
        if ring.calls.len() == ring.most {
            ring.calls.pop_front();
        }
        ring.calls.push_back(Arc::new(Recent { at: Timestamp::now(), action: action.clone(), call }));
    }

    /// All that are kept, the newest first. Calls that end meanwhile do not wait for what becomes of them.
    pub fn list(&self) -> Vec<Arc<Recent>> {
        self.ring().calls.iter().rev().cloned().collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::call;

    #[test]
    fn the_newest_calls_are_kept() {
        let recent = RecentCalls::default();
        let kept = || recent.list().iter().map(|recent| recent.call.request_id.clone()).collect::<Vec<_>>();
        recent.keep(3);
        for id in ["a", "b", "c", "d"] {
            recent.add(&"crm/find".into(), Call { request_id: id.into(), ..call(200, 1) });
        }
        assert_eq!(kept(), ["d", "c", "b"]);
        recent.keep(1);
        assert_eq!(kept(), ["d"]);
        recent.keep(0);
        recent.add(&"crm/find".into(), call(200, 1));
        assert_eq!(kept(), [""; 0]);
    }
}
