//! Whether what came of a test is what it expects (SPEC 9.3), told as differences for people. Nothing here runs anything.

use std::collections::HashSet;

use bigdecimal::BigDecimal;
use serde_json::{Number, Value as Json};

use crate::spec::ExpectSpec;

/// What came of a test: the parts that it needed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The statements' text, where coercion let the variables through.
    pub sql: Option<String>,
    /// Their binds, the padding of spread lists left out.
    pub binds: Vec<Json>,
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
    /// Its `message`.
    pub message: String,
}

/// What a diff must not show: the values of sensitive parameters, as text.
#[derive(Debug, Default)]
pub struct Secrets(HashSet<String>);

impl Secrets {
    /// Hides a value, or each element of a list.
    pub fn hide(&mut self, value: &Json) {
        match value {
            Json::String(text) => drop(self.0.insert(text.clone())),
            Json::Number(number) => drop(self.0.insert(number.to_string())),
            Json::Array(items) => items.iter().for_each(|item| self.hide(item)),
            Json::Object(members) => members.values().for_each(|member| self.hide(member)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// The value as JSON text, what is hidden as `***`.
    fn show(&self, value: &Json) -> String {
        self.mask(value).to_string()
    }

    fn mask(&self, value: &Json) -> Json {
        match value {
            Json::String(text) if self.0.contains(text) => "***".into(),
            Json::Number(number) if self.0.contains(&number.to_string()) => "***".into(),
            Json::Array(items) => items.iter().map(|item| self.mask(item)).collect(),
            Json::Object(members) => members.iter().map(|(name, value)| (name.clone(), self.mask(value))).collect(),
            value => value.clone(),
        }
    }
}

/// All differences between what a test expects and what came; empty for a test that passes.
pub fn differences(expect: &ExpectSpec, outcome: &Outcome, secrets: &Secrets) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(expected) = expect.sql.as_ref().or(expect.soql.as_ref()) {
        let expected = fold(&expected.value);
        match outcome.sql.as_deref().map(fold) {
            Some(got) if got != expected => found.push(format!("sql: expected {expected}\n              got {got}")),
            Some(_) => {}
            None => found.push("sql: expected a statement, got none".into()),
        }
    }
    if let Some(expected) = &expect.binds {
        compare("binds", &expected.to_json(), &Json::Array(outcome.binds.clone()), secrets, &mut found);
    }
    match &outcome.answer {
        Some(Ok(answered)) => success(expect, answered, secrets, &mut found),
        Some(Err(refused)) => failure(expect, refused, &mut found),
        None => {}
    }
    found
}

/// The call succeeded: was it to?
fn success(expect: &ExpectSpec, answered: &Answered, secrets: &Secrets, found: &mut Vec<String>) {
    let rows = answered.row_count;
    if let Some(code) = &expect.code {
        found.push(format!("code: expected {}, got a success with row_count {rows}", code.value));
    } else if expect.status.as_ref().is_some_and(|status| status.value == "error") {
        found.push(format!("status: expected error, got success with row_count {rows}"));
    }
    if let Some(expected) = &expect.row_count
        && expected.value != rows
    {
        found.push(format!("row_count: expected {}, got {rows}", expected.value));
    }
    if let Some(expected) = &expect.result {
        compare("result", &expected.to_json(), &answered.result, secrets, found);
    }
}

/// The call failed: was it to?
fn failure(expect: &ExpectSpec, refused: &Refused, found: &mut Vec<String>) {
    let got = format!("{} ({})", refused.code, refused.message);
    match (&expect.code, &expect.status) {
        (Some(code), _) if code.value == refused.code => {}
        (Some(code), _) => found.push(format!("code: expected {}, got {got}", code.value)),
        (None, Some(status)) if status.value == "error" => {}
        (None, _) => found.push(format!("status: expected success, got the error {got}")),
    }
    if found.is_empty() && (expect.row_count.is_some() || expect.result.is_some()) {
        found.push("result: expected one, got an error".into());
    }
}

/// Objects match when the named members do; lists have the same length; numbers are compared by value.
fn compare(path: &str, expected: &Json, got: &Json, secrets: &Secrets, found: &mut Vec<String>) {
    match (expected, got) {
        (Json::Object(expected), Json::Object(got)) => {
            for (name, expected) in expected {
                let path = format!("{path}.{name}");
                match got.get(name) {
                    Some(got) => compare(&path, expected, got, secrets, found),
                    None => found.push(format!("{path}: expected {}, got no such member", secrets.show(expected))),
                }
            }
        }
        (Json::Array(expected), Json::Array(got)) if expected.len() == got.len() => {
            for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare(&format!("{path}[{at}]"), expected, got, secrets, found);
            }
        }
        (Json::Array(expected), Json::Array(got)) => {
            let elements =
                if expected.len() == 1 { "1 element".to_owned() } else { format!("{} elements", expected.len()) };
            let shown = secrets.show(&Json::Array(got.clone()));
            found.push(format!("{path}: expected {elements}, got {}: {shown}", got.len()));
        }
        (Json::Number(expected), Json::Number(got)) if equal(expected, got) => {}
        (expected, got) if expected == got => {}
        _ => {
            let (expected, got) = (secrets.show(expected), secrets.show(got));
            // Both may be hidden, or `***` was copied from a trace.
            let another =
                if expected == got { " of another value: write the value itself, it is shown to nobody" } else { "" };
            found.push(format!("{path}: expected {expected}, got {got}{another}"));
        }
    }
}

/// Whether two numbers have one value, whatever their spelling.
fn equal(a: &Number, b: &Number) -> bool {
    let value = |number: &Number| number.to_string().parse::<BigDecimal>().map(|value| value.normalized());
    match (value(a), value(b)) {
        // By digits and exponent: comparing values would write an exponent out.
        (Ok(a), Ok(b)) => a.as_bigint_and_exponent() == b.as_bigint_and_exponent(),
        _ => a == b,
    }
}

/// White space folded as SPEC 9.3 says: outside of quotes each run becomes one blank, and none stays at the ends.
fn fold(sql: &str) -> String {
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
        differences(&expect, &outcome, &secrets)
    }

    fn answered(result: Json, row_count: u64) -> Outcome {
        Outcome { answer: Some(Ok(Answered { result, row_count })), ..Outcome::default() }
    }

    fn refused(code: &str) -> Outcome {
        Outcome { answer: Some(Err(Refused { code: code.into(), message: "why".into() })), ..Outcome::default() }
    }

    fn bound(sql: &str, binds: Json) -> Outcome {
        let Json::Array(binds) = binds else { panic!("a list") };
        Outcome { sql: Some(sql.into()), binds, answer: None }
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
        assert_eq!(check("{}", refused("timeout")), ["status: expected success, got the error timeout (why)"]);
        assert_eq!(check("result: null", refused("timeout")), check("{}", refused("timeout")));
        assert_eq!(
            check("{ code: timeout, row_count: 0 }", refused("timeout")),
            ["result: expected one, got an error"]
        );
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
        assert_eq!(
            check("sql: SELECT 1", bound("SELECT  2", json!([]))),
            ["sql: expected SELECT 1\n              got SELECT 2"]
        );
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
