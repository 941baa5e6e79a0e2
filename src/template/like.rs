//! `contains` and its kind escape wildcards with `\`, which SQLite and Snowflake only understand with an `ESCAPE`.
//! (<https://www.sqlite.org/lang_expr.html#the_like_glob_regexp_match_and_extract_operators>,
//! <https://docs.snowflake.com/en/sql-reference/functions/like>)

use super::{Dialect, ShapeText};
use crate::diagnostic::{Diagnostic, LIKE_ESCAPE};

/// Reports placeholders whose wildcards the database would not see as escaped.
pub(super) fn check(text: &ShapeText, dialect: Dialect, out: &mut Vec<Diagnostic>) {
    let escape = match dialect {
        Dialect::Sqlite => r"'\'",
        Dialect::Snowflake => r"'\\'",
        Dialect::Postgres | Dialect::Mysql | Dialect::Soql => return,
    };
    for placeholder in text.placeholders.iter().filter(|placeholder| placeholder.like) {
        let after = text.text[placeholder.range.end..].trim_start_matches(|c: char| c.is_whitespace() || c == ')');
        let escaped = after
            .get(..6)
            .filter(|word| word.eq_ignore_ascii_case("escape"))
            .is_some_and(|word| after[word.len()..].trim_start().starts_with(escape));
        if !escaped {
            let message =
                format!("the wildcards in this value are escaped with `\\`, which needs `ESCAPE {escape}` after it");
            let help = format!("add ` ESCAPE {escape}` after the placeholder");
            out.push(LIKE_ESCAPE.at(text.span_of(placeholder.range.clone()), message).help(help));
        }
    }
}
