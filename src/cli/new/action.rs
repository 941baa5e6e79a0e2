//! `datadip new NAME`: a starter action, from a live table or without one.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use serde_json::Value as Json;

use super::{
    starter::{self, For},
    write_new,
};
use crate::{
    action::is_name,
    backend::{
        Backend, Failure, FailureKind, Inspect, identifier,
        inspect::{Table, TableColumn, name_parts},
    },
    cli::{
        Exit,
        deployment::{self, For as Purpose},
        failed,
        output::{answer, say},
        refused, runtime,
    },
    diagnostic::suggest,
    project::Project,
    settings::BackendSettings,
    template::{Dialect, Statement, Template},
    yaml::{self, Text, read::FromNode},
};

/// Writes an action's file where there is none yet.
pub(super) fn write(config: &Path, name: &str, backend: &str, table: Option<&str>) -> anyhow::Result<Exit> {
    if !is_name(name) {
        return Err(refused(
            &format!("`{name}` is no name for an action"),
            "a name is made of `a-z`, `0-9`, `_` and `-`, each part between slashes beginning with a letter or a digit",
        ));
    }
    let purpose = if table.is_some() { Purpose::Calls } else { Purpose::Checking };
    let project = deployment::load(config, purpose)?;
    let Some(settings) = &project.settings else { return Err(deployment::broken_config(&project)) };
    let Some(found) = settings.backends.get(backend) else {
        let known = settings.backends.keys().map(String::as_str);
        let help = suggest::help(backend, known).unwrap_or_else(|| "datadip.yaml names the backends".to_owned());
        return Err(refused(&format!("there is no backend `{backend}` in {}", config.display()), &help));
    };
    let dialect = found.driver.dialect;
    if dialect == Dialect::Soql {
        return Err(refused(&format!("`{backend}` is no database"), "starters are written for databases"));
    }
    let file = Path::new(&settings.outline.actions).join(format!("{name}.yaml"));
    let path = project.folder.join(&file);
    let taken = ["yaml", "yml"].map(|extension| file.with_extension(extension));
    if let Some(taken) = taken.iter().find(|file| project.folder.join(file).exists()) {
        let help = "choose another name; no file is overwritten";
        return Err(refused(&format!("{} already exists", taken.display()), help));
    }
    let of = For { action: name, backend, dialect };
    let text = match table {
        Some(table) => {
            let (table, unshown) = read(&project, found, backend, table)?;
            starter::of_table(of, &table, &unshown)
        }
        None => starter::alone(of),
    };
    write_new(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    say(format!("wrote {}", file.display()));
    answer(format!("Next:\n  datadip lint\n  datadip test {name}"))?;
    Ok(Exit::Fine)
}

/// The table as the live database describes it, and those of its columns that no answer can show.
fn read(
    project: &Project,
    settings: &BackendSettings,
    name: &str,
    table: &str,
) -> anyhow::Result<(Table, Vec<TableColumn>)> {
    let Some(backend) = settings.open(&project.folder) else {
        return Err(failed(&format!("the backend `{name}` cannot be opened"), "`datadip lint` checks datadip.yaml"));
    };
    let (found, tables) = runtime().block_on(async {
        let answers = ask(&*backend, settings.driver.dialect, table).await;
        backend.close().await;
        answers
    });
    let unreachable = |failure: Failure| {
        let what = match failure.kind {
            FailureKind::Unavailable | FailureKind::Timeout => "cannot be reached",
            _ => "cannot tell its tables",
        };
        failed(&format!("the backend `{name}` {what}: {}", failure.message), "without `--table` no database is needed")
    };
    match found {
        Ok(Some((table, _))) if !starter::can_be_made(&table) => Err(failed(
            &format!("no starter can be made of the table {}", table.name),
            "it has no columns that can be shown, or a name with `{` or a line break in it: make a view of it",
        )),
        Ok(Some(found)) => Ok(found),
        Ok(None) => {
            let elsewhere = tables.iter().find(|other| is_elsewhere(table, other));
            let help = elsewhere.map(|other| format!("did you mean `{other}`?"));
            let help = help.or_else(|| suggest::help(table, tables.iter().map(String::as_str)));
            let help = help.unwrap_or_else(|| "a table is named as a statement names it: `sales.orders`".to_owned());
            Err(refused(&format!("the backend `{name}` has no table `{table}` that it may see"), &help))
        }
        Err(failure) => Err(unreachable(failure)),
    }
}

/// Whether a table is called like this in another schema.
fn is_elsewhere(name: &str, other: &str) -> bool {
    let parts = |name| name_parts(name).unwrap_or_default();
    matches!((&*parts(name), &*parts(other)), ([name], [.., other]) if name.text.eq_ignore_ascii_case(&other.text))
}

/// A table, and those of its columns that no answer can show.
type Found = Result<Option<(Table, Vec<TableColumn>)>, Failure>;

/// The table, and where there is none the names of others.
async fn ask(backend: &dyn Backend, dialect: Dialect, table: &str) -> (Found, Vec<String>) {
    if let Err(failure) = backend.connect().await {
        return (Err(failure), Vec::new());
    }
    let Some(inspect) = backend.inspect() else {
        return (Err(Failure::new(FailureKind::Other, "this kind of backend has none to describe")), Vec::new());
    };
    match inspect.table(table, &[]).await {
        Ok(Some(table)) => (Ok(Some(sorted_out(inspect, dialect, table).await)), Vec::new()),
        Ok(None) => (Ok(None), inspect.tables().await.unwrap_or_default()),
        Err(failure) => (Err(failure), Vec::new()),
    }
}

/// Takes out of a table the columns that no answer can show.
async fn sorted_out(inspect: &dyn Inspect, dialect: Dialect, mut table: Table) -> (Table, Vec<TableColumn>) {
    let mut unshown = Vec::new();
    for column in std::mem::take(&mut table.columns) {
        let described = match reading(&column, &table, dialect) {
            Some(statement) => inspect.describe(&statement).await.ok().flatten(),
            None => None,
        };
        let shown = described.is_none_or(|described| described.problems.is_empty());
        if shown { table.columns.push(column) } else { unshown.push(column) }
    }
    (table, unshown)
}

/// The statement that reads one column; `None` where its name cannot stand in a template.
fn reading(column: &TableColumn, table: &Table, dialect: Dialect) -> Option<Arc<Statement>> {
    let sql = format!("SELECT {} FROM {}", identifier(&column.name, dialect), table.name);
    let (document, mut out) = yaml::parse(&Json::from(sql).to_string());
    let text = Text::from_node(&document?.root, &mut out)?;
    let template = Template::compile(&text, dialect, &[], &mut out)?;
    template.shapes().next().map(|(_, statement)| statement.clone())
}
