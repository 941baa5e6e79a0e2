//! What differs between the SQL dialects (and SOQL) for templates: placeholders, quoting, comments, LIKE, values.

use crate::value::Value;

/// A query language as a backend speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Snowflake.
    Snowflake,
    /// Salesforce's query language.
    Soql,
}

impl Dialect {
    /// The name that messages print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Snowflake => "Snowflake",
            Self::Soql => "SOQL",
        }
    }

    /// The most placeholders that a server takes in one statement, as it is built by default: SQLite
    /// <https://www.sqlite.org/limits.html>, PostgreSQL <https://www.postgresql.org/docs/current/limits.html> and MySQL
    /// a 16-bit number. Snowflake and Salesforce say nothing of it.
    pub fn max_placeholders(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Postgres | Self::Mysql | Self::Snowflake | Self::Soql => 65_535,
        }
    }

    /// The escape clause that a LIKE whose pattern escapes wildcards with `\` may carry, and must carry where the dialect
    /// has no escape character of its own.
    pub fn escape_clause(self) -> &'static str {
        match self {
            Self::Mysql | Self::Snowflake => r"ESCAPE '\\'",
            Self::Sqlite | Self::Postgres | Self::Soql => r"ESCAPE '\'",
        }
    }

    /// What is expected instead of a value that a bind cannot carry; `None` for all others. Snowflake counts the nanoseconds
    /// of an instant in 64 bits. What SOQL's literals cannot carry is told where they are written.
    pub fn refuses(self, value: &Value) -> Option<&'static str> {
        match value {
            Value::Timestamp(utc) if self == Self::Snowflake && !(1678..=2261).contains(&utc.year()) => {
                Some("expected a time from 1678 to 2261")
            }
            _ => None,
        }
    }
}
