//! Actions without tests.

use crate::{
    action::Action,
    diagnostic::{Diagnostic, MISSING_TEST},
    lint::Subject,
    template::Dialect,
};

pub(super) fn check(subject: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    if action.tests.is_empty() {
        let message = "the action has no test";
        let help = match action.record {
            Some(_) => "add `tests`: one with `expect: { record: { fields: … } }` sends nothing",
            None if subject.dialect == Dialect::Soql => {
                "add `tests`: one with `expect: { soql: …, binds: … }`, or with `given: { rows: … }`, runs without Salesforce"
            }
            None => "add `tests`: one with `expect: { sql: …, binds: … }` runs without a database",
        };
        out.push(MISSING_TEST.at(subject.place(), message).help(help));
    }
}
