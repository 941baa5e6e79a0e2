//! Asks a live backend about one action: every statement that it can send, what `requires` names, what the planner thinks.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;

use super::{
    by_tables,
    judge::{Judge, Known},
};
use crate::{
    action::Action,
    backend::{
        Failure, FailureKind, Inspect,
        inspect::{ALL_TABLES, Description, name_parts},
    },
    diagnostic::Diagnostic,
    lint::{self, Finder},
    spec::ActionSpec,
    template::{Dialect, Shape, Statement, Template},
    yaml::{self, read::FromNode},
};

/// How long a backend may take to answer one question: longer than drivers give theirs.
const ANSWER: Duration = Duration::from_secs(30);
/// After so many shapes that are refused, an action is known well enough.
const MAX_REFUSED: usize = 50;

/// What is wrong with an action on its backend, costs aside. One question is asked after the other.
///
/// # Errors
///
/// When the backend cannot answer at the moment: then nothing is known.
pub async fn examine(action: &Action, inspect: &dyn Inspect) -> Result<Vec<Diagnostic>, Failure> {
    let own = own(action, inspect);
    let inspect = own.as_deref().unwrap_or(inspect);
    let Some(spec) = written(action) else { return Ok(Vec::new()) };
    let Some(mut judge) = Judge::new(action, &spec) else { return Ok(Vec::new()) };
    let mut refused = 0;
    let mut known = Known::default();
    for (at, template) in action.statements.iter().enumerate() {
        let last = at + 1 == action.statements.len();
        for (shape, statement) in distinct(template) {
            let text = || template.shape_text(shape);
            match describe(action, statement, inspect).await {
                Ok(description) => judge.description(&text, &description, last),
                Err(failure) if passes(&failure) => return Err(failure),
                Err(failure) => {
                    if failure.kind == FailureKind::Drift && refused == 0 {
                        known = others(action, inspect).await;
                    }
                    judge.refused(&text, &failure, &known);
                    refused += 1;
                }
            }
            if refused == MAX_REFUSED {
                return Ok(judge.found());
            }
        }
    }
    for requirement in &action.requires {
        let wanted: Vec<&str> = requirement.columns.iter().map(|column| column.value.as_str()).collect();
        match asked(inspect.table(&requirement.table, &wanted)).await {
            Ok(Some(table)) => judge.table(requirement, Some(&table), &known),
            Err(failure) if passes(&failure) => return Err(failure),
            Err(failure) if failure.kind != FailureKind::Drift => judge.untold(requirement, &failure),
            Ok(None) | Err(_) => {
                known.tables = asked(inspect.tables()).await.unwrap_or_default();
                judge.table(requirement, None, &known);
            }
        }
    }
    Ok(judge.found())
}

/// What a backend says of a statement, or what its tables say of it.
async fn describe(action: &Action, statement: &Statement, inspect: &dyn Inspect) -> Result<Description, Failure> {
    match asked(inspect.describe(statement)).await? {
        Some(description) => Ok(description),
        None => by_tables::describe(statement, action.driver.dialect, inspect).await,
    }
}

/// The backend as an action meets it: its role may see other tables than the backend's own.
pub(super) fn own<'a>(action: &Action, inspect: &'a dyn Inspect) -> Option<Box<dyn Inspect + 'a>> {
    inspect.with_role(action.options.role.as_deref()?)
}

/// What the author may have meant: the columns of the action's tables, and all tables.
async fn others(action: &Action, inspect: &dyn Inspect) -> Known {
    let mut columns = Vec::new();
    for table in tables(action).iter().filter(|table| *table != ALL_TABLES) {
        if let Ok(Some(table)) = asked(inspect.table(table, &[])).await {
            columns.extend(table.columns.into_iter().map(|column| column.name));
        }
    }
    Known { columns, tables: asked(inspect.tables()).await.unwrap_or_default() }
}

/// What is wrong with the costs of an action that has `max_cost`.
///
/// # Errors
///
/// When the backend cannot answer at the moment.
pub async fn costs(action: &Action, inspect: &dyn Inspect) -> Result<Vec<Diagnostic>, Failure> {
    let Some(spec) = action.max_cost.as_ref().and_then(|_| written(action)) else { return Ok(Vec::new()) };
    let Some(mut judge) = Judge::new(action, &spec) else { return Ok(Vec::new()) };
    let mut highest: Option<f64> = None;
    for (_, statement) in action.statements.iter().flat_map(distinct) {
        match asked(inspect.plan(statement)).await.map(|plan| plan.cost) {
            Ok(Some(cost)) => highest = Some(highest.map_or(cost, |highest| highest.max(cost))),
            Ok(None) => judge.no_cost(),
            Err(failure) if passes(&failure) => return Err(failure),
            // What is not there is told by `examine`.
            Err(failure) if failure.kind == FailureKind::Drift => {}
            Err(_) => judge.no_cost(),
        }
    }
    if let Some(highest) = highest {
        judge.cost(highest);
    }
    Ok(judge.found())
}

/// That an action's backend could not answer at the moment.
pub(super) fn unexamined(action: &Action, failure: &Failure) -> Vec<Diagnostic> {
    let Some(spec) = written(action) else { return Vec::new() };
    let Some(mut judge) = Judge::new(action, &spec) else { return Vec::new() };
    judge.unexamined(failure);
    judge.found()
}

/// Removes what the comments of an action's file allow from what was found of it.
pub(super) fn silence(action: &Action, found: &mut Vec<Diagnostic>) {
    let (Some(document), mut known) = yaml::parse(&action.source.text) else { return };
    let spec = ActionSpec::from_node(&document.root, &mut known);
    lint::silence(&action.source, &document.comments, spec.as_ref(), Finder::Live, found);
}

/// The tables that an action depends on, as its statements name them; [`ALL_TABLES`] among them where a statement's tables
/// are not known.
pub fn tables(action: &Action) -> BTreeSet<String> {
    let mut tables: BTreeSet<String> =
        action.requires.iter().map(|requirement| requirement.table.value.clone()).collect();
    for (_, statement) in action.statements.iter().flat_map(distinct) {
        if let Some(outline) = statement.outline() {
            tables.extend(outline.objects());
            continue;
        }
        let (text, dialect) = (statement.text(), action.driver.dialect);
        let named = match dialect {
            // Each of them is asked for by itself: the names of WITH clauses would be as well.
            Dialect::Snowflake => lint::needs(text, dialect).map(|needs| needs.tables),
            _ => lint::tables(text, dialect),
        };
        match named {
            Some(named) => tables.extend(named),
            None => tables.extend([ALL_TABLES.to_owned()]),
        }
    }
    // What is no name could not be looked up by it.
    let odd = tables.iter().any(|table| table != ALL_TABLES && name_parts(table).is_none());
    tables.retain(|table| table == ALL_TABLES || name_parts(table).is_some());
    if odd {
        tables.insert(ALL_TABLES.to_owned());
    }
    tables
}

/// The action as it is written, for its places.
fn written(action: &Action) -> Option<ActionSpec> {
    let (document, mut found) = yaml::parse(&action.source.text);
    ActionSpec::from_node(&document?.root, &mut found)
}

/// The shapes of a template whose texts differ.
pub fn distinct(template: &Template) -> impl Iterator<Item = (&Shape, &Arc<Statement>)> {
    let mut known = HashSet::new();
    template.shapes().filter(move |(_, statement)| known.insert(statement.text()))
}

/// An answer in time.
pub(super) async fn asked<T>(answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(ANSWER, answer).await.unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout, "no answer in time")))
}

/// Whether a failure says nothing of the statement.
fn passes(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Unavailable
            | FailureKind::Overloaded
            | FailureKind::Limited
            | FailureKind::Throttled
            | FailureKind::Contention
            | FailureKind::Timeout
            | FailureKind::Untold
            | FailureKind::Stopped
    )
}
