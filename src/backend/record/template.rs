//! `options` of a write to what a call fills in: everything that is wrong with them is found here.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Field, Key, Operation, RecordSpec, RecordWrite, value};
use crate::{
    diagnostic::{
        AMBIGUOUS_SCALAR, BAD_VALUE, Diagnostic, POSSIBLY_UNDEFINED, RECORD_FIELD, RECORD_KEY, Span, has_errors,
        has_errors_in,
    },
    template::{Expression, Param, Refusal, Values},
    value::{Scalar, Value},
    yaml::{Kind, Node, Spanned, Style, Text, read::FromNode, resolve},
};

/// A write of one record, compiled.
#[derive(Debug)]
pub struct RecordTemplate {
    /// What is done.
    pub operation: Operation,
    /// The object's API name, and its place.
    pub object: Spanned<String>,
    /// The fields that it must have, with their places: those that are written, and the external id.
    pub names: Vec<Spanned<String>>,
    key: Option<KeyTemplate>,
    fields: Vec<(Arc<str>, Source)>,
}

#[derive(Debug)]
struct KeyTemplate {
    external_id: Option<Arc<str>>,
    value: Source,
}

/// Where a value comes from.
#[derive(Debug)]
enum Source {
    Constant(Value),
    Call(Expression),
}

impl Source {
    fn params(&self) -> Arc<[usize]> {
        match self {
            Self::Constant(_) => Arc::default(),
            Self::Call(expression) => expression.params().clone(),
        }
    }

    /// The value in a call; nothing where a parameter that it needs was not sent.
    fn value(&self, values: &Values) -> Result<Option<Value>, Refusal> {
        match self {
            Self::Constant(value) => Ok(Some(value.clone())),
            Self::Call(expression) => expression.value(values),
        }
    }

    /// That a value cannot be written.
    fn refused(&self, reason: &'static str) -> Refusal {
        let param = if let [only] = self.params()[..] { Some(only) } else { None };
        Refusal::Value { param, reason: reason.into() }
    }
}

impl RecordTemplate {
    /// Compiles the `options` of a write. All errors go to `out`, each at its place.
    pub fn compile(node: &Node, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let spec = RecordSpec::from_node(node, out)?;
        let unread = has_errors_in(&out[before..], node.span);
        let mut compiler = Compiler { params, out };
        let object = spec.object.0.clone();
        object.iter().for_each(|object| compiler.object(object));
        let key = compiler.key(&spec, node, unread);
        let fields = spec.fields.0.as_ref().map(|fields| {
            let own = key.as_ref().and_then(|key| key.external_id.clone());
            let updates = spec.operation.0.as_ref().is_none_or(|operation| operation.value != Operation::Upsert);
            if fields.value.0.is_empty() && updates && !unread {
                let message = "`fields` is empty, so there is nothing to write";
                compiler.out.push(RECORD_FIELD.at(fields.span, message).help("such as `Status: Closed`"));
            }
            compiler.fields(fields.value.iter(), own.as_deref())
        });
        let operation = spec.operation.0.as_ref().map(|operation| operation.value);
        let complete = !has_errors(&out[before..]);
        let names = spec.external_id.iter().chain(spec.fields.0.as_ref().map(|fields| &fields.value));
        let names = names.flat_map(|entries| &entries.0).map(|entry| entry.name.clone()).collect();
        complete.then_some(Self { operation: operation?, object: object?, names, key, fields: fields? })
    }

    /// The record of a call. Sends nothing.
    ///
    /// # Errors
    ///
    /// When a value cannot be written as it is.
    pub fn decide(&self, values: &Values) -> Result<RecordWrite, Refusal> {
        let key = match &self.key {
            None => None,
            Some(KeyTemplate { external_id, value: source }) => {
                let refused = |reason| source.refused(reason);
                let value = source.value(values)?.ok_or_else(|| refused("expected a value that names a record"))?;
                let value = value::key(&value).map_err(refused)?;
                Some(Key { external_id: external_id.clone(), value, params: source.params() })
            }
        };
        let mut fields = Vec::with_capacity(self.fields.len());
        for (name, source) in &self.fields {
            if let Some(value) = source.value(values)? {
                let value = value::json(&value).map_err(|reason| source.refused(reason))?;
                fields.push(Field { name: name.clone(), value, params: source.params() });
            }
        }
        // An upsert makes the record, or finds it, by its key alone.
        if fields.is_empty() && self.operation != Operation::Upsert {
            return Err(Refusal::Value { param: None, reason: "expected a value for at least one field".into() });
        }
        Ok(RecordWrite { operation: self.operation, object: self.object.as_str().into(), key, fields })
    }

    /// Whether it uses this parameter.
    pub fn uses(&self, param: usize) -> bool {
        let key = self.key.iter().map(|key| &key.value);
        key.chain(self.fields.iter().map(|(_, source)| source)).any(|source| source.params().contains(&param))
    }
}

struct Compiler<'a> {
    params: &'a [Param],
    out: &'a mut Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn object(&mut self, object: &Spanned<String>) {
        if !is_api_name(object) {
            let message = format!("expected the API name of an object, got {:?}", object.value);
            self.out.push(BAD_VALUE.at(object.span, message).help("such as `Case` or `Callback__c`"));
        }
    }

    /// What says which record is written, where it goes with the operation.
    fn key(&mut self, spec: &RecordSpec, node: &Node, unread: bool) -> Option<KeyTemplate> {
        let operation = spec.operation.0.as_ref();
        let (by_id, by_external_id) = (key_of(node, "id"), key_of(node, "external_id"));
        let mut refuse = |place: Option<Span>, message: &str, help: &str| {
            self.out.extend(place.map(|place| RECORD_KEY.at(place, message).help(help)));
        };
        match operation.map(|operation| operation.value) {
            None => {
                let message = "a record is found by `id` or by `external_id`, not by both";
                refuse(by_id.and(by_external_id), message, "keep `id` to update, `external_id` to upsert");
            }
            Some(Operation::Create) => {
                let message = "`create` makes a new record, and this names one that is there";
                refuse(by_id, message, "write `operation: update`, or remove `id`");
                refuse(by_external_id, message, "write `operation: upsert`, or remove `external_id`");
            }
            Some(Operation::Update) => {
                let message = "`update` finds its record by `id`";
                let help = "write `operation: upsert`, which also makes a record that is not there, or `id`";
                refuse(by_external_id, message, help);
            }
            Some(Operation::Upsert) => {
                refuse(
                    by_id,
                    "`upsert` finds its record by `external_id`",
                    "write `operation: update`, or `external_id`",
                );
            }
        }
        // With a key that could not be read or does not fit, what is missing is known already.
        let missing = |key: &str| match (operation, by_id.or(by_external_id)) {
            (Some(operation), None) if !unread => {
                let message = format!("`{}` needs `{key}`, and there is none", operation.as_str());
                Some(RECORD_KEY.at(operation.span, message))
            }
            _ => None,
        };
        match operation?.value {
            Operation::Create => None,
            Operation::Update => {
                let help = "add the record's `id`, such as `id: \"{{ case_id }}\"`";
                self.out.extend(missing("id").map(|found| found.help(help)));
                let value = self.key_value(spec.id.as_ref()?)?;
                Some(KeyTemplate { external_id: None, value })
            }
            Operation::Upsert => {
                let help = "add the field that finds it, such as `external_id: { Call_Id__c: \"{{ contact_id }}\" }`";
                self.out.extend(missing("external_id").map(|found| found.help(help)));
                let entries = &spec.external_id.as_ref()?.0;
                let place = node.get("external_id").map_or(node.span, |node| node.span);
                let [entry] = &entries[..] else {
                    if !unread {
                        let message = format!("expected one external id field, got {}", entries.len());
                        self.out.push(RECORD_KEY.at(place, message).help("write one field that is unique"));
                    }
                    return None;
                };
                self.name(&entry.name);
                let value = self.key_value(entry.value.as_ref()?)?;
                Some(KeyTemplate { external_id: Some(entry.name.as_str().into()), value })
            }
        }
    }

    fn key_value(&mut self, node: &Node) -> Option<Source> {
        let source = self.source(node)?;
        let fault = match &source {
            Source::Constant(constant) => value::key(constant)
                .err()
                .map(|reason| RECORD_KEY.at(node.span, format!("{reason}, got {}", node.describe()))),
            Source::Call(expression) => {
                let ty = expression.ty();
                let fits = !ty.list && value::names_a_record(ty.scalar);
                let undefined = expression.optional().map(|param| {
                    let name = &self.params[param].name;
                    let message = format!("`{name}` can be undefined here: a caller need not send it");
                    POSSIBLY_UNDEFINED.at(node.span, message).help("require it: without it no record is named")
                });
                let message = || format!("a record is named by text or a number, and this is of type {ty}");
                undefined.or_else(|| {
                    (!fits).then(|| RECORD_KEY.at(node.span, message()).help("declare the parameter as `string`"))
                })
            }
        };
        let fits = fault.is_none();
        self.out.extend(fault);
        fits.then_some(source)
    }

    fn fields<'n>(
        &mut self,
        entries: impl Iterator<Item = (&'n Spanned<String>, &'n Node)>,
        own: Option<&str>,
    ) -> Vec<(Arc<str>, Source)> {
        let mut fields: Vec<(Arc<str>, Source)> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (name, node) in entries {
            let folded = name.to_ascii_lowercase();
            let fault = match folded.as_str() {
                "id" => {
                    Some(("Salesforce gives a record its id, and no field writes it", "an `update` names it as `id`"))
                }
                "attributes" => Some(("`attributes` is no field", "remove it")),
                _ if own.is_some_and(|own| own.eq_ignore_ascii_case(&folded)) => Some((
                    "this field is the `external_id`, which is written with the record",
                    "remove it from `fields`",
                )),
                _ if names.contains(&folded) => Some((
                    "a second value for this field: names of fields are the same in any case",
                    "keep one of them",
                )),
                _ => None,
            };
            match fault {
                Some((message, help)) => self.out.push(RECORD_FIELD.at(name.span, message).help(help)),
                None => self.name(name),
            }
            names.push(folded);
            let Some(source) = self.source(node) else { continue };
            if let Source::Call(expression) = &source
                && expression.ty().scalar == Scalar::Json
            {
                let message = "a field holds a single value, and this is a JSON document";
                self.out
                    .push(RECORD_FIELD.at(node.span, message).help("declare the parameter as `string` or `string[]`"));
            }
            fields.push((name.as_str().into(), source));
        }
        fields
    }

    fn name(&mut self, name: &Spanned<String>) {
        if is_api_name(name) {
            return;
        }
        let path = name.split('.').count() > 1 && name.split('.').all(is_api_name);
        let (message, help) = if path {
            let message = format!("`{}` is a field of another record, which this write does not reach", name.value);
            (message, "write that record's id into the field that refers to it, such as `AccountId`")
        } else {
            let message = format!("expected the API name of a field, got {:?}", name.value);
            (message, "such as `Subject` or `Call_Id__c`")
        };
        self.out.push(RECORD_FIELD.at(name.span, message).help(help));
    }

    fn source(&mut self, node: &Node) -> Option<Source> {
        match &node.kind {
            Kind::Scalar(text) if Expression::is_in(&text.value) => {
                Expression::compile(text, self.params, self.out).map(Source::Call)
            }
            Kind::Scalar(text) => self.constant(text).map(Source::Constant),
            Kind::List(_) | Kind::Map(_) => {
                let message = format!("expected a constant or one `{{{{ … }}}}`, got {}", node.describe());
                let help = match node.kind {
                    Kind::List(_) => "write several values of a picklist as one text, `a;b`",
                    _ => "write the other record's id into the field that refers to it, such as `AccountId`",
                };
                self.out.push(RECORD_FIELD.at(node.span, message).help(help));
                None
            }
        }
    }

    /// A constant as YAML reads it, numbers with their digits.
    fn constant(&mut self, text: &Text) -> Option<Value> {
        let json = if text.style == Style::Text { Json::String(text.value.clone()) } else { resolve(&text.value) };
        Some(match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Boolean(value),
            Json::Number(number) => {
                let digits = number.to_string();
                let value = digits.parse().ok().map(Value::Integer);
                let plain = || digits.parse().ok().filter(|_| !digits.contains(['e', 'E'])).map(Value::Decimal);
                let Some(value) = value.or_else(plain) else {
                    let message = format!("expected a number without exponent, got {}", text.value);
                    self.out.push(RECORD_FIELD.at(text.span, message).help("write its digits"));
                    return None;
                };
                if digits != text.value {
                    let message = format!("YAML reads {} as the number {digits}", text.value);
                    let help = format!("write \"{}\" if these digits are meant", text.value);
                    self.out.push(AMBIGUOUS_SCALAR.at(text.span, message).help(help));
                }
                value
            }
            Json::String(text) => Value::Text(text.into()),
            // A scalar is neither.
            Json::Array(_) | Json::Object(_) => return None,
        })
    }
}

/// The place of a key in a map.
fn key_of(node: &Node, key: &str) -> Option<Span> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().find(|(name, _)| name.value == key).map(|(name, _)| name.span),
        _ => None,
    }
}

/// Whether a name is a letter followed by letters, digits and `_`.
fn is_api_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
