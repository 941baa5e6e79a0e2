//! Values and statements for people, as JSON: in simulations, dry runs and the diffs of tests. Sensitive values are masked.

use serde_json::{Map, Value as Json, json};

use crate::{action::Action, backend::Bound, template::Bind, value::Value};

/// What stands for a sensitive value.
const MASK: &str = "***";

/// A value as JSON: decimals, dates, times and UUIDs as text, timestamps in UTC, a `json` as itself.
pub fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Decimal(value) => value.to_plain_string().into(),
        Value::Text(text) => (**text).into(),
        Value::Date(value) => value.to_string().into(),
        Value::Time(value) => value.to_string().into(),
        Value::Timestamp(value) => value.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00").to_string().into(),
        Value::Uuid(value) => value.to_string().into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| (**text).into()),
        Value::List(items) => items.iter().map(value_json).collect(),
    }
}

/// The values of a call by the names of its parameters; what was not sent is left out.
pub fn values_json(action: &Action, values: &[Option<Value>]) -> Json {
    let mut members = Map::new();
    for (param, value) in action.params.list().iter().zip(values) {
        if let Some(value) = value {
            members.insert(param.name.clone(), if param.sensitive { MASK.into() } else { value_json(value) });
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
    let value = if sensitive { MASK.into() } else { value_json(&bind.value) };
    json!({ "parameter": param.map(|param| &param.name), "type": bind.ty.to_string(), "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, expected: Json) {
        assert_eq!(value_json(&value), expected);
    }

    #[test]
    fn values_are_shown_as_they_would_be_sent() {
        check(Value::Decimal("1.10".parse().expect("a decimal")), json!("1.10"));
        check(Value::Decimal("1e3".parse().expect("a decimal")), json!("1000"));
        check(
            Value::Timestamp("2026-11-20T09:00:00Z".parse().expect("an instant")),
            json!("2026-11-20T09:00:00+00:00"),
        );
        check(
            Value::Timestamp("2026-11-20T09:00:00.5Z".parse().expect("an instant")),
            json!("2026-11-20T09:00:00.5+00:00"),
        );
        check(Value::Json("{\"a\":[1]}".into()), json!({ "a": [1] }));
        check(Value::List([Value::Integer(1), Value::Null].into()), json!([1, null]));
    }
}
