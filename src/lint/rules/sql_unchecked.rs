//! SQL that the parser refuses, so that the rules on columns did not run.

use crate::{
    diagnostic::{Diagnostic, SQL_UNCHECKED},
    lint::{
        Statement, Subject,
        kind::{self, Kind},
    },
};

pub(super) fn check(subject: &Subject<'_>, statement: &Statement, out: &mut Vec<Diagnostic>) {
    let Some((reason, place)) = &statement.refused else { return };
    if kind::of(statement.word(statement.first()), subject.dialect) != Kind::Data {
        return;
    }
    let message = format!("lint cannot read this statement, so the rules on its columns did not run: {reason}");
    let help = "check the spelling here; where the database takes the statement, silence this with \
                `# datadip: allow(sql-unchecked)` above `sql:`";
    out.push(SQL_UNCHECKED.at(statement.text.span_of(place.clone()), message).help(help));
}
