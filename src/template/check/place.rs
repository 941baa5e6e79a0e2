//! Whether a value may stand where a placeholder stands: names and keywords cannot be bound.

use super::{Check, Dialect, PLACEHOLDER_AS_NAME, Span, Token, TokenKind};

impl Check<'_> {
    /// Reports a placeholder, the token at hand, where a name or a keyword must stand.
    pub(super) fn place(&mut self, span: Span) {
        let next = self.tokens[self.at + 1..].iter().find(|token| !token.is_blank());
        let message = match self.before.last() {
            None => Some("a statement begins with a keyword, not with a bound value".to_owned()),
            Some(&last) => self.name_is_due(last).or_else(|| match next.map(|next| self.word(*next)) {
                Some("(") => Some("a function's name cannot be bound".to_owned()),
                Some(".") => Some("a name cannot be bound".to_owned()),
                _ => None,
            }),
        };
        let Some(message) = message else { return };
        let typed = self.before.last().is_some_and(|last| TYPES.iter().any(|ty| self.is(*last, ty)));
        let help = if typed {
            let ty = self.before.last().map_or("date", |last| self.word(*last)).to_lowercase();
            format!("write `CAST({{{{ … }}}} AS {ty})`; the parameter's type may make it unnecessary")
        } else {
            NAMES_ARE_CHOSEN.to_owned()
        };
        self.out.push(PLACEHOLDER_AS_NAME.at(span, message).help(help));
    }

    /// Why no value may follow `last`.
    fn name_is_due(&self, last: Token) -> Option<String> {
        let text = self.word(last);
        match last.kind {
            TokenKind::Word if self.earlier(1).is_some_and(|token| self.word(token) == ".") => after_operand(text),
            TokenKind::Word => {
                let word = text.to_ascii_lowercase();
                match word.as_str() {
                    "from" => (!self.value_may_follow_from()).then(|| expected("a table", text)),
                    "join" | "into" | "update" | "table" | "straight_join" => Some(expected("a table", text)),
                    "as" if self.in_call(&["cast", "try_cast", "safe_cast"]) => Some(expected("a type", text)),
                    "as" => Some(expected("an alias", text)),
                    "collate" => Some(expected("a collation", text)),
                    // Words that are names as often as keywords.
                    "first" | "next" if self.follows("fetch") => None,
                    "with" if self.follows("start") => None,
                    "zone" if self.follows("time") => None,
                    "key" | "value" if self.in_call(&["json_object", "json_objectagg"]) => None,
                    "content" | "document" if self.in_call(&["xmlparse", "xmlserialize"]) => None,
                    // An interval's number is an expression in MySQL only; elsewhere it is part of a literal.
                    "interval" if self.dialect == Dialect::Mysql => None,
                    word if BEFORE_VALUES.binary_search(&word).is_ok() => None,
                    _ => after_operand(text),
                }
            }
            TokenKind::Operator => match text {
                "." => Some(expected("a name", text)),
                "::" => Some(expected("a type", text)),
                // A path; inside of { } it stands before a member's value.
                ":" if self.dialect == Dialect::Snowflake => {
                    let member = self.open.last().is_some_and(|bracket| self.word(bracket.token) == "{");
                    (!member).then(|| expected("a name", text))
                }
                "@" if self.dialect == Dialect::Snowflake => Some(expected("a stage", text)),
                _ => None,
            },
            TokenKind::Close => {
                // `a OPERATOR(pg_catalog.+) b` and `DISTINCT ON (a) b` go on with a value.
                let name =
                    self.closed.and_then(|bracket| bracket.before.checked_sub(1)).map(|at| (at, self.before[at]));
                let goes_on = name.is_some_and(|(at, name)| {
                    self.is(name, "operator")
                        || (self.is(name, "on") && at > 0 && self.is(self.before[at - 1], "distinct"))
                });
                if goes_on { None } else { after_operand(text) }
            }
            TokenKind::Number if self.follows("top") => None,
            TokenKind::Number
            | TokenKind::QuotedIdentifier
            | TokenKind::String
            | TokenKind::DollarString
            | TokenKind::Placeholder
            | TokenKind::Variable => after_operand(text),
            _ => None,
        }
    }

    /// `EXTRACT(year FROM x)` and its like, and `IS DISTINCT FROM x`.
    fn value_may_follow_from(&self) -> bool {
        let compared = self.follows("distinct")
            && self.earlier(2).is_some_and(|token| self.is(token, "is") || self.is(token, "not"));
        compared || self.in_call(&["extract", "trim", "substring", "substr", "mid", "overlay"])
    }

    /// Whether the innermost bracket is the call of one of these, and no query.
    pub(super) fn in_call(&self, names: &[&str]) -> bool {
        self.open.last().is_some_and(|bracket| {
            let name = bracket.before.checked_sub(1).map(|at| self.before[at]);
            let query = self.before.get(bracket.before + 1).is_some_and(|token| self.is(*token, "select"));
            !query && name.is_some_and(|name| names.iter().any(|call| self.is(name, call)))
        })
    }

    /// Whether the last token that is neither blank nor comment follows this word.
    fn follows(&self, word: &str) -> bool {
        self.earlier(1).is_some_and(|token| self.is(token, word))
    }

    /// The token that many places before the last one that is neither blank nor comment.
    pub(super) fn earlier(&self, back: usize) -> Option<Token> {
        self.before.len().checked_sub(1 + back).map(|at| self.before[at])
    }

    /// Whether an expression begins at the token at hand.
    pub(super) fn value_is_due(&self) -> bool {
        match self.before.last() {
            Some(last) if last.kind == TokenKind::Operator => !matches!(self.word(*last), "." | "::" | ":"),
            Some(last) if last.kind == TokenKind::Open => self.word(*last) == "(",
            Some(last) if last.kind == TokenKind::Word => {
                BEFORE_VALUES.binary_search(&self.word(*last).to_ascii_lowercase().as_str()).is_ok()
            }
            _ => false,
        }
    }

    /// Whether this word makes a `:name` with a lone colon before it, where a value is due and where PostgreSQL and MySQL
    /// know no such form; in PostgreSQL's `[a:b]` the colon is its own.
    pub(super) fn after_lone_colon(&self, token: Token) -> bool {
        matches!(self.dialect, Dialect::Postgres | Dialect::Mysql)
            && self.open.last().is_none_or(|bracket| self.word(bracket.token) != "[")
            && self.before.last().is_some_and(|last| last.end == token.start && self.word(*last) == ":")
            && match self.earlier(1) {
                Some(before) => match before.kind {
                    TokenKind::Operator | TokenKind::Open => true,
                    TokenKind::Word => {
                        BEFORE_VALUES.binary_search(&self.word(before).to_ascii_lowercase().as_str()).is_ok()
                    }
                    _ => false,
                },
                None => true,
            }
    }
}

/// What to do where a name or a keyword is wanted.
pub(super) const NAMES_ARE_CHOSEN: &str = "only values are bound; for a table, a column, a sort direction or another piece of the statement, declare a parameter of \
     type `choice`";

pub(super) fn expected(what: &str, after: &str) -> String {
    format!("{what} must stand after `{after}`, and cannot be bound")
}

pub(super) fn after_operand(text: &str) -> Option<String> {
    let shown: String = text.chars().take(40).collect();
    Some(format!("after `{shown}` must stand a keyword, an operator or a comma, and none of these can be bound"))
}

/// Words that make the literal after them one of their type.
const TYPES: &[&str] = &["date", "time", "timestamp", "timestamptz", "interval", "json", "jsonb", "uuid"];

/// The keywords of all dialects that an expression may follow, sorted.
const BEFORE_VALUES: &[&str] = &[
    "all",
    "and",
    "any",
    "asymmetric",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "default",
    "distinct",
    "distinctrow",
    "div",
    "do",
    "else",
    "escape",
    "for",
    "glob",
    "groups",
    "having",
    "high_priority",
    "ilike",
    "in",
    "is",
    "leading",
    "like",
    "limit",
    "match",
    "mod",
    "not",
    "offset",
    "on",
    "or",
    "passing",
    "placing",
    "prior",
    "qualify",
    "range",
    "regexp",
    "return",
    "returning",
    "rlike",
    "rows",
    "select",
    "separator",
    "some",
    "sql_calc_found_rows",
    "sql_no_cache",
    "symmetric",
    "then",
    "to",
    "top",
    "trailing",
    "using",
    "variadic",
    "when",
    "where",
    "xor",
];

#[cfg(test)]
mod tests {
    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(super::BEFORE_VALUES.is_sorted());
    }
}
