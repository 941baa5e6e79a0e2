//! The text of a shape. The only place that tells sqlx a text is safe.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// A statement as a backend gets it. It can only be made from a template and a shape.
#[derive(Clone, Debug)]
pub struct Statement {
    sql: SqlStr,
    placeholders: usize,
}

impl Statement {
    /// The only constructor: `text` comes from [`super::Template`], which has no value in its hands when it writes it.
    pub(super) fn new(text: String, placeholders: usize) -> Self {
        Self { sql: AssertSqlSafe(text).into_sql_str(), placeholders }
    }

    /// The text for sqlx.
    pub fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// The text for people.
    pub fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// How many binds it takes.
    pub fn placeholders(&self) -> usize {
        self.placeholders
    }
}
