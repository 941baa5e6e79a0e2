//! What came of tests, for people and for programs.

use std::{fmt, time::Duration};

use serde_json::{Value as Json, json};

use super::difference::Difference;
use crate::diagnostic::text::harmless;

/// One test and what came of it.
#[derive(Debug)]
pub struct Done {
    /// The action's name.
    pub action: String,
    /// The test's name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The line of its name.
    pub line: usize,
    /// How long it took.
    pub time: Duration,
    /// What came of it.
    pub end: End,
}

/// What came of a test in the end.
#[derive(Debug)]
pub enum End {
    /// It ran, and everything was as expected.
    Passed,
    /// It ran; the differences, and what of them `--update` left alone and why.
    Failed(Vec<Difference>, Vec<String>),
    /// It did not run; why not.
    Skipped(String),
    /// It failed, and passes from now on: the differences that were, and what was left out of what was written.
    Updated(Vec<Difference>, Vec<String>),
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
    /// Otherwise than expected, and written.
    pub updated: usize,
}

impl Tally {
    /// Counts.
    pub fn of<'a>(done: impl IntoIterator<Item = &'a Done>) -> Self {
        let mut tally = Self::default();
        for test in done {
            match test.end {
                End::Passed => tally.passed += 1,
                End::Failed(..) => tally.failed += 1,
                End::Skipped(_) => tally.skipped += 1,
                End::Updated(..) => tally.updated += 1,
            }
        }
        tally
    }

    /// All of them.
    pub fn all(self) -> usize {
        self.passed + self.failed + self.skipped + self.updated
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped, updated } = self;
        let plural = if self.all() == 1 { "" } else { "s" };
        write!(f, "{} test{plural}: {passed} passed, {failed} failed, {skipped} skipped", self.all())?;
        if *updated > 0 { write!(f, ", {updated} updated") } else { Ok(()) }
    }
}

/// Colours of terminals, by their numbers.
#[derive(Clone, Copy, Debug)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// A line a test; below one that failed its place and its differences. `colour` adds terminal colours.
pub fn text(done: &[Done], colour: bool) -> String {
    let paint = |colour_of: Colour, text: &str| {
        let text = harmless(text);
        if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", colour_of as u8) } else { text }
    };
    let good = |text: &str| paint(Colour::Green, text);
    let bad = |text: &str| paint(Colour::Red, text);
    let line = |test: &Done| {
        let name = harmless(&format!("{}: {}", test.action, test.name));
        let below = |differences: &[Difference], left: &[String]| -> String {
            let place = format!("{}:{}", test.file, test.line);
            let differences = differences.iter().flat_map(|difference| difference.lines(good, bad));
            let left = left.iter().map(|left| format!("not written: {}", harmless(left)));
            [place].into_iter().chain(differences).chain(left).map(|line| format!("         {line}\n")).collect()
        };
        match &test.end {
            End::Passed => format!("{}   {name}\n", good("passed")),
            End::Skipped(reason) => format!("{}  {name} ({})\n", paint(Colour::Yellow, "skipped"), harmless(reason)),
            End::Failed(differences, left) => format!("{}   {name}\n{}", bad("failed"), below(differences, left)),
            End::Updated(differences, left) => {
                format!("{}  {name}\n{}", paint(Colour::Yellow, "updated"), below(differences, left))
            }
        }
    };
    done.iter().map(line).collect()
}

/// The same as JSON.
pub fn json(done: &[Done], tally: Tally) -> String {
    let test = |test: &Done| {
        let (outcome, differences, reason) = match &test.end {
            End::Passed => ("passed", &[][..], None),
            End::Failed(differences, left) => ("failed", &**differences, Some(left.join("; "))),
            End::Updated(differences, left) => ("updated", &**differences, Some(left.join("; "))),
            End::Skipped(reason) => ("skipped", &[][..], Some(reason.clone())),
        };
        json!({
            "action": test.action, "name": test.name, "place": format!("{}:{}", test.file, test.line),
            "outcome": outcome, "differences": differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "reason": reason.filter(|reason| !reason.is_empty()), "seconds": test.time.as_secs_f64(),
        })
    };
    let tests: Vec<Json> = done.iter().map(test).collect();
    let Tally { passed, failed, skipped, updated } = tally;
    let all = json!({ "tests": tests, "passed": passed, "failed": failed, "skipped": skipped, "updated": updated });
    serde_json::to_string_pretty(&all).expect("JSON values can be written")
}
