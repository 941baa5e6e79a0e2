//! `{% if flag %}` on a boolean or a number.

use crate::{
    action::Action,
    diagnostic::{Diagnostic, TRUTHY_GUARD},
    lint::Subject,
    value::Scalar,
};

pub(super) fn check(_: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    for (span, param) in action.statements.iter().flat_map(|template| template.truthy_guards()) {
        let param = &action.params.list()[param];
        let zero = if param.ty.scalar == Scalar::Boolean { "false" } else { "0" };
        let message = format!("`{}` is of type {}: this branch is left out for {zero}, too", param.name, param.ty);
        let name = &param.name;
        let help = match zero {
            "false" => format!("write `{name} is defined` for a filter that a caller may leave out, or `{name} == true`"),
            _ => format!("write `{name} is defined` for a filter that a caller may leave out, or `{name} != 0`"),
        };
        out.push(TRUTHY_GUARD.at(span, message).help(help));
    }
}
