//! Keys of `result` that cannot be meant together.

use super::Envelope;
use crate::{
    diagnostic::{BAD_VALUE, Diagnostic, RESULT_CONFLICT, UNUSED_RESULT_KEY},
    spec::{NotFound, Overflow, ResultSpec, Shape},
    yaml::Spanned,
};

/// A request id as the server makes them; callers' own may be shorter or longer.
const REQUEST_ID: &str = "00000000000000000000000000";

/// Reports limits that no answer can keep.
pub(super) fn limits(spec: &ResultSpec, out: &mut Vec<Diagnostic>) {
    if let Some(max) = spec.max_rows.as_ref().filter(|max| max.value == 0) {
        out.push(BAD_VALUE.at(max.span, "expected at least 1 row, got 0"));
    }
    if let Some(max) = &spec.max_bytes {
        let least = Envelope { request_id: REQUEST_ID, kept: false }.smallest_body();
        if max.value.0 < least {
            let message =
                format!("expected at least {least} bytes, which an answer without rows has, got {}", max.value.0);
            out.push(BAD_VALUE.at(max.span, message).help("the limit counts the whole body"));
        }
    }
}

/// Reports what makes no sense together (an error) and what has no effect (a warning). `compiled` says that the schema
/// itself is in order.
pub(super) fn keys(spec: &ResultSpec, write: bool, compiled: bool, out: &mut Vec<Diagnostic>) {
    let shape = spec.shape.as_ref().map_or(Shape::Rows, |shape| shape.value);
    let conflict = |place, message: String, help: &str| RESULT_CONFLICT.at(place, message).help(help);
    let name = shape.as_str();

    if let Some(Spanned { value: Shape::Affected, span }) = spec.shape
        && !write
    {
        let message = "`affected` is the number of rows changed, and a read changes none".into();
        out.push(conflict(span, message, "add `mode: write`, or choose another shape"));
    }
    if let Some(Spanned { value: true, span }) = spec.stream {
        if write {
            let message = "a write cannot be streamed: it is committed only after its whole result was checked".into();
            out.push(conflict(span, message, "leave `stream` out"));
        } else if shape != Shape::Rows {
            let message = format!("only shape `rows` can be streamed, and this is `{name}`");
            out.push(conflict(span, message, "leave `stream` out"));
        }
    }
    if let Some(Spanned { value: NotFound::Error, span }) = spec.not_found
        && !matches!(shape, Shape::Row | Shape::Value)
    {
        let message = format!("`not_found: error` is for shapes `row` and `value`, and this is `{name}`");
        out.push(conflict(span, message, "a caller sees `row_count: 0`; or choose shape `row`"));
    }
    if let Some(max) = spec.max_rows.as_ref().filter(|max| max.value > 0 && shape != Shape::Rows) {
        let message = format!("`max_rows` has no effect: shape `{name}` has one value");
        out.push(UNUSED_RESULT_KEY.at(max.span, message).help("leave it out"));
    }
    if let Some(Spanned { value: Overflow::Truncate, span }) = spec.on_overflow
        && shape != Shape::Rows
    {
        let message = format!("`on_overflow: truncate` has no effect: shape `{name}` is never cut");
        out.push(UNUSED_RESULT_KEY.at(span, message).help("leave it out: an answer that is too large is an error"));
    }
    if let (Some(schema), true) = (&spec.schema, compiled)
        && let Some(node) = schema.get("type")
    {
        let types = node.to_json();
        let allows =
            |name: &str| types == name || types.as_array().is_some_and(|types| types.iter().any(|t| t == name));
        let (fits, what, help) = match shape {
            Shape::Rows | Shape::Row => {
                (allows("object"), "one row, which is an object", "describe one row, without the array around it")
            }
            Shape::Affected => {
                (allows("integer") || allows("number"), "the number of rows changed", "write `type: integer`")
            }
            Shape::Value => (true, "", ""),
        };
        if !fits {
            out.push(conflict(node.span, format!("the schema is of {what}, and this type never fits it"), help));
        }
    }
}
