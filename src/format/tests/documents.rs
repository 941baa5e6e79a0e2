//! Any document: odd indentation, comments everywhere, all styles of scalars.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Keys whose order the schema gives, and some that it does not know.
const KEYS: &[&str] = &[
    "tests",
    "result",
    "sql",
    "params",
    "options",
    "backend",
    "description",
    "shape",
    "schema",
    "type",
    "required",
    "name",
    "expect",
    "variables",
    "'owner'",
    "\"x\\ty\"",
    "zoé",
    "other key",
];

/// Scalars on one line, and on several, whose further lines begin with `>`.
const SCALARS: &[&str] = &[
    "007",
    "\"no\"",
    "1.10",
    "a b  c",
    "'it''s'",
    "~",
    "${X}",
    "x#y",
    "é漢\u{a0}",
    "*a",
    "&a b",
    "&a",
    "",
    "{ a: 1,b : [ 2,  \"3\" ] }",
    "[]",
    "[ a, # c\n>  'b\n>c', *a\n>]",
    "{\n>\ta:\tb,\n>\n> c: d }",
    "one\n>two\n>\n>  three",
    "\"a\n>  b \\\n>  \\  c\n>\n>d\"",
    "'a \n> b'",
    "|",
    ">-\n> a\n>  b\n>\n> c",
    "|+\n> SELECT 1 -- #\n>\n>\n",
    "|\n>  #a\n>  b \n>   \n",
    "|2-\n>  a\n> b",
    "|4 # c\n>      a\n>    b",
    ">+\n>\n>\n> a\n>   \n",
    "|\n>\ta",
];

const COMMENTS: &[&str] =
    &["# a", "#", "#b\t", "# datadip: allow(missing-test)", "# datadip: allow(missing-limit)", "# é  "];

/// Writes a document; each choice takes one byte.
struct Author<'b> {
    bytes: std::slice::Iter<'b, u8>,
    out: String,
}

impl Author<'_> {
    fn choice(&mut self, among: usize) -> usize {
        usize::from(*self.bytes.next().unwrap_or(&0)) % among
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.choice(of.len())]
    }

    fn write_one(&mut self, of: &[&str]) {
        let text = self.one(of);
        self.out += text;
    }

    fn blanks(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// Blank lines and comments.
    fn trivia(&mut self, indent: usize) {
        while self.choice(4) == 3 {
            let column = [indent, indent, indent + 2, self.choice(6)][self.choice(4)];
            self.blanks(column);
            if self.choice(3) > 0 {
                self.write_one(COMMENTS);
            }
            self.out.push('\n');
        }
    }

    fn end_line(&mut self) {
        if self.choice(5) == 4 {
            self.write_one(&["  ", " ", "\t"]);
            self.write_one(COMMENTS);
        }
        self.out.push('\n');
    }

    /// A block map or list. `fresh` says whether the first line has to be begun.
    fn block(&mut self, indent: usize, depth: usize, fresh: bool) {
        let is_map = depth == 0 || self.choice(3) > 0;
        let mut keys = KEYS.to_vec();
        for at in 0..=self.choice(4) {
            if at > 0 || fresh {
                self.trivia(indent);
                self.blanks(indent);
            }
            if is_map {
                let key = self.choice(keys.len());
                self.out += keys.remove(key);
                self.write_one(&[":", ":", ":", " :"]);
            } else {
                self.out.push('-');
            }
            self.value(indent, depth + 1, is_map);
        }
    }

    fn value(&mut self, indent: usize, depth: usize, of_map: bool) {
        let nested = indent + 1 + self.choice(4);
        let kind = self.choice(if depth > 4 { 4 } else { 8 });
        match kind {
            0..=3 => {
                if kind == 3 {
                    self.end_line();
                    self.trivia(nested);
                    self.blanks(nested);
                } else {
                    self.write_one(&[" ", "   ", " ", "\t"]);
                }
                let lines = self.one(SCALARS).replace("\n>", &format!("\n{}", " ".repeat(nested)));
                let literal = lines.starts_with(['|', '>']) && lines.contains('\n');
                self.out += &lines;
                if literal { self.out.push('\n') } else { self.end_line() }
            }
            4 if !of_map => {
                self.blanks(nested - indent);
                self.block(nested + 1, depth, false);
            }
            5 if of_map => {
                self.end_line();
                self.list_in_place(indent, depth);
            }
            _ => {
                if self.choice(6) == 0 {
                    self.out += " &a";
                }
                self.end_line();
                self.block(nested, depth, true);
            }
        }
    }

    /// A list whose dashes stand below the key.
    fn list_in_place(&mut self, indent: usize, depth: usize) {
        for _ in 0..=self.choice(2) {
            self.trivia(indent);
            self.blanks(indent);
            self.out.push('-');
            self.value(indent, depth + 1, false);
        }
    }
}

fn document(bytes: &[u8]) -> String {
    let mut author = Author { bytes: bytes.iter(), out: String::new() };
    author.write_one(&["", "", "", "# yaml-language-server: $schema=x\n", "---\n", "\n\n# top\n\n"]);
    let indent = author.one(&["", "", "", "  "]).len();
    author.block(indent, 0, true);
    author.trivia(0);
    let end = author.choice(6);
    let text = if end == 5 { author.out.trim_end().to_owned() } else { author.out };
    if end == 4 { text.replace('\n', "\r\n") } else { text }
}

/// What must hold for any text.
fn check_any(source: &str) -> Result<(), TestCaseError> {
    let formatted = match format(source, &SCHEMA) {
        Ok(formatted) => formatted,
        Err(Refusal::Changed) => {
            return Err(TestCaseError::fail(std::format!("would become another document: {source:?}")));
        }
        Err(_) => return Ok(()),
    };
    let (before, after) =
        (parse(source.trim_start_matches('\u{feff}')).expect("YAML"), parse(&formatted).expect("YAML"));
    prop_assert_eq!(before.root.to_json(), after.root.to_json(), "{:?}", source);
    let sorted = |document: &Document| {
        let mut texts: Vec<String> = document.comments.iter().map(|c| c.text.trim_end().to_owned()).collect();
        texts.sort();
        texts
    };
    prop_assert_eq!(sorted(&before), sorted(&after));
    prop_assert!(formatted.ends_with('\n') && !formatted.contains('\r'));
    prop_assert_eq!(format(&formatted, &SCHEMA).expect("it can be formatted again"), formatted, "{:?}", source);
    Ok(())
}

#[test]
fn most_generated_documents_can_be_formatted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = (0..400).map(|_| {
        let tree = vec(any::<u8>(), 0..120).new_tree(&mut runner).expect("bytes");
        document(&proptest::strategy::ValueTree::current(&tree))
    });
    let formatted = made.filter(|text| format(text, &SCHEMA).is_ok()).count();
    assert!(formatted > 200, "only {formatted} of 400");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_keeps_its_values_and_comments_and_is_done_at_once(bytes in vec(any::<u8>(), 0..160)) {
        check_any(&document(&bytes))?;
    }

    #[test]
    fn any_text_keeps_its_values_and_comments_or_is_refused(
        source in "([a-c]: |- |\\n|\\n  |  |\\[|\\]|\\{|\\}|, |'|\"|\\\\n|\\||>-|[|]2\\+|&a |\\*a|#x|é|\\? |: |[a-z0-9]{1,3}|\\t|\\r|---\\n|\u{a0}|\\{\\{ x \\}\\}){0,40}",
    ) {
        check_any(&source)?;
    }
}
