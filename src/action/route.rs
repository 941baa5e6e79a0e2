//! Names and routes: which paths an action may have, and which methods.

use super::{Method, Mode, Params};
use crate::{
    diagnostic::{BAD_ROUTE, BAD_VALUE, Diagnostic, UNSAFE_GET, has_errors_in},
    spec::ActionSpec,
};

/// The first segments of the paths that datadip serves itself.
const OWN: &[&str] = &[
    "actions",
    "simulate",
    "healthz",
    "readyz",
    "catalog",
    "metrics",
    "openapi.json",
    "profiler",
    "console",
    "assets",
];
/// The longest path of an action's own, in bytes.
const MAX_PATH: usize = 200;

/// Whether a path below `actions/`, without its extension, is the name of an action.
pub fn is_name(name: &str) -> bool {
    name.split('/').all(|segment| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        segment.bytes().all(allowed) && segment.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

/// The path of an action whose file sets none.
pub fn usual_path(name: &str) -> String {
    format!("/actions/{name}")
}

pub(super) fn compile(
    name: &str,
    spec: &ActionSpec,
    mode: Mode,
    params: &Params,
    out: &mut Vec<Diagnostic>,
) -> (String, Vec<Method>) {
    let usual = || (usual_path(name), vec![Method::Post]);
    let Some(route) = &spec.route else { return usual() };
    let (mut path, mut methods) = usual();
    if let Some(given) = &route.path {
        if let Some(problem) = problem(given) {
            out.push(BAD_ROUTE.at(given.span, problem).help("write a fixed path such as /crm/customer"));
        }
        path.clone_from(given);
    }
    if let Some(given) = &route.methods {
        if given.is_empty() && !has_errors_in(out, route.span) {
            out.push(BAD_VALUE.at(route.span, "expected at least one method, got none").help("write [POST]"));
        }
        methods.clear();
        for method in given {
            if methods.contains(&method.value) {
                out.push(BAD_VALUE.at(method.span, format!("`{}` stands here a second time", method.as_str())));
                continue;
            }
            methods.push(method.value);
            if method.value == Method::Get {
                if mode == Mode::Write {
                    out.push(UNSAFE_GET.at(method.span, "an action that writes has no GET").help("write [POST]"));
                }
                if let Some(param) = params.list().iter().find(|param| param.sensitive) {
                    let message = format!("`{}` is sensitive and would stand in the address of a GET", param.name);
                    out.push(UNSAFE_GET.at(method.span, message).help("write [POST]"));
                }
            }
        }
    }
    (path, methods)
}

/// What keeps a path from being an action's own: it is compared whole, after percent-decoding.
fn problem(path: &str) -> Option<String> {
    let segments = || path.split('/').skip(1);
    if !path.starts_with('/') {
        return Some(format!("expected a path that begins with `/`, got {path:?}"));
    }
    if path.len() > MAX_PATH {
        return Some(format!("expected a path of at most {MAX_PATH} bytes, got {}", path.len()));
    }
    if let Some(sign) = path.chars().find(|c| !c.is_ascii_alphanumeric() && !"/-._~".contains(*c)) {
        return Some(format!("expected a fixed path of letters, digits and `/ - . _ ~`, got {sign:?} in it"));
    }
    if segments().any(|segment| segment.is_empty() || segment.chars().all(|c| c == '.')) {
        return Some(format!("expected a path without empty segments and dots alone, got {path:?}"));
    }
    let own = segments().next().filter(|first| OWN.contains(first))?;
    Some(format!("`/{own}` belongs to datadip itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_between_slashes() {
        for name in ["a", "crm/customer-lookup", "0_x", "a/b/c9"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a b", "-a", "_a", "a/", "/a", "a//b", "a.b", "ä", "a/-b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_fixed_path_is_accepted_and_datadips_own_are_not() {
        for path in ["/lookup", "/crm/v1.2/customer_by-id", "/Actions", "/catalogue"] {
            assert_eq!(problem(path), None, "{path}");
        }
        for path in [
            "",
            "lookup",
            "/",
            "/a/",
            "//a",
            "/a/../b",
            "/.",
            "/{id}",
            "/a?b=1",
            "/a%20b",
            "/a b",
            "/ä",
            "/a#b",
            "/actions",
            "/actions/x",
            "/simulate/x",
            "/healthz",
            "/readyz",
            "/catalog",
            "/metrics",
            "/openapi.json",
            "/profiler/x",
        ] {
            assert!(problem(path).is_some(), "{path}");
        }
    }
}
