//! What differs between the SQL dialects (and SOQL) for templates: placeholders, quoting, comments, LIKE.

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

    /// The escape clause that a LIKE whose pattern escapes wildcards with `\` may carry, and must carry where the dialect
    /// has no escape character of its own.
    pub fn escape_clause(self) -> &'static str {
        match self {
            Self::Mysql | Self::Snowflake => r"ESCAPE '\\'",
            Self::Sqlite | Self::Postgres | Self::Soql => r"ESCAPE '\'",
        }
    }
}
