//! What a query asks for, as its text says: its object, the members that a record of its result has, and every field that it
//! names. Nothing here asks Salesforce whether they are there.

use std::{collections::BTreeSet, ops::Range};

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The outermost query.
    pub query: Select,
    /// Every path to a field, wherever it stands, in the order of the text.
    pub paths: Vec<FieldPath>,
    /// For each placeholder of the text, in order: the field that it is compared with, as an index into `paths`.
    pub compared: Vec<Option<usize>>,
}

/// A query, or one of its child subqueries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// The object after FROM; of a child subquery the relationship, without the parent's name.
    pub from: Name,
    /// What it selects, in order. Members of one parent are fields of their own.
    pub fields: Vec<Field>,
    /// Whether its records are groups: each member stands at the top, parents' fields too.
    pub grouped: bool,
    /// Whether it has a LIMIT.
    pub limited: bool,
}

/// A name as the query writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place in the query's text.
    pub range: Range<usize>,
}

/// What one item after SELECT gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is.
    pub kind: FieldKind,
    /// Its place in the query's text: of an alias, where it has one.
    pub range: Range<usize>,
}

/// Kinds of [`Field`]. Salesforce calls fields and relationships as they are defined, whatever their letters in the query;
/// aliases it leaves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A field: its parents, which are objects in the record, and its own name. At least one name.
    Path(Vec<String>),
    /// A value under an alias, or under `expr0`, `expr1` … where it has none.
    Value {
        /// Its name in the record.
        name: String,
        /// Whether the query gave it.
        alias: bool,
    },
    /// The record that a relationship leads to, by TYPEOF: the way to it. Its members depend on its type.
    Typeof(Vec<String>),
    /// The records of a child relationship, a list.
    Child(Select),
    /// `FIELDS(…)`: members that only Salesforce knows.
    Fields,
    /// `COUNT()`: no records, but their number.
    Count,
}

/// A field that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// Where the path begins.
    pub base: Base,
    /// Relationships to parents, and the field's name. At least one name.
    pub path: Vec<String>,
    /// Whether its last name is a relationship too, as that of a TYPEOF.
    pub relationship: bool,
    /// Its place in the query's text, aliases included.
    pub range: Range<usize>,
}

/// An object, or the records that child relationships lead to from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The object, as it is written.
    pub object: String,
    /// The child relationships from there, in order.
    pub children: Vec<String>,
}

impl Base {
    /// What an `ELSE` of a TYPEOF names stands for any object with a name, and is none itself.
    pub const ANY: &str = "Name";

    /// Whether it is any object, and nobody can tell which.
    pub fn is_any(&self) -> bool {
        self.object == Self::ANY
    }
}

impl Outline {
    /// The objects that it is about: the first one by its name, others by the relationships that lead to them from there.
    pub fn objects(&self) -> BTreeSet<String> {
        let ways = self.paths.iter().filter(|path| !path.base.is_any()).map(|path| {
            let parents = path.path.split_last().map_or(&[] as &[String], |(_, parents)| parents);
            let steps = [&path.base.object].into_iter().chain(&path.base.children).chain(parents);
            steps.map(String::as_str).collect::<Vec<_>>().join(".")
        });
        ways.chain([self.query.from.text.clone()]).collect()
    }

    /// Whether the result is a number: `SELECT COUNT() FROM …`.
    pub fn counts(&self) -> bool {
        matches!(self.query.fields[..], [Field { kind: FieldKind::Count, .. }])
    }
}

impl Select {
    /// The names of the members of a record, in order, each once. They may be written in other letters than Salesforce's own.
    /// `None` where the query leaves them to Salesforce.
    pub fn members(&self) -> Option<Vec<&str>> {
        let mut members: Vec<&str> = Vec::new();
        for field in &self.fields {
            let name = field.kind.member()?;
            if !members.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                members.push(name);
            }
        }
        Some(members)
    }
}

impl FieldKind {
    /// The name of the member of the record that holds it; `None` for what has no name of its own.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Path(path) | Self::Typeof(path) => path.first().map(String::as_str),
            Self::Value { name, .. } => Some(name),
            Self::Child(child) => Some(&child.from.text),
            Self::Fields | Self::Count => None,
        }
    }
}
