//! What templates do, from outside: a text and parameters in, diagnostics or statements and binds out.

mod calls;
mod errors;
mod hostile;
mod shapes;
mod soql;

use super::*;
use crate::{
    diagnostic::Source,
    value::Scalar,
    yaml::{Kind, parse},
};

/// A parameter for tests, written `name: type`, with `?` for optional and `~` for nullable: `ids?: integer[]`.
fn param(written: &str) -> Param {
    let (name, ty) = written.split_once(": ").expect("name: type");
    let optional = name.contains('?');
    let nullable = name.contains('~');
    let name = name.trim_end_matches(['?', '~']).to_owned();
    let (ty, choices) = match ty.split_once(' ') {
        Some((ty, choices)) => (ty, choices.split(", ").collect()),
        None => (ty, Vec::new()),
    };
    let (base, list) = ty.strip_suffix("[]").map_or((ty, false), |base| (base, true));
    let scalar = match base {
        "string" => Scalar::String,
        "integer" => Scalar::Integer,
        "decimal" => Scalar::Decimal,
        "float" => Scalar::Float,
        "boolean" => Scalar::Boolean,
        "date" => Scalar::Date,
        "time" => Scalar::Time,
        "timestamp" => Scalar::Timestamp,
        "uuid" => Scalar::Uuid,
        "json" => Scalar::Json,
        "choice" => Scalar::Choice,
        _ => panic!("no type {base}"),
    };
    let choices = choices.iter().map(|choice| {
        let (word, text) = choice.split_once('=').expect("word=text");
        (word.to_owned(), text_of(text).0)
    });
    let choices = choices.collect();
    Param { name, ty: Some(ParamType { scalar, list }), optional, nullable, choices, zone: TimeZone::UTC }
}

/// A template as it stands in a file, and that file.
fn text_of(template: &str) -> (Text, Source) {
    let indented: String = template.lines().map(|line| format!("  {line}\n")).collect();
    let source = Source { path: "a.yaml".into(), text: format!("sql: |-\n{indented}") };
    let (document, _) = parse(&source.text);
    let Kind::Scalar(text) = document.expect("YAML").root.get("sql").expect("sql").kind.clone() else { panic!() };
    (text, source)
}

/// Compiles for SQLite; panics with the diagnostics if there are any.
fn compile(template: &str, params: &[&str]) -> Template {
    compile_for(Dialect::Sqlite, template, params)
}

fn compile_for(dialect: Dialect, template: &str, params: &[&str]) -> Template {
    let params: Vec<Param> = params.iter().map(|written| param(written)).collect();
    let mut out = Vec::new();
    let compiled = Template::compile(&text_of(template).0, dialect, &params, &mut out);
    assert!(out.is_empty(), "{template}: {}", messages(&out));
    compiled.expect("no error, a template")
}

/// The diagnostics of a template as `rule @ place`, one a line.
#[track_caller]
fn check(template: &str, params: &[&str], expected: &str) {
    check_for(Dialect::Sqlite, template, params, expected);
}

#[track_caller]
fn check_for(dialect: Dialect, template: &str, params: &[&str], expected: &str) {
    let params: Vec<Param> = params.iter().map(|written| param(written)).collect();
    let (text, source) = text_of(template);
    let mut out = Vec::new();
    let compiled = Template::compile(&text, dialect, &params, &mut out);
    let found: Vec<String> =
        out.iter().map(|d| format!("{} @ {}", d.rule.name, &source.text[d.span.range()])).collect();
    assert_eq!(found.join("\n"), expected, "{template}: {}", messages(&out));
    assert_eq!(compiled.is_some(), out.is_empty());
}

fn messages(found: &[Diagnostic]) -> String {
    found.iter().map(|found| format!("\n{}: {} ({:?})", found.rule.name, found.message, found.help)).collect()
}

/// One call: the text, and the binds separated by blanks.
#[track_caller]
fn run(template: &Template, values: &[Option<Value>]) -> (String, String) {
    let (shape, binds) = template.decide(values).expect("bound");
    let statement = template.statement(&shape).expect("a text");
    assert_eq!(statement.types().len(), binds.len());
    let words: Vec<&str> = statement.text().split_whitespace().collect();
    let binds: Vec<String> = binds.iter().map(|bind| show(&bind.value)).collect();
    (words.join(" "), binds.join(" "))
}

fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Integer(n) => n.to_string(),
        Value::Decimal(n) => n.to_string(),
        Value::Null => "null".into(),
        Value::Boolean(b) => b.to_string(),
        other => format!("{other:?}"),
    }
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.into()))
}

fn int(n: i64) -> Option<Value> {
    Some(Value::Integer(n))
}

fn ints(items: &[i64]) -> Option<Value> {
    Some(Value::List(items.iter().map(|n| Value::Integer(*n)).collect()))
}
