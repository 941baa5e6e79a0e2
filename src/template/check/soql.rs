//! Where a value may stand in SOQL, and of which type: on the right of a comparison, in a list, after LIKE, and as a count.

use super::{
    Check, Diagnostic, LIKE_ESCAPE, PLACEHOLDER_AS_NAME, PlaceholderSite, Span, TYPE_MISMATCH, TokenKind,
    place::{NAMES_ARE_CHOSEN, after_operand, expected},
};
use crate::{
    template::soql::{Role, decides},
    value::Scalar,
};

impl Check<'_> {
    /// Checks a placeholder, the token at hand.
    pub(super) fn soql_site(&mut self, site: &PlaceholderSite, span: Span) {
        let found = self.soql_place(span).or_else(|| self.soql_type(site, span));
        self.out.extend(found);
    }

    /// Where a name or a keyword must stand.
    fn soql_place(&self, span: Span) -> Option<Diagnostic> {
        let next = self.tokens[self.at + 1..].iter().find(|token| !token.is_blank());
        let named = next.filter(|next| matches!(self.word(**next), "." | "(" | ":")).map(|_| "a name cannot be bound");
        let message = self.soql_name_is_due().or_else(|| named.map(str::to_owned))?;
        let listed = self.before.last().is_some_and(|last| LISTS.iter().any(|word| self.is(*last, word)));
        let help = if listed { "write the list in brackets: `IN ({{ names | spread }})`" } else { NAMES_ARE_CHOSEN };
        Some(PLACEHOLDER_AS_NAME.at(span, message).help(help))
    }

    fn soql_name_is_due(&self) -> Option<String> {
        let Some(&last) = self.before.last() else {
            return Some("a query begins with `SELECT`, not with a bound value".to_owned());
        };
        let text = self.word(last);
        match last.kind {
            TokenKind::Word if self.earlier(1).is_some_and(|token| self.word(token) == ".") => after_operand(text),
            TokenKind::Word => match text.to_ascii_lowercase().as_str() {
                "like" | "limit" | "offset" => None,
                "from" => Some(expected("an object", text)),
                word if LISTS.contains(&word) => Some(expected("a list in brackets", text)),
                "select" | "where" | "and" | "or" | "not" | "by" | "having" => Some(expected("a field", text)),
                _ => after_operand(text),
            },
            TokenKind::Operator => match text {
                "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" => None,
                "," if self.in_list() => None,
                "," => Some(expected("a field", text)),
                ":" if self.earlier(1).is_some_and(|token| is_date_formula(self.word(token))) => None,
                "." | ":" => Some(expected("a name", text)),
                _ => Some(format!("SOQL has no operator `{text}`")),
            },
            TokenKind::Open if self.in_list() => None,
            TokenKind::Open => Some(expected("a field", text)),
            _ => after_operand(text),
        }
    }

    /// Whether the innermost bracket holds values.
    fn in_list(&self) -> bool {
        self.in_call(LISTS) || self.in_call(&["geolocation"])
    }

    /// A value of a type that cannot stand there.
    fn soql_type(&self, site: &PlaceholderSite, span: Span) -> Option<Diagnostic> {
        let before_bracket =
            self.open.last().and_then(|bracket| bracket.before.checked_sub(1)).map(|at| self.before[at]);
        let decides = decides(self.before.last().copied(), before_bracket, &self.text.text);
        let role = Role::of(decides, &self.text.text, site.like);
        let wanted = match (role, site.ty.scalar) {
            (Role::Value | Role::Text, _) if site.like => {
                let message = "escaped wildcards mean something directly after LIKE, and nowhere else in SOQL";
                return Some(LIKE_ESCAPE.at(span, message).help("write `LIKE` before it, or remove the filter"));
            }
            (Role::Text | Role::Pattern, Scalar::String | Scalar::Uuid)
            | (Role::Count | Role::Offset, Scalar::Integer)
            | (Role::Degrees, Scalar::Integer | Scalar::Decimal | Scalar::Float)
            | (Role::Value, _) => return None,
            (Role::Text | Role::Pattern, _) => "string",
            (Role::Count | Role::Offset, _) => "integer",
            (Role::Degrees, _) => "decimal",
        };
        let place = decides.map_or_else(String::new, |token| self.word(token).to_ascii_uppercase());
        let message = format!("`{place}` takes a value of type {wanted}, and this one is of type {}", site.ty);
        Some(TYPE_MISMATCH.at(span, message).help(format!("declare the parameter as `{wanted}`")))
    }
}

/// `LAST_N_DAYS:30`, `N_WEEKS_AGO:2` and their like.
fn is_date_formula(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    ["LAST_N_", "NEXT_N_", "N_"].iter().any(|beginning| word.starts_with(beginning))
}

/// The words before a list of values.
const LISTS: &[&str] = &["in", "includes", "excludes"];
