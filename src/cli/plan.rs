//! `datadip plan`: what the planner of the live backend thinks of each shape of an action.

use std::{borrow::Cow, path::Path, sync::Arc};

use anyhow::bail;
use clap::Args;
use serde_json::Value as Json;

use super::{
    Exit, Told,
    deployment::{self, For},
    output::{answer, say},
    run, runtime,
};
use crate::{
    action::{Action, Variables},
    backend::{FailureKind, Inspect},
    call::{self, Trace},
    live,
    template::{Shape, Statement},
};

/// The arguments of `plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip plan accounts/list
  datadip plan customers/search --var name=ada

Nothing is run. The plans are made without values, as those that the database keeps for a prepared statement.")]
pub struct Plan {
    /// The action's name: its path below `actions/` without the extension.
    action: String,
    /// A variable, as a flow would send it: only the shape that these variables reach is planned.
    #[arg(long, value_name = "NAME=VALUE", value_parser = run::variable)]
    var: Vec<(String, String)>,
}

/// A shape of one of an action's statements.
type Shaped = (usize, Shape, Arc<Statement>);

impl Plan {
    /// Prints each shape with its plan.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        let project = deployment::load(config, For::Calls)?;
        let loaded = deployment::find(&project, &self.action)?;
        let Some(action) = &loaded.action else {
            deployment::show(&project, &[deployment::errors_of(&loaded.report)]);
            return Ok(Exit::Findings);
        };
        if action.record.is_some() {
            say("error: this action writes a record, which has no plan; `run --dry-run` shows it");
            return Ok(Exit::Findings);
        }
        let shapes = self.shapes(action)?;
        let backend = deployment::open(&project, action)?;
        let Some(inspect) = backend.inspect() else {
            say(format!("error: a backend of kind `{}` tells no plans", action.driver.kind));
            return Ok(Exit::Findings);
        };
        let (text, exit) = runtime().block_on(async {
            let shown = show(action, &shapes, inspect).await;
            backend.close().await;
            shown
        });
        answer(text)?;
        Ok(exit)
    }

    /// All shapes whose texts differ, or those that the variables reach.
    fn shapes(&self, action: &Action) -> anyhow::Result<Vec<Shaped>> {
        if self.var.is_empty() {
            let statements = action.statements.iter().enumerate();
            let shapes = statements.flat_map(|(at, template)| {
                live::distinct(template).map(move |(shape, statement)| (at, shape.clone(), statement.clone()))
            });
            return Ok(shapes.collect());
        }
        let variables = Variables::from_pairs(self.var.iter().map(|(name, value)| (Cow::from(name), Cow::from(value))));
        let mut trace = Trace::default();
        if let Err(error) = call::prepare(action, &variables, &mut trace) {
            say(format!("error: {}", error.message));
            bail!(Told(Exit::Findings));
        }
        let statements = trace.statements.into_iter().map(|bound| bound.statement);
        Ok(trace.shapes.into_iter().zip(statements).enumerate().map(|(at, (shape, of))| (at, shape, of)).collect())
    }
}

/// The shapes with their statements, costs and plans; the exit tells whether there was one without a plan.
async fn show(action: &Action, shapes: &[Shaped], inspect: &dyn Inspect) -> (String, Exit) {
    let mut text = String::new();
    let mut exit = Exit::Fine;
    for (at, shape, statement) in shapes {
        let number = if action.statements.len() > 1 { format!("statement {}, ", at + 1) } else { String::new() };
        let shape = serde_json::to_string(shape).expect("a shape is a list of numbers");
        text += &format!(
            "{number}shape {shape}\n{}\n",
            indented(statement.text().lines().map(str::trim_end).filter(|line| !line.is_empty()))
        );
        match inspect.plan(statement).await {
            Ok(plan) if plan.plan.is_null() => text += "  a statement of this kind, as `CALL`, has no plan\n\n",
            Ok(plan) => {
                text += &cost(action, plan.cost);
                text += &format!("{}\n\n", indented(lines(&plan.plan).iter().map(String::as_str)));
            }
            Err(failure) => {
                text += &format!("  no plan: {}\n\n", failure.message);
                exit = Exit::Findings;
                if failure.kind == FailureKind::Unavailable {
                    break;
                }
            }
        }
    }
    text.truncate(text.trim_end().len());
    (text, exit)
}

/// The line that tells a cost, where there is one.
fn cost(action: &Action, cost: Option<f64>) -> String {
    let Some(cost) = cost else { return String::new() };
    match &action.max_cost {
        Some(most) if cost > most.value.0 => format!("cost {cost}, over max_cost {}\n", most.value.0),
        Some(most) => format!("cost {cost}, within max_cost {}\n", most.value.0),
        None => format!("cost {cost}\n"),
    }
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A plan for people: its steps, where the database tells steps; else its JSON.
fn lines(plan: &Json) -> Vec<String> {
    if let Some(nodes) = plan.pointer("/0/Plan") {
        let mut steps = Vec::new();
        postgres_steps(nodes, 0, &mut steps);
        return steps;
    }
    let steps: Option<Vec<String>> =
        plan.as_array().and_then(|steps| steps.iter().map(|step| step.as_str().map(str::to_owned)).collect());
    steps.unwrap_or_else(|| {
        let pretty = serde_json::to_string_pretty(plan).expect("JSON is text");
        pretty.lines().map(str::to_owned).collect()
    })
}

/// The nodes of PostgreSQL's JSON, a line each as its text form has them.
fn postgres_steps(node: &Json, depth: usize, steps: &mut Vec<String>) {
    let member = |name: &str| node.get(name).and_then(Json::as_str);
    let number = |name: &str| node.get(name).map(Json::to_string).unwrap_or_default();
    let mut step = format!("{}{}", "  ".repeat(depth), member("Node Type").unwrap_or("?"));
    for (word, name) in [(" using ", "Index Name"), (" on ", "Relation Name"), (" ", "Alias")] {
        if let Some(value) = member(name).filter(|value| name != "Alias" || member("Relation Name") != Some(value)) {
            step += &format!("{word}{value}");
        }
    }
    step += &format!("  (cost={}..{} rows={})", number("Startup Cost"), number("Total Cost"), number("Plan Rows"));
    for condition in ["Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter"] {
        if let Some(value) = member(condition) {
            step += &format!("  {condition}: {value}");
        }
    }
    steps.push(step);
    for child in node.get("Plans").and_then(Json::as_array).into_iter().flatten() {
        postgres_steps(child, depth + 1, steps);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_shown_as_its_database_would() {
        assert_eq!(lines(&json!(["SCAN a", "  SEARCH b"])), ["SCAN a", "  SEARCH b"]);
        assert_eq!(lines(&json!({ "a": 1 })), ["{", "  \"a\": 1", "}"]);
        let node = json!({
            "Node Type": "Nested Loop", "Startup Cost": 0.5, "Total Cost": 16.6, "Plan Rows": 1,
            "Plans": [{
                "Node Type": "Index Scan", "Index Name": "pk", "Relation Name": "orders", "Alias": "o",
                "Startup Cost": 0.15, "Total Cost": 8.17, "Plan Rows": 1, "Index Cond": "(id = $1)",
            }],
        });
        let expected = [
            "Nested Loop  (cost=0.5..16.6 rows=1)",
            "  Index Scan using pk on orders o  (cost=0.15..8.17 rows=1)  Index Cond: (id = $1)",
        ];
        assert_eq!(lines(&json!([{ "Plan": node }])), expected);
    }
}
