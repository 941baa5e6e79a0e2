//! A write of a record: where it stands in the file, and which answers it can have.

use super::Params;
use crate::{
    backend::{RecordTemplate, record::Operation},
    diagnostic::{Diagnostic, RESULT_CONFLICT, STATEMENT_KEY, Span},
    spec::{ActionSpec, Shape},
    yaml::Spanned,
};

/// Compiles the `options` of a write on a backend that writes records, and refuses statements beside them.
pub(super) fn compile(spec: &ActionSpec, params: &Params, out: &mut Vec<Diagnostic>) -> Option<RecordTemplate> {
    let statements = spec.sql.iter().flat_map(|sql| &sql.0).chain(&spec.soql);
    for text in statements {
        let message = "a write on this kind of backend has no statement: its `options` say which record is written";
        let help = "remove it, or remove `mode: write` to read";
        out.push(STATEMENT_KEY.at(text.span, message).help(help));
    }
    let Some(options) = &spec.options else {
        let place = Span { end: spec.span.start, ..spec.span };
        let message = "the action does not say which record it writes";
        let help = "add `options: { operation: create, object: …, fields: { … } }`";
        out.push(STATEMENT_KEY.at(place, message).help(help));
        return None;
    };
    RecordTemplate::compile(options, params.for_templates(), out)
}

/// Refuses shapes that an operation has no answer for.
pub(super) fn check_result(record: &RecordTemplate, spec: &ActionSpec, out: &mut Vec<Diagnostic>) {
    let shape = spec.result.as_ref().and_then(|result| result.shape.as_ref());
    if let Some(Spanned { value: shape @ (Shape::Row | Shape::Value), span }) = shape
        && record.operation == Operation::Update
    {
        let message = format!("an `update` answers no row, so `{}` would always be null", shape.as_str());
        out.push(
            RESULT_CONFLICT.at(*span, message).help("write `shape: affected`: 1, or 0 where there is no such record"),
        );
    }
}
