//! Actions without tests.

use crate::{
    diagnostic::{Diagnostic, MISSING_TEST},
    lint::Subject,
};

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    if subject.action.tests.is_empty() {
        let message = "the action has no test";
        let help = "add `tests`: one with `expect: { sql: …, binds: … }` runs without a database";
        out.push(MISSING_TEST.at(subject.place(), message).help(help));
    }
}
