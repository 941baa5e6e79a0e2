//! Parameters that no template uses.

use crate::{
    action::Action,
    diagnostic::{Diagnostic, UNUSED_PARAMETER},
    lint::Subject,
};

pub(super) fn check(subject: &Subject<'_>, action: &Action, out: &mut Vec<Diagnostic>) {
    for (at, param) in action.params.list().iter().enumerate() {
        if action.uses(at) {
            continue;
        }
        if let Some((name, _)) = subject.spec.params.iter().find(|(name, _)| name.value == param.name) {
            let message = format!("the parameter `{}` is used nowhere", param.name);
            let place = if action.record.is_some() { "a field" } else { "the statement" };
            let help = format!("write `{{{{ {} }}}}` in {place}, or remove it", param.name);
            out.push(UNUSED_PARAMETER.at(name.span, message).help(help));
        }
    }
}
