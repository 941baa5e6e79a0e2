//! The rules, one file each. A new one is a line in one of the two lists, its line in [`crate::diagnostic`] and its page.

use super::{Statement, Subject};
use crate::{action::Action, diagnostic::Diagnostic};

macro_rules! rules {
    (statement: $($statement:ident)*; action: $($action:ident)*;) => {
        $(mod $statement;)*
        $(mod $action;)*

        /// The rules on one shape of one statement.
        pub(super) static STATEMENT: &[fn(&Subject<'_>, &Statement, &mut Vec<Diagnostic>)] = &[$($statement::check),*];
        /// The rules on an action as a whole.
        pub(super) static ACTION: &[fn(&Subject<'_>, &Action, &mut Vec<Diagnostic>)] = &[$($action::check),*];
    };
}

rules! {
    statement:
        unknown_statement
        data_definition
        control_statement
        write_in_read
        missing_where
        missing_column
        duplicate_column
        affected_without_write
        sql_unchecked
        select_star
        column_not_in_schema
        unescaped_like
        sort_by_bind
        missing_limit
        unsafe_repeat;
    action:
        unused_parameter
        truthy_guard
        missing_description
        missing_result_schema
        missing_test
        record;
}
