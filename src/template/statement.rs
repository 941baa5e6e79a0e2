//! The text of a shape. The only place that tells sqlx a text is safe.

use std::{fs, io, path::Path, sync::Arc};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    Bind, Dialect, Refusal, Shape, check,
    shape_text::{NoText, Sources, write},
    soql::{self, Outline, Query},
    tree::Tree,
};
use crate::{diagnostic::Diagnostic, value::ParamType};

/// A statement as a backend gets it. It can only be made from a template and a shape.
#[derive(Clone, Debug)]
pub struct Statement {
    sql: SqlStr,
    types: Box<[ParamType]>,
    /// What SOQL needs to write values itself.
    soql: Option<Box<soql::Form>>,
}

impl Statement {
    /// The only constructor: writes and checks the text of a shape of [`super::Template`], without a value in its hands.
    /// What is wrong with the text goes to `out`.
    pub(super) fn new(
        tree: &Tree,
        sources: &Arc<Sources>,
        dialect: Dialect,
        shape: &Shape,
        out: &mut Vec<Diagnostic>,
    ) -> Result<Self, NoText> {
        let text = write(&tree.nodes, sources, dialect, shape.decisions())?;
        check::shape(&text, dialect, out);
        let types = text.placeholders.iter().map(|placeholder| placeholder.ty).collect();
        let soql = (dialect == Dialect::Soql).then(|| Box::new(soql::Form::of(&text, out)));
        Ok(Self { sql: safe(text.text), types, soql })
    }

    /// The finished text of SOQL, which takes no binds: a literal stands for each of them. `None` for SQL.
    pub fn query(&self, binds: &[Bind]) -> Result<Option<Query>, Refusal> {
        self.soql.as_ref().map(|form| form.query(self.text(), binds)).transpose()
    }

    /// What a query of SOQL asks for, as its text says. `None` for SQL.
    pub fn outline(&self) -> Option<&Outline> {
        self.soql.as_ref()?.outline.as_ref()
    }

    /// The text for sqlx.
    pub fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// The text between others that stand in our source, a line for each part: for asking a database about a statement.
    pub fn between(&self, before: &[&'static str], after: &[&'static str]) -> SqlStr {
        safe(format!("{}\n{}\n{}", before.concat(), self.text(), after.concat()))
    }

    /// The text with numbers behind it, in a comment: the types of its parameters. With other types it is another text, for a
    /// driver that keeps what it prepared by its text alone. Without any it is the text itself.
    pub fn sql_of_types(&self, types: &[u32]) -> SqlStr {
        let Some((first, others)) = types.split_first() else { return self.sql() };
        let mut text = format!("{}\n-- {first}", self.text());
        others.iter().for_each(|number| text += &format!(" {number}"));
        safe(text)
    }

    /// The text for people.
    pub fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// The type of each placeholder's bind, the same whatever the values.
    pub fn types(&self) -> &[ParamType] {
        &self.types
    }
}

/// An operator's own file of SQL, for a new database. It takes no values, and no request leads to one.
#[derive(Clone, Debug)]
pub struct Script(SqlStr);

impl Script {
    /// Reads the file.
    pub fn read(path: &Path) -> io::Result<Self> {
        fs::read_to_string(path).map(|text| Self(safe(text)))
    }

    /// The text for sqlx.
    pub fn sql(&self) -> SqlStr {
        self.0.clone()
    }
}

/// A statement of a driver's own around a number, where the server takes no bind.
pub fn numbered(before: &'static str, number: u128, after: &'static str) -> SqlStr {
    safe(format!("{before}{number}{after}"))
}

fn safe(text: String) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}
