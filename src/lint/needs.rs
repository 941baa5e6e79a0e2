//! What a statement certainly needs of its tables, for backends that tell of tables but not of statements.
//!
//! Only what cannot be meant otherwise is told: a column that has its table before it, and one without in a statement with a
//! single SELECT from tables alone. Whoever takes a missing column for a reason to refuse calls must not be wrong about it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::ControlFlow,
};

use sqlparser::ast::{
    self, AssignmentTarget, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    OneOrManyWithParens, SelectItem, SetExpr, TableAlias, TableFactor, Visit, Visitor,
};

use super::{Columns, columns::folded, statement::read};
use crate::template::Dialect;

/// What a statement needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The tables and views that it names, as it writes them.
    pub tables: BTreeSet<String>,
    /// The columns that it certainly needs.
    pub columns: Vec<Need>,
    /// Its result's columns by name, each with the column of a table that it is, where that is certain; `None` where only the
    /// database knows them.
    pub result: Option<Vec<(String, Option<Need>)>>,
}

/// A column that one of these tables must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// The tables that it may belong to, as the statement writes them.
    pub tables: Vec<String>,
    /// Its name, folded as the dialect does.
    pub column: String,
}

/// Reads a statement; `None` where the parser refuses it.
pub(crate) fn needs(text: &str, dialect: Dialect) -> Option<Needs> {
    let tree = read(text, dialect)?;
    let names = Names::of(&tree, dialect);
    let mut columns = Wanted { names: &names, columns: BTreeSet::new() };
    let _ = tree.visit(&mut columns);
    columns.written(&tree);
    let columns = columns.columns.into_iter().collect();
    let result = Columns::of(&tree, text, &[], dialect).filter(|columns| !columns.open).map(|columns| {
        let items = plain_projection(&tree).unwrap_or_default();
        let need = |at: usize| names.need(value(items.get(at)?)?);
        columns.list.into_iter().enumerate().map(|(at, column)| (column.name, need(at))).collect()
    });
    Some(Needs { tables: names.tables(), columns, result })
}

/// The list of a statement that is one SELECT: the types of a UNION's columns are not those of its first part.
fn plain_projection(tree: &ast::Statement) -> Option<&[SelectItem]> {
    match tree {
        ast::Statement::Query(query) => match &*query.body {
            SetExpr::Select(select) => Some(&select.projection),
            _ => None,
        },
        _ => None,
    }
}

fn value(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// All names that a statement gives to something, wherever they stand in it. What is called in two ways is uncertain.
#[derive(Debug)]
struct Names {
    dialect: Dialect,
    /// What is named like a table, as it is written, with its folded name where that has one part.
    relations: BTreeMap<String, Option<String>>,
    /// The names of WITH clauses.
    with: HashSet<String>,
    /// What may stand before a column's name: the table that is meant by it; `None` where it is none, or not always the same.
    sources: BTreeMap<String, Option<String>>,
    selects: usize,
    /// Names that are no columns, or need not be: aliases, parameters of lambdas, words that functions take.
    others: HashSet<String>,
    /// What is called like a function where a table might stand.
    functions: HashSet<String>,
    /// Whether names without a table before them may mean something that is not known here.
    odd: bool,
    /// Whether tables are given other columns than they have: nothing is said of any.
    reshaped: bool,
}

impl Names {
    fn of(tree: &ast::Statement, dialect: Dialect) -> Self {
        let mut names = Self {
            dialect,
            relations: BTreeMap::new(),
            with: HashSet::new(),
            sources: BTreeMap::new(),
            selects: 0,
            others: HashSet::new(),
            functions: HashSet::new(),
            odd: false,
            reshaped: false,
        };
        let _ = tree.visit(&mut names);
        names
    }

    fn fold(&self, ident: &Ident) -> String {
        folded(ident, self.dialect).into_owned()
    }

    /// The tables and views, without the names of WITH clauses.
    fn tables(&self) -> BTreeSet<String> {
        self.relations.keys().filter(|table| self.is_table(table)).cloned().collect()
    }

    fn is_table(&self, written: &str) -> bool {
        let name = self.relations.get(written).filter(|_| !self.functions.contains(written));
        name.is_some_and(|name| name.as_ref().is_none_or(|name| !self.with.contains(name)))
    }

    /// The column of a table that an expression certainly is.
    fn need(&self, expr: &Expr) -> Option<Need> {
        match expr {
            _ if self.reshaped => None,
            Expr::CompoundIdentifier(path) => {
                let [source, column] = &path[..] else { return None };
                let special = column.value.contains('$') || self.is_word(column);
                let table =
                    self.sources.get(&self.fold(source))?.as_ref().filter(|table| self.is_table(table) && !special)?;
                Some(Need { tables: vec![table.clone()], column: self.fold(column) })
            }
            Expr::Identifier(column) => {
                let word = column.value.contains('$') || self.is_word(column);
                let column = self.fold(column);
                let other = self.others.contains(&column.to_uppercase());
                if self.odd || self.selects > 1 || !self.with.is_empty() || word || other {
                    return None;
                }
                let tables: Option<Vec<String>> = self.sources.values().cloned().collect();
                let tables = tables.filter(|tables| tables.iter().all(|table| self.is_table(table)));
                Some(Need { tables: tables.filter(|tables| !tables.is_empty())?, column })
            }
            _ => None,
        }
    }

    /// Whether a name without quotes means something that no table has.
    fn is_word(&self, column: &Ident) -> bool {
        let name = column.value.to_uppercase();
        column.quote_style.is_none() && (name.starts_with("CURRENT_") || WORDS.contains(&name.as_str()))
    }

    /// A name that need not be a column's, in whatever letters.
    fn other(&mut self, name: &Ident) {
        self.others.insert(name.value.to_uppercase());
    }

    fn source(&mut self, name: String, table: Option<String>) {
        let known = self.sources.entry(name).or_insert_with(|| table.clone());
        if *known != table {
            *known = None;
        }
    }

    /// Something that is no table, under its alias.
    fn opaque(&mut self, alias: Option<&TableAlias>) {
        match alias {
            Some(alias) => self.source(self.fold(&alias.name), None),
            None => self.odd = true,
        }
    }
}

/// Words that stand where a column might: of the language, and functions without brackets.
const WORDS: [&str; 6] = ["ALL", "DEFAULT", "LOCALTIME", "LOCALTIMESTAMP", "SYSDATE", "SYSTIMESTAMP"];

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let only = match &name.0[..] {
            [part] => part.as_ident().map(|ident| self.fold(ident)),
            _ => None,
        };
        // `IDENTIFIER(…)`, `db..t` and `@stage` are no names that can be asked for.
        let is_name = |part: &ast::ObjectNamePart| {
            part.as_ident().is_some_and(|ident| !ident.value.is_empty() && !ident.value.starts_with('@'))
        };
        if !name.0.is_empty() && name.0.iter().all(is_name) {
            self.relations.insert(name.to_string(), only);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        for with in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.with.insert(self.fold(&with.alias.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
        self.selects += 1;
        self.odd |= !select.connect_by.is_empty() || !select.lateral_views.is_empty();
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.other(alias),
                SelectItem::UnnamedExpr(_) => {}
                // `* RENAME (a AS b)`, `* REPLACE (…)`: names that tables do not have.
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {
                    self.odd = true;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let called = alias.as_ref().map(|alias| &alias.name);
                match called.or_else(|| name.0.last()?.as_ident()) {
                    Some(called) => {
                        let plain = alias.as_ref().is_none_or(|alias| alias.columns.is_empty());
                        self.source(self.fold(called), plain.then(|| name.to_string()));
                    }
                    None => self.odd = true,
                }
            }
            TableFactor::NestedJoin { alias: None, .. } => {}
            TableFactor::Table { name, alias, .. } => {
                self.functions.insert(name.to_string());
                self.opaque(alias.as_ref());
            }
            TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => self.opaque(alias.as_ref()),
            // PIVOT, UNPIVOT, MATCH_RECOGNIZE and their like.
            _ => self.reshaped = true,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Lambda(lambda) => {
                let params = match &lambda.params {
                    OneOrManyWithParens::One(param) => std::slice::from_ref(param),
                    OneOrManyWithParens::Many(params) => params,
                };
                params.iter().for_each(|param| self.other(&param.name));
            }
            // `DATEDIFF(day, …)`: a word of the function's may stand where a column may.
            Expr::Function(function) => {
                if let FunctionArguments::List(list) = &function.args {
                    for arg in &list.args {
                        if let FunctionArg::ExprNamed { name: Expr::Identifier(word), .. } = arg {
                            self.other(word);
                        }
                        let (FunctionArg::Unnamed(value)
                        | FunctionArg::Named { arg: value, .. }
                        | FunctionArg::ExprNamed { arg: value, .. }) = arg;
                        if let FunctionArgExpr::Expr(Expr::Identifier(word)) = value {
                            self.other(word);
                        }
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The columns that a statement certainly needs.
struct Wanted<'a> {
    names: &'a Names,
    columns: BTreeSet<Need>,
}

impl Wanted<'_> {
    /// The columns that a statement writes.
    fn written(&mut self, tree: &ast::Statement) {
        match tree {
            ast::Statement::Insert(insert) => {
                if let ast::TableObject::TableName(table) = &insert.table {
                    self.columns_of(table, &insert.columns);
                }
            }
            ast::Statement::Update(update) => self.assigned(&update.table.relation, &update.assignments),
            ast::Statement::Merge(merge) => {
                for clause in &merge.clauses {
                    match &clause.action {
                        ast::MergeAction::Insert(insert) => {
                            if let TableFactor::Table { name, .. } = &merge.table {
                                self.columns_of(name, &insert.columns);
                            }
                        }
                        ast::MergeAction::Update(update) => {
                            if let ast::MergeUpdateKind::Set(assignments) = &update.kind {
                                self.assigned(&merge.table, assignments);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn assigned(&mut self, target: &TableFactor, assignments: &[ast::Assignment]) {
        let TableFactor::Table { name, .. } = target else { return };
        for assignment in assignments {
            if let AssignmentTarget::ColumnName(column) = &assignment.target {
                self.columns_of(name, std::slice::from_ref(column));
            }
        }
    }

    /// Columns of a table; the last part of a name is the column's.
    fn columns_of(&mut self, table: &ObjectName, columns: &[ObjectName]) {
        let columns = columns.iter().filter_map(|column| column.0.last()?.as_ident());
        let need = |column| Need { tables: vec![table.to_string()], column: self.names.fold(column) };
        self.columns.extend(columns.map(need));
    }
}

impl Visitor for Wanted<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.columns.extend(self.names.need(expr));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns that a statement needs, as `T.C`, or `T|U.C` where either may have it.
    fn columns(sql: &str) -> Vec<String> {
        let needs = needs(sql, Dialect::Snowflake).unwrap_or_else(|| panic!("it cannot be read: {sql}"));
        needs.columns.iter().map(|need| format!("{}.{}", need.tables.join("|"), need.column)).collect()
    }

    #[test]
    fn columns_have_their_tables_where_nothing_else_can_be_meant() {
        let check = |sql: &str, expected: &[&str]| assert_eq!(columns(sql), expected, "{sql}");
        check("SELECT id, \"Name\" FROM t WHERE k = ?", &["t.ID", "t.K", "t.Name"]);
        check("SELECT c.id FROM db.s.customers c", &["db.s.customers.ID"]);
        check("SELECT customers.id FROM db.s.customers", &["db.s.customers.ID"]);
        check("SELECT a.x, y FROM a JOIN b ON a.i = b.i", &["a.I", "a.X", "a|b.Y", "b.I"]);
        check("SELECT c.profile:address.city::string AS city FROM t c ORDER BY city", &["t.PROFILE"]);
        check("SELECT f.value:x FROM t, LATERAL FLATTEN(input => t.items) f WHERE z = 1", &["t.ITEMS"]);
        check("INSERT INTO t (a, b) SELECT ?, PARSE_JSON(?)", &["t.A", "t.B"]);
        check("UPDATE t SET a = ?, t.b = t.c WHERE d = ?", &["t.A", "t.B", "t.C", "t.D"]);
        check("DELETE FROM t WHERE a = ?", &["t.A"]);
        check(
            "MERGE INTO n USING (SELECT ? AS id) s ON n.id = s.id WHEN MATCHED THEN UPDATE SET x = s.y \
             WHEN NOT MATCHED THEN INSERT (id, z) VALUES (s.id, 1)",
            &["n.ID", "n.X", "n.Z"],
        );
    }

    #[test]
    fn nothing_is_said_of_what_may_be_meant_otherwise() {
        let check = |sql: &str, expected: &[&str]| assert_eq!(columns(sql), expected, "{sql}");
        check("SELECT DATEDIFF(day, a, b) FROM t", &[]);
        check("SELECT CURRENT_DATE, SYSDATE, METADATA$ACTION FROM t", &[]);
        check("WITH r AS (SELECT id FROM t) SELECT x, R.id FROM R", &[]);
        check("WITH r AS (SELECT t.id FROM t) SELECT r.id FROM r", &["t.ID"]);
        check("SELECT x FROM t WHERE y IN (SELECT z FROM u)", &[]);
        check("SELECT a.x FROM (SELECT 1 AS x) a", &[]);
        check("SELECT a.x FROM t a WHERE EXISTS (SELECT 1 FROM u a WHERE a.y = 1)", &[]);
        check("SELECT x FROM TABLE(f()) a", &[]);
        check("SELECT FILTER(l, x -> x > 1) FROM t", &[]);
        check("SELECT LEVEL FROM t CONNECT BY PRIOR id = parent", &[]);
        check("SELECT s.NEXTVAL FROM t", &[]);
        check("SELECT x FROM t AS a (x)", &[]);
        check("SELECT id FROM t ORDER BY ALL LIMIT 5", &["t.ID"]);
        check("UPDATE t SET a = DEFAULT WHERE id = ?", &["t.A", "t.ID"]);
        check("SELECT e.METADATA$FILENAME AS f FROM ext e", &[]);
        check("SELECT * RENAME (a AS b) FROM t ORDER BY b LIMIT 5", &[]);
        check("SELECT t.j FROM t PIVOT(SUM(v) FOR m IN ('J')) AS t", &[]);
        check("SELECT a AS \"total\" FROM t ORDER BY TOTAL", &["t.A"]);
        check("SELECT * FROM t PIVOT(SUM(v) FOR m IN ('a', 'b')) p WHERE q = 1", &[]);
        assert!(needs("SELECT FROM WHERE", Dialect::Snowflake).is_none());
    }

    #[test]
    fn what_is_no_plain_name_is_no_table() {
        let check = |sql: &str| {
            let needs = needs(sql, Dialect::Snowflake).unwrap_or_else(|| panic!("it cannot be read: {sql}"));
            assert_eq!((needs.tables.len(), needs.columns.len()), (0, 0), "{sql}: {needs:?}");
        };
        check("SELECT a FROM IDENTIFIER(?)");
        check("SELECT t.a FROM @s.stage/path.csv t");
        check("SELECT t.$1 FROM @stg t");
        check("SELECT a FROM GENERATOR(ROWCOUNT => 3)");
    }

    #[test]
    fn names_of_with_clauses_are_no_tables() {
        let tables =
            |sql: &str| needs(sql, Dialect::Snowflake).expect("it can be read").tables.into_iter().collect::<Vec<_>>();
        assert_eq!(tables("WITH r AS (SELECT 1 FROM a) SELECT * FROM R JOIN \"b c\".d ON TRUE"), ["\"b c\".d", "a"]);
    }

    #[test]
    fn a_result_has_the_names_of_its_columns_and_where_they_come_from() {
        let result = |sql: &str| needs(sql, Dialect::Snowflake).expect("it can be read").result;
        let from = |table: &str, column: &str| Some(Need { tables: vec![table.into()], column: column.into() });
        let expected = vec![("id".into(), from("t", "ID")), ("N".into(), None), ("X".into(), from("t", "X"))];
        assert_eq!(result("SELECT c.id AS \"id\", COUNT(*) AS n, x FROM t c GROUP BY ALL"), Some(expected));
        assert_eq!(result("SELECT * FROM t"), None);
        let expected = vec![("ID".into(), None)];
        assert_eq!(result("SELECT id FROM t UNION SELECT id FROM u"), Some(expected));
    }
}
