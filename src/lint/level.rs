//! The objects of a result: its rows, and what a query of SOQL nests in them.

use super::{Columns, Inner, Subject, subject::RowSchema};

/// The columns of an object, and what the schema says of it.
pub(crate) struct Level<'a> {
    /// The columns.
    pub columns: &'a Columns,
    /// What the schema says of them.
    pub schema: RowSchema<'a>,
    /// The names that lead to it from the row, each with whether it is a list.
    pub way: Vec<(&'a str, bool)>,
}

impl<'a> Level<'a> {
    /// The rows, and all objects in them.
    pub fn all(subject: &Subject<'a>, columns: &'a Columns) -> Vec<Self> {
        let mut levels = vec![Self { columns, schema: subject.row_schema(), way: Vec::new() }];
        let mut at = 0;
        while at < levels.len() {
            let level = &levels[at];
            let inside = level.columns.list.iter().filter_map(|column| {
                let (columns, rows) = match &column.inner {
                    Inner::Unknown => return None,
                    Inner::Object(columns) => (columns, false),
                    Inner::Rows(columns) => (columns, true),
                };
                let schema = level.schema.inside(|name| column.may_be(name), rows);
                let name = level.schema.names().find(|name| column.may_be(name)).unwrap_or(&column.name);
                Some(Self { columns, schema, way: [&level.way[..], &[(name, rows)]].concat() })
            });
            let inside: Vec<Self> = inside.collect();
            levels.extend(inside);
            at += 1;
        }
        levels
    }

    /// A name with the names that lead to it: `Account.Name`.
    pub fn path(&self, name: &str) -> String {
        self.way.iter().map(|(name, _)| *name).chain([name]).collect::<Vec<_>>().join(".")
    }
}
