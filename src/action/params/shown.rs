//! How what a caller sent and what came of it is shown in traces, dry runs and tests: sensitive values masked.

use serde_json::{Map, Value as Json, json};

use super::Params;
use crate::{
    action::Variables,
    template::{Bind, Values},
    value::MASK,
};

impl Params {
    /// The variables as sent, in the order sent.
    pub fn show_variables(&self, variables: &Variables<'_>) -> Json {
        let show = |name: &str, json: Json| {
            // What is not declared may be a misspelt sensitive one.
            let mask = self.place(name).map_or(self.any_sensitive(), |at| self.list[at].sensitive);
            if mask { Json::from(MASK) } else { json }
        };
        let members = variables.0.iter().map(|(name, input)| (name.to_string(), show(name, input.to_json())));
        Json::Object(members.collect())
    }

    /// The coerced values by name, without the undefined ones.
    pub fn show_values(&self, values: &Values) -> Json {
        let mut shown = Map::new();
        for (param, value) in self.list.iter().zip(values) {
            if let Some(value) = value {
                shown.insert(param.name.clone(), if param.sensitive { MASK.into() } else { value.to_json() });
            }
        }
        Json::Object(shown)
    }

    /// One bind: `{"parameter", "type", "value"}`. Of an expression of several parameters the parameter is null, and its
    /// value is masked if any parameter of the action is sensitive.
    pub fn show_bind(&self, bind: &Bind) -> Json {
        let param = bind.param.and_then(|at| self.list.get(at));
        let mask = param.map_or(self.any_sensitive(), |param| param.sensitive);
        let value = if mask { MASK.into() } else { bind.value.to_json() };
        json!({ "parameter": param.map(|param| &param.name), "type": bind.ty.to_string(), "value": value })
    }

    fn any_sensitive(&self) -> bool {
        self.list.iter().any(|param| param.sensitive)
    }
}
