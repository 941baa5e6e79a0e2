//! `lint --live`: what live backends say of the actions of a deployment.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::examine::{costs, examine, silence, unexamined};
use crate::{
    action::Action,
    backend::{Backend, Failure, FailureKind},
    diagnostic::{Report, UNREACHABLE_BACKEND},
    project::Project,
    settings::{BackendSettings, Settings},
};

/// How long a backend may take to answer at all.
const CONNECT: Duration = Duration::from_secs(10);

/// Adds what live backends say to the reports of a project, whose secrets are in place. Only backends that its actions use
/// are asked, all of them at once, each of them one question after the other.
pub async fn lint(project: &Project) -> Vec<Report> {
    let mut reports = project.reports();
    let Some(settings) = &project.settings else { return reports };
    let asked = settings.backends.iter().map(|(name, backend)| ask(project, settings, name, backend));
    join_all(asked).await.into_iter().flatten().for_each(|new| add(&mut reports, new));
    reports.sort_by(|a, b| a.source.path.cmp(&b.source.path));
    reports
}

/// Reports on the actions of one backend, and on the backend itself where it does not answer.
async fn ask(project: &Project, settings: &Settings, name: &str, wanted: &BackendSettings) -> Vec<Report> {
    let actions: Vec<&Arc<Action>> = project.actions.iter().filter_map(|loaded| loaded.action.as_ref()).collect();
    let actions: Vec<_> = actions.into_iter().filter(|action| action.backend == name).collect();
    let Some(backend) = wanted.open(&settings.folder).filter(|_| !actions.is_empty()) else { return Vec::new() };
    let mut reports = Vec::new();
    let outcome = examine_all(&actions, &*backend, &mut reports).await;
    backend.close().await;
    for report in &mut reports {
        settings.outline.apply_levels(&mut report.diagnostics);
    }
    if let (Err(failure), Some(file)) = (outcome, &project.settings_report) {
        let message = format!("the backend `{name}` cannot be reached: {}", failure.message.trim_end_matches('.'));
        let found = UNREACHABLE_BACKEND.at(wanted.place, message).help(what_to_do(&failure));
        reports.push(Report::new(file.source.clone(), vec![found]));
    }
    reports
}

/// Reports on actions of a backend, each of which gets a report; one that cannot be examined at the moment is told in it.
///
/// # Errors
///
/// When the backend cannot be reached, or not any more.
pub async fn examine_all(
    actions: &[&Arc<Action>],
    backend: &dyn Backend,
    out: &mut Vec<Report>,
) -> Result<(), Failure> {
    let late = || Failure::new(FailureKind::Timeout, format!("no answer in {} seconds", CONNECT.as_secs()));
    timeout(CONNECT, backend.connect()).await.unwrap_or_else(|_| Err(late()))?;
    let Some(inspect) = backend.inspect() else { return Ok(()) };
    for action in actions {
        let mut found = Vec::new();
        for answer in [examine(action, inspect).await, costs(action, inspect).await] {
            match answer {
                Ok(more) => found.extend(more),
                Err(failure) if failure.kind == FailureKind::Unavailable => return Err(failure),
                Err(failure) => found.extend(unexamined(action, &failure)),
            }
        }
        silence(action, &mut found);
        out.push(Report::new(action.source.clone(), found));
    }
    Ok(())
}

/// What to look at, by the code of PostgreSQL, MySQL or a token endpoint.
fn what_to_do(failure: &Failure) -> &'static str {
    match failure.code.as_deref() {
        Some("28000" | "28P01" | "1045" | "1698") => {
            "check the user and the password in `url`, and from where the user may come"
        }
        Some("3D000" | "1044" | "1049") => "check the database in `url`, and whether the user may use it",
        Some("53300" | "1040" | "1203") => {
            "all connections of the server are taken: wait, or lower `max` of the `pool`"
        }
        Some("invalid_client" | "invalid_client_id" | "invalid_grant" | "unsupported_grant_type") => {
            "check `auth`, `login_url`, and the policies of the app in Salesforce"
        }
        _ => {
            "check what `url` or `login_url` names, and whether it can be reached from here; plain `lint` needs no backend"
        }
    }
}

fn add(reports: &mut Vec<Report>, new: Report) {
    if new.diagnostics.is_empty() {
        return;
    }
    match reports.iter_mut().find(|report| report.source.path == new.source.path) {
        Some(report) => {
            let both = report.diagnostics.iter().chain(&new.diagnostics).cloned().collect();
            *report = Report::new(report.source.clone(), both);
        }
        None => reports.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_about_what_was_refused() {
        let check = |code: Option<&str>, expected| {
            let failure = Failure { code: code.map(str::to_owned), ..Failure::new(FailureKind::Unavailable, "") };
            assert!(what_to_do(&failure).contains(expected), "{code:?}");
        };
        check(None, "can be reached");
        check(Some("28P01"), "the user and the password");
        check(Some("1045"), "the user and the password");
        check(Some("3D000"), "the database");
        check(Some("1049"), "the database");
        check(Some("53300"), "connections of the server");
        check(Some("invalid_grant"), "`login_url`");
    }
}
