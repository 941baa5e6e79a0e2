//! Values and statements for people, as JSON: in simulations, dry runs and the diffs of tests. Sensitive values are masked.

use serde_json::{Map, Value as Json, json};

use crate::{
    action::Action,
    backend::Bound,
    call::Trace,
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

/// Statements with their binds as `[{"sql" or "soql", "binds": [{"parameter", "type", "value"}]}]`; elements that only round
/// a list's length up are left out. The write of a record is `[{"operation", "object", "id", "fields"}]`.
pub fn statements_json(action: &Action, trace: &Trace) -> Json {
    let statement = |bound: &Bound| {
        let binds: Vec<Json> =
            bound.binds.iter().filter(|bind| !bind.padding).map(|bind| bind_json(action, bind)).collect();
        match &bound.query {
            Some(query) => {
                json!({ "soql": query.masked(|bind| is_sensitive(action, &bound.binds[bind])), "binds": binds })
            }
            None => json!({ "sql": bound.statement.text(), "binds": binds }),
        }
    };
    let masked = |made_of: &[usize]| made_of.iter().any(|param| action.params.list()[*param].sensitive);
    let record = trace.record.iter().map(|record| record.shown(masked));
    trace.statements.iter().map(statement).chain(record).collect()
}

/// Whether a bind holds a sensitive value, or may: one that is made of several parameters does not tell of which.
pub fn is_sensitive(action: &Action, bind: &Bind) -> bool {
    let params = action.params.list();
    bind.param.map_or_else(|| params.iter().any(|param| param.sensitive), |param| params[param].sensitive)
}

fn bind_json(action: &Action, bind: &Bind) -> Json {
    let name = bind.param.map(|param| &action.params.list()[param].name);
    let value = if is_sensitive(action, bind) { MASK.into() } else { bind.value.to_json() };
    json!({ "parameter": name, "type": bind.ty.to_string(), "value": value })
}
