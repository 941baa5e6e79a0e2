//! What commands do with a deployment before they do their own work: load it, show what is wrong with it, find an action.

use std::{
    env,
    io::{IsTerminal, stderr, stdout},
    path::Path,
    sync::Arc,
};

use crate::{
    action::Action,
    backend::Backend,
    diagnostic::{Level, Report, Source, suggest, text},
    project::{Loaded, Project},
    settings::{Environment, ProcessEnvironment},
};

use super::{Exit, Told, output::say};

/// What a deployment is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Checking: no secrets are needed.
    Checking,
    /// Calls: secrets are put in place.
    Calls,
}

/// Loads the deployment of a `datadip.yaml`, or says why it cannot be read.
pub fn load(config: &Path, purpose: For) -> anyhow::Result<Project> {
    let environment: Option<&dyn Environment> = match purpose {
        For::Checking => None,
        For::Calls => Some(&ProcessEnvironment),
    };
    Project::load(config, environment, None).map_err(|error| {
        say(format!("error: {error}"));
        say(if !config.exists() {
            "help: `datadip new --gateway` writes a starter into this folder; `--config FILE` names another one"
        } else if error.path.is_dir() || !error.path.exists() {
            "help: `actions` and `schemas` in datadip.yaml name the folders, relative to it"
        } else {
            "help: the file and its folder must be readable for the user who runs datadip"
        });
        Told(Exit::Usage).into()
    })
}

/// The action of a name. What is wrong with its file goes to standard error; an unknown name ends the command.
pub fn find<'a>(project: &'a Project, name: &str) -> anyhow::Result<&'a Arc<Loaded>> {
    if let Some(loaded) = project.actions.iter().find(|loaded| loaded.name == name) {
        return Ok(loaded);
    }
    say(format!("error: there is no action `{name}`"));
    match suggest::help(name, project.actions.iter().map(|loaded| loaded.name.as_str())) {
        Some(help) => say(format!("help: {help}")),
        None => say("help: an action's name is its path below the actions' folder, without the extension"),
    }
    Err(Told(Exit::Usage).into())
}

/// The backend of an action, not connected yet. A `datadip.yaml` with errors is shown and ends the command.
pub fn open(project: &Project, action: &Action) -> anyhow::Result<Arc<dyn Backend>> {
    let Some(settings) = &project.settings else { return Err(broken_config(project)) };
    let backend = settings.backends.get(&action.backend).and_then(|backend| backend.open(&settings.folder));
    backend.ok_or_else(|| {
        say(format!("error: the backend `{}` cannot be opened", action.backend));
        Told(Exit::Findings).into()
    })
}

/// Shows what keeps `datadip.yaml` from being used, and ends the command.
pub fn broken_config(project: &Project) -> anyhow::Error {
    let reports: Vec<Report> = project.settings_report.iter().map(errors_of).collect();
    show(project, &reports);
    Told(Exit::Findings).into()
}

/// Only the errors of a report.
pub fn errors_of(report: &Report) -> Report {
    let errors = report.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
    Report { source: report.source.clone(), diagnostics: errors.cloned().collect() }
}

/// Shows diagnostics on standard error.
pub fn show(project: &Project, reports: &[Report]) {
    let colour = colours(stderr().is_terminal());
    for report in reports {
        let rendered = text::render(&from_here(project, report), colour);
        if !rendered.is_empty() {
            say(rendered.trim_end());
            say("");
        }
    }
}

/// Diagnostics for standard output, their paths as they are.
pub fn render(reports: &[Report]) -> String {
    let colour = colours(stdout().is_terminal());
    reports.iter().map(|report| text::render(report, colour)).collect()
}

/// Whether to use colours: on a terminal, or where `CLICOLOR_FORCE` asks for them (bixense.com/clicolors), unless `NO_COLOR`
/// is set (no-color.org).
pub fn colours(terminal: bool) -> bool {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    (terminal || forced) && set("NO_COLOR").is_none()
}

/// The same report with its path as seen from the current folder, so that a terminal can open it.
pub fn from_here(project: &Project, report: &Report) -> Report {
    from_folder(&env::current_dir().unwrap_or_default(), project, report)
}

/// The same report with its path as seen from the root of what a CI service checked out, which is where it looks for the
/// file; on other machines from the current folder.
pub fn from_root(project: &Project, report: &Report) -> Report {
    let here = env::current_dir().unwrap_or_default();
    let root = env::var_os("GITHUB_WORKSPACE").and_then(|root| Path::new(&root).canonicalize().ok());
    from_folder(root.filter(|root| here.starts_with(root)).as_deref().unwrap_or(&here), project, report)
}

fn from_folder(here: &Path, project: &Project, report: &Report) -> Report {
    let folder = project.folder.canonicalize().unwrap_or_else(|_| project.folder.clone());
    let path = folder.join(&report.source.path);
    let path = path.strip_prefix(here).unwrap_or(&path).display().to_string();
    if path == report.source.path {
        return report.clone();
    }
    let source = Source { path, text: report.source.text.clone() };
    Report { source: Arc::new(source), diagnostics: report.diagnostics.clone() }
}

/// `3 files: 1 error, 2 warnings`.
pub fn summary(reports: &[Report], files: usize) -> String {
    let count = |level| reports.iter().map(|report| report.count(level)).sum::<usize>();
    let found: Vec<String> = [Level::Error, Level::Warning, Level::Note]
        .into_iter()
        .map(|level| (count(level), level.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| plural(count, word))
        .collect();
    let found = if found.is_empty() { "nothing found".into() } else { found.join(", ") };
    format!("{}: {found}", plural(files, "file"))
}

/// `1 file`, `2 files`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
