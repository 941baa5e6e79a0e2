//! What the rules on statements say where an action writes a record instead: a repeat that writes again, and answers that the
//! schema does not fit.

use crate::{
    action::Action,
    backend::record::Operation,
    diagnostic::{Diagnostic, MISSING_COLUMN, UNSAFE_REPEAT, suggest},
    lint::Subject,
};

pub(super) fn check(subject: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    let Some(record) = &action.record else { return };
    let operation = subject.spec.options.as_ref().and_then(|options| options.get("operation"));
    if record.operation == Operation::Create {
        let place = operation.map_or(subject.place(), |node| node.span);
        let help = "callers repeat calls that failed: let them send an `Idempotency-Key`; `operation: upsert` with an \
                    `external_id`, such as the contact's id, holds across restarts and replicas too";
        out.push(UNSAFE_REPEAT.at(place, "a repeat of this call would create another record").help(help));
    }
    let columns = record.operation.columns();
    if subject.answers_rows() && !columns.is_empty() {
        for name in subject.row_schema().required.into_iter().filter(|name| !columns.contains(name)) {
            let message = format!("the schema requires `{name}`, and the write answers only {}", columns.join(" and "));
            let help = suggest::help(name, columns.iter().copied());
            out.push(MISSING_COLUMN.at(subject.required_place(name), message).maybe_help(help));
        }
    }
}
