//! Diagnostics as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>), for services that
//! show what was found beside the code and remember it from run to run. No line of a file is in it.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Diagnostic, LIVE_RULES, Level, Place, RULES, Report, Rule, Source, password};

/// What the file's address may hold as it is: what RFC 3986 leaves unreserved, and the slash.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The log of one run that ended with an exit code. All rules are in it, also those that found nothing.
pub fn render(reports: &[Report], exit_code: u8) -> Json {
    let mut driver = json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": RULES.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
    });
    let repository = env!("CARGO_PKG_REPOSITORY");
    if !repository.is_empty() {
        driver["informationUri"] = repository.into();
    }
    let mut fingerprints = Fingerprints::default();
    let found = reports.iter().flat_map(|report| report.diagnostics.iter().map(|found| (&*report.source, found)));
    let results: Vec<Json> =
        found.map(|(source, found)| result(source, found, fingerprints.of(source, found))).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "invocations": [{ "executionSuccessful": exit_code < 2, "exitCode": exit_code }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Json {
    let mut tags = vec![if rule.level == Level::Error { "correctness" } else { "maintainability" }];
    if LIVE_RULES.iter().any(|live| live.name == rule.name) {
        tags.push("live");
    }
    json!({
        "id": rule.name,
        "shortDescription": { "text": rule.summary() },
        "fullDescription": { "text": rule.description() },
        "help": { "text": rule.page, "markdown": rule.page },
        "defaultConfiguration": { "level": rule.level.as_str() },
        "properties": { "tags": tags },
    })
}

fn result(source: &Source, found: &Diagnostic, fingerprint: String) -> Json {
    let Place { line, column, end_line, end_column } = source.place(found.span);
    let text = match &found.help {
        Some(help) => format!("{}\nhelp: {help}", found.message),
        None => found.message.clone(),
    };
    json!({
        "ruleId": found.rule.name,
        "ruleIndex": RULES.iter().position(|rule| rule.name == found.rule.name),
        "level": found.level.as_str(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": address(&source.path),
            "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
        }}],
        "partialFingerprints": { "ruleAndLine/v1": fingerprint },
    })
}

/// A path as an address: relative to the source's root, unless it lies elsewhere.
fn address(path: &str) -> Json {
    let encoded = utf8_percent_encode(path, KEPT);
    if path.starts_with('/') {
        json!({ "uri": format!("file://{encoded}") })
    } else {
        json!({ "uri": encoded.to_string(), "uriBaseId": "%SRCROOT%" })
    }
}

/// What tells a finding from others in every run: its rule, its file and what its line says, so that it stays the same when
/// lines move. Of several that are equal in this, each has its number.
#[derive(Default)]
struct Fingerprints(HashMap<String, usize>);

impl Fingerprints {
    fn of(&mut self, source: &Source, found: &Diagnostic) -> String {
        let line = password::hide(source.line_of(found.span), 0..0).0;
        let line: Vec<&str> = line.split_whitespace().collect();
        let mut digest = Sha256::new();
        for part in [found.rule.name, &source.path, &line.join(" ")] {
            digest.update(part);
            digest.update([0]);
        }
        let digest = hex::encode(&digest.finalize()[..8]);
        let number = self.0.entry(digest.clone()).or_default();
        *number += 1;
        format!("{digest}:{number}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::{SELECT_STAR, UNKNOWN_KEY};

    fn results(path: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Vec<Json> {
        let source = Arc::new(Source { path: path.into(), text: text.into() });
        let log = render(&[Report::new(source, diagnostics)], 1);
        log["runs"][0]["results"].as_array().expect("a list").clone()
    }

    fn fingerprint(result: &Json) -> &str {
        result["partialFingerprints"]["ruleAndLine/v1"].as_str().expect("a fingerprint")
    }

    #[test]
    fn a_result_has_its_rule_its_place_in_characters_and_its_help() {
        let found = UNKNOWN_KEY.at(6..9, "unknown key `é: `").help("remove it");
        let result = &results("actions/größe %a:b.yaml", "a: 1\né: 2\n", vec![found])[0];
        assert_eq!(result["message"]["text"], "unknown key `é: `\nhelp: remove it");
        assert_eq!(RULES[result["ruleIndex"].as_u64().expect("a number") as usize].name, "unknown-key");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"],
            json!({ "uri": "actions/gr%C3%B6%C3%9Fe%20%25a%3Ab.yaml", "uriBaseId": "%SRCROOT%" })
        );
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 4 }));
    }

    #[test]
    fn a_file_elsewhere_has_an_absolute_address() {
        let result = &results("/a b/c.yaml", "a: 1\n", vec![UNKNOWN_KEY.at(0..1, "x")])[0];
        let address = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(address, &json!({ "uri": "file:///a%20b/c.yaml" }));
    }

    #[test]
    fn a_fingerprint_moves_with_its_line_and_differs_for_another_finding() {
        let at = |text: &str, word: &str| {
            let start = text.find(word).expect("it is there");
            UNKNOWN_KEY.at(start..start + word.len(), "x")
        };
        let (before, after) = ("a: 1\nb: 2\n", "# new\n\na: 1\n  b:  2\n");
        let old = results("x.yaml", before, vec![at(before, "b")]);
        let new = results("x.yaml", after, vec![at(after, "b")]);
        assert_eq!(fingerprint(&old[0]), fingerprint(&new[0]));
        assert_ne!(fingerprint(&old[0]), fingerprint(&results("y.yaml", before, vec![at(before, "b")])[0]));
        assert_ne!(fingerprint(&old[0]), fingerprint(&results("x.yaml", before, vec![at(before, "a")])[0]));
        assert_ne!(fingerprint(&old[0]), fingerprint(&results("x.yaml", before, vec![SELECT_STAR.at(5..6, "x")])[0]));
        let twice = results("x.yaml", before, vec![at(before, "b"), at(before, "2")]);
        assert_ne!(fingerprint(&twice[0]), fingerprint(&twice[1]));
    }
}
