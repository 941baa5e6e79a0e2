//! What the tables of a backend say of a statement, where the backend itself tells nothing of statements.

use std::collections::BTreeMap;

use super::{examine::asked, judge::same_name};
use crate::{
    backend::{
        Failure, FailureKind, Inspect,
        inspect::{Described, Description, JsonKind, Table},
    },
    lint::{self, Need},
    template::{Dialect, Statement},
};

/// Looks at each table that a statement names. What a statement needs of them is told only where it is certain.
///
/// # Errors
///
/// Of kind [`Drift`](FailureKind::Drift) for a table or a column that is not there; when the backend cannot answer.
pub async fn describe(statement: &Statement, dialect: Dialect, inspect: &dyn Inspect) -> Result<Description, Failure> {
    let Some(needs) = lint::needs(statement.text(), dialect) else { return Ok(Description::default()) };
    let mut tables = BTreeMap::new();
    for name in needs.tables {
        let wanted = needs.columns.iter().filter(|need| need.tables.contains(&name));
        let wanted: Vec<&str> = wanted.map(|need| need.column.as_str()).collect();
        let table = asked(inspect.table(&name, &wanted)).await?;
        let table = table.ok_or_else(|| missing(format!("there is no `{name}` that this role may see")))?;
        tables.insert(name, table);
    }
    let found = |need: &Need| {
        let known: Option<Vec<&Table>> = need.tables.iter().map(|table| tables.get(table)).collect();
        let mut columns = known?.into_iter().flat_map(|table| &table.columns);
        Some(columns.find(|column| same_name(dialect, &need.column, &column.name)))
    };
    for need in &needs.columns {
        // A table without columns tells nothing.
        if need.tables.iter().all(|table| tables.get(table).is_some_and(|table| !table.columns.is_empty()))
            && found(need) == Some(None)
        {
            let tables: Vec<String> = need.tables.iter().map(|table| format!("`{table}`")).collect();
            return Err(missing(format!("no column `{}` in {}", need.column, tables.join(" or "))));
        }
    }
    let described = |(name, need): (String, Option<Need>)| match need.as_ref().and_then(found).flatten() {
        Some(column) => Described { name, type_name: column.type_name.clone(), json: column.json, nullable: None },
        None => Described { name, type_name: "any".into(), json: JsonKind::Any, nullable: None },
    };
    Ok(Description { columns: needs.result.into_iter().flatten().map(described).collect(), problems: Vec::new() })
}

fn missing(what: String) -> Failure {
    Failure::new(FailureKind::Drift, what)
}
