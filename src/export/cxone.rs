//! What an administrator enters in CXone Studio to call an action (FACTS 1.1): the settings of a REST API action, and a snippet
//! around it.

use std::{fmt::Write, time::Duration};

use super::{Problem, Reach, row};
use crate::{
    action::{Absent, Action, IDEMPOTENCY_KEY, Param},
    spec::{Method, Mode, Shape},
};

/// A REST API action waits 90 seconds at most.
const LONGEST: u64 = 90;
/// It takes no larger answers.
const MAX_ANSWER: usize = 32 * 1024;

/// The settings and the snippet, as text.
///
/// # Errors
///
/// All that keeps it from being called from CXone as it is.
pub fn settings(action: &Action, reach: &Reach<'_>) -> Result<String, Vec<Problem>> {
    if action.result.max_bytes > MAX_ANSWER {
        let message =
            format!("an answer may have {} bytes, and CXone drops those over {MAX_ANSWER}", action.result.max_bytes);
        return Err(vec![Problem::new(
            message,
            "lower `result.max_bytes`, or `limits.response_bytes` in datadip.yaml",
        )]);
    }
    let post = action.methods.contains(&Method::Post);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    line(&format!("REST API action for {}", action.name));
    if let Some(description) = &action.description {
        line(&format!("  {}", description.lines().next().unwrap_or_default()));
    }
    line("");
    line(&format!("  Verb       {}", if post { "POST" } else { "GET" }));
    let query: Vec<String> =
        action.params.list().iter().map(|param| format!("{name}={{{name}}}", name = param.name)).collect();
    let query = if post || query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    line(&format!("  URL        {}{query}", reach.of(action)));
    line("  Headers    Accept: application/json");
    if post {
        line("             Content-Type: application/json");
    }
    if let Some(name) = reach.credential {
        line(&format!("             X-Api-Key: {{{name}}}"));
    }
    if post {
        line("  Body       {request}");
    }
    line(&format!("  Timeout    {} s", seconds(action.timeout)));
    line("  Response   answer");
    line("");
    if post {
        line("Snippet before it, which makes the body on one line:");
        line("");
        line("  DYNAMIC variables");
        for param in action.params.list() {
            line(&format!("  variables.{} = \"{{{}}}\"{}", param.name, param.name, remark(param)));
        }
        if action.mode == Mode::Write {
            line(&format!("  variables.{IDEMPOTENCY_KEY} = \"{{contactId}}-{}\"", action.name));
        }
        line("  ASSIGN request = \"{variables.asjson()}\"");
        line("");
    }
    line("Snippet after it:");
    line("");
    line("  ASSIGN status = answer.__httpstatuscode");
    for read in reads(action) {
        line(&format!("  {read}"));
    }
    line("");
    line(
        "Every value arrives as text, and the gateway reads it by the parameter's type. An empty one counts as not sent.",
    );
    line("A call that fails is sent up to twice more by CXone itself.");
    if action.mode == Mode::Write {
        line("The key makes the repeats of this write run once; use another one for each step that writes.");
    }
    Ok(text)
}

/// How long to wait: a little longer than the gateway does, so that its answer is heard.
fn seconds(timeout: Duration) -> u64 {
    (timeout.as_millis().div_ceil(1000) as u64 + 1).min(LONGEST)
}

/// What is worth knowing of a variable.
fn remark(param: &Param) -> &'static str {
    match (param.ty.list, &param.absent) {
        (true, Absent::Refused) => "   // items separated by commas",
        (true, _) => "   // optional; items separated by commas",
        (false, Absent::Refused) => "",
        (false, _) => "   // optional",
    }
}

/// How the answer is read.
fn reads(action: &Action) -> Vec<String> {
    let schema = action.result.schema.as_deref().map(|schema| schema.json());
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let members = schema.map(|schema| row::members(schema, schema, "", &mut Vec::new()).0).unwrap_or_default();
    let members = members.into_iter().map(|(name, _)| name).filter(|name| plain(name));
    match action.result.shape {
        Shape::Value | Shape::Affected => vec!["ASSIGN result = answer.result".into()],
        Shape::Row => members.map(|name| format!("ASSIGN {name} = answer.result.{name}")).collect(),
        Shape::Rows => vec!["ASSIGN rows = answer.result".into(), "ASSIGN count = answer.row_count".into()],
    }
}
