//! The literate cases of `tests/cases/*.md`, whose form `tests/cases/README.md` describes: each is a deployment, requests and
//! the answers that must come.

mod parse;

use std::{fs, path::Path};

use futures_util::future::join_all;
use serde_json::Value as Json;

use crate::gateway::{Answer, Serving};
use parse::{Case, Expected, Step};

#[tokio::test]
async fn every_case_is_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("README.md"));
    paths.sort();
    assert!(paths.len() >= 15, "the cases were found");
    let failures = join_all(paths.iter().map(|path| run(path))).await.concat();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// Everything that is not as written in one file.
async fn run(path: &Path) -> Vec<String> {
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    let text = fs::read_to_string(path).expect("a case is text");
    let case = Case::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let gateway = Serving::start(&case.files);
    let mut failures: Vec<String> = gateway.broken().iter().map(|report| format!("{name}: {report}")).collect();
    for Step { line, head, body, expected } in &case.steps {
        let answer = gateway.send(head, body).await;
        if let Err(difference) = compare(expected, &answer) {
            let body = String::from_utf8_lossy(&answer.body);
            failures.push(format!("{name}:{line}: {difference}\ngot {} {body}", answer.status));
        }
    }
    failures
}

fn compare(expected: &Expected, answer: &Answer) -> Result<(), String> {
    if answer.status != expected.status {
        return Err(format!("expected status {}", expected.status));
    }
    for (name, value) in &expected.headers {
        if answer.header(name) != Some(value) {
            return Err(format!("expected the header {name}: {value}, got {:?}", answer.header(name)));
        }
    }
    match &expected.body {
        Some(_) if expected.lines => lines_match(expected, answer),
        Some(body) => matches("body", body, &answer.json(), expected.exact),
        None => Ok(()),
    }
}

/// NDJSON: the lines are compared as the elements of a list.
fn lines_match(expected: &Expected, answer: &Answer) -> Result<(), String> {
    let lines: Result<Vec<Json>, _> = answer.text().lines().map(serde_json::from_str).collect();
    let lines = Json::Array(lines.map_err(|error| format!("a line is no JSON: {error}"))?);
    matches("body", expected.body.as_ref().expect("there is a body"), &lines, expected.exact)
}

/// Whether `got` is what was expected: an object has the named members (and with `exact` no other besides `request_id`), a
/// list the same number of elements, anything else is equal, numbers digit by digit.
fn matches(place: &str, expected: &Json, got: &Json, exact: bool) -> Result<(), String> {
    match (expected, got) {
        (Json::Object(members), Json::Object(others)) => {
            for (name, member) in members {
                match (member, others.get(name)) {
                    (Json::String(word), None) if word == "<absent>" => {}
                    (Json::String(word), Some(_)) if word == "<any>" => {}
                    (_, Some(other)) => matches(&format!("{place}.{name}"), member, other, exact)?,
                    (_, None) => return Err(format!("expected a member {place}.{name}")),
                }
            }
            let extra = others.keys().find(|name| !members.contains_key(*name) && *name != "request_id");
            match extra.filter(|_| exact) {
                Some(extra) => Err(format!("there should be no member {place}.{extra}")),
                None => Ok(()),
            }
        }
        (Json::Array(items), Json::Array(others)) if items.len() == others.len() => {
            let mut pairs = items.iter().zip(others).enumerate();
            pairs.try_for_each(|(at, (item, other))| matches(&format!("{place}[{at}]"), item, other, exact))
        }
        _ if expected == got => Ok(()),
        _ => Err(format!("expected {place} to be {expected}, got {got}")),
    }
}
