//! One thing that is otherwise than a test expects, for people: short, or with long values one above the other.

use std::fmt;

use crate::diagnostic::text::harmless;

/// A difference with values longer than this, in characters, takes several lines; and so much of each value is shown.
const WIDTH: usize = 100;
/// How much of what is the same stands before the first character that is not.
const BEFORE: usize = 30;
/// Said of two values of which nothing is shown.
const OF_ANOTHER_VALUE: &str = " of another value: write the value itself, it is shown to nobody";

/// One thing that is otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is: `row_count`, `result[0].id`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Whether both are values, of which a piece may do, and not words.
    values: bool,
}

impl Difference {
    /// A difference in words.
    pub fn new(path: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { path: path.into(), expected: expected.into(), got: got.into(), values: false }
    }

    /// A difference of two values as they are shown. Both may be hidden, or `***` was copied from a trace: then it says so.
    pub fn of_values(path: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        let (expected, mut got) = (expected.into(), got.into());
        if expected == got {
            got += OF_ANOTHER_VALUE;
        }
        Self { path: path.into(), expected, got, values: true }
    }

    /// The same in lines: one, or three where a value is long; of a long one what surrounds the first character that differs.
    /// `good` and `bad` paint what was expected and what came.
    pub fn lines(&self, good: impl Fn(&str) -> String, bad: impl Fn(&str) -> String) -> Vec<String> {
        let Self { path, expected, got, values } = self;
        // A path has names of columns in it.
        let path = harmless(path);
        let long = |text: &str| text.chars().count() > WIDTH;
        if !values || !long(&format!("{path}{expected}{got}")) {
            return vec![format!("{path}: expected {}, got {}", good(expected), bad(got))];
        }
        let same = expected.chars().zip(got.chars()).take_while(|(expected, got)| expected == got).count();
        let start = if long(expected) || long(got) { same.saturating_sub(BEFORE) } else { 0 };
        vec![
            format!("{path}:"),
            format!("  expected  {}", good(&cut(expected, start))),
            format!("  got       {}", bad(&cut(got, start))),
        ]
    }
}

/// A difference in one line, uncut.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, expected, got, .. } = self;
        write!(f, "{path}: expected {expected}, got {got}")
    }
}

/// A piece of a text from a character on, with an ellipsis where something is left out.
fn cut(text: &str, start: usize) -> String {
    let end = start + WIDTH;
    let piece: String = text.chars().skip(start).take(WIDTH).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if text.chars().count() > end { "…" } else { "" };
    format!("{before}{piece}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, got: &str, lines: &[&str]) {
        let plain = |text: &str| format!("<{text}>");
        assert_eq!(Difference::of_values("a", expected, got).lines(plain, str::to_owned), lines);
    }

    #[test]
    fn short_values_stand_on_one_line_and_long_ones_above_each_other() {
        check("1", "2", &["a: expected <1>, got 2"]);
        let (x, y) = ("x".repeat(60), "y".repeat(60));
        check(&x, &y, &["a:", &format!("  expected  <{x}>"), &format!("  got       {y}")]);
    }

    #[test]
    fn long_values_are_cut_around_what_differs() {
        let (same, end) = ("é".repeat(200), "z".repeat(200));
        check(
            &format!("{same}1{end}"),
            &format!("{same}2"),
            &[
                "a:",
                &format!("  expected  <…{}1{}…>", "é".repeat(30), "z".repeat(69)),
                &format!("  got       …{}2", "é".repeat(30)),
            ],
        );
        check(&same, "1", &["a:", &format!("  expected  <{}…>", "é".repeat(100)), "  got       1"]);
    }

    #[test]
    fn words_are_never_cut() {
        let told = "x".repeat(300);
        let lines = Difference::new("a", "b", told.as_str()).lines(str::to_owned, str::to_owned);
        assert_eq!(lines, [format!("a: expected b, got {told}")]);
    }

    #[test]
    fn values_of_which_nothing_is_shown_are_told_to_differ() {
        let told = Difference::of_values("a", "\"***\"", "\"***\"").to_string();
        assert_eq!(
            told,
            "a: expected \"***\", got \"***\" of another value: write the value itself, it is shown to nobody"
        );
    }
}
