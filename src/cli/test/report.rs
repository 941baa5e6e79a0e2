//! What came of tests, for people and for programs.

use std::fmt;

use serde_json::{Value as Json, json};

use super::Verdict;

/// One test and what came of it.
#[derive(Debug)]
pub struct Done {
    /// The action's name.
    pub action: String,
    /// The test's name.
    pub name: String,
    /// File and line.
    pub place: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Otherwise than expected.
    pub failed: usize,
    /// Not run.
    pub skipped: usize,
}

impl Tally {
    /// Counts.
    pub fn of(done: &[Done]) -> Self {
        let mut tally = Self::default();
        for test in done {
            match test.verdict {
                Verdict::Passed => tally.passed += 1,
                Verdict::Failed(_) => tally.failed += 1,
                Verdict::Skipped(_) => tally.skipped += 1,
            }
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        let plural = if passed + failed + skipped == 1 { "" } else { "s" };
        write!(f, "{} test{plural}: {passed} passed, {failed} failed, {skipped} skipped", passed + failed + skipped)
    }
}

/// A line a test; below a failed one its place and its differences.
pub fn text(done: &[Done]) -> String {
    let line = |test: &Done| {
        let Done { action, name, place, verdict } = test;
        match verdict {
            Verdict::Passed => format!("passed   {action}: {name}\n"),
            Verdict::Skipped(reason) => format!("skipped  {action}: {name} ({reason})\n"),
            Verdict::Failed(differences) => {
                let differences: String = differences.iter().map(|found| format!("         {found}\n")).collect();
                format!("failed   {action}: {name}\n         {place}\n{differences}")
            }
        }
    };
    done.iter().map(line).collect()
}

/// The same as JSON.
pub fn json(done: &[Done], tally: Tally) -> String {
    let test = |test: &Done| {
        let (outcome, differences, reason) = match &test.verdict {
            Verdict::Passed => ("passed", json!([]), Json::Null),
            Verdict::Failed(differences) => ("failed", json!(differences), Json::Null),
            Verdict::Skipped(reason) => ("skipped", json!([]), json!(reason)),
        };
        json!({
            "action": test.action, "name": test.name, "place": test.place,
            "outcome": outcome, "differences": differences, "reason": reason,
        })
    };
    let tests: Vec<Json> = done.iter().map(test).collect();
    let Tally { passed, failed, skipped } = tally;
    let all = json!({ "tests": tests, "passed": passed, "failed": failed, "skipped": skipped });
    serde_json::to_string_pretty(&all).expect("JSON values can be written")
}
