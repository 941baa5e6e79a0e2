//! What the last real connection or call said of a backend.

use std::sync::atomic::{AtomicU8, Ordering};

use super::{Failure, FailureKind};

/// Whether a backend can be reached, as far as anybody has tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered.
    Up,
    /// It could not be reached.
    Down,
    /// Nobody has asked it for anything yet.
    Unused,
}

/// Remembers a [`Health`].
#[derive(Debug)]
pub struct LastSeen(AtomicU8);

impl Default for LastSeen {
    fn default() -> Self {
        Self(AtomicU8::new(Health::Unused as u8))
    }
}

impl LastSeen {
    /// Remembers what a run or a connection says.
    pub fn note<T>(&self, outcome: &Result<T, Failure>) {
        let health = match outcome {
            Ok(_) => Health::Up,
            Err(failure) => match failure.kind {
                FailureKind::Unavailable => Health::Down,
                FailureKind::Overloaded | FailureKind::Timeout => return,
                _ => Health::Up,
            },
        };
        // Written only when it changes, so that calls do not fight for it.
        if self.0.load(Ordering::Relaxed) != health as u8 {
            self.0.store(health as u8, Ordering::Relaxed);
        }
    }

    /// What was last remembered.
    pub fn health(&self) -> Health {
        [Health::Up, Health::Down, Health::Unused]
            .into_iter()
            .find(|health| *health as u8 == self.0.load(Ordering::Relaxed))
            .expect("only these are stored")
    }
}
