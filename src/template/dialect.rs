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
