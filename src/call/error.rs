//! What a caller may learn of a failure: a code of SPEC 8.2 and words of our own, never a backend's.

use std::time::Duration;

use crate::action::BadParam;

/// A failed call, as its caller sees it.
#[derive(Debug)]
pub struct CallError {
    /// The code.
    pub code: Code,
    /// For people. Never SQL, a backend's words, a table's name or a secret.
    pub message: String,
    /// All bad parameters.
    pub errors: Vec<BadParam>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// Which constraint a `constraint_violation` broke.
    pub constraint: Option<&'static str>,
    /// What happened, for the log: with the backend's code, without its quoted pieces.
    pub detail: Option<String>,
}

/// The codes of SPEC 8.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A bug here.
    Internal,
}

impl CallError {
    /// A failure with the code's usual words.
    pub fn new(code: Code) -> Self {
        Self { code, message: String::new(), errors: Vec::new(), retry_after: None, constraint: None, detail: None }
    }
}
