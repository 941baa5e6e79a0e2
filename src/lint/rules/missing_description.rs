//! Actions that do not say what they do.

use crate::{
    action::Action,
    diagnostic::{Diagnostic, MISSING_DESCRIPTION},
    lint::Subject,
};

pub(super) fn check(subject: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    if action.description.as_ref().is_none_or(|text| text.trim().is_empty()) {
        let message = "the action does not say what it does";
        let help = "add `description: …`; the catalog, OpenAPI and the console show it";
        out.push(MISSING_DESCRIPTION.at(subject.place(), message).help(help));
    }
}
