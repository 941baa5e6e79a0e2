//! Answers that nothing checks.

use crate::{
    action::Action,
    diagnostic::{Diagnostic, MISSING_RESULT_SCHEMA},
    lint::Subject,
    spec::Shape,
};

pub(super) fn check(subject: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    let result = &action.result;
    // The number of rows changed needs no schema, and neither does a write that answers no rows.
    let silent = !subject.reads() && subject.spec.result.is_none();
    if result.schema.is_none() && result.shape != Shape::Affected && !silent {
        let place = subject.spec.result.as_ref().map_or(subject.place(), |result| result.span);
        let message = "nothing says what a row of the answer looks like";
        let help = "add `result: { schema: … }`: a change in the database is then found before a caller reads it";
        out.push(MISSING_RESULT_SCHEMA.at(place, message).help(help));
    }
}
