//! Whether what came of a test is what it expects (SPEC 9.3), told as differences for people. Nothing here runs anything.

use bigdecimal::BigDecimal;
use serde_json::{Number, Value as Json};

use super::{difference::Difference, secrets::Secrets};
use crate::{
    cli::deployment::plural,
    spec::{ExpectSpec, RecordExpectSpec},
    template::{
        Dialect,
        lexer::{self, TokenKind},
    },
    value::MASK,
    yaml::{Node, Spanned},
};

/// What came of a test: the parts that it needed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The statements' text, where coercion let the variables through; for SOQL with the values in it.
    pub text: Option<String>,
    /// Whether a value in that text is sensitive.
    pub secret: bool,
    /// Their binds, the padding of spread lists left out.
    pub binds: Vec<Json>,
    /// The record that it writes, as a dry run shows it.
    pub record: Option<Json>,
    /// What the call answered; `None` where nothing was called.
    pub answer: Option<Result<Answered, Refused>>,
}

/// A call that succeeded.
#[derive(Debug)]
pub struct Answered {
    /// Its `result`.
    pub result: Json,
    /// Its `row_count`.
    pub row_count: u64,
}

/// A call that failed.
#[derive(Debug)]
pub struct Refused {
    /// Its `code`.
    pub code: String,
    /// The HTTP status that it has over HTTP.
    pub status: u16,
    /// Its `message`.
    pub message: String,
}

/// All differences between what a test expects and what came; none for a test that passes.
pub fn differences(expect: &ExpectSpec, outcome: &Outcome, secrets: &Secrets) -> Vec<Difference> {
    if expect.is_empty() {
        return vec![Difference::new("expect", "what must come of the test", "nothing; --update writes what came")];
    }
    let mut found = Vec::new();
    let got = outcome.text.as_deref();
    if let Some(expected) = &expect.sql {
        statement("sql", fold(&expected.value), got.map(fold), str::to_owned, &mut found);
    }
    if let Some(expected) = &expect.soql {
        let shown = if outcome.secret { without_values } else { str::to_owned };
        statement("soql", fold_soql(&expected.value), got.map(fold_soql), shown, &mut found);
    }
    if let Some(expected) = &expect.binds {
        compare("binds", &expected.to_json(), &Json::Array(outcome.binds.clone()), secrets, &mut found);
    }
    if let Some(expected) = &expect.record {
        match &outcome.record {
            Some(got) => record(expected, got, secrets, &mut found),
            None => found.push(Difference::new("record", "one", "none")),
        }
    }
    match &outcome.answer {
        Some(Ok(answered)) => success(expect, answered, secrets, &mut found),
        Some(Err(refused)) => failure(expect, refused, &mut found),
        None => {}
    }
    found
}

/// The text of the statements: is it the one that was expected?
fn statement(key: &str, expected: String, got: Option<String>, shown: fn(&str) -> String, found: &mut Vec<Difference>) {
    match got {
        None => found.push(Difference::new(key, "a statement", "none")),
        Some(got) if got == expected => {}
        Some(got) => found.push(Difference::of_values(key, shown(&expected), shown(&got))),
    }
}

/// The record that is written, where the test names something of it.
fn record(expected: &RecordExpectSpec, got: &Json, secrets: &Secrets, found: &mut Vec<Difference>) {
    let RecordExpectSpec { operation, object, id, fields, .. } = expected;
    let word = |text: &Option<Spanned<String>>| text.as_ref().map(|text| Json::from(text.as_str()));
    let json = |node: &Option<Node>| node.as_ref().map(Node::to_json);
    let parts = [("operation", word(operation)), ("object", word(object)), ("id", json(id)), ("fields", json(fields))];
    for (name, expected) in parts {
        let Some(expected) = expected else { continue };
        compare(&format!("record.{name}"), &expected, &got[name], secrets, found);
        if let (Json::Object(expected), Json::Object(got)) = (&expected, &got[name]) {
            for (other, got) in got.iter().filter(|(other, _)| !expected.contains_key(*other)) {
                let path = format!("record.{name}.{other}");
                found.push(Difference::of_values(path, "no such field", secrets.show(got)));
            }
        }
    }
}

/// The call succeeded: was it to?
fn success(expect: &ExpectSpec, answered: &Answered, secrets: &Secrets, found: &mut Vec<Difference>) {
    let rows = answered.row_count;
    if let Some(code) = &expect.code {
        found.push(Difference::new("code", &code.value, format!("a success with row_count {rows}")));
    } else if expect.status.as_ref().is_some_and(|status| status.value == "error") {
        found.push(Difference::new("status", "error", format!("success with row_count {rows}")));
    }
    if let Some(expected) = &expect.row_count
        && expected.value != rows
    {
        found.push(Difference::new("row_count", expected.value.to_string(), rows.to_string()));
    }
    if let Some(expected) = &expect.result {
        compare("result", &expected.to_json(), &answered.result, secrets, found);
    }
}

/// The call failed: was it to?
fn failure(expect: &ExpectSpec, refused: &Refused, found: &mut Vec<Difference>) {
    let got = format!("{} ({})", refused.code, refused.message);
    match (&expect.code, &expect.status) {
        (Some(code), _) if code.value == refused.code => {}
        (Some(code), _) => found.push(Difference::new("code", &code.value, got)),
        (None, Some(status)) if status.value == "error" => {}
        (None, _) => found.push(Difference::new("status", "success", format!("the error {got}"))),
    }
    if found.is_empty() && (expect.row_count.is_some() || expect.result.is_some()) {
        found.push(Difference::new("result", "one", "an error"));
    }
}

/// Objects match when the named members do; lists have the same length; numbers are compared by value.
fn compare(path: &str, expected: &Json, got: &Json, secrets: &Secrets, found: &mut Vec<Difference>) {
    match (expected, got) {
        (Json::Object(expected), Json::Object(got)) => {
            for (name, expected) in expected {
                let path = format!("{path}.{name}");
                match got.get(name) {
                    Some(got) => compare(&path, expected, got, secrets, found),
                    None => found.push(Difference::of_values(path, secrets.show(expected), "no such member")),
                }
            }
        }
        (Json::Array(expected), Json::Array(got)) if expected.len() == got.len() => {
            for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare(&format!("{path}[{at}]"), expected, got, secrets, found);
            }
        }
        (Json::Array(expected), Json::Array(got)) => {
            let shown = secrets.show(&Json::Array(got.clone()));
            found.push(Difference::of_values(
                path,
                plural(expected.len(), "element"),
                format!("{}: {shown}", got.len()),
            ));
        }
        (expected, got) if equal(expected, got) => {}
        _ => found.push(Difference::of_values(path, secrets.show(expected), secrets.show(got))),
    }
}

/// Whether two values that are no lists and no maps are the same; numbers are whatever their spelling.
pub fn equal(a: &Json, b: &Json) -> bool {
    let value = |number: &Number| number.to_string().parse::<BigDecimal>().map(|value| value.normalized());
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (value(a), value(b)) {
            // By digits and exponent: comparing values would write an exponent out.
            (Ok(a), Ok(b)) => a.as_bigint_and_exponent() == b.as_bigint_and_exponent(),
            _ => a == b,
        },
        _ => a == b,
    }
}

/// White space folded as SPEC 9.3 says: outside of quotes each run becomes one blank, and none stays at the ends.
pub fn fold(sql: &str) -> String {
    let mut folded = String::new();
    let mut quote = None;
    let mut blank = false;
    for c in sql.trim().chars() {
        match quote {
            None if c.is_whitespace() => {
                blank = true;
                continue;
            }
            None if matches!(c, '\'' | '"' | '`') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if blank {
            folded.push(' ');
            blank = false;
        }
        folded.push(c);
    }
    folded
}

/// The same for SOQL, whose texts have other escapes.
pub fn fold_soql(soql: &str) -> String {
    let soql = soql.trim();
    let token = |token: lexer::Token| if token.is_blank() { " " } else { token.text(soql) };
    lexer::tokens(soql, Dialect::Soql).into_iter().map(token).collect()
}

/// A text of SOQL with each value in it hidden, and whatever else could be a piece of one.
fn without_values(soql: &str) -> String {
    let token = |token: lexer::Token| {
        let text = token.text(soql);
        let shown = match token.kind {
            TokenKind::Word => !["true", "false", "null"].iter().any(|value| token.is_word(soql, value)),
            TokenKind::Operator | TokenKind::Open | TokenKind::Close | TokenKind::Whitespace => true,
            _ => false,
        };
        if shown { text.to_owned() } else { format!("'{MASK}'") }
    };
    lexer::tokens(soql, Dialect::Soql).into_iter().map(token).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::{self, read::FromNode};

    /// The differences for the `expect` of a test, written as in an action file.
    fn check(expect: &str, outcome: Outcome) -> Vec<String> {
        let (document, mut out) = yaml::parse(expect);
        let expect = ExpectSpec::from_node(&document.expect("YAML").root, &mut out).expect("an expectation");
        assert!(out.is_empty(), "{out:?}");
        let mut secrets = Secrets::default();
        secrets.hide(&json!(["s3cret", 4711]));
        differences(&expect, &outcome, &secrets).iter().map(ToString::to_string).collect()
    }

    fn answered(result: Json, row_count: u64) -> Outcome {
        Outcome { answer: Some(Ok(Answered { result, row_count })), ..Outcome::default() }
    }

    fn refused(code: &str) -> Outcome {
        Outcome {
            answer: Some(Err(Refused { code: code.into(), status: 400, message: "why".into() })),
            ..Outcome::default()
        }
    }

    fn bound(sql: &str, binds: Json) -> Outcome {
        let Json::Array(binds) = binds else { panic!("a list") };
        Outcome { text: Some(sql.into()), binds, ..Outcome::default() }
    }

    fn query(soql: &str, secret: bool) -> Outcome {
        Outcome { text: Some(soql.into()), secret, ..Outcome::default() }
    }

    const NONE: [String; 0] = [];

    #[test]
    fn an_object_matches_when_its_named_members_match() {
        let rows = || answered(json!([{ "id": 42, "name": "Ada", "home": { "city": "London", "zip": "N1" } }]), 1);
        assert_eq!(check("result: [{ id: 42, home: { city: London } }]", rows()), NONE);
        assert_eq!(check("result: [{}]", rows()), NONE);
        assert_eq!(check("result: [{ id: 43 }]", rows()), ["result[0].id: expected 43, got 42"]);
        assert_eq!(check("result: [{ town: x }]", rows()), ["result[0].town: expected \"x\", got no such member"]);
        assert_eq!(check("result: [{ id: '42' }]", rows()), ["result[0].id: expected \"42\", got 42"]);
    }

    #[test]
    fn a_list_matches_only_one_of_the_same_length() {
        assert_eq!(check("result: [{ id: 1 }]", answered(json!([{ "id": 1 }, { "id": 2 }]), 2)).len(), 1);
        assert_eq!(check("result: []", answered(json!([]), 0)), NONE);
        assert_eq!(check("result: []", answered(json!(null), 0)), ["result: expected [], got null"]);
    }

    #[test]
    fn numbers_are_compared_by_value_and_never_as_floats() {
        assert_eq!(check("result: 10.50", answered(json!(10.5), 1)), NONE);
        assert_eq!(check("result: 100", answered(serde_json::from_str("1e2").expect("JSON"), 1)), NONE);
        assert_eq!(check("result: 9007199254740993", answered(json!(9_007_199_254_740_992_u64), 1)).len(), 1);
        assert_eq!(check("result: 1e999999999", answered(json!(1), 1)).len(), 1);
    }

    #[test]
    fn every_difference_is_told() {
        let found = check(
            "{ status: success, row_count: 2, result: [{ id: 1, b: 2 }] }",
            answered(json!([{ "id": 2, "b": 3 }]), 1),
        );
        assert_eq!(
            found,
            ["row_count: expected 2, got 1", "result[0].id: expected 1, got 2", "result[0].b: expected 2, got 3"]
        );
    }

    #[test]
    fn an_error_is_a_difference_unless_it_was_expected() {
        assert_eq!(check("code: timeout", refused("timeout")), NONE);
        assert_eq!(check("status: error", refused("timeout")), NONE);
        assert_eq!(check("code: not_found", refused("timeout")), ["code: expected not_found, got timeout (why)"]);
        assert_eq!(
            check("result: null", refused("timeout")),
            ["status: expected success, got the error timeout (why)"]
        );
        assert_eq!(
            check("{ code: timeout, row_count: 0 }", refused("timeout")),
            ["result: expected one, got an error"]
        );
    }

    #[test]
    fn a_test_that_expects_nothing_passes_never() {
        for outcome in [answered(json!([]), 0), refused("timeout"), bound("SELECT 1", json!([]))] {
            let found = check("{}", outcome);
            assert_eq!(found, ["expect: expected what must come of the test, got nothing; --update writes what came"]);
        }
    }

    #[test]
    fn a_success_is_a_difference_where_an_error_was_expected() {
        assert_eq!(
            check("code: timeout", answered(json!([]), 0)),
            ["code: expected timeout, got a success with row_count 0"]
        );
        assert_eq!(check("status: error", answered(json!([]), 0)).len(), 1);
        assert_eq!(check("status: success", answered(json!([]), 0)), NONE);
    }

    #[test]
    fn sql_is_compared_with_white_space_folded_outside_of_quotes() {
        let sql = "SELECT  'a  b', \"c  d\",\n\t`e  f` FROM x  \n";
        assert_eq!(check("sql: SELECT 'a  b', \"c  d\", `e  f` FROM x", bound(sql, json!([]))), NONE);
        assert_eq!(check("sql: SELECT 'a b', \"c  d\", `e  f` FROM x", bound(sql, json!([]))).len(), 1);
        assert_eq!(check("sql: 'SELECT  ''it''''s  ''   AS b'", bound("SELECT 'it''s  ' AS b", json!([]))), NONE);
        assert_eq!(check("sql: SELECT 1", bound("SELECT  2", json!([]))), ["sql: expected SELECT 1, got SELECT 2"]);
    }

    #[test]
    fn soql_is_compared_with_its_values_in_place() {
        let soql = "SELECT  Id FROM A\n WHERE B = 'it\\'s  \"a'  AND C > 5\n";
        assert_eq!(check(r#"soql: 'SELECT Id FROM A WHERE B = ''it\''s  "a'' AND C > 5'"#, query(soql, false)), NONE);
        assert_eq!(check(r#"soql: 'SELECT Id FROM A WHERE B = ''it\''s "a'' AND C > 5'"#, query(soql, false)).len(), 1);
        assert_eq!(
            check("soql: SELECT Id FROM A WHERE B = 'x'", query("SELECT Id FROM A WHERE B = 'y'", false)),
            ["soql: expected SELECT Id FROM A WHERE B = 'x', got SELECT Id FROM A WHERE B = 'y'"]
        );
        assert_eq!(check("soql: SELECT Id FROM A", refused("x"))[0], "soql: expected a statement, got none");
    }

    #[test]
    fn a_difference_shows_no_value_where_one_is_sensitive() {
        let found =
            check("soql: SELECT Id FROM A WHERE B = 'x' AND C = TRUE", query("SELECT Id FROM A WHERE B = 5", true));
        assert_eq!(
            found,
            ["soql: expected SELECT Id FROM A WHERE B = '***' AND C = '***', got SELECT Id FROM A WHERE B = '***'"]
        );
        let found = check("soql: SELECT Id FROM A WHERE B = 'x'", query("SELECT Id FROM A WHERE B = 's3cret'", true));
        assert!(found[0].contains("of another value") && !found[0].contains("s3cret"), "{found:?}");
        assert_eq!(check("soql: SELECT Id FROM A LIMIT 5", query("SELECT Id FROM A LIMIT 5", true)), NONE);
    }

    #[test]
    fn binds_are_compared_as_json_and_sensitive_ones_are_not_shown() {
        assert_eq!(check("binds: [7, '1.10', null]", bound("", json!([7, "1.10", null]))), NONE);
        assert_eq!(check("binds: [7]", bound("", json!([7, 8]))), ["binds: expected 1 element, got 2: [7,8]"]);
        assert_eq!(check("binds: [1.10]", bound("", json!(["1.10"]))), ["binds[0]: expected 1.10, got \"1.10\""]);
        assert_eq!(
            check("binds: [a, 4711]", bound("", json!(["s3cret", 4712]))).join("; "),
            "binds[0]: expected \"a\", got \"***\"; binds[1]: expected \"***\", got 4712"
        );
        let copied = check("binds: ['***']", bound("", json!(["s3cret"]))).join("; ");
        assert!(copied.starts_with("binds[0]: expected \"***\", got \"***\" of another value"), "{copied}");
    }
}
