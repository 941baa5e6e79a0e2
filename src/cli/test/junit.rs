//! What came of tests as JUnit's XML, in the form that CI services read: a suite an action, a case a test, with its file and
//! line (<https://github.com/testmoapp/junitxml>, <https://docs.gitlab.com/ci/testing/unit_test_reports/>).

use std::{fmt::Write, time::Duration};

use super::report::{Done, End, Tally};
use crate::diagnostic::{Report, json};

/// The whole document. A broken file, whose tests did not run, is a suite with one error.
pub fn render(done: &[Done], broken: &[Report]) -> String {
    let tally = Tally::of(done);
    let time = done.iter().map(|test| test.time).sum();
    let counts = counts(tally, broken.len(), time);
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"datadip\"{counts}>\n");
    for tests in done.chunk_by(|a, b| a.action == b.action) {
        suite(tests, &mut xml);
    }
    for report in broken {
        broken_suite(report, &mut xml);
    }
    xml + "</testsuites>\n"
}

fn suite(tests: &[Done], xml: &mut String) {
    let (action, file) = (attribute(&tests[0].action), attribute(&tests[0].file));
    let counts = counts(Tally::of(tests), 0, tests.iter().map(|test| test.time).sum());
    *xml += &format!("  <testsuite name=\"{action}\" file=\"{file}\"{counts}>\n");
    for test in tests {
        let (name, line, time) = (attribute(&test.name), test.line, seconds(test.time));
        *xml += &format!(
            "    <testcase name=\"{name}\" classname=\"{action}\" file=\"{file}\" line=\"{line}\" time=\"{time}\""
        );
        *xml += &match &test.end {
            End::Passed => "/>\n".to_owned(),
            End::Skipped(reason) => {
                format!(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", attribute(reason))
            }
            End::Failed(differences, left) => {
                let lines = differences.iter().flat_map(|difference| difference.lines(str::to_owned, str::to_owned));
                let lines = lines.chain(left.iter().map(|left| format!("not written: {left}")));
                let lines: Vec<String> = [format!("{}:{line}", test.file)].into_iter().chain(lines).collect();
                let message = attribute(&lines[1..].join("\n"));
                let body = content(&lines.join("\n"));
                format!(
                    ">\n      <failure message=\"{message}\" type=\"difference\">{body}</failure>\n    </testcase>\n"
                )
            }
            End::Updated(differences, _) => {
                let lines: Vec<String> =
                    differences.iter().map(|difference| format!("updated: {difference}")).collect();
                format!(">\n      <system-out>{}</system-out>\n    </testcase>\n", content(&lines.join("\n")))
            }
        };
    }
    *xml += "  </testsuite>\n";
}

fn broken_suite(report: &Report, xml: &mut String) {
    let file = attribute(&report.source.path);
    let counts = counts(Tally::default(), 1, Duration::ZERO);
    *xml += &format!("  <testsuite name=\"{file}\" file=\"{file}\"{counts}>\n");
    let found = json::list(report);
    let line = found.first().map_or(1, |first| first["line"].as_u64().unwrap_or(1));
    let text = |member: &str| found.first().and_then(|first| first[member].as_str()).unwrap_or_default();
    let (message, rule) = (attribute(text("message")), attribute(text("rule")));
    let lines = found.iter().map(|found| {
        let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
        format!("{}:{}: {}", text("file"), found["line"], text("message"))
    });
    let body = content(&lines.collect::<Vec<_>>().join("\n"));
    *xml += &format!(
        "    <testcase name=\"can be loaded\" classname=\"{file}\" file=\"{file}\" line=\"{line}\" time=\"0.000\">\n      \
         <error message=\"{message}\" type=\"{rule}\">{body}</error>\n    </testcase>\n  </testsuite>\n"
    );
}

fn counts(tally: Tally, errors: usize, time: Duration) -> String {
    let (tests, Tally { failed, skipped, .. }) = (tally.all() + errors, tally);
    let time = seconds(time);
    format!(" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time}\"")
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// A text inside of double quotes; line breaks and tabs are kept.
fn attribute(text: &str) -> String {
    escaped(text, |c| matches!(c, '"' | '\t' | '\n' | '\r'))
}

/// A text between tags.
fn content(text: &str) -> String {
    escaped(text, |c| c == '\r')
}

/// Text without anything that XML reads as its own. The characters that XML 1.0 cannot hold at all
/// (<https://www.w3.org/TR/xml/#charsets>) are shown as `\u{1b}`.
fn escaped(text: &str, also: fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            _ if also(c) => write!(escaped, "&#{};", c as u32).expect("a string takes everything"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.extend(c.escape_unicode());
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
