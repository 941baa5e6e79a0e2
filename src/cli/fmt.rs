//! `datadip fmt`: action files in their canonical form.

use std::{
    collections::HashSet,
    io::{self, IsTerminal, stdout},
    path::{Path, PathBuf},
    sync::Arc,
};

use annotate_snippets::normalize_untrusted_str;
use anyhow::Context;
use clap::{
    Args,
    builder::styling::{AnsiColor, Style},
};
use similar::TextDiff;

use super::{
    Exit, Told,
    deployment::{self, For},
    input,
    output::{answer, say},
    schema, write,
};
use crate::{
    diagnostic::{Report, Source, UNREADABLE_FILE, text},
    format::{Refusal, format},
    project::Project,
    yaml::MAX_BYTES,
};

/// The arguments of `fmt`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip fmt                                     all action files of the deployment
  datadip fmt --check                             show what would change; exit with 1 then
  datadip fmt actions/customers actions/orders/recent.yaml
  datadip fmt - < actions/orders/recent.yaml      for editors: standard input to output

Keys stand in the order of the documentation, each level two blanks further right. Values and
comments stay as they are written. A file that is no YAML is reported and left alone.")]
pub struct Fmt {
    /// Only these action files, or those below these folders; `-` reads standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing. Print what would change as a diff, and exit with 1 where something would.
    #[arg(long)]
    check: bool,
}

/// What came of the files.
#[derive(Default)]
struct Tally {
    files: usize,
    changed: usize,
    left: usize,
    /// Not read, or not written.
    failed: bool,
}

impl Fmt {
    /// Formats, and says what it did.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let stream = Path::new("-");
        if self.paths.iter().any(|path| path == stream) {
            anyhow::ensure!(self.paths.len() == 1, "`-` stands for standard input alone, without other paths");
            return self.stream();
        }
        let projects = if self.paths.is_empty() {
            vec![deployment::load(config, For::Checking)?]
        } else {
            Project::load_paths(config, &self.paths, None)?
        };
        self.refuse_others(&projects)?;
        let mut tally = Tally::default();
        let mut known = HashSet::new();
        for project in &projects {
            for loaded in &project.actions {
                // A file may have several names, and is one file.
                if known.insert(loaded.path.canonicalize().unwrap_or_else(|_| loaded.path.clone())) {
                    self.file(&deployment::from_here(project, &loaded.report), &loaded.path, &mut tally)?;
                }
            }
        }
        say(self.summary(&tally));
        Ok(match tally {
            Tally { failed: true, .. } => Exit::Usage,
            Tally { left: 1.., .. } => Exit::Findings,
            Tally { changed: 1.., .. } if self.check => Exit::Findings,
            _ => Exit::Fine,
        })
    }

    /// Refuses files that are named themselves and are no action files.
    fn refuse_others(&self, projects: &[Project]) -> anyhow::Result<()> {
        let actions: HashSet<PathBuf> = projects
            .iter()
            .flat_map(|project| &project.actions)
            .filter_map(|loaded| loaded.path.canonicalize().ok())
            .collect();
        let is_other =
            |path: &&PathBuf| path.is_file() && path.canonicalize().is_ok_and(|path| !actions.contains(&path));
        let Some(other) = self.paths.iter().find(is_other) else { return Ok(()) };
        say(format!("error: {} is no action file", other.display()));
        say("help: `datadip fmt` is for the files below `actions/`");
        Err(Told(Exit::Usage).into())
    }

    /// Formats one file.
    fn file(&self, report: &Report, path: &Path, tally: &mut Tally) -> anyhow::Result<()> {
        tally.files += 1;
        if report.diagnostics.iter().any(|diagnostic| diagnostic.rule.name == UNREADABLE_FILE.name) {
            show(report);
            tally.failed = true;
            return Ok(());
        }
        let Source { path: shown, text } = &*report.source;
        match format(text, &schema::action()) {
            Err(refusal) => {
                tell(&refusal, &report.source);
                tally.left += 1;
            }
            Ok(formatted) if formatted == *text => {}
            Ok(formatted) => {
                tally.changed += 1;
                if self.check {
                    answer(diff(shown, text, &formatted))?;
                } else if let Err(error) = write::replace(path, &formatted) {
                    say(format!("error: cannot write {shown}: {error}"));
                    tally.failed = true;
                } else {
                    answer(format!("formatted {shown}"))?;
                }
            }
        }
        Ok(())
    }

    fn summary(&self, tally: &Tally) -> String {
        let Tally { files, changed, left, .. } = *tally;
        let mut found = Vec::new();
        if changed > 0 {
            found.push(format!("{changed} {}", if self.check { "would change" } else { "formatted" }));
        }
        if left > 0 {
            found.push(format!("{left} left alone"));
        }
        let found = if found.is_empty() { "nothing to change".to_owned() } else { found.join(", ") };
        format!("{}: {found}", deployment::plural(files, "file"))
    }

    /// Formats standard input to standard output. Where that cannot be, nothing is printed there.
    fn stream(&self) -> anyhow::Result<Exit> {
        let text = String::from_utf8(input::read(MAX_BYTES as u64)?).context("standard input is no text in UTF-8")?;
        let source = Arc::new(Source { path: "standard input".to_owned(), text });
        match format(&source.text, &schema::action()) {
            Err(refusal) => {
                tell(&refusal, &source);
                return Ok(Exit::Findings);
            }
            Ok(formatted) if !self.check => answer(formatted)?,
            Ok(formatted) if formatted == source.text => {}
            Ok(formatted) => {
                answer(diff(&source.path, &source.text, &formatted))?;
                return Ok(Exit::Findings);
            }
        }
        Ok(Exit::Fine)
    }
}

/// Says why a file is left alone.
fn tell(refusal: &Refusal, source: &Arc<Source>) {
    match refusal {
        Refusal::Yaml(diagnostics) => show(&Report::new(source.clone(), diagnostics.clone())),
        Refusal::Odd(odd) => say(format!("error: {}: {odd}", source.path)),
        Refusal::Changed => {
            say(format!("error: {}: it would have become another document, which is a bug of datadip", source.path));
        }
    }
}

fn show(report: &Report) {
    say(text::render(report, deployment::colours(io::stderr().is_terminal())).trim_end());
    say("");
}

/// What a file would be, as a unified diff. On a terminal nothing of the file is taken for a command.
fn diff(path: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after).unified_diff().header(path, path).to_string();
    if !stdout().is_terminal() {
        return diff;
    }
    let colour = deployment::colours(true);
    let line = |line: &str| {
        let style = match line.as_bytes().first() {
            _ if !colour => Style::new(),
            Some(b'+') => AnsiColor::Green.on_default(),
            Some(b'-') => AnsiColor::Red.on_default(),
            Some(b'@') => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        format!("{style}{}{style:#}\n", normalize_untrusted_str(line))
    };
    diff.lines().map(line).collect()
}
