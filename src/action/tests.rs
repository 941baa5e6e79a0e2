//! An action file in, an action or diagnostics out.

use super::*;
use crate::{
    backend::driver,
    diagnostic::text,
    yaml::{self, read::FromNode},
};

fn compile(name: &str, file: &str, keys: Option<&[String]>) -> (Option<Action>, Vec<Diagnostic>) {
    let (document, mut out) = yaml::parse(file);
    let Some(document) = document else { return (None, out) };
    let Some(spec) = ActionSpec::from_node(&document.root, &mut out) else { return (None, out) };
    let sqlite = driver("sqlite").expect("SQLite is a driver");
    let backends = HashMap::from([("demo".to_owned(), sqlite), ("crm".to_owned(), sqlite)]);
    let schemas = Schemas::default();
    let context =
        Context { backends: Some(&backends), schemas: &schemas, keys, zone: &TimeZone::UTC, response_bytes: 32 << 10 };
    let source = Arc::new(Source { path: "actions/a.yaml".into(), text: file.into() });
    (Action::compile(name, &spec, &source, &context, &mut out).ok(), out)
}

const READ: &str = "backend: demo
params: { id: integer, note: { type: string, required: false } }
sql: SELECT name FROM customers WHERE id = {{ id }} {% if note is defined %} AND name = {{ note }} {% endif %}
";
const WRITE: &str = "backend: demo
mode: write
params: { id: integer }
sql: DELETE FROM callbacks WHERE id = {{ id }}
";

fn good(file: &str) -> Action {
    let (action, out) = compile("a", file, None);
    action.unwrap_or_else(|| panic!("{out:?}"))
}

/// What is wrong with a file: each rule with the piece of the file that it points at.
fn check(file: &str) -> Vec<String> {
    let keys = ["flow".to_owned()];
    let (action, out) = compile("a", file, Some(&keys));
    assert_eq!(action.is_none(), has_errors(&out), "{out:?}");
    let mut found = out;
    found.sort_by_key(|diagnostic| diagnostic.span);
    let shown = |d: &Diagnostic| format!("{} {}", d.rule.name, file[d.span.range()].lines().next().unwrap_or_default());
    found.iter().map(shown).collect()
}

#[test]
fn an_action_has_the_defaults_of_the_contract() {
    let action = good(READ);
    assert_eq!((action.backend.as_str(), action.mode, action.statements.len()), ("demo", Mode::Read, 1));
    assert_eq!((action.path.as_str(), action.methods.as_slice()), ("/actions/a", &[Method::Post][..]));
    assert_eq!(action.timeout, Duration::from_secs(5));
    let Retry { attempts, base_delay, max_delay } = action.retry;
    assert_eq!((attempts, base_delay, max_delay), (3, Duration::from_millis(100), Duration::from_secs(2)));
    assert!(!action.allow_extra && action.access.is_none() && action.concurrency.is_none() && action.rate.is_none());
}

#[test]
fn every_key_is_read() {
    let action = good(&format!(
        "{WRITE}description: Deletes.
timeout: 90s
retry: {{ attempts: 1, base_delay: 1ms, max_delay: 2ms }}
limits: {{ concurrency: 2, rate: 3/s }}
route: {{ path: /close, methods: [POST] }}
allow_extra: true
errors: {{ '1811': {{ code: closed, http: 409 }} }}
options: {{}}
owner: desk
tags: [a, b]
deprecated: true
tests: [{{ name: t, variables: {{ id: 1 }}, expect: {{ code: closed }} }}]
"
    ));
    assert_eq!((action.mode, action.timeout, action.retry.attempts), (Mode::Write, MAX_TIMEOUT, 1));
    assert_eq!((action.concurrency, action.path.as_str(), action.allow_extra), (Some(2), "/close", true));
    assert_eq!(action.errors["1811"], OwnError { code: "closed".into(), http: 409 });
    assert_eq!((action.tags.len(), action.tests.len(), action.deprecated), (2, 1, true));
}

#[test]
fn everything_wrong_is_reported_at_its_place_in_one_run() {
    let file = "backend: dmeo
descripton: x
params: { id: integer, code: { type: string, pattern: '(' } }
sql: SELECT name FROM customers WHERE id = {{ idd }}
timeout: 2m
retry: { attempts: 0 }
max_cost: 5
limits: { concurrency: 0 }
route: { path: '/a/{id}', methods: [GET, GET] }
access: [flwo]
errors: { '1': { code: timeout, http: 500 } }
options: { isolatoin: serializable }
forward: { cxone: x }
tests: [{ name: t, variables: { id: x }, expect: {} }]
";
    let found = check(file);
    for expected in [
        "unknown-backend dmeo",
        "unknown-key descripton",
        "unknown-parameter idd",
        "timeout-too-long 2m",
        "bad-value 0",
        "no-cost-estimate 5",
        "bad-route '/a/{id}'",
        "bad-value GET",
        "unknown-access-key flwo",
        "bad-own-error timeout",
        "bad-own-error 500",
        "unknown-key isolatoin",
        "not-supported-yet { cxone: x }",
        "empty-expect {}",
    ] {
        assert!(found.iter().any(|found| found == expected), "{expected} is missing in {found:#?}");
    }
    assert!(found.iter().any(|found| found.starts_with("invalid-pattern")), "{found:#?}");
}

#[test]
fn a_missing_backend_hides_nothing_else() {
    assert_eq!(check("sql: SELECT {{ x }} AS x\n"), ["missing-key ", "unknown-parameter x"]);
    assert_eq!(check("backend: [demo]\nsql: SELECT {{ x }} AS x\n"), ["wrong-type [demo]", "unknown-parameter x"]);
}

#[test]
fn exactly_one_statement_key_fits() {
    assert_eq!(check("backend: demo\n"), ["statement-key "]);
    assert_eq!(check("backend: demo\nsoql: SELECT Id FROM A\n"), ["statement-key SELECT Id FROM A"]);
    assert_eq!(
        check("backend: demo\nsql: SELECT 1 AS a\nsoql: SELECT Id FROM A\n"),
        ["statement-key SELECT Id FROM A"]
    );
    assert_eq!(check("backend: demo\nsql: []\n"), ["wrong-type []"]);
    assert_eq!(check("backend: demo\nsql: { a: b }\n"), ["wrong-type { a: b }"]);
    assert_eq!(check("backend: demo\nsql: [1, [2]]\n"), ["wrong-type [2]"]);
    let many = "  - SELECT 1 AS a\n".repeat(MAX_STATEMENTS + 1);
    assert_eq!(check(&format!("backend: demo\nsql:\n{many}")), ["statement-key SELECT 1 AS a"]);
    assert_eq!(good("backend: demo\nsql: [SELECT 1 AS a, SELECT 2 AS b]\n").statements.len(), 2);
}

#[test]
fn a_cache_is_for_reads() {
    assert_eq!(check(&format!("{READ}cache: {{ ttl: 1s, stale_if_error: 1h }}\n")), [""; 0]);
    assert_eq!(check(&format!("{READ}cache: {{ ttl: 0s }}\n")), ["bad-value 0s"]);
    assert_eq!(check(&format!("{WRITE}cache: {{ ttl: 1s }}\n")), ["cached-write { ttl: 1s }"]);
}

#[test]
fn get_is_for_reads_without_sensitive_parameters() {
    assert!(check(&format!("{READ}route: {{ methods: [GET, POST] }}\n")).is_empty());
    assert_eq!(check(&format!("{WRITE}route: {{ methods: [GET] }}\n")), ["unsafe-get GET"]);
    let secret = READ.replace("id: integer", "id: { type: integer, sensitive: true }");
    assert_eq!(check(&format!("{secret}route: {{ methods: [GET] }}\n")), ["unsafe-get GET"]);
    assert_eq!(check(&format!("{READ}route: {{ methods: [] }}\n")).len(), 1);
    assert_eq!(check(&format!("{READ}route: {{ methods: [PUT] }}\n")), ["bad-value PUT"]);
}

#[test]
fn tests_that_could_not_pass_are_errors() {
    let test = |rest: &str| check(&format!("{READ}tests: [{{ name: t, {rest} }}]\n"));
    for fine in [
        "variables: { id: '42' }, expect: { row_count: 1 }",
        "variables: { id: 42, idempotency_key: k }, expect: { status: success, result: [{ name: Ada }] }",
        "variables: { id: x }, expect: { code: invalid_parameter }",
        "variables: { id: x }, expect: { status: error }",
        "expect: { code: missing_parameter }",
        "variables: { id: 1, idd: 2 }, expect: { code: unknown_parameter }",
        "variables: { id: 1 }, expect: { code: timeout }",
        "variables: { id: 99999999999 }, expect: { code: invalid_parameter }",
        "variables: { id: 1 }, given: { rows: [{ name: Ada }] }, expect: { sql: SELECT, binds: [1] }",
    ] {
        assert!(test(fine).is_empty(), "{fine}: {:?}", test(fine));
    }
    for (bad, place) in [
        ("variables: { id: x }, expect: { row_count: 1 }", "x"),
        ("variables: { id: x }, expect: { code: timeout }", "x"),
        ("expect: { row_count: 1 }", "t"),
        ("variables: { id: 1, idd: 2 }, expect: { row_count: 1 }", "idd"),
        ("variables: { id: 1 }, expect: { status: ok }", "ok"),
        ("variables: { id: 1 }, expect: { code: tiemout }", "tiemout"),
        ("variables: { id: 1 }, expect: { code: missing_parameter }", "missing_parameter"),
        ("variables: { id: x }, expect: { code: missing_parameter }", "missing_parameter"),
        ("variables: { id: 1 }, expect: { status: success, code: timeout }", "success"),
        ("variables: { id: 1 }, expect: { code: timeout, row_count: 1 }", "1"),
        ("variables: { id: 1 }, expect: { soql: SELECT }", "SELECT"),
        ("variables: { id: 1 }, expect: { binds: 1 }", "1"),
        ("variables: { id: 1 }, given: { rows: [1] }, expect: { row_count: 1 }", "1"),
    ] {
        assert_eq!(test(bad), [format!("bad-test {place}")], "{bad}");
    }
    // What nothing is expected of may fail as well.
    for empty in ["variables: { id: 1 }, expect: {}", "variables: { id: x }, expect: {}"] {
        assert_eq!(test(empty), ["empty-expect {}"], "{empty}");
    }
    let twice = "tests: [{ name: t, variables: { id: 1 }, expect: { row_count: 1 } }, { name: t, variables: { id: 1 }, expect: { row_count: 1 } }]";
    assert_eq!(check(&format!("{READ}{twice}\n")), ["bad-test t"]);
}

#[test]
fn a_misspelt_key_is_one_error_and_what_follows_from_it_is_none() {
    let backend = READ.replace("backend:", "backned:");
    assert_eq!(check(&backend), ["unknown-key backned"]);
    for (test, found) in [
        ("{ name: t, params: { id: 1 }, expect: { row_count: 1 } }", "unknown-key params"),
        ("{ name: t, variables: { id: 1 }, expect: { rows: 1 } }", "unknown-key rows"),
        ("{ name: t, varibles: { id: 1 }, expcet: { row_count: 1 } }", "unknown-key varibles, unknown-key expcet"),
    ] {
        assert_eq!(check(&format!("{READ}tests: [{test}]\n")).join(", "), found);
    }
    let slip = READ.replace("id", "customer_id")
        + "tests: [{ name: t, variables: { customerid: 1 }, expect: { row_count: 1 } }]\n";
    assert_eq!(check(&slip), ["bad-test customerid"]);
    let test = "tests: [{ name: t, expect: { row_count: 1 } }]";
    let optional = READ.replace("id: integer", "id: { type: integer, requierd: false }");
    assert!(optional != READ);
    assert!(!check(&format!("{optional}{test}\n")).contains(&"bad-test t".to_owned()));
}

#[test]
fn access_names_keys_of_the_configuration() {
    assert!(check(&format!("{READ}access: [flow]\n")).is_empty());
    assert_eq!(check(&format!("{READ}access: []\n")), ["bad-value []"]);
    let (action, out) = compile("a", &format!("{READ}access: [flow]\n"), None);
    assert!(action.is_none() && out[0].rule.name == "unknown-access-key", "without `access` there are no keys");
}

#[test]
fn the_revision_changes_with_everything_that_behaviour_depends_on() {
    let revision = |name: &str, file: &str| compile(name, file, None).0.expect("an action").revision;
    let first = revision("a", READ);
    assert_eq!(first, revision("a", READ));
    assert_ne!(first, revision("b", READ));
    assert_ne!(first, revision("a", &format!("{READ}\n")));
}

#[test]
fn a_diagnostic_shows_the_line_and_a_suggestion() {
    let file = READ.replace("demo", "dmeo");
    let (_, out) = compile("a", &file, None);
    let source = Arc::new(Source { path: "actions/a.yaml".into(), text: file });
    let shown = text::render(&crate::diagnostic::Report::new(source, out), false);
    assert!(shown.contains("actions/a.yaml:1:10") && shown.contains("did you mean `demo`?"), "{shown}");
}
