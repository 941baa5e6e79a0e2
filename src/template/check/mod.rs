//! What the tokens of a finished text must look like: one statement, closed quotes and brackets, one placeholder where
//! the template wrote one, and none elsewhere.
//!
//! It runs at load on every shape and in a call on the first use of a text with a longer list: one pass over the tokens.
//! It knows nothing of statements as a whole; that is `lint`'s subject.

mod place;
mod soql;

use super::{
    Dialect, PlaceholderSite, ShapeText,
    lexer::{self, Quoting, Token, TokenKind},
};
use crate::diagnostic::{
    Diagnostic, GLUED_PLACEHOLDER, HAND_WRITTEN_PLACEHOLDER, LIKE_ESCAPE, PLACEHOLDER_AS_NAME, QUOTED_PLACEHOLDER,
    SEVERAL_STATEMENTS, Span, TYPE_MISMATCH, UNBALANCED_BRACKETS, UNREADABLE_SQL, UNTERMINATED_SQL,
};

/// Checks the text of one shape.
pub(super) fn shape(text: &ShapeText, dialect: Dialect, out: &mut Vec<Diagnostic>) {
    let tokens = lexer::tokens(&text.text, dialect);
    Check {
        text,
        dialect,
        tokens: &tokens,
        at: 0,
        before: Vec::new(),
        open: Vec::new(),
        closed: None,
        ended: false,
        second: false,
        out,
    }
    .run();
}

/// The pass: where it is, and what it saw on the way.
struct Check<'a> {
    text: &'a ShapeText,
    dialect: Dialect,
    tokens: &'a [Token],
    /// The token at hand.
    at: usize,
    /// The tokens before it that are neither blanks nor comments.
    before: Vec<Token>,
    /// The brackets that are open.
    open: Vec<Bracket>,
    /// The bracket that was closed last.
    closed: Option<Bracket>,
    /// Whether a `;` was seen, and whether something followed it.
    ended: bool,
    second: bool,
    out: &'a mut Vec<Diagnostic>,
}

/// A bracket, and how many tokens of `before` stand before it.
#[derive(Clone, Copy)]
struct Bracket {
    token: Token,
    before: usize,
}

impl<'a> Check<'a> {
    fn run(mut self) {
        let mut sites = self.text.placeholders.iter().peekable();
        while let Some(&token) = self.tokens.get(self.at) {
            let mut touched = false;
            while let Some(site) = sites.next_if(|site| site.range.start < token.end) {
                touched = true;
                self.site(token, site);
            }
            // A site that began in an earlier token ends in this one: that token was reported.
            touched |= self.text.placeholders[..self.text.placeholders.len() - sites.len()]
                .last()
                .is_some_and(|site| site.range.end > token.start);
            if !touched {
                self.hand_written(token);
            }
            self.structure(token, touched);
            if !token.is_blank() {
                self.before.push(token);
            }
            self.at += 1;
        }
        let open_quote = self.tokens.last().is_some_and(|token| matches!(token.kind, TokenKind::Unterminated(_)));
        if let Some(bracket) = self.open.last().filter(|_| !open_quote) {
            let message = format!("the bracket `{}` is never closed", self.word(bracket.token));
            self.out.push(UNBALANCED_BRACKETS.at(self.span(bracket.token), message).help("close it, or remove it"));
        }
        if let Some(nul) = self.text.text.find('\0') {
            let message = "a NUL character, which would end the statement here";
            self.out.push(UNREADABLE_SQL.at(self.text.span_of(nul..nul + 1), message).help("remove it"));
        }
    }

    /// The site of a placeholder begins in this token.
    fn site(&mut self, token: Token, site: &PlaceholderSite) {
        let span = self.text.span_of(site.range.clone());
        if token.kind == TokenKind::Placeholder && (token.start..token.end) == site.range {
            if self.touches(self.tokens.get(self.at + 1))
                || self.touches(self.at.checked_sub(1).map(|at| &self.tokens[at]))
            {
                self.out.push(glued(span));
            } else if self.dialect == Dialect::Soql {
                self.soql_site(site, span);
            } else {
                self.place(span);
                self.escape(site, span);
            }
            return;
        }
        let (what, help) = match token.kind {
            TokenKind::String if self.word(token).contains('%') => (
                "a text literal",
                "remove the quotes and the wildcards: the value is bound; \
                 `contains`, `starts_with` and `ends_with` add wildcards: `LIKE {{ name | contains }}`",
            ),
            TokenKind::String => ("a text literal", "remove the quotes: the value is bound"),
            TokenKind::DollarString => ("a dollar-quoted literal", "remove the dollar quotes: the value is bound"),
            TokenKind::QuotedIdentifier => (
                "a quoted name",
                "remove the quotes if a value is meant: it is bound; for a name, declare a parameter of type `choice`",
            ),
            TokenKind::Comment | TokenKind::ExecutableComment => (
                "a comment",
                "move it out of the comment, or remove the comment; `{# … #}` is a comment of the template",
            ),
            // Reported as what it is.
            TokenKind::Unterminated(_) => return,
            _ => return self.out.push(glued(span)),
        };
        let message = format!("a placeholder inside {what} is not a placeholder");
        self.out.push(QUOTED_PLACEHOLDER.at(span, message).help(help));
    }

    /// Whether a placeholder would be joined with a neighbour that is read as one piece of text itself.
    fn touches(&self, neighbour: Option<&Token>) -> bool {
        neighbour.is_some_and(|token| match token.kind {
            TokenKind::Open | TokenKind::Close | TokenKind::Semicolon => false,
            // In SOQL a sign is part of the number that it touches.
            TokenKind::Operator => self.dialect == Dialect::Soql && matches!(self.word(*token), "+" | "-"),
            _ => !token.is_blank(),
        })
    }

    /// A pattern that escapes wildcards needs to say with what, where the dialect does not know by itself.
    fn escape(&mut self, site: &PlaceholderSite, span: Span) {
        if !site.like {
            return;
        }
        // Between the placeholder and ESCAPE may stand closing brackets, a cast, a collation, and the rest of ANY ( … ).
        let listed = self.open.last().is_some_and(|bracket| {
            bracket.before > 0
                && ["any", "all", "some"].iter().any(|word| self.is(self.before[bracket.before - 1], word))
        });
        let mut depth = usize::from(listed);
        let mut cast = false;
        let mut rest = self.tokens[self.at + 1..].iter().filter(|token| !token.is_blank()).skip_while(|token| {
            let closing = depth > 0 || token.kind == TokenKind::Close;
            let (was_cast, is_cast) = (cast, self.word(**token) == "::" || self.is(**token, "collate"));
            cast = is_cast;
            match token.kind {
                TokenKind::Open if depth > 0 => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            closing || was_cast || is_cast
        });
        let clause = self.dialect.escape_clause();
        let needed = matches!(self.dialect, Dialect::Sqlite | Dialect::Snowflake);
        match (rest.next().is_some_and(|token| self.is(*token, "escape")), rest.next()) {
            (true, Some(character)) => {
                let found = self.word(*character);
                let backslash =
                    found == &clause["ESCAPE ".len()..] || (self.dialect == Dialect::Postgres && found == r"E'\\'");
                // A character that is itself bound or written by a function cannot be judged.
                if character.kind == TokenKind::String && !backslash {
                    let message = format!("the pattern is escaped with `\\`, not with {found}");
                    self.out.push(LIKE_ESCAPE.at(self.span(*character), message).help(format!("write `{clause}`")));
                }
            }
            _ if needed => {
                let message =
                    format!("{} needs an escape clause after a pattern with escaped wildcards", self.dialect.name());
                self.out.push(LIKE_ESCAPE.at(span, message).help(format!("write `{clause}` after it")));
            }
            _ => {}
        }
    }

    /// A placeholder that the template did not write.
    fn hand_written(&mut self, token: Token) {
        let text = self.word(token);
        let name = match token.kind {
            TokenKind::Placeholder => text.trim_start_matches(|sign: char| !sign.is_alphanumeric() && sign != '_'),
            // Other servers' forms, where a value is due: `= :name` and `= ?` are how people write it elsewhere.
            TokenKind::Word if self.after_lone_colon(token) => text,
            TokenKind::Operator if text == "=?" || (text == "?" && self.value_is_due()) => "",
            _ => return,
        };
        let named = name.starts_with(|first: char| first.is_ascii_alphabetic());
        let name = if named { name } else { "name" };
        let shown = if token.kind == TokenKind::Word { format!(":{text}") } else { text.to_owned() };
        let message = format!("`{shown}` is a placeholder written by hand");
        let help = format!("declare a parameter and write `{{{{ {name} }}}}`");
        self.out.push(HAND_WRITTEN_PLACEHOLDER.at(self.span(token), message).help(help));
    }

    /// Quotes, brackets, ends.
    fn structure(&mut self, token: Token, touched: bool) {
        let text = self.word(token);
        if self.ended && !self.second && !token.is_blank() {
            self.second = true;
            let help = "an action runs one statement; `sql` may be a list of statements, which run in one transaction";
            let message = "a second statement begins after the `;`";
            self.out.push(SEVERAL_STATEMENTS.at(self.span(token), message).help(help));
        }
        match token.kind {
            TokenKind::Semicolon => {
                self.ended = true;
            }
            TokenKind::Open => self.open.push(Bracket { token, before: self.before.len() }),
            TokenKind::Close => match self.open.pop() {
                Some(bracket) if closes(self.word(bracket.token), text) => self.closed = Some(bracket),
                Some(bracket) => {
                    let message = format!("`{text}` closes the bracket `{}`", self.word(bracket.token));
                    self.out.push(UNBALANCED_BRACKETS.at(self.span(token), message));
                }
                None => {
                    let message = format!("`{text}` closes a bracket that was never opened");
                    self.out.push(UNBALANCED_BRACKETS.at(self.span(token), message).help("remove it, or open it"));
                }
            },
            TokenKind::Unterminated(quoting) => {
                let what = match quoting {
                    Quoting::String => "a text literal that begins here is never closed",
                    Quoting::Identifier => "a quoted name that begins here is never closed",
                    Quoting::Dollar => "a dollar quote that begins here is never closed",
                    Quoting::Comment => "a comment that begins here is never closed",
                };
                self.out.push(UNTERMINATED_SQL.at(self.span(token), what).help("close it, or remove its beginning"));
            }
            TokenKind::ExecutableComment => {
                let message = "a comment that MySQL executes";
                let help = "write the text without the comment, or remove it: what runs must be checked";
                self.out.push(UNREADABLE_SQL.at(self.span(token), message).help(help));
            }
            // In SOQL the grammar tells of it.
            TokenKind::Unknown if self.dialect != Dialect::Soql && !touched && text != "\0" => {
                let message = format!("{} does not read `{text}` in one way only, or not at all", self.dialect.name());
                self.out.push(UNREADABLE_SQL.at(self.span(token), message).help("remove it, or put it in quotes"));
            }
            _ => {}
        }
    }

    fn word(&self, token: Token) -> &'a str {
        token.text(&self.text.text)
    }

    fn is(&self, token: Token, word: &str) -> bool {
        token.is_word(&self.text.text, word)
    }

    fn span(&self, token: Token) -> Span {
        self.text.span_of(token.start..token.end)
    }
}

fn closes(open: &str, close: &str) -> bool {
    matches!((open, close), ("(", ")") | ("[", "]") | ("{", "}"))
}

fn glued(span: Span) -> Diagnostic {
    GLUED_PLACEHOLDER
        .at(span, "the placeholder touches other text, which would be read as one piece with it")
        .help("put a blank between them; to join texts, write them in one expression: `{{ 'a' ~ name }}`")
}

#[cfg(test)]
mod tests;
