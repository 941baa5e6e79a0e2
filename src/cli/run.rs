//! `datadip run`: one call from the shell, the same as over HTTP but for access, limits and what stands around them.

use std::{borrow::Cow, path::Path, sync::Arc};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value as Json, json};
use ulid::Ulid;

use super::{
    Exit,
    deployment::{self, For},
    input,
    output::{answer, say},
    runtime,
};
use crate::{
    action::{Action, Variables},
    call::{self, CallError, Code, Target, Trace},
    project::Project,
};

/// More than this is not read from standard input.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// The arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip run customers/by-phone --var phone=+15550000042
  datadip run accounts/list --json '{\"customer_id\": 42, \"status\": [\"active\"]}'
  datadip run accounts/list --var customer_id=42 --dry-run
  echo '{\"customer_id\": 42}' | datadip run accounts/list --json -

A write is committed. Standard output has the answer's JSON alone; a failed call answers its error and exits with 1.")]
pub struct Run {
    /// The action's name: its path below `actions/` without the extension.
    action: String,
    /// A variable, as a flow would send it; a name that is repeated becomes a list.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    var: Vec<(String, String)>,
    /// The variables as a JSON object, as in the body of a call; `-` reads standard input.
    #[arg(long, value_name = "JSON", conflicts_with = "var")]
    json: Option<String>,
    /// Print the statements and their binds, and touch no backend.
    #[arg(long)]
    dry_run: bool,
}

impl Run {
    /// Makes the call and prints what comes of it.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let body = match self.json.as_deref() {
            Some("-") => piped()?,
            text => text.unwrap_or_default().to_owned(),
        };
        let pairs = self.var.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
        let read = if self.json.is_some() {
            Variables::from_body(&body).map(|(variables, _)| variables)
        } else {
            let mut variables = Variables::from_pairs(pairs);
            variables.take_idempotency_key().map(|_| variables)
        };
        let variables = match read {
            Ok(variables) => variables,
            Err(error) => bail!("the variables cannot be read: {}", error.0),
        };
        let purpose = if self.dry_run { For::Checking } else { For::Calls };
        let project = deployment::load(config, purpose)?;
        let loaded = deployment::find(&project, &self.action)?;
        let outcome = match &loaded.action {
            Some(action) if self.dry_run => statements(action, &variables),
            Some(action) => make(&project, action, &variables)?,
            None => {
                deployment::show(&project, &[deployment::errors_of(&loaded.report)]);
                Err(CallError::new(Code::ActionUnavailable))
            }
        };
        match outcome {
            Ok(text) => {
                answer(text)?;
                Ok(Exit::Fine)
            }
            Err(error) => {
                if let Some(detail) = &error.detail {
                    say(format!("{}: {detail}", error.code.as_str()));
                }
                answer(error_body(&error))?;
                Ok(Exit::Findings)
            }
        }
    }
}

/// The answer's body, from the backend.
fn make(
    project: &Project,
    action: &Arc<Action>,
    variables: &Variables<'_>,
) -> anyhow::Result<Result<String, CallError>> {
    let backend = deployment::open(project, action)?;
    let request_id = Ulid::generate().to_string();
    let target = Target {
        action,
        backend: &backend,
        limiters: [None, None],
        standing: None,
        dry: false,
        cache: None,
        request_id: &request_id,
    };
    let outcome = runtime().block_on(async {
        let outcome = call::call(target, variables, &mut Trace::default()).await;
        backend.close().await;
        outcome
    });
    Ok(outcome.map(|encoded| String::from_utf8(encoded.body).expect("an answer is JSON")))
}

/// The statements and the shape, from the file alone.
pub(super) fn statements(action: &Arc<Action>, variables: &Variables<'_>) -> Result<String, CallError> {
    let mut trace = Trace::default();
    call::prepare(action, variables, &mut trace)?;
    let shown = json!({ "statements": call::statements_json(action, &trace), "shape": trace.shapes });
    Ok(shown.to_string())
}

/// The body that a failed call has over HTTP.
fn error_body(error: &CallError) -> String {
    let mut body = serde_json::Map::new();
    body.insert("status".into(), "error".into());
    body.extend(error.members());
    body.insert("request_id".into(), Ulid::generate().to_string().into());
    Json::Object(body).to_string()
}

/// What standard input holds.
fn piped() -> anyhow::Result<String> {
    let bytes = input::read(MAX_INPUT)?;
    if bytes.len() as u64 > MAX_INPUT {
        bail!("standard input holds more than {MAX_INPUT} bytes");
    }
    String::from_utf8(bytes).context("cannot read standard input")
}

/// Reads `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("expected NAME=VALUE".into()),
    }
}
