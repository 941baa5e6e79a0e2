//! Diagnostics as workflow commands of GitHub Actions, which shows them beside the changed lines
//! (<https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>).

use super::{Diagnostic, Level, Place, Report, Source};

/// One command a diagnostic, each on a line of its own.
pub fn render(reports: &[Report]) -> String {
    let commands = |report: &Report| -> String {
        report.diagnostics.iter().map(|diagnostic| command(&report.source, diagnostic) + "\n").collect()
    };
    reports.iter().map(commands).collect()
}

fn command(source: &Source, diagnostic: &Diagnostic) -> String {
    let name = match diagnostic.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let Place { line, column, end_line, end_column } = source.place(diagnostic.span);
    // The runner takes columns only of what lies on one line.
    let columns = if line == end_line { format!(",col={column},endColumn={end_column}") } else { String::new() };
    let message = match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let (file, title, message) = (property(&source.path), property(diagnostic.rule.name), data(&message));
    format!("::{name} file={file},line={line},endLine={end_line}{columns},title={title}::{message}")
}

/// What follows the second `::`, as the runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, as the runner reads it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{MISSING_TEST, SELECT_STAR, UNKNOWN_KEY};

    fn check(path: &str, text: &str, diagnostic: Diagnostic) -> String {
        let source = Arc::new(Source { path: path.into(), text: text.into() });
        render(&[Report::new(source, vec![diagnostic])])
    }

    #[test]
    fn a_diagnostic_is_a_command_with_its_place_its_rule_and_its_help() {
        let found = UNKNOWN_KEY.at(5..12, "unknown key `backned`").help("did you mean `backend`?");
        assert_eq!(
            check("actions/x.yaml", "a: 1\nbackned: demo\n", found),
            "::error file=actions/x.yaml,line=2,endLine=2,col=1,endColumn=8,title=unknown-key::\
             unknown key `backned`%0Ahelp: did you mean `backend`?\n"
        );
        let found = check("a.yaml", "é: 1\n", SELECT_STAR.at(4..5, "x"));
        assert_eq!(found, "::warning file=a.yaml,line=1,endLine=1,col=4,endColumn=5,title=select-star::x\n");
    }

    #[test]
    fn columns_are_told_only_of_what_lies_on_one_line() {
        let found = check("a.yaml", "a: 1\nb: 2\n", MISSING_TEST.at(0..9, "x"));
        assert_eq!(found, "::notice file=a.yaml,line=1,endLine=2,title=missing-test::x\n");
        let found = check("a.yaml", "a: 1\n", MISSING_TEST.at(3..3, "x"));
        assert_eq!(found, "::notice file=a.yaml,line=1,endLine=1,col=4,endColumn=4,title=missing-test::x\n");
    }

    /// Reads a command as the runner does: its properties and its message.
    fn read(command: &str) -> (Vec<(String, String)>, String) {
        let unescaped = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
        let (head, message) = command[2..].split_once("::").expect("a message");
        let (_, properties) = head.split_once(' ').expect("properties");
        let property = |pair: &str| {
            let (name, value) = pair.split_once('=').expect("a value");
            let value = unescaped(value).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
            (name.to_owned(), value)
        };
        (properties.split(',').map(property).collect(), unescaped(message).replace("%25", "%"))
    }

    proptest! {
        #[test]
        fn the_runner_reads_back_what_was_found(
            path in "([a-z]|[:,%/ é=]|::|%0A|\r|\n){1,20}",
            message in "([a-z]|[:,%é]|::|%0A|%25|\r|\n){0,30}",
        ) {
            let shown = check(&path, "a: 1\n", UNKNOWN_KEY.at(0..1, message.as_str()));
            prop_assert_eq!(shown.matches(['\n', '\r']).count(), 1);
            let (properties, told) = read(shown.trim_end());
            prop_assert_eq!(&properties[0], &("file".to_owned(), path));
            prop_assert_eq!(properties.last(), Some(&("title".to_owned(), "unknown-key".to_owned())));
            prop_assert_eq!(told, message);
        }
    }
}
