// What the fuzz target and `tests/it/fuzz.rs` share: one function for each reader of foreign text. Each must return for any
// input; an assertion that fails is a bug.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use datadip::{
    action::{Action, Context, Schemas, Variables},
    backend::driver,
    call::{Trace, prepare},
    cli::action_schema,
    diagnostic::{Report, Source, has_errors, json, text},
    format::{Refusal, format},
    lint::{self, Finder},
    settings::Settings,
    spec::ActionSpec,
    yaml::{self, read::FromNode},
};
use jiff::tz::TimeZone;
use serde_json::Value as Json;

/// Any bytes: the first picks the reader, the rest is its input.
#[allow(dead_code, reason = "the tests call the readers one by one")]
pub fn any(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let input = String::from_utf8_lossy(rest);
    match choice % 4 {
        0 => body(&input),
        1 => template(&input),
        2 => action_file(&input),
        _ => settings_file(&input),
    }
}

/// A body of a call: parsed, coerced, and bound without ever being part of a statement.
pub fn body(input: &str) {
    static ACTION: LazyLock<Arc<Action>> = LazyLock::new(|| compile(EVERY_TYPE).0.expect("the sample action compiles"));
    let Ok((variables, _)) = Variables::from_body(input) else { return };
    let mut trace = Trace::default();
    if prepare(&ACTION, &variables, &mut trace).is_ok() {
        for bound in &trace.statements {
            assert_eq!(bound.binds.len(), bound.statement.types().len());
        }
    }
}

/// A template within an action that declares a few parameters.
pub fn template(input: &str) {
    let indented: String = input.lines().map(|line| format!("  {line}\n")).collect();
    compile(&format!(
        "backend: demo\nparams: {{ a: integer, b: {{ type: string, required: false }}, c: \"string[]\" }}\nsql: |\n{indented}"
    ));
}

/// A whole action file. An action comes of it exactly when no diagnostic is an error. In its canonical form nothing
/// else is found, and it is not changed again.
pub fn action_file(input: &str) {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| serde_json::from_str(&action_schema()).expect("JSON"));
    let (action, report) = compile(input);
    assert_eq!(action.is_some(), !has_errors(&report.diagnostics), "{:?}", report.diagnostics);
    text::render(&report, false);
    json::list(&report);
    match format(input, &SCHEMA) {
        Ok(formatted) => {
            assert_eq!(format(&formatted, &SCHEMA).ok().as_ref(), Some(&formatted), "{input:?}");
            let mut known = findings(&report);
            for found in findings(&compile(&formatted).1) {
                let at = known.iter().position(|known| *known == found);
                let at = at.unwrap_or_else(|| panic!("{found:?} is new in {formatted:?} of {input:?}"));
                known.swap_remove(at);
            }
        }
        Err(refusal) => assert!(!matches!(refusal, Refusal::Changed), "{input:?}"),
    }
}

/// What was found, wherever it stands.
fn findings(report: &Report) -> Vec<(&'static str, String)> {
    report.diagnostics.iter().map(|found| (found.rule.name, found.message.clone())).collect()
}

/// A `datadip.yaml`.
pub fn settings_file(input: &str) {
    let source = Arc::new(Source { path: "datadip.yaml".into(), text: input.into() });
    Settings::read(source, std::path::Path::new("."), None);
}

const EVERY_TYPE: &str = r#"
backend: demo
params:
  s: { type: string, required: false, max_length: 20 }
  i: { type: integer, required: false }
  d: { type: decimal, required: false, nullable: true }
  f: { type: float, required: false }
  b: { type: boolean, required: false }
  day: { type: date, required: false }
  t: { type: time, required: false }
  at: { type: timestamp, required: false, zone: Europe/Berlin }
  u: { type: uuid, required: false }
  j: { type: json, required: false }
  c: { type: choice, choices: { up: a ASC, down: a DESC }, default: up }
  l: { type: "string[]", required: false, max_items: 20 }
  n: { type: "decimal[]", required: false }
sql: |
  SELECT a FROM t WHERE 1 = 1
  {% if s is defined %} AND a LIKE {{ s | contains }} ESCAPE '\' {% endif %}
  {% if i is defined %} AND b = {{ i }} {% endif %}
  {% if d is defined %} AND c = {{ d }} {% endif %}
  {% if l %} AND d IN ({{ l | spread }}) {% endif %}
  {% if n %} AND e IN ({{ n | spread }}) {% endif %}
  AND (f, g, h, k, m, o) = ({{ f | default(0.5) }}, {{ b | default(false) }}, {{ day | default(none) }},
    {{ t | default(none) }}, {{ at | default(none) }}, {{ u | default(none) }})
  AND p = {{ j | default(none) }}
  ORDER BY {{ c }}
  LIMIT 10
"#;

/// Compiles and lints an action file, with the comments that silence, as a deployment with one SQLite backend, `demo`, does.
fn compile(input: &str) -> (Option<Arc<Action>>, Report) {
    let source = Arc::new(Source { path: "actions/fuzz.yaml".into(), text: input.into() });
    let (document, mut out) = yaml::parse(input);
    let backends = HashMap::from([("demo".to_owned(), driver("sqlite").expect("SQLite is built in"))]);
    let context = Context {
        backends: Some(&backends),
        schemas: &Schemas::default(),
        keys: None,
        zone: &TimeZone::UTC,
        response_bytes: 32 * 1024,
    };
    let comments = document.as_ref().map(|document| document.comments.clone()).unwrap_or_default();
    let spec = document.and_then(|document| ActionSpec::from_node(&document.root, &mut out));
    let action = spec.and_then(|spec| {
        let action = Action::compile("fuzz", &spec, &source, &context, &mut out);
        lint::check(action.as_ref().map_err(AsRef::as_ref), &spec, &mut out);
        lint::silence(&source, &comments, Some(&spec), Finder::Files, &mut out);
        action.ok().filter(|_| !has_errors(&out)).map(Arc::new)
    });
    (action, Report::new(source, out))
}
