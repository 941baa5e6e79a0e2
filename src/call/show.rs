//! Values and statements for people, as JSON: in simulations, dry runs and the diffs of tests. Sensitive values are masked.

use serde_json::{Map, Value as Json, json};

use crate::{
    action::Action,
    backend::Bound,
    template::Bind,
    value::{MASK, Value},
};

/// The values of a call by the names of its parameters; what was not sent is left out.
pub fn values_json(action: &Action, values: &[Option<Value>]) -> Json {
    let mut members = Map::new();
    for (param, value) in action.params.list().iter().zip(values) {
        if let Some(value) = value {
            members.insert(param.name.clone(), if param.sensitive { MASK.into() } else { value.to_json() });
        }
    }
    Json::Object(members)
}

/// Statements with their binds as `[{"sql", "binds": [{"parameter", "type", "value"}]}]`; elements that only round a list's
/// length up are left out.
pub fn statements_json(action: &Action, statements: &[Bound]) -> Json {
    let statement = |bound: &Bound| {
        let binds = bound.binds.iter().filter(|bind| !bind.padding).map(|bind| bind_json(action, bind));
        json!({ "sql": bound.statement.text(), "binds": binds.collect::<Vec<_>>() })
    };
    statements.iter().map(statement).collect()
}

fn bind_json(action: &Action, bind: &Bind) -> Json {
    let params = action.params.list();
    let param = bind.param.map(|at| &params[at]);
    // A value made of several parameters may hold a sensitive one.
    let sensitive = param.map_or_else(|| params.iter().any(|param| param.sensitive), |param| param.sensitive);
    let value = if sensitive { MASK.into() } else { bind.value.to_json() };
    json!({ "parameter": param.map(|param| &param.name), "type": bind.ty.to_string(), "value": value })
}
