//! What a caller sent, before it has types: JSON text, a form, a query, the shell's `--var` or a test's `variables`.
//!
//! What a value means is [`Params`](super::Params)' matter; here it keeps the form and the digits in which it came.

pub(super) mod json;

use std::{borrow::Cow, collections::HashMap, fmt};

use serde_json::Value as Json;

use crate::yaml::{Kind, Node, Style, read::Entries};

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

/// Why a body holds no variables (`invalid_request`): what was expected and what came, with line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariablesError(pub String);

/// The variable that is no parameter but names a write, so that its repeat runs once (SPEC 6).
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";

impl<'a> Variables<'a> {
    /// Reads the body of a call: a flat object, or one wrapped in `variables`; empty text is an empty object. Also
    /// answers the variable `idempotency_key`, as sent and unchecked, which is then not among the variables.
    pub fn from_body(text: &'a str) -> Result<(Self, Option<Cow<'a, str>>), VariablesError> {
        let text = without_mark(text);
        if is_blank(text) {
            return Ok((Self::default(), None));
        }
        let (members, inner) = json::object(text)?;
        let mut variables = Self(members);
        let mut key = variables.take_idempotency_key()?;
        if let [(name, Input::Object(_))] = variables.0.as_slice()
            && name == "variables"
        {
            variables = Self(inner);
            let inner = variables.take_idempotency_key()?;
            if key.is_some() && inner.is_some() && key != inner {
                return Err(VariablesError(format!("`{IDEMPOTENCY_KEY}` is sent twice, with different values")));
            }
            key = inner.or(key);
        }
        Ok((variables, key))
    }

    /// Parses a JSON object: refuses other JSON, nesting deeper than 50 and a key repeated at any depth.
    pub fn from_json(text: &'a str) -> Result<Self, VariablesError> {
        json::object(without_mark(text)).map(|(members, _)| Self(members))
    }

    /// The fields of a form, a query or the shell's `--var`. A repeated name becomes a list.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut variables: Vec<(Cow<'a, str>, Input<'a>)> = Vec::new();
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for (name, text) in pairs {
            let text = Input::Text(text);
            match places.get(&name) {
                None => {
                    places.insert(name.clone(), variables.len());
                    variables.push((name, text));
                }
                Some(&at) => match &mut variables[at].1 {
                    Input::List(items) => items.push(text),
                    first => {
                        let one = std::mem::replace(first, Input::Null);
                        *first = Input::List(vec![one, text]);
                    }
                },
            }
        }
        Self(variables)
    }

    /// A test's `variables`, as a caller would send them.
    pub fn from_nodes(nodes: &'a Entries<Node>) -> Self {
        Self(nodes.iter().map(|(name, node)| (Cow::Borrowed(name.as_str()), Input::from_node(node))).collect())
    }

    /// The same, borrowing nothing: for a call that outlives the request.
    pub fn into_owned(self) -> Variables<'static> {
        Variables(self.0.into_iter().map(|(name, value)| (name.into_owned().into(), value.into_owned())).collect())
    }

    /// Takes the variable `idempotency_key` out, as it was sent. Null and blank text are no key.
    pub fn take_idempotency_key(&mut self) -> Result<Option<Cow<'a, str>>, VariablesError> {
        let Some(at) = self.0.iter().position(|(name, _)| name == IDEMPOTENCY_KEY) else { return Ok(None) };
        match self.0.remove(at).1 {
            Input::Null => Ok(None),
            Input::Text(text) if is_blank(&text) => Ok(None),
            Input::Text(text) | Input::Number(text) => Ok(Some(text)),
            _ => Err(VariablesError(format!("`{IDEMPOTENCY_KEY}`: expected text"))),
        }
    }
}

impl<'a> Input<'a> {
    /// A value of a file. A plain scalar that is a JSON number as written is a number; one that is a number to YAML only
    /// (`00123`, `+7`) is the text as written.
    pub fn from_node(node: &'a Node) -> Self {
        match &node.kind {
            Kind::List(items) => Self::List(items.iter().map(Self::from_node).collect()),
            Kind::Map(_) => Self::Object(node.to_json().to_string().into()),
            Kind::Scalar(text) if text.style == Style::Text => Self::Text(text.value.as_str().into()),
            Kind::Scalar(text) => match node.to_json() {
                Json::Null => Self::Null,
                Json::Bool(value) => Self::Boolean(value),
                _ if json::number_length(text.value.as_bytes()) == Some(text.value.len()) => {
                    Self::Number(text.value.as_str().into())
                }
                _ => Self::Text(text.value.as_str().into()),
            },
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Input<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Input::Null,
            Self::Boolean(value) => Input::Boolean(value),
            Self::Number(digits) => Input::Number(owned(digits)),
            Self::Text(text) => Input::Text(owned(text)),
            Self::List(items) => Input::List(items.into_iter().map(Input::into_owned).collect()),
            Self::Object(text) => Input::Object(owned(text)),
        }
    }

    /// The same as JSON, for traces.
    pub fn to_json(&self) -> Json {
        let text = self.to_string();
        // Only an object that imitates serde_json's own mark of a number is not read back.
        serde_json::from_str(&text).unwrap_or(Json::String(text))
    }
}

/// JSON text without blanks between tokens; numbers keep their digits.
impl fmt::Display for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => write!(f, "{}", Json::from(text.as_ref())),
            Self::Object(text) => f.write_str(&json::compact(text)),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Whether a text is empty or consists of what is trimmed: space, tab, CR and LF.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The text without surrounding blanks.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

#[cfg(test)]
mod tests;
