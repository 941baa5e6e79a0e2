//! The columns of a statement's result, called as the backend will call them.

use std::{borrow::Cow, ops::Range};

use sqlparser::ast::{self, Expr, SelectItem, SetExpr};

use super::statement::offset;
use crate::template::{
    Dialect,
    soql::{FieldKind, Outline, Select},
};

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
    /// What is known of its letters.
    pub letters: Letters,
    /// Its place in the statement's text: the alias or the column.
    pub place: Range<usize>,
    /// Whether its name comes from an alias.
    pub alias: bool,
    /// What its value holds, where that can be known.
    pub inner: Inner,
}

/// Which letters of a column's name are large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letters {
    /// As in its name here.
    Known,
    /// Only the database knows: SQLite calls a plain column as its table does, MySQL as its views do, Salesforce as the field
    /// was defined.
    Unknown,
    /// Only Salesforce knows, but the first one: those of its own fields and relationships begin with a large one.
    Capital,
}

/// The value of a column.
#[derive(Debug)]
pub(crate) enum Inner {
    /// Nothing is known of it.
    Unknown,
    /// An object with these members.
    Object(Columns),
    /// A list of objects with these members.
    Rows(Columns),
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

    /// The members of the records that a query of SOQL answers: parents as objects, children as lists.
    pub fn of_soql(outline: &Outline) -> Self {
        Self::of_select(&outline.query)
    }

    fn of_select(select: &Select) -> Self {
        let mut columns = Self { list: Vec::new(), open: false };
        for field in &select.fields {
            let place = &field.range;
            match &field.kind {
                FieldKind::Path(path) => columns.add(path, place, Inner::Unknown),
                FieldKind::Value { name, alias } => {
                    columns.list.push(Column { alias: *alias, ..Column::named(name, place, Letters::Known) });
                }
                // Which members there are depends on the record's type.
                FieldKind::Typeof(path) => {
                    columns.add(path, place, Inner::Object(Self { list: Vec::new(), open: true }));
                }
                FieldKind::Child(child) => {
                    let children = Inner::Rows(Self::of_select(child));
                    columns.add(std::slice::from_ref(&child.from.text), &child.from.range, children);
                }
                FieldKind::Fields => columns.open = true,
                FieldKind::Count => {}
            }
        }
        columns
    }

    /// Adds a field of SOQL below its parents, which fields before it may share.
    fn add(&mut self, path: &[String], place: &Range<usize>, inner: Inner) {
        match path {
            [] => {}
            [name] => match (inner, self.object(name)) {
                (Inner::Object(object), Some(known)) => known.open |= object.open,
                (inner, _) => self.list.push(Column { inner, ..Column::of_field(name, place) }),
            },
            [parent, rest @ ..] => {
                if self.object(parent).is_none() {
                    let inner = Inner::Object(Self { list: Vec::new(), open: false });
                    self.list.push(Column { inner, ..Column::of_field(parent, place) });
                }
                if let Some(object) = self.object(parent) {
                    object.add(rest, place, inner);
                }
            }
        }
    }

    /// The members of a parent that there is already.
    fn object(&mut self, parent: &str) -> Option<&mut Self> {
        self.list.iter_mut().find_map(|column| match &mut column.inner {
            Inner::Object(members) if column.name.eq_ignore_ascii_case(parent) => Some(members),
            _ => None,
        })
    }

    /// Whether a column of this name may be among them.
    pub fn may_have(&self, name: &str) -> bool {
        self.open || self.list.iter().any(|column| column.may_be(name))
    }
}

impl Column {
    /// Whether this may be its name in the answer.
    pub fn may_be(&self, name: &str) -> bool {
        let fits = match self.letters {
            Letters::Known => false,
            Letters::Unknown => true,
            Letters::Capital => !name.starts_with(|first: char| first.is_ascii_lowercase()),
        };
        self.name == name || (fits && self.name.eq_ignore_ascii_case(name))
    }

    fn named(name: &str, place: &Range<usize>, letters: Letters) -> Self {
        let (name, place) = (name.to_owned(), place.clone());
        Self { written: name.clone(), name, letters, place, alias: false, inner: Inner::Unknown }
    }

    /// A field or a relationship of Salesforce: its own ones, unlike an org's, have no `__` in their names.
    fn of_field(name: &str, place: &Range<usize>) -> Self {
        if name.contains("__") {
            return Self::named(name, place, Letters::Unknown);
        }
        let mut column = Self::named(name, place, Letters::Capital);
        column.name[..1].make_ascii_uppercase();
        column
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
            letters: match dialect {
                Dialect::Sqlite | Dialect::Mysql if !alias => Letters::Unknown,
                _ => Letters::Known,
            },
            place: start..end.max(start),
            alias,
            inner: Inner::Unknown,
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
    let letters = if dialect == Dialect::Postgres { Letters::Known } else { Letters::Unknown };
    Some(Column::named(&name, &place, letters))
}

/// A name as the dialect folds it: PostgreSQL to small letters, Snowflake to large ones, unless it is quoted.
pub(super) fn folded(ident: &ast::Ident, dialect: Dialect) -> Cow<'_, str> {
    match dialect {
        Dialect::Postgres if ident.quote_style.is_none() => Cow::Owned(ident.value.to_lowercase()),
        Dialect::Snowflake if ident.quote_style.is_none() => Cow::Owned(ident.value.to_uppercase()),
        _ => Cow::Borrowed(&ident.value),
    }
}
