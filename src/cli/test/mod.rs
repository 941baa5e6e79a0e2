//! `datadip test`: the tests of action files.

mod expect;
mod recorded;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use clap::{Args, ValueEnum};

use super::{
    Exit,
    deployment::{self, For},
    output::{answer, say},
    runtime,
};
use crate::{
    action::{Action, Encoded, Variables, is_coercion},
    backend::{Backend, Bound},
    call::{self, CallError, Code, Target, Trace},
    project::{Loaded, Project},
    spec::{ExpectSpec, TestSpec},
    yaml::Node,
};

use expect::{Answered, Outcome, Refused, Secrets, differences};
use recorded::Recorded;
use report::{Done, Tally};

/// The arguments of `test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip test                                   the tests that need no backend
  datadip test --live                            the others too, rolled back, where a backend allows it
  datadip test accounts/list cases/create --live
  datadip test --live --deny-skipped --format json

A test that did not run is skipped, never passed.")]
pub struct Test {
    /// Only the tests of these actions.
    #[arg(value_name = "ACTION")]
    actions: Vec<String>,
    /// Also run tests on backends with `allow_tests: true`, in a transaction that is rolled back.
    #[arg(long)]
    live: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Exit with 1 where a test was skipped.
    #[arg(long)]
    deny_skipped: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people: a line a test, with the differences.
    Text,
    /// For programs.
    Json,
}

impl Test {
    /// Runs the tests one after the other and prints what came of them.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let purpose = if self.live { For::Calls } else { For::Checking };
        let project = deployment::load(config, purpose)?;
        let chosen = self.choose(&project)?;
        if project.settings.is_none() {
            return Err(deployment::broken_config(&project));
        }
        let broken: Vec<_> = chosen.iter().filter(|loaded| loaded.action.is_none()).collect();
        deployment::show(&project, &broken.iter().map(|l| deployment::errors_of(&l.report)).collect::<Vec<_>>());
        let done = runtime().block_on(self.all(&project, &chosen));
        let tally = Tally::of(&done);
        match self.format {
            Format::Text => answer(report::text(&done))?,
            Format::Json => answer(report::json(&done, tally))?,
        }
        say(tally.to_string());
        if !broken.is_empty() {
            say(format!("error: the tests of {} did not run", deployment::plural(broken.len(), "broken file")));
        }
        let findings = tally.failed > 0 || !broken.is_empty() || (self.deny_skipped && tally.skipped > 0);
        Ok(if findings { Exit::Findings } else { Exit::Fine })
    }

    /// The actions that were asked for, each once.
    fn choose<'a>(&self, project: &'a Project) -> anyhow::Result<Vec<&'a Arc<Loaded>>> {
        if self.actions.is_empty() {
            return Ok(project.actions.iter().collect());
        }
        let names: BTreeSet<&str> = self.actions.iter().map(String::as_str).collect();
        names.into_iter().map(|name| deployment::find(project, name)).collect()
    }

    async fn all(&self, project: &Project, chosen: &[&Arc<Loaded>]) -> Vec<Done> {
        let mut done = Vec::new();
        let mut backends: BTreeMap<&str, Option<Arc<dyn Backend>>> = BTreeMap::new();
        for loaded in chosen {
            let Some(action) = &loaded.action else { continue };
            let here = deployment::from_here(project, &loaded.report);
            for test in &action.tests {
                let live = if self.live {
                    let backend = backends.entry(&action.backend);
                    match backend.or_insert_with(|| deployment::open(project, action).ok()) {
                        Some(backend) if backend.allow_tests() => Ok(&*backend),
                        Some(_) => Err(format!("the backend `{}` does not say `allow_tests: true`", action.backend)),
                        None => Err(format!("the backend `{}` cannot be opened", action.backend)),
                    }
                } else {
                    Err("it needs its backend: run with --live".to_owned())
                };
                let verdict = run_test(action, test, live).await;
                let line = here.source.line_column(test.name.span.start).0;
                let place = format!("{}:{line}", here.source.path);
                done.push(Done { action: action.name.clone(), name: test.name.value.clone(), place, verdict });
            }
        }
        for backend in backends.into_values().flatten() {
            backend.close().await;
        }
        done
    }
}

/// What came of one test.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It ran, and everything was as expected.
    Passed,
    /// It ran; the differences.
    Failed(Vec<String>),
    /// It did not run; why not.
    Skipped(String),
}

/// Runs one test: on `live` where it needs a backend, skipped where that is none; `Err` is why.
pub(super) async fn run_test(
    action: &Arc<Action>,
    test: &TestSpec,
    live: Result<&Arc<dyn Backend>, String>,
) -> Verdict {
    let mut secrets = Secrets::default();
    hide(action, test, &mut secrets);
    let mut variables = Variables::from_nodes(&test.variables);
    let mut trace = Trace::default();
    let mut outcome = Outcome::default();
    let prepared = match variables.take_idempotency_key() {
        Ok(_) => call::prepare(action, &variables, &mut trace),
        Err(error) => Err(CallError::new(Code::InvalidRequest).message(error.0)),
    };
    match prepared {
        Err(error) => outcome.answer = Some(Err(refused(error))),
        Ok(()) => {
            statements(action, &test.expect, &trace, &mut outcome, &mut secrets);
            record(action, &test.expect, &trace, &mut outcome, &mut secrets);
            let recorded;
            let backend = match (&test.given, live) {
                (Some(given), _) => {
                    let outline = trace.statements.last().and_then(|bound| bound.statement.outline());
                    recorded = Arc::new(Recorded::new(given, outline)) as Arc<dyn Backend>;
                    Some(&recorded)
                }
                (None, _) if needs_nothing(&test.expect) => None,
                (None, Ok(backend)) if trace.record.is_some() && !backend.can_roll_back() => {
                    let reason = "a write that cannot be rolled back is not sent: give it `given`, or expect `record`";
                    return Verdict::Skipped(reason.to_owned());
                }
                (None, Ok(backend)) => Some(backend),
                (None, Err(reason)) => {
                    return match test.expect.code.as_ref().filter(|code| is_coercion(&code.value)) {
                        Some(code) => {
                            let accepted = format!("code: expected {}, got variables that are accepted", code.value);
                            Verdict::Failed(vec![accepted])
                        }
                        None => Verdict::Skipped(reason),
                    };
                }
            };
            if let Some(backend) = backend {
                let target = Target {
                    action,
                    backend,
                    limiters: [None, None],
                    standing: None,
                    dry: true,
                    cache: None,
                    request_id: "test",
                };
                let answer = call::call(target, &variables, &mut Trace::default()).await;
                outcome.answer = Some(answer.map_err(refused).map(|encoded| answered(&encoded)));
            }
        }
    }
    match differences(&test.expect, &outcome, &secrets) {
        found if found.is_empty() => Verdict::Passed,
        found => Verdict::Failed(found),
    }
}

/// Whether the statements alone tell if the test passes.
fn needs_nothing(expect: &ExpectSpec) -> bool {
    let statements = expect.sql.is_some() || expect.soql.is_some() || expect.binds.is_some() || expect.record.is_some();
    let answer =
        expect.status.is_some() || expect.code.is_some() || expect.row_count.is_some() || expect.result.is_some();
    statements && !answer
}

/// The values of sensitive parameters as the test sends them.
fn hide(action: &Action, test: &TestSpec, secrets: &mut Secrets) {
    for (name, node) in test.variables.iter() {
        if action.params.list().iter().any(|param| param.sensitive && param.name == name.value) {
            secrets.hide(&node.to_json());
        }
    }
}

/// The statements of a call and their binds, and what of them is sensitive.
fn statements(action: &Action, expect: &ExpectSpec, trace: &Trace, outcome: &mut Outcome, secrets: &mut Secrets) {
    outcome.text = Some(trace.statements.iter().map(Bound::text).collect::<Vec<_>>().join("; "));
    for bind in trace.statements.iter().flat_map(|bound| &bound.binds).filter(|bind| !bind.padding) {
        let value = bind.value.to_json();
        if call::is_sensitive(action, bind) {
            outcome.secret = true;
            secrets.hide(&value);
            // What the test expects there is as secret as what came.
            let expected = expect.binds.as_ref().map(|binds| binds.to_json());
            expected
                .as_ref()
                .and_then(|binds| binds.get(outcome.binds.len()))
                .iter()
                .for_each(|bind| secrets.hide(bind));
        }
        outcome.binds.push(value);
    }
}

/// The record that a call writes, and what of it is sensitive.
fn record(action: &Action, expect: &ExpectSpec, trace: &Trace, outcome: &mut Outcome, secrets: &mut Secrets) {
    let Some(record) = &trace.record else { return };
    let secret = |made_of: &[usize]| made_of.iter().any(|param| action.params.list()[*param].sensitive);
    let expected = expect.record.as_ref();
    let fields = expected.and_then(|record| record.fields.as_ref()).map(Node::to_json);
    let id = expected.and_then(|record| record.id.as_ref()).map(Node::to_json);
    for field in record.fields.iter().filter(|field| secret(&field.params)) {
        secrets.hide(&field.value);
        fields.as_ref().and_then(|fields| fields.get(&*field.name)).iter().for_each(|value| secrets.hide(value));
    }
    for key in record.key.iter().filter(|key| secret(&key.params)) {
        secrets.hide(&key.value.as_str().into());
        id.iter().for_each(|id| secrets.hide(id));
    }
    outcome.record = Some(record.shown(|_| false));
}

fn answered(encoded: &Encoded) -> Answered {
    let result = serde_json::from_slice(encoded.result()).expect("a result is JSON");
    Answered { result, row_count: encoded.row_count }
}

fn refused(error: CallError) -> Refused {
    let message = match error.detail {
        Some(detail) => format!("{}; {detail}", error.message),
        None => error.message,
    };
    Refused { code: error.code.as_str().to_owned(), message }
}
