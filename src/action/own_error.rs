//! `errors`: what a code of the database means to callers.

use std::collections::HashMap;

use super::{CODES, OwnError};
use crate::{
    backend::Driver,
    diagnostic::{BAD_OWN_ERROR, Diagnostic},
    spec::OwnErrorSpec,
    template::Dialect,
    yaml::{Spanned, read::Entries},
};

/// Own codes: words of the author's, apart from datadip's own codes, with a 4xx.
pub(super) fn read(
    spec: &Entries<OwnErrorSpec>,
    driver: Option<&'static Driver>,
    out: &mut Vec<Diagnostic>,
) -> HashMap<String, OwnError> {
    let mut errors = HashMap::new();
    for (vendor, own) in spec.iter() {
        out.extend(driver.and_then(|driver| impossible(vendor, driver.dialect)));
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !own.code.starts_with(|c: char| c.is_ascii_lowercase()) || !own.code.chars().all(letters) {
            let message = format!("expected a code of small letters, digits and `_`, got {:?}", own.code.value);
            out.push(BAD_OWN_ERROR.at(own.code.span, message).help("such as account_closed"));
        } else if CODES.contains(&own.code.as_str()) {
            let message = format!("`{}` is a code of datadip's; an own error needs a code of its own", own.code.value);
            out.push(BAD_OWN_ERROR.at(own.code.span, message).help("such as account_closed"));
        }
        let http = u16::try_from(own.http.value).ok().filter(|http| (400..500).contains(http));
        if http.is_none() {
            let message = format!("expected a status from 400 to 499, got {}", own.http.value);
            out.push(BAD_OWN_ERROR.at(own.http.span, message).help("409 fits most outcomes of the business"));
        }
        if let Some(http) = http {
            errors.insert(vendor.value.clone(), OwnError { code: own.code.value.clone(), http });
        }
    }
    errors
}

/// What is wrong with a code that the database never gives.
fn impossible(vendor: &Spanned<String>, dialect: Dialect) -> Option<Diagnostic> {
    let number = vendor.parse::<u16>().is_ok_and(|number| number.to_string() == vendor.value);
    let (possible, expected, unique) = match dialect {
        Dialect::Postgres => (is_state(vendor), "five characters of `0-9 A-Z`", "23505"),
        Dialect::Mysql => (number || is_state(vendor), "a number, or five characters of `0-9 A-Z`", "1062"),
        Dialect::Sqlite => (number, "a number", "2067"),
        Dialect::Soql => (is_code(vendor), "words in capitals with `_` between them", "DUPLICATE_VALUE"),
        Dialect::Snowflake => return None,
    };
    let of = if dialect == Dialect::Soql { "Salesforce" } else { "the database" };
    let message = || format!("expected a code of {of}, {expected}, got {:?}", vendor.value);
    let meant = match dialect {
        Dialect::Sqlite => None,
        Dialect::Soql => Some(vendor.to_ascii_uppercase()).filter(|code| is_code(code)),
        _ => meant(vendor),
    };
    let help = meant.map_or_else(
        || format!("such as \"{unique}\" for a value that must be unique"),
        |meant| format!("did you mean `{meant}`?"),
    );
    (!possible).then(|| BAD_OWN_ERROR.at(vendor.span, message()).help(help))
}

/// Whether a text has the form of an SQLSTATE.
fn is_state(text: &str) -> bool {
    text.len() == 5 && text.chars().all(|char| char.is_ascii_digit() || char.is_ascii_uppercase())
}

/// Whether a text has the form of one of Salesforce's codes.
fn is_code(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_uppercase())
        && text.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

/// The SQLSTATE that was meant: in capitals, those of procedures with all their zeros.
fn meant(text: &str) -> Option<String> {
    let capitals = text.to_ascii_uppercase();
    let state = match capitals.strip_prefix('P').map(str::parse::<u16>) {
        Some(Ok(number)) => format!("P{number:04}"),
        _ => capitals,
    };
    (is_state(&state) && state.contains(|char: char| char.is_ascii_digit())).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    #[test]
    fn a_code_that_the_database_never_gives_is_refused() {
        let check = |dialect, code: &str, expected: Option<&str>| {
            let found = impossible(&Spanned { value: code.to_owned(), span: Span::default() }, dialect);
            let help = found.map(|found| found.help.unwrap_or_default());
            assert_eq!(help.as_deref(), expected, "{dialect:?} {code}");
        };
        for code in ["23505", "P0001", "XX000", "2D000"] {
            check(Dialect::Postgres, code, None);
            check(Dialect::Mysql, code, None);
        }
        for (code, meant) in [("P042", "P0042"), ("p0042", "P0042"), ("2d000", "2D000")] {
            check(Dialect::Postgres, code, Some(&format!("did you mean `{meant}`?")));
            check(Dialect::Mysql, code, Some(&format!("did you mean `{meant}`?")));
        }
        for code in ["unique", "check", "1062", ""] {
            check(Dialect::Postgres, code, Some("such as \"23505\" for a value that must be unique"));
        }
        check(Dialect::Soql, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
        check(Dialect::Soql, "duplicate_value", Some("did you mean `DUPLICATE_VALUE`?"));
        check(Dialect::Soql, "400", Some("such as \"DUPLICATE_VALUE\" for a value that must be unique"));
        check(Dialect::Mysql, "1062", None);
        check(Dialect::Mysql, "ER_DUP", Some("such as \"1062\" for a value that must be unique"));
        check(Dialect::Sqlite, "2067", None);
        check(Dialect::Sqlite, "23505", None);
        for code in ["P0001", "02067", "SQLITE_CONSTRAINT"] {
            check(Dialect::Sqlite, code, Some("such as \"2067\" for a value that must be unique"));
        }
    }
}
