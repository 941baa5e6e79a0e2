//! What a live backend says of statements and tables without running anything: for drift, costs and `lint --live`.

use std::{collections::HashMap, fmt};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::Failure;
use crate::{template::Statement, value::Scalar};

/// A backend that can be asked about statements and tables. Nothing here runs a statement of an author's or waits in a
/// caller's way.
pub trait Inspect: Send + Sync + fmt::Debug {
    /// What the database says of a statement. A table or column that is not there is a failure of kind
    /// [`Drift`](super::FailureKind::Drift) whose message names it; anything else that it refuses in the statement is one of
    /// kind [`Other`](super::FailureKind::Other).
    fn describe<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Description, Failure>>;

    /// Its planner's generic plan of a statement, made without values.
    fn plan<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<Plan, Failure>>;

    /// A digest of each of the tables and views, named as statements name them, from one query of its catalog; what is not
    /// there is left out. [`ALL_TABLES`] stands for everything that the role may see.
    fn digests<'a>(&'a self, tables: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, String>, Failure>>;

    /// A table or view, named as a statement names it.
    fn table<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Table>, Failure>>;
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
