//! What a caller sent, before it has types: JSON text, a form, a query or the shell's `--var`.

use std::borrow::Cow;

/// The variables of a call in the order sent. Borrowed from the body: nothing is copied that need not be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables<'a>(pub Vec<(Cow<'a, str>, Input<'a>)>);

/// One value as sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// JSON `null`.
    Null,
    /// A JSON boolean.
    Boolean(bool),
    /// A JSON number, with the digits that were sent.
    Number(Cow<'a, str>),
    /// Text: a JSON string, or a value of a form, a query or the shell.
    Text(Cow<'a, str>),
    /// A JSON array, or a name repeated in a form or query.
    List(Vec<Input<'a>>),
    /// A JSON object, as its text.
    Object(Cow<'a, str>),
}

/// Why a body holds no variables (`invalid_request`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariablesError(pub String);

impl<'a> Variables<'a> {
    /// Parses a JSON object: refuses other JSON, nesting deeper than 50 and a key repeated at any depth. Never recurses
    /// without bound, whatever the text.
    pub fn from_json(text: &'a str) -> Result<Self, VariablesError> {
        let _ = text;
        Err(VariablesError("not written".into()))
    }
}
