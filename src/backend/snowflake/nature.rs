//! What kind of statement a text is, as far as its words say: whether it only asks, and whether it answers with a row of
//! counts. What a statement may do in the end is the matter of the role that it runs with.

use crate::template::{
    Dialect,
    lexer::{Token, TokenKind, tokens},
};

/// A kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It asks for rows.
    Query,
    /// It changes rows, and answers how many.
    Change,
    /// Anything else: procedures, definitions, scripts.
    Other,
}

/// The first words of queries.
const QUERIES: [&str; 9] = ["select", "with", "values", "show", "describe", "desc", "explain", "list", "ls"];
/// The first words of statements that answer with a row of counts.
const CHANGES: [&str; 4] = ["insert", "update", "delete", "merge"];

impl Nature {
    /// The kind of a statement. In a chain (`->>`) the last one gives the rows, and none but queries make a query.
    pub fn of(text: &str) -> Self {
        let all: Vec<Token> = tokens(text, Dialect::Snowflake).into_iter().filter(|token| !token.is_blank()).collect();
        let mut links: Vec<&[Token]> = Vec::new();
        let mut rest = &all[..];
        while let Some(at) = rest.windows(2).position(|pair| is_chain(pair, text)) {
            links.push(&rest[..at]);
            rest = &rest[at + 2..];
        }
        links.push(rest);
        let kinds = links.iter().map(|link| Self::of_tokens(link, text));
        kinds.reduce(|all, last| if all == Self::Query { last } else { Self::Other }).unwrap_or(Self::Other)
    }

    fn of_tokens(tokens: &[Token], text: &str) -> Self {
        let Some(first) = tokens.iter().find(|token| token.kind != TokenKind::Open) else { return Self::Other };
        let is_one_of = |words: &[&str]| words.iter().any(|word| first.is_word(text, word));
        if is_one_of(&QUERIES) {
            Self::Query
        } else if is_one_of(&CHANGES) {
            Self::Change
        } else {
            Self::Other
        }
    }
}

/// Whether two tokens are the `->>` between statements of a chain.
fn is_chain(pair: &[Token], text: &str) -> bool {
    pair[0].end == pair[1].start && pair[0].text(text) == "->" && pair[1].text(text) == ">"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells() {
        let check = |text: &str, expected: Nature| assert_eq!(Nature::of(text), expected, "{text}");
        for query in [
            "SELECT 1",
            "  -- a note\n/* another */ select 1;",
            "((SELECT 1) UNION ALL SELECT 2)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "SHOW TABLES",
            "DESCRIBE TABLE t",
            "SHOW TABLES ->> SELECT \"name\" FROM $1",
            "SELECT '->> DELETE FROM t'",
            "SELECT TRANSFORM(a, x INT -> x > 1) FROM t",
        ] {
            check(query, Nature::Query);
        }
        for change in
            ["insert into t values (?)", "UPDATE t SET a = 1 WHERE b", "DELETE FROM t WHERE a", "MERGE INTO t"]
        {
            check(change, Nature::Change);
        }
        for other in [
            "",
            "-- SELECT",
            "CALL p()",
            "EXECUTE IMMEDIATE $$ SELECT 1 $$",
            "BEGIN SELECT 1; END",
            "TRUNCATE t",
            "\"select\" 1",
            "DELETE FROM t ->> SELECT * FROM $1",
        ] {
            check(other, Nature::Other);
        }
        check("SELECT 1 ->> DELETE FROM t WHERE a", Nature::Change);
        check("SELECT 1 ->> CALL p()", Nature::Other);
    }
}
