//! A folder becomes settings, actions and diagnostics: the only reader of action files, the same for every command.

/// A deployment as it stands on disk at one moment.
#[derive(Debug)]
pub struct Project {}
