//! Whether a column of a result may be null: what its table says of it, as far as the statement leaves that as it is.

use crate::template::{
    Dialect,
    lexer::{Token, TokenKind, tokens},
};

/// What joins and sets, or rows that a change does not have, may fill up with nulls; and joins on columns that are not named.
const FILLING: [&str; 13] = [
    "left",
    "right",
    "full",
    "rollup",
    "cube",
    "sets",
    "union",
    "intersect",
    "except",
    "merge",
    "old",
    "new",
    "natural",
];

/// What a statement does to the nulls of its tables.
pub(super) struct Nulls<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    fills: bool,
    star: bool,
}

impl<'a> Nulls<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let tokens = tokens(text, Dialect::Postgres);
        let fills = tokens.iter().any(|token| FILLING.iter().any(|word| token.is_word(text, word)));
        let star = tokens.iter().any(|token| token.kind == TokenKind::Operator && token.text(text) == "*");
        Self { text, tokens, fills, star }
    }

    /// Whether a result's column may be null that is this column of a table; `None` where the statement may decide it.
    pub(super) fn may_be(&self, column: &str, not_null: bool) -> Option<bool> {
        if self.fills {
            return None;
        }
        if not_null {
            return Some(false);
        }
        // Where a column is named more often than for the result, a condition may keep its nulls away.
        let named = self.tokens.iter().filter(|token| match token.kind {
            TokenKind::Word => token.text(self.text).eq_ignore_ascii_case(column),
            TokenKind::QuotedIdentifier => token.text(self.text).contains(column),
            _ => false,
        });
        (named.count() <= usize::from(!self.star)).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_told_where_the_statement_leaves_them_alone() {
        let check = |text: &str, not_null, expected| {
            assert_eq!(Nulls::of(text).may_be("email", not_null), expected, "{text}");
        };
        check("SELECT email FROM c WHERE id = $1", false, Some(true));
        check("SELECT email FROM c WHERE id = $1", true, Some(false));
        check("SELECT * FROM c", false, Some(true));
        check("SELECT * FROM c WHERE email = $1", false, None);
        check("SELECT email FROM c WHERE email IS NOT NULL", false, None);
        check("SELECT \"email\" FROM c ORDER BY \"email\"", false, None);
        check("SELECT c.email FROM o LEFT JOIN c USING (id)", true, None);
        check("SELECT 'left', email FROM c -- full", true, Some(false));
        check("SELECT email FROM c GROUP BY ROLLUP (email)", true, None);
        check("DELETE FROM c RETURNING new.email", true, None);
    }
}
