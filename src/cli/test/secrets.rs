//! The values of sensitive parameters, which nothing that is printed or written may hold.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::value::MASK;

/// A sensitive text is looked for inside of others from so many bytes on; a shorter one would be found everywhere.
const TELLING: usize = 4;

/// The values of sensitive parameters, as text.
#[derive(Debug, Default)]
pub struct Secrets(HashSet<String>);

impl Secrets {
    /// Hides a value, or each element of a list.
    pub fn hide(&mut self, value: &Json) {
        match value {
            Json::String(text) if text.is_empty() => {}
            Json::String(text) => drop(self.0.insert(text.clone())),
            Json::Number(number) => drop(self.0.insert(number.to_string())),
            Json::Array(items) => items.iter().for_each(|item| self.hide(item)),
            Json::Object(members) => members.values().for_each(|member| self.hide(member)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// The value as JSON text, what is hidden as `***`.
    pub fn show(&self, value: &Json) -> String {
        self.mask(value).to_string()
    }

    fn mask(&self, value: &Json) -> Json {
        match value {
            Json::String(_) | Json::Number(_) if self.are_in(value) => MASK.into(),
            Json::Array(items) => items.iter().map(|item| self.mask(item)).collect(),
            Json::Object(members) => members.iter().map(|(name, value)| (name.clone(), self.mask(value))).collect(),
            value => value.clone(),
        }
    }

    /// Whether a value is hidden, or a text has something hidden in it, at any depth.
    pub fn are_in(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => {
                self.0.contains(text) || self.0.iter().any(|secret| secret.len() >= TELLING && text.contains(&**secret))
            }
            Json::Number(number) => self.0.contains(&number.to_string()),
            Json::Array(items) => items.iter().any(|item| self.are_in(item)),
            Json::Object(members) => members.values().any(|member| self.are_in(member)),
            Json::Null | Json::Bool(_) => false,
        }
    }
}
