//! What a live backend says of statements and tables without running anything: for drift, costs and `lint --live`.

mod side;

use std::{collections::HashMap, fmt, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

pub use self::side::Side;
use super::Failure;
use crate::{template::Statement, value::Scalar};

/// A backend that can be asked about statements and tables. Nothing here runs a statement of an author's or waits in a
/// caller's way.
pub trait Inspect: Send + Sync + fmt::Debug {
    /// What the database says of a statement. A table or column that is not there is a failure of kind
    /// [`Drift`](super::FailureKind::Drift) whose message names it; anything else that it refuses in the statement is one of
    /// kind [`Other`](super::FailureKind::Other). One of kind [`Untold`](super::FailureKind::Untold) says nothing of the
    /// statement. `None` where it tells of tables only.
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Option<Description>, Failure>>;

    /// Its planner's generic plan of a statement, made without values.
    fn plan<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>>;

    /// A digest of each of the tables and views, named as statements name them, from one query of its catalog; what is not
    /// there is left out. [`ALL_TABLES`] stands for everything that the role may see.
    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>>;

    /// The least time from one comparison of tables to the next: a service that counts its requests is asked less often than
    /// a database.
    fn every(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether nobody has used it since its tables were last compared, and asking it would only keep it awake: what was known of it then
    /// is good enough.
    fn rests(&self) -> bool {
        false
    }

    /// The same, asked with a role of its own that an action runs with, where a backend knows such roles.
    fn with_role(&self, _role: &str) -> Option<Box<dyn Inspect + '_>> {
        None
    }

    /// A table or view, named as a statement names it. A backend that remembers tables asks again before it says that there is
    /// none, or that one lacks a column that is `wanted`.
    fn table<'a>(&'a self, name: &'a str, wanted: &'a [&'a str]) -> BoxFuture<'a, Result<Option<Table>, Failure>>;

    /// The names of all tables and views that the role may see, as a statement may write them: for suggestions; none
    /// where nobody asks for any.
    fn tables(&self) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// In [`Inspect::digests`], all tables together: for statements whose tables are not known.
pub const ALL_TABLES: &str = "*";

/// What a database says of a statement that it has not run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The columns of its result, in order; none where it gives no rows.
    pub columns: Vec<Described>,
    /// What keeps it from being run or answered as it is written.
    pub problems: Vec<Problem>,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its type in the database's words.
    pub type_name: String,
    /// What its values become.
    pub json: JsonKind,
    /// Whether it may be null; `None` where the database does not tell.
    pub nullable: Option<bool>,
}

/// What the values of a type become in an answer, null aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// Whole numbers.
    Integer,
    /// Numbers; NaN and infinities are text.
    Number,
    /// Text.
    String,
    /// True and false.
    Boolean,
    /// Lists.
    Array,
    /// Objects.
    Object,
    /// Anything: JSON documents, and values that have a type each.
    Any,
}

/// Something that a live database knows to be wrong with a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The placeholder, counted from 0, that it is about; `None` where it is about the statement or a column.
    pub placeholder: Option<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The total cost in the planner's own units; `None` where it gives none.
    pub cost: Option<f64>,
    /// The plan as the database tells it.
    pub plan: Json,
}

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name as a statement may write it, quoted where that is needed.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<TableColumn>,
    /// The columns of its primary key; none where it has none.
    pub key: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type in the database's words.
    pub type_name: String,
    /// The type of a parameter that is compared with it, where there is one.
    pub scalar: Option<Scalar>,
    /// What its values become.
    pub json: JsonKind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// One of the names that a dotted name is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePart {
    /// The name without quotes.
    pub text: String,
    /// Whether it was written in quotes, so that the database does not fold its case.
    pub quoted: bool,
}

/// The parts of a name as a statement writes it: `orders`, `sales."Order"`, `` `a.b` ``, `[c d]`. `None` where it is none.
pub fn name_parts(name: &str) -> Option<Vec<NamePart>> {
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let first = rest.chars().next()?;
        let close = match first {
            '"' | '`' => Some(first),
            '[' => Some(']'),
            _ => None,
        };
        let (text, after) = match close {
            Some(close) => quoted_part(&rest[1..], close)?,
            None => {
                let end = rest.find(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | '$' | '#' | '@')));
                let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
                (text.to_owned(), after)
            }
        };
        if text.is_empty() {
            return None;
        }
        parts.push(NamePart { text, quoted: close.is_some() });
        match after.trim_start().strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None => return after.trim().is_empty().then_some(parts),
        }
    }
}

/// A name up to its closing quote, which stands for itself where it is doubled, and what follows.
fn quoted_part(text: &str, close: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(close)?;
        name.push_str(before);
        match after.strip_prefix(close) {
            Some(next) => {
                name.push(close);
                rest = next;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_parts_that_its_dots_and_quotes_make() {
        let check = |name: &str, expected: Option<&[(&str, bool)]>| {
            let parts = name_parts(name);
            let parts: Option<Vec<(&str, bool)>> =
                parts.as_ref().map(|parts| parts.iter().map(|part| (part.text.as_str(), part.quoted)).collect());
            assert_eq!(parts.as_deref(), expected, "{name}");
        };
        check("orders", Some(&[("orders", false)]));
        check(" sales . Orders ", Some(&[("sales", false), ("Orders", false)]));
        check(r#""a.b"."c""d""#, Some(&[("a.b", true), ("c\"d", true)]));
        check("`a``b`.c", Some(&[("a`b", true), ("c", false)]));
        check("[a b].[c]", Some(&[("a b", true), ("c", true)]));
        check("Größe", Some(&[("Größe", false)]));
        for wrong in ["", " ", ".", "a.", ".a", "a b", "\"a", "\"\"", "a;b", "a(b)", "\"a\"b"] {
            check(wrong, None);
        }
    }
}
