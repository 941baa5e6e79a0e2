//! The columns of a statement's result, called as the backend will call them.

use std::{borrow::Cow, ops::Range};

use sqlparser::ast::{self, Expr, SelectItem, SetExpr};

use super::statement::offset;
use crate::template::Dialect;

/// The result's columns, in order.
#[derive(Debug)]
pub(crate) struct Columns {
    /// What is known of each.
    pub list: Vec<Column>,
    /// Whether there are others (`*`), or one whose name only the database knows.
    pub open: bool,
}

/// One column whose name is known.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name in the answer.
    pub name: String,
    /// Its name as written.
    pub written: String,
    /// Whether only the database knows which letters are large: SQLite calls a plain column as its table does, MySQL as its
    /// views do.
    pub any_case: bool,
    /// Its place in the statement's text: the alias or the column.
    pub place: Range<usize>,
    /// Whether its name comes from an alias.
    pub alias: bool,
}

impl Columns {
    /// The columns of what a statement answers; `None` where it answers no rows. `places` are the items of its list in the
    /// text: the tree does not know where expressions end.
    pub fn of(tree: &ast::Statement, text: &str, places: &[Range<usize>], dialect: Dialect) -> Option<Self> {
        let items = match tree {
            ast::Statement::Query(query) => match projection(&query.body) {
                Some(items) => items,
                None => return Some(Self { list: Vec::new(), open: true }),
            },
            ast::Statement::Insert(insert) => insert.returning.as_deref()?,
            ast::Statement::Update(update) => update.returning.as_deref()?,
            ast::Statement::Delete(delete) => delete.returning.as_deref()?,
            // CALL and the like: only the database knows.
            _ => return Some(Self { list: Vec::new(), open: true }),
        };
        let mut columns = Self { list: Vec::new(), open: false };
        let known = places.len() == items.len();
        for (at, item) in items.iter().enumerate() {
            let place = places.get(at).filter(|_| known);
            match column(item, text, place, dialect) {
                Some(column) => columns.list.push(column),
                None => columns.open = true,
            }
        }
        Some(columns)
    }

    /// Whether a column of this name may be among them.
    pub fn may_have(&self, name: &str) -> bool {
        self.open || self.list.iter().any(|column| column.may_be(name))
    }
}

impl Column {
    /// Whether this may be its name in the answer.
    pub fn may_be(&self, name: &str) -> bool {
        self.name == name || (self.any_case && self.name.eq_ignore_ascii_case(name))
    }
}

/// The list of the first SELECT: it names the columns of a UNION, too.
fn projection(body: &SetExpr) -> Option<&[SelectItem]> {
    let mut body = body;
    loop {
        match body {
            SetExpr::Select(select) => return Some(&select.projection),
            SetExpr::Query(query) => body = &query.body,
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Insert(ast::Statement::Insert(insert)) => return insert.returning.as_deref(),
            SetExpr::Update(ast::Statement::Update(update)) => return update.returning.as_deref(),
            SetExpr::Delete(ast::Statement::Delete(delete)) => return delete.returning.as_deref(),
            _ => return None,
        }
    }
}

fn column(item: &SelectItem, text: &str, place: Option<&Range<usize>>, dialect: Dialect) -> Option<Column> {
    let named = |ident: &ast::Ident, alias: bool| {
        let start = offset(text, ident.span.start)?;
        let end = offset(text, ident.span.end)?;
        Some(Column {
            name: folded(ident, dialect).into_owned(),
            written: ident.value.clone(),
            any_case: matches!(dialect, Dialect::Sqlite | Dialect::Mysql) && !alias,
            place: start..end.max(start),
            alias,
        })
    };
    match item {
        SelectItem::ExprWithAlias { alias, .. } => named(alias, true),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => named(ident, false),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => named(path.last()?, false),
        SelectItem::UnnamedExpr(expr) => expression(expr, text, place?.clone(), dialect),
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(..) => None,
    }
}

/// What a database calls an expression without an alias: PostgreSQL a call by its function, and others by the text of the
/// expression. What else PostgreSQL thinks of is left to it.
fn expression(expr: &Expr, text: &str, place: Range<usize>, dialect: Dialect) -> Option<Column> {
    let name = match (dialect, expr) {
        (Dialect::Postgres, Expr::Function(call)) => folded(call.name.0.last()?.as_ident()?, dialect).into_owned(),
        (Dialect::Postgres, _) => return None,
        // The name is the text, but for its letters.
        _ => text.get(place.clone())?.to_owned(),
    };
    let any_case = dialect != Dialect::Postgres;
    Some(Column { written: name.clone(), name, any_case, place, alias: false })
}

/// A name as the dialect folds it: PostgreSQL to small letters, Snowflake to large ones, unless it is quoted.
fn folded(ident: &ast::Ident, dialect: Dialect) -> Cow<'_, str> {
    match dialect {
        Dialect::Postgres if ident.quote_style.is_none() => Cow::Owned(ident.value.to_lowercase()),
        Dialect::Snowflake if ident.quote_style.is_none() => Cow::Owned(ident.value.to_uppercase()),
        _ => Cow::Borrowed(&ident.value),
    }
}
