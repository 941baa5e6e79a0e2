//! Answers that are given again: from the cache, and under an idempotency key. The backend is one whose every run is told
//! beforehand.

mod cache;
mod repeats;

use std::sync::Arc;

use datadip::{action::Action, backend::driver};

fn action(text: &str) -> Arc<Action> {
    crate::backends::action(driver("sqlite").expect("a driver"), text)
}
