//! What to say to those who know SQL, Apex or another query language better.

use super::{
    Parser, Place,
    condition::{Operator, ends_value},
    shown,
    words::{self, Clause, one_of},
};
use crate::{
    diagnostic::suggest,
    template::lexer::{Token, TokenKind},
};

/// Words of SQL that stand after FROM, and that no object is renamed to.
const FOREIGN: &[&str] = &[
    "join",
    "inner",
    "left",
    "right",
    "full",
    "outer",
    "cross",
    "natural",
    "union",
    "intersect",
    "except",
    "minus",
    "on",
    "fetch",
    "set",
];
/// Words that change records in other languages.
const WRITES: &[(&str, &str)] = &[
    ("insert", "create"),
    ("create", "create"),
    ("update", "update"),
    ("upsert", "upsert"),
    ("merge", "upsert"),
    ("replace", "upsert"),
    ("delete", "update"),
];
/// Functions of SQL, with what SOQL has for them.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (
        &["now", "getdate", "current_timestamp", "sysdate", "current_date", "curdate", "date"],
        "write `TODAY`, `LAST_N_DAYS:7`, or bind a parameter",
    ),
    (&["year"], "write `CALENDAR_YEAR(…)`"),
    (&["month"], "write `CALENDAR_MONTH(…)`"),
    (&["day"], "write `DAY_IN_MONTH(…)`"),
    (&["hour"], "write `HOUR_IN_DAY(…)`"),
    (&["upper", "lower", "ucase", "lcase"], "leave it out: SOQL compares texts without regard to their case"),
    (&["exists"], "write `Id IN (SELECT AccountId FROM Contact WHERE …)`"),
    (&["contains", "startswith", "starts_with", "endswith", "ends_with"], "write `Name LIKE {{ name | contains }}`"),
    (
        &[
            "coalesce",
            "ifnull",
            "isnull",
            "nvl",
            "nullif",
            "concat",
            "cast",
            "convert",
            "substring",
            "substr",
            "left",
            "right",
            "trim",
            "length",
            "len",
            "round",
            "abs",
            "floor",
            "ceil",
            "to_char",
            "to_date",
            "date_trunc",
            "datediff",
            "dateadd",
            "if",
            "iif",
            "case",
        ],
        "leave it to the caller, or add a formula field in Salesforce",
    ),
];

/// Whether no object is renamed to this word.
pub(super) fn is_foreign(word: &str) -> bool {
    one_of(word, FOREIGN)
}

/// The words that begin what stands after an object.
const CLAUSES: &[&str] =
    &["WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "FROM", "USING"];

impl Parser<'_> {
    /// Comments, which SOQL does not have.
    pub(super) fn comments(&mut self, comments: Vec<Token>) {
        for comment in comments {
            let help = "write `{# … #}`: a comment of the template is not part of the query";
            let range = comment.start..comment.start + self.text[comment.start..comment.end].trim_end().len();
            self.error(range, "SOQL has no comments", Some(help.into()));
        }
    }

    /// The text does not begin with SELECT.
    pub(super) fn no_select(&mut self) {
        let word = self.word();
        let write = WRITES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let (message, help) = match write {
            Some((_, operation)) => (
                format!("SOQL only reads, and `{}` writes", word.to_uppercase()),
                Some(format!(
                    "use `mode: write` and `options: {{ operation: {operation}, object: …, fields: … }}` instead of `soql`"
                )),
            ),
            None if self.tokens.is_empty() => {
                ("the query is empty".to_owned(), Some("write `SELECT … FROM …`".to_owned()))
            }
            None if self.is("find") => {
                ("this is SOSL; an action runs SOQL".to_owned(), Some("write `SELECT … FROM …`".to_owned()))
            }
            None => {
                let near = suggest::nearest(word, ["SELECT"]).map(|near| format!("did you mean `{near}`?"));
                (
                    format!("a query begins with `SELECT`, got {}", self.found()),
                    near.or(Some("write `SELECT … FROM …`".to_owned())),
                )
            }
        };
        self.error(self.here(), message, help);
    }

    /// Words of SQL right after SELECT; they are passed over.
    pub(super) fn select_words(&mut self) {
        let next = self.tokens.get(self.at + 1).map(|next| next.kind);
        let before_name = matches!(next, Some(TokenKind::Word)) && !one_of(self.word_after(1), &["from", "as"]);
        if self.is_any(&["distinct", "all"]) && before_name {
            let distinct = self.is("distinct");
            let message = format!("SOQL has no `{}` after SELECT", self.sign().to_uppercase());
            let help =
                if distinct { "group by the fields: `SELECT Type FROM Account GROUP BY Type`" } else { "leave it out" };
            self.error(self.here(), message, Some(help.into()));
            self.at += 1;
        } else if self.is("top") && next == Some(TokenKind::Number) {
            let help = format!("write `LIMIT {}` at the end", self.sign_after(1));
            let range = self.here().start..self.tokens[self.at + 1].end;
            self.error(range, "SOQL has no `TOP`", Some(help));
            self.at += 2;
        }
    }

    /// No name stands where one must.
    pub(super) fn no_name(&mut self, what: &str) {
        let token = self.tokens.get(self.at).copied();
        let text = self.sign().to_owned();
        let help = match token.map(|token| token.kind) {
            Some(TokenKind::Unknown) if text == "*" => {
                Some("name the fields; all that there are: `FIELDS(ALL)`, with `LIMIT 200`".to_owned())
            }
            Some(TokenKind::QuotedIdentifier | TokenKind::String) if text.len() > 2 => {
                Some(format!("names stand without quotes: `{}`", text.trim_matches(['"', '\''])))
            }
            Some(TokenKind::Unknown) if text == "`" || text == "[" => Some("names stand without quotes".to_owned()),
            Some(TokenKind::Placeholder) => {
                Some("only values are bound; to offer a field, declare a parameter of type `choice`".to_owned())
            }
            Some(TokenKind::Number) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some("name the field; SOQL does not count them".to_owned())
            }
            Some(TokenKind::Open) if self.word_after(1).eq_ignore_ascii_case("select") => {
                Some("a subquery stands after SELECT, or in `Id IN (SELECT …)`".to_owned())
            }
            Some(TokenKind::Operator) if text == "!" => Some("write `NOT`, or `Field = FALSE`".to_owned()),
            Some(TokenKind::Word) => Some(format!("`{text}` is a word of SOQL, and no name")),
            _ => None,
        };
        self.expected(what, help);
    }

    /// A CASE of SQL after SELECT. Answers whether it is one.
    pub(super) fn case(&mut self) -> bool {
        let found = self.is("case") && self.word_after(1).eq_ignore_ascii_case("when");
        if found {
            let help = "leave it to the caller, or add a formula field in Salesforce";
            self.error(self.here(), "SOQL has no `CASE`", Some(help.into()));
        }
        found
    }

    /// Something stands after an item of SELECT that cannot.
    pub(super) fn after_item(&mut self) {
        let word = self.word();
        let help = match self.sign() {
            "=" | "<" | ">" | "!=" | "<=" | ">=" => Some("conditions stand in WHERE".to_owned()),
            _ if self.is("over") => Some("SOQL has no window functions".to_owned()),
            _ if words::is_reserved(word) => Some(format!("`{word}` is a word of SOQL, and no name")),
            _ => None,
        };
        self.expected("`,` or `FROM`", help);
    }

    /// Whether a computation goes on here, which SOQL does not have.
    pub(super) fn computed(&mut self, clause: &str) -> bool {
        let Some(token) = self.tokens.get(self.at).copied() else { return false };
        let text = token.text(self.text);
        let joins = text == "|" && self.sign_after(1) == "|" && matches!(clause, "WHERE" | "HAVING");
        let sign = match token.kind {
            TokenKind::Operator => matches!(text, "+" | "-"),
            TokenKind::Unknown => matches!(text, "*" | "/" | "%" | "|" | "^") && !joins,
            // `Amount -5` is a field and a number.
            TokenKind::Number => text.starts_with(['+', '-']),
            _ => false,
        };
        if sign {
            let help = "leave it to the caller, or add a formula field in Salesforce";
            self.error(
                token.start..token.end,
                format!("SOQL computes nothing: `{}` cannot stand here", shown(text)),
                Some(help.into()),
            );
        }
        sign
    }

    /// What SQL counts with in the brackets of an aggregate.
    pub(super) fn counted_otherwise(&mut self) -> bool {
        let name = self.sign_before(2).to_uppercase();
        let (range, help) = if self.sign() == "*" || self.kind() == Some(TokenKind::Number) {
            (self.here(), "write `COUNT()` alone for the number of records, or `COUNT(Id)`".to_owned())
        } else if self.is("distinct") && !self.word_after(1).is_empty() {
            (self.here(), format!("write `COUNT_DISTINCT({})`", self.word_after(1)))
        } else {
            return false;
        };
        let message = format!("expected a field in `{name}(…)`, got {}", self.found());
        self.error(range, message, Some(help));
        true
    }

    /// A call of a function that SOQL does not have; reading goes on behind its brackets.
    pub(super) fn unknown_function(&mut self, place: Place) {
        let start = self.at;
        let name = self.word().to_owned();
        let known = FUNCTIONS.iter().find(|(names, _)| one_of(&name, names)).map(|(_, help)| (*help).to_owned());
        self.at += 2;
        let inside = self.at;
        self.skip_brackets();
        let arguments = &self.tokens[inside..self.at.saturating_sub(1).max(inside)];
        let names = arguments.iter().filter(|token| token.kind == TokenKind::Word);
        let plain =
            arguments.iter().all(|token| token.kind == TokenKind::Word || matches!(token.text(self.text), "," | "."));
        let parent = place == Place::Select && plain && !arguments.is_empty();
        let near = suggest::nearest(&name, words::function_names()).map(|near| format!("did you mean `{near}`?"));
        let fields: Vec<String> = names.take(4).map(|field| format!("{name}.{}", field.text(self.text))).collect();
        let parent = parent.then(|| format!("the fields of a parent are written with a dot: `{}`", fields.join(", ")));
        let help = known.or_else(|| match (near, parent) {
            (Some(near), Some(parent)) => Some(format!("{parent}; or {near}")),
            (near, parent) => near.or(parent),
        });
        let message = format!("SOQL has no function `{}`", shown(&name));
        let help = help.or_else(|| suggest::help(&name, words::function_names()));
        self.error(self.since(start), message, help);
    }

    /// A comparison that begins with a value. Answers whether it does.
    pub(super) fn value_first(&mut self) -> bool {
        let constant = |token: Option<&Token>| {
            token.is_some_and(|token| match token.kind {
                TokenKind::String | TokenKind::Number | TokenKind::Placeholder | TokenKind::QuotedIdentifier => true,
                TokenKind::Word => one_of(token.text(self.text), &["true", "false", "null"]),
                TokenKind::Unknown => token.text(self.text).starts_with(|c: char| c.is_ascii_digit() || c == '\''),
                _ => false,
            })
        };
        if !constant(self.tokens.get(self.at)) {
            return false;
        }
        let help = if constant(self.tokens.get(self.at + 2)) {
            let start = self.here().start;
            let message =
                format!("two values are compared: `{}`", shown(&self.text[start..self.tokens[self.at + 2].end]));
            let help = "leave it out; to begin a list of optional conditions, put `WHERE` itself into an `{% if %}`";
            self.error(start..self.tokens[self.at + 2].end, message, Some(help.into()));
            return true;
        } else {
            "write the field first: `Name = 'Ada'`"
        };
        self.expected("a field", Some(help.into()));
        true
    }

    /// Two operators that touch: `==`, `=>`.
    pub(super) fn misspelt_operator(&mut self) {
        let start = self.at;
        let mut end = self.here().start;
        while let Some(token) =
            self.tokens.get(self.at).filter(|token| token.kind == TokenKind::Operator && token.start == end)
        {
            end = token.end;
            self.at += 1;
        }
        let written = &self.text[self.tokens[start].start..end];
        let meant = match written {
            "==" | "===" | ":=" => "=",
            "=>" => ">=",
            "=<" => "<=",
            "=!" | "!==" => "!=",
            _ => "=`, `!=`, `<`, `<=`, `>` or `>=",
        };
        let message = format!("SOQL has no operator `{written}`");
        self.error(self.tokens[start].start..end, message, Some(format!("write `{meant}`")));
    }

    /// No operator follows a field.
    pub(super) fn no_operator(&mut self) {
        let start = self.at;
        let field = self.paths.last().map_or("Field", |path| &self.text[path.range.clone()]).to_owned();
        let negated = if self.is("not") { self.word_after(1).to_lowercase() } else { String::new() };
        let negated_help = match negated.as_str() {
            "like" => Some(format!("write `(NOT {field} LIKE …)`")),
            "includes" => Some(format!("write `{field} EXCLUDES (…)`")),
            "between" => Some(format!("write `({field} < … OR {field} > …)`")),
            _ => None,
        };
        if let Some(help) = negated_help {
            self.at += 2;
            let message = format!("SOQL has no `NOT {}`", negated.to_uppercase());
            self.error(self.since(start), message, Some(help));
            if negated == "between" {
                self.pass_between();
            }
            return;
        }
        let word = self.word().to_lowercase();
        match word.as_str() {
            "is" => {
                self.at += 1;
                let not = self.take("not");
                let value = if self.word().is_empty() { "NULL".to_owned() } else { self.word().to_uppercase() };
                self.at += usize::from(!self.word().is_empty());
                let help = format!("write `{field} {} {value}`", if not { "!=" } else { "=" });
                let not = if not { "NOT " } else { "" };
                self.error(self.since(start), format!("SOQL has no `IS {not}{value}`"), Some(help));
            }
            "between" => {
                let range = self.here();
                self.at += 1;
                self.pass_between();
                self.error(range, "SOQL has no `BETWEEN`", Some(format!("write `{field} >= … AND {field} <= …`")));
            }
            "ilike" | "contains" | "matches" | "regexp" | "rlike" | "similar" | "startswith" | "endswith" | "has" => {
                let help =
                    format!("write `{field} LIKE {{{{ … | contains }}}}`: LIKE does not regard the case of letters");
                self.error(self.here(), format!("SOQL has no `{}`", word.to_uppercase()), Some(help));
            }
            _ if self.computed("WHERE") => {}
            _ if self.at >= self.tokens.len() || ends_value(&word) || self.clause().is_some() || self.sign() == ")" => {
                let help = format!("write `{field} = TRUE`, or another comparison");
                self.expected(&format!("a comparison after `{field}`"), Some(help));
            }
            _ => {
                let operators = ["LIKE", "IN", "INCLUDES", "EXCLUDES"];
                let near = suggest::nearest(&word, operators).map(|near| format!("did you mean `{near}`?"));
                let help =
                    near.unwrap_or_else(|| "the operators are = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES".into());
                self.expected(&format!("an operator after `{field}`"), Some(help));
            }
        }
    }

    /// Passes over what follows BETWEEN: its AND joins no conditions.
    fn pass_between(&mut self) {
        self.skip(|parser| parser.is("and") || parser.clause().is_some());
        if self.take("and") {
            self.skip(|parser| parser.is("and") || parser.is("or") || parser.clause().is_some());
        }
    }

    /// No list follows IN, INCLUDES or EXCLUDES.
    pub(super) fn no_list(&mut self, operator: Operator) {
        let help = match (operator, self.kind()) {
            (_, Some(TokenKind::Placeholder)) => "write `({{ values | spread }})`",
            (Operator::In, _) => "write `IN ('a', 'b')`",
            _ => "write `INCLUDES ('a;b', 'c')`",
        };
        self.expected("a list in brackets", Some(help.into()));
    }

    /// No value stands where one must.
    pub(super) fn no_value(&mut self, what: &str) {
        let start = self.at;
        let word = self.word().to_owned();
        let next = self.tokens.get(self.at + 1).copied();
        if self.kind() == Some(TokenKind::Open) {
            let help = match self.word_after(1).eq_ignore_ascii_case("select") {
                true => "write `IN (SELECT …)`",
                false => "write the value without brackets, or `IN ('a', 'b')`",
            };
            return self.expected(what, Some(help.into()));
        }
        if word.is_empty() || ends_value(&word) {
            return self.expected(what, None);
        }
        let typed = one_of(&word, &["date", "datetime", "timestamp", "time"]);
        if let Some(text) = next.filter(|next| typed && next.kind == TokenKind::String) {
            let literal = text.text(self.text).trim_matches('\'').replace(' ', "T");
            let zone = if literal.contains('T') && !literal.ends_with('Z') { "Z" } else { "" };
            self.at += 2;
            let message = format!("SOQL has no `{}` before a value", word.to_uppercase());
            return self.error(self.since(start), message, Some(format!("write `{literal}{zone}`, without quotes")));
        }
        if next.is_some_and(|next| next.kind == TokenKind::Open) {
            let known = FUNCTIONS.iter().find(|(names, _)| one_of(&word, names)).map(|(_, help)| *help);
            let help = known.unwrap_or("compare with a value; functions stand on the left").to_owned();
            self.at += 2;
            self.skip_brackets();
            let message = format!("a value is no call of a function, got `{}(…)`", shown(&word));
            return self.error(self.since(start), message, Some(help));
        }
        let Some((names, range)) = self.names(what) else { return };
        let written = names.join(".");
        let near = if names.len() == 1 { suggest::nearest(&written, words::formula_names()) } else { None };
        let (message, help) = match near {
            Some(near) => (format!("expected {what}, got `{written}`"), format!("did you mean `{near}`?")),
            None if names.len() > 1 || written.contains("__") => (
                format!("SOQL compares a field with a value, not with another field, got `{written}`"),
                "compare them in a formula field in Salesforce".to_owned(),
            ),
            None => (
                format!("expected {what}, got `{written}`"),
                format!("a text stands in quotes: `'{written}'`; a field is not compared with another one"),
            ),
        };
        self.error(range, message, Some(help));
    }

    /// Whether the word at hand, after an object, is a misspelt clause rather than an alias.
    pub(super) fn misspelt_clause(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        let goes_on = next.is_some_and(|next| next.kind != TokenKind::Close && next.text(self.text) != ",")
            && Clause::of(self.word_after(1), self.word_after(2)).is_none()
            && !self.word_after(1).eq_ignore_ascii_case("using");
        goes_on && suggest::nearest(self.word(), CLAUSES.iter().copied()).is_some()
    }

    /// Something stands after a clause that neither goes on with it nor begins another one.
    pub(super) fn unexpected(&mut self, last: Option<Clause>) {
        let word = self.word().to_lowercase();
        let after = match last {
            None => "a clause such as `WHERE`",
            Some(Clause::Where | Clause::Having) => "`AND`, `OR` or the next clause",
            Some(Clause::GroupBy | Clause::OrderBy) => "`,` or the next clause",
            Some(_) => "the next clause, or the end",
        };
        let before = self.sign_before(1).to_owned();
        let help = match word.as_str() {
            "join" | "inner" | "left" | "right" | "full" | "outer" | "cross" | "natural" | "on" => {
                let help = "write `Account.Name` for the field of a parent, `(SELECT Id FROM Contacts)` after SELECT for children, and \
                            `Id IN (SELECT …)` to filter";
                return self.error(self.here(), "SOQL has no joins", Some(help.into()));
            }
            "union" | "intersect" | "except" | "minus" => {
                let message = format!("SOQL has no `{}`", word.to_uppercase());
                return self.error(self.here(), message, Some("write two actions".into()));
            }
            "fetch" | "top" => Some("write `LIMIT 10`".to_owned()),
            "group" | "order" => Some(format!("write `{} BY`", word.to_uppercase())),
            "and" | "or" if last.is_none() => Some("conditions begin with `WHERE`".to_owned()),
            "using" => Some("`USING SCOPE` stands right after the object".to_owned()),
            _ if self.sign() == ";" => {
                return self.error(self.here(), "SOQL has no `;`", Some("remove it".into()));
            }
            _ if self.tokens[..self.at]
                .last()
                .is_some_and(|last| last.kind == TokenKind::String && last.end == self.here().start) =>
            {
                Some("a quote inside of a text is written as `\\'`".to_owned())
            }
            _ if self.sign() == "," && before.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some("a number has no commas".to_owned())
            }
            _ => {
                let near = suggest::nearest(&word, CLAUSES.iter().copied()).filter(|_| !word.is_empty());
                if let Some(near) = near {
                    return self.expected("a clause", Some(format!("did you mean `{near}`?")));
                }
                None
            }
        };
        self.expected(after, help);
    }

    /// Something stands behind the whole query.
    pub(super) fn unexpected_end(&mut self) {
        self.expected("the end of the query", Some("remove it, or what opens it is missing".into()));
    }

    /// A token before the one at hand.
    pub(super) fn sign_before(&self, back: usize) -> &str {
        self.at.checked_sub(back).and_then(|at| self.tokens.get(at)).map_or("", |token| token.text(self.text))
    }
}
