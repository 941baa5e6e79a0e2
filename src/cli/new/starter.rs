//! The text of a starter action: from a table as its database describes it, or for a backend alone. It reads and writes
//! nothing.

use super::names;
use crate::{
    action::usual_path,
    backend::{
        identifier,
        inspect::{JsonKind, Table, TableColumn},
    },
    template::Dialect,
    value::Scalar,
    yaml::write,
};

/// How many rows a starter answers where its parameters do not pick one.
const ROWS: usize = 10;
/// Where lists are broken into lines.
const WIDTH: usize = 100;

/// What a starter is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct For<'a> {
    /// The action's name.
    pub action: &'a str,
    /// The backend's name.
    pub backend: &'a str,
    /// The backend's dialect.
    pub dialect: Dialect,
}

/// A parameter, compared with a column.
struct Param<'a> {
    name: String,
    scalar: Scalar,
    column: &'a TableColumn,
}

/// Whether a table has anything that can stand in a template.
pub(super) fn can_be_made(table: &Table) -> bool {
    can_be_written(&table.name) && table.columns.iter().any(|column| can_be_written(&column.name))
}

/// An action that finds a row of a table by its key; without a key, rows by a column. Columns that no answer can show are
/// named in a comment.
pub(super) fn of_table(of: For<'_>, table: &Table, unshown: &[TableColumn]) -> String {
    let (columns, left_out): (Vec<&TableColumn>, Vec<_>) =
        table.columns.iter().partition(|column| can_be_written(&column.name));
    let key: Vec<&TableColumn> = columns.iter().copied().filter(|column| table.key.contains(&column.name)).collect();
    let by_key = !key.is_empty() && key.len() == table.key.len() && key.iter().all(|column| column.scalar.is_some());
    let by = if by_key { key } else { sensible(&columns).into_iter().collect() };
    let params = params(&by);

    let quoted = |column: &TableColumn| identifier(&column.name, of.dialect);
    let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let mut lines = wrapped("SELECT ", "  ", &list, "");
    lines.push(format!("FROM {}", table.name));
    for (at, param) in params.iter().enumerate() {
        let word = if at == 0 { "WHERE" } else { "  AND" };
        lines.push(format!("{word} {} = {{{{ {} }}}}", quoted(param.column), param.name));
    }
    if !by_key {
        let order =
            columns.iter().find(|column| column.scalar.is_some_and(sorts) && !by.iter().any(|by| by == *column));
        lines.extend(order.map(|column| format!("ORDER BY {}", quoted(column))));
        lines.push(format!("LIMIT {ROWS}"));
    }

    let mut text = head(of, &format!("Written from the table `{}`: keep the columns that the flow needs.", table.name));
    let rows = if by_key { "the row" } else { "rows" };
    let with = match params.as_slice() {
        [] => String::new(),
        params => format!(" with this {}", params.iter().map(|param| &*param.name).collect::<Vec<_>>().join(" and ")),
    };
    let description = format!("Finds {rows} of {}{with}.", table.name);
    text += &format!("description: {}\nbackend: {}\n", write::text(&description), write::text(of.backend));
    text += &params_block(&params);
    for column in left_out {
        text += &format!("# Left out, its name cannot stand in a template: {:?}\n", column.name);
    }
    for column in unshown {
        let (name, type_name) = (&column.name, &column.type_name);
        text += &format!("# Left out, no answer can show its type {type_name:?} unless it is made text: {name:?}\n");
    }
    text += "sql: |\n";
    lines.iter().for_each(|line| text += &format!("  {line}\n"));
    text += "result:\n";
    text += if by_key {
        "  # The first row, or null where there is none; `not_found: error` answers 404 instead.\n  shape: row\n"
    } else {
        "  # A list of rows; `shape: row` answers the first one only.\n  shape: rows\n"
    };
    text += "  # A row that does not fit fails the call, so that a flow can rely on it.\n  schema:\n    type: object\n";
    let keys: Vec<String> = columns.iter().map(|column| write::text(&column.name)).collect();
    wrapped("required: [", "  ", &keys, "]").iter().for_each(|line| text += &format!("    {line}\n"));
    text += "    properties:\n";
    for column in &columns {
        let comment: String = column.type_name.chars().filter(|char| !char.is_control()).collect();
        text += &format!("      {}: {} # {comment}\n", write::text(&column.name), schema(column, of.dialect));
    }
    text + &tests_block(of.dialect, &params, &lines)
}

/// An action that needs no table.
pub(super) fn alone(of: For<'_>) -> String {
    let value = match of.dialect {
        Dialect::Postgres | Dialect::Snowflake => "CAST({{ name }} AS text)",
        Dialect::Mysql => "CAST({{ name }} AS char)",
        Dialect::Sqlite | Dialect::Soql => "{{ name }}",
    };
    let line = format!("SELECT {value} AS name");
    let column = TableColumn {
        name: "name".into(),
        type_name: String::new(),
        scalar: Some(Scalar::String),
        json: JsonKind::String,
        nullable: false,
    };
    let params = params(&[&column]);
    let mut text = head(of, "Write your own query; `--table` writes one from a table of the backend's.");
    text += &format!("description: Answers the name that it is called with.\nbackend: {}\n", write::text(of.backend));
    text += &params_block(&params);
    text += &format!("sql: |\n  {line}\n");
    text += "result:
  # The first row, or null where there is none; `rows` answers a list.
  shape: row
  # A row that does not fit fails the call, so that a flow can rely on it.
  schema:
    type: object
    required: [name]
    properties:
      name: { type: string }
";
    text + &tests_block(of.dialect, &params, &[line])
}

fn head(of: For<'_>, hint: &str) -> String {
    format!("# The file's name is the action's: POST {}\n# {hint}\n", usual_path(of.action))
}

/// Whether a name can stand in a template and in a comment.
fn can_be_written(name: &str) -> bool {
    !name.chars().any(|char| char == '{' || char.is_control())
}

/// A column that rows may be looked up by where there is no key.
fn sensible<'a>(columns: &[&'a TableColumn]) -> Option<&'a TableColumn> {
    let looked_up = |scalar| matches!(scalar, Scalar::Integer | Scalar::String | Scalar::Uuid);
    let first = |wanted: fn(Scalar) -> bool| columns.iter().find(|column| column.scalar.is_some_and(wanted));
    first(looked_up).or_else(|| first(sorts)).copied()
}

/// Whether values of a type have an order that means something.
fn sorts(scalar: Scalar) -> bool {
    !matches!(scalar, Scalar::Json | Scalar::Boolean | Scalar::Choice)
}

fn params<'a>(columns: &[&'a TableColumn]) -> Vec<Param<'a>> {
    let mut taken = Vec::new();
    let param = |column: &&'a TableColumn| {
        let name = names::parameter(&column.name, &taken);
        taken.push(name.clone());
        Param { name, scalar: column.scalar.unwrap_or(Scalar::String), column }
    };
    columns.iter().map(param).collect()
}

fn params_block(params: &[Param<'_>]) -> String {
    if params.is_empty() {
        return String::new();
    }
    let mut text =
        "# Flows send text: it becomes a value of this type, or the call is refused before anything runs.\nparams:\n"
            .to_owned();
    for Param { name, scalar, .. } in params {
        text += &format!("  {name}: {{ type: {}, example: {} }}\n", scalar.name(), sample(*scalar).0);
    }
    text
}

/// Tests that need no database.
fn tests_block(dialect: Dialect, params: &[Param<'_>], lines: &[String]) -> String {
    let mut text = "tests:\n  # This compares the statement and what is bound, and needs no database; with `result` or `row_count`\n  # it would run on the backend: `datadip test --live`.\n  - name: binds what it is called with\n".to_owned();
    let variables: Vec<String> =
        params.iter().map(|param| format!("{}: {}", param.name, sample(param.scalar).0)).collect();
    text += &match variables.as_slice() {
        [] => "    variables: {}\n".to_owned(),
        variables => format!("    variables: {{ {} }}\n", variables.join(", ")),
    };
    text += "    expect:\n      sql: >-\n";
    let mut sql = lines.join("\n");
    for (at, param) in params.iter().enumerate() {
        let placeholder = if dialect == Dialect::Postgres { format!("${}", at + 1) } else { "?".to_owned() };
        sql = sql.replacen(&format!("{{{{ {} }}}}", param.name), &placeholder, 1);
    }
    sql.lines().for_each(|line| text += &format!("        {}\n", line.trim_start()));
    let binds: Vec<&str> = params.iter().map(|param| sample(param.scalar).1).collect();
    text += &format!("      binds: [{}]\n", binds.join(", "));
    if let Some(first) = params.first() {
        let others = params[1..].iter().map(|param| format!("{}: {}", param.name, sample(param.scalar).0));
        let (name, wrong, code) = match first.scalar {
            Scalar::String => (format!("needs {}", first.name), "\"\"", "missing_parameter"),
            _ => ("refuses letters".to_owned(), "letters", "invalid_parameter"),
        };
        let variables: Vec<String> = std::iter::once(format!("{}: {wrong}", first.name)).chain(others).collect();
        text += &format!(
            "  - name: {name}\n    variables: {{ {} }}\n    expect: {{ code: {code} }}\n",
            variables.join(", ")
        );
    }
    text
}

/// A value of a type as flows send it, and as it is bound; both in YAML.
fn sample(scalar: Scalar) -> (&'static str, &'static str) {
    match scalar {
        Scalar::String | Scalar::Choice => ("abc", "abc"),
        Scalar::Integer => ("\"42\"", "42"),
        Scalar::Decimal => ("\"1.10\"", "\"1.10\""),
        Scalar::Float => ("\"1.5\"", "1.5"),
        Scalar::Boolean => ("\"true\"", "true"),
        Scalar::Date => ("\"2026-11-20\"", "\"2026-11-20\""),
        Scalar::Time => ("\"14:05\"", "\"14:05:00\""),
        Scalar::Timestamp => ("\"2026-11-20T09:00:00Z\"", "\"2026-11-20 09:00:00\""),
        Scalar::Uuid => ("0b2f6b5a-6f0c-4a53-9d3c-0d6f1b1f7a10", "0b2f6b5a-6f0c-4a53-9d3c-0d6f1b1f7a10"),
        Scalar::Json => ("\"{}\"", "{}"),
    }
}

/// The schema of a column's values.
fn schema(column: &TableColumn, dialect: Dialect) -> String {
    let word = match column.json {
        JsonKind::Integer => "integer",
        JsonKind::Number => "number",
        JsonKind::String => "string",
        JsonKind::Boolean => "boolean",
        JsonKind::Array => "array",
        JsonKind::Object => "object",
        JsonKind::Any => return "{}".to_owned(),
    };
    // SQLite keeps whatever is put into a column of dates.
    let format = match column.scalar {
        _ if dialect == Dialect::Sqlite || column.json != JsonKind::String => "",
        Some(Scalar::Date) => ", format: date",
        Some(Scalar::Uuid) => ", format: uuid",
        _ => "",
    };
    if column.nullable {
        format!("{{ type: [{word}, \"null\"]{format} }}")
    } else {
        format!("{{ type: {word}{format} }}")
    }
}

/// Items between commas, in lines that are not too long.
fn wrapped(before: &str, indent: &str, items: &[String], after: &str) -> Vec<String> {
    let mut lines = vec![before.to_owned()];
    for (at, item) in items.iter().enumerate() {
        let piece = if at + 1 < items.len() { format!("{item},") } else { format!("{item}{after}") };
        let line = lines.last_mut().expect("there is a first line");
        if line.len() + piece.len() + 1 > WIDTH && at > 0 {
            lines.push(format!("{indent}{piece}"));
        } else {
            if at > 0 {
                line.push(' ');
            }
            line.push_str(&piece);
        }
    }
    lines
}
