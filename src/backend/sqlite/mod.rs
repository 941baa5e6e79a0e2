//! SQLite, through sqlx: a file beside the gateway, filled by `init` on its first use.

use std::time::Duration;

use super::Driver;
use crate::template::Dialect;

/// `kind: sqlite`.
pub static DRIVER: Driver = Driver {
    kind: "sqlite",
    dialect: Dialect::Sqlite,
    default_timeout: Duration::from_secs(5),
    open: |_, _, _| None,
    schema: || serde_json::json!({}),
};
