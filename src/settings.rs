//! `datadip.yaml` (SPEC 7): the only reader of the environment and of secrets.

/// The gateway's configuration, `${…}` replaced.
#[derive(Debug)]
pub struct Settings {}
