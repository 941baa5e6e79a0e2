use std::collections::HashSet;

use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree};
use sqlparser::{
    dialect::{Dialect as ParserDialect, MySqlDialect, PostgreSqlDialect, SnowflakeDialect},
    tokenizer::{Token as ParserToken, Tokenizer},
};
use sqlx::{Connection, Either, Executor, SqliteConnection, Statement};

use super::*;

const SQL: [Dialect; 4] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Snowflake];

/// The tokens that are neither blanks nor comments, as `Kind(text)`.
fn check(dialect: Dialect, text: &str, expected: &[(TokenKind, &str)]) {
    let found = tokens(text, dialect);
    let found: Vec<_> =
        found.iter().filter(|token| !token.is_blank()).map(|token| (token.kind, token.text(text))).collect();
    assert_eq!(found, expected, "{dialect:?}: {text}");
}

fn placeholders(dialect: Dialect, text: &str) -> Vec<&str> {
    let tokens = tokens(text, dialect);
    tokens.iter().filter(|token| token.kind == Placeholder).map(|token| token.text(text)).collect()
}

use TokenKind::{
    Close, DollarString, ExecutableComment, Number, Open, Operator, Placeholder, QuotedIdentifier, Unknown,
    Unterminated, Variable, Word,
};

#[test]
fn placeholders_have_each_dialect_s_own_forms() {
    assert_eq!(
        placeholders(Dialect::Sqlite, "? ?12 :a @b $c #d $e::f $g(h)"),
        ["?", "?12", ":a", "@b", "$c", "#d", "$e::f", "$g(h)"]
    );
    assert_eq!(placeholders(Dialect::Postgres, "$1 $22 ? :a @b a$3 x::int"), ["$1", "$22"]);
    assert_eq!(placeholders(Dialect::Mysql, "? ?1 :a @b @@c $1 a?"), ["?", "?"]);
    assert_eq!(placeholders(Dialect::Snowflake, "? = :1, :name, v:city, $1, $name, x::int"), ["?", ":1", ":name"]);
}

#[test]
fn quotes_end_where_the_dialect_ends_them() {
    check(Dialect::Sqlite, r"'a\' ''''", &[(TokenKind::String, r"'a\'"), (TokenKind::String, "''''")]);
    check(
        Dialect::Sqlite,
        r#""a""b" `c` [d"e]"#,
        &[(QuotedIdentifier, r#""a""b""#), (QuotedIdentifier, "`c`"), (QuotedIdentifier, "[d\"e]")],
    );
    check(Dialect::Sqlite, "x'00' x'0' X'zz'", &[(TokenKind::String, "x'00'"), (Unknown, "x'0'"), (Unknown, "X'zz'")]);
    check(
        Dialect::Postgres,
        r"'a\' E'b\'' e'c\\' U&'\0041' B'1' N'x'",
        &[
            (TokenKind::String, r"'a\'"),
            (TokenKind::String, r"E'b\''"),
            (TokenKind::String, r"e'c\\'"),
            (TokenKind::String, r"U&'\0041'"),
            (TokenKind::String, "B'1'"),
            (TokenKind::String, "N'x'"),
        ],
    );
    check(
        Dialect::Postgres,
        "E'a' -- it's\n 'b\\'c' 'd'",
        &[(TokenKind::String, "E'a' -- it's\n 'b\\'c'"), (TokenKind::String, "'d'")],
    );
    check(
        Dialect::Postgres,
        "$$a'$$ $t$ $$ $u$ $t$ a$$b",
        &[(DollarString, "$$a'$$"), (DollarString, "$t$ $$ $u$ $t$"), (Word, "a$$b")],
    );
    check(
        Dialect::Mysql,
        r#"'a\'' "b\"" `c\` x'41'"#,
        &[
            (TokenKind::String, r"'a\''"),
            (TokenKind::String, r#""b\"""#),
            (QuotedIdentifier, r"`c\`"),
            (TokenKind::String, "x'41'"),
        ],
    );
    check(Dialect::Mysql, "$$ $tag$x", &[(Unknown, "$$"), (Unknown, "$tag$x")]);
    check(
        Dialect::Snowflake,
        r#"'a\'b' $$it's$$ "c""d""#,
        &[(TokenKind::String, r"'a\'b'"), (DollarString, "$$it's$$"), (QuotedIdentifier, r#""c""d""#)],
    );
}

#[test]
fn comments_end_where_the_dialect_ends_them() {
    check(Dialect::Sqlite, "a -- '\n /* ' /* */ b", &[(Word, "a"), (Word, "b")]);
    check(Dialect::Postgres, "a /* /* */ ' */ b", &[(Word, "a"), (Word, "b")]);
    check(Dialect::Postgres, "a --'\r b", &[(Word, "a"), (Word, "b")]);
    check(
        Dialect::Mysql,
        "a # '\n --\tb\n c --1",
        &[(Word, "a"), (Word, "c"), (Operator, "-"), (Operator, "-"), (Number, "1")],
    );
    check(
        Dialect::Mysql,
        "/*! a */ /*+ b */ /*M! c */",
        &[(ExecutableComment, "/*! a */"), (ExecutableComment, "/*M! c */")],
    );
    check(Dialect::Snowflake, "a // '\n b -- '\n /* ' */ c", &[(Word, "a"), (Word, "b"), (Word, "c")]);
    check(Dialect::Snowflake, "/* /* */", &[(Unknown, "/* /* */")]);
}

#[test]
fn what_never_ends_says_what_it_is() {
    for dialect in SQL {
        check(dialect, "'a", &[(Unterminated(Quoting::String), "'a")]);
        check(dialect, "/* a", &[(Unterminated(Quoting::Comment), "/* a")]);
    }
    check(Dialect::Sqlite, "[a", &[(Unterminated(Quoting::Identifier), "[a")]);
    check(Dialect::Postgres, "$a$ $$", &[(Unterminated(Quoting::Dollar), "$a$ $$")]);
}

#[test]
fn operators_and_numbers_are_cut_as_the_server_cuts_them() {
    check(
        Dialect::Postgres,
        "a?|b @>c::int-$1 =-1 [1:2]",
        &[
            (Word, "a"),
            (Operator, "?|"),
            (Word, "b"),
            (Operator, "@>"),
            (Word, "c"),
            (Operator, "::"),
            (Word, "int"),
            (Operator, "-"),
            (Placeholder, "$1"),
            (Operator, "="),
            (Operator, "-"),
            (Number, "1"),
            (Open, "["),
            (Number, "1"),
            (Operator, ":"),
            (Number, "2"),
            (Close, "]"),
        ],
    );
    check(
        Dialect::Postgres,
        "1_000 0xFF 1..2 1.5e-3 .5",
        &[
            (Number, "1_000"),
            (Number, "0xFF"),
            (Number, "1"),
            (Operator, ".."),
            (Number, "2"),
            (Number, "1.5e-3"),
            (Number, ".5"),
        ],
    );
    check(
        Dialect::Sqlite,
        "1a 0x1F 1_0.5 ->> !=",
        &[(Unknown, "1a"), (Number, "0x1F"), (Number, "1_0.5"), (Operator, "->>"), (Operator, "!=")],
    );
    check(
        Dialect::Mysql,
        "1a 0x1F 1e5 @a @@b.c @'d e' := <=>",
        &[
            (Word, "1a"),
            (Number, "0x1F"),
            (Number, "1e5"),
            (Variable, "@a"),
            (Variable, "@@b.c"),
            (Variable, "@'d e'"),
            (Operator, ":="),
            (Operator, "<=>"),
        ],
    );
}

#[test]
fn soql_has_its_own_texts_numbers_and_dates() {
    let check = |text, expected: &[(TokenKind, &str)]| check(Dialect::Soql, text, expected);
    let quoted = r#"'' 'a\'b' 'a\\' 'c"\n\r\t\b\"\u00e9\%\_'"#;
    let kinds: Vec<_> = tokens(quoted, Dialect::Soql)
        .iter()
        .map(|token| token.kind)
        .filter(|kind| *kind != TokenKind::Whitespace)
        .collect();
    assert_eq!(kinds, [TokenKind::String; 4]);
    // Two quotes are no escape here: a text ends, and another one begins.
    check("'a''b'", &[(TokenKind::String, "'a'"), (TokenKind::String, "'b'")]);
    for wrong in [
        r"'\f'",
        r"'\N'",
        r"'\u00g9'",
        r"'\é'",
        "'a\nb'",
        "'a\rb'",
        "1e5",
        "5.",
        "1.2.3",
        "2026-1-1",
        "2026-11-20T09:00:00",
        "14:05:30",
        "1a",
        "5-3",
        "é",
        "%",
        "{",
    ] {
        check(wrong, &[(Unknown, wrong)]);
    }
    for number in [
        "5",
        "-5",
        "+5",
        "1.5",
        ".5",
        "-.5",
        "2026-11-20",
        "2026-11-20T14:05:30Z",
        "2026-11-20T14:05:30.007Z",
        "2026-11-20T14:05:30+01:00",
        "2026-11-20T14:05:30-0800",
        "14:05:30.000Z",
    ] {
        check(number, &[(Number, number)]);
    }
    check("'a", &[(Unterminated(Quoting::String), "'a")]);
    check(r"'a\'", &[(Unterminated(Quoting::String), r"'a\'")]);
    check("\"a\" ;", &[(QuotedIdentifier, "\"a\""), (TokenKind::Semicolon, ";")]);
    check(
        "a__c.B>=-1 LAST_N_DAYS:30, USD5000 -- it's ?",
        &[
            (Word, "a__c"),
            (Operator, "."),
            (Word, "B"),
            (Operator, ">="),
            (Number, "-1"),
            (Word, "LAST_N_DAYS"),
            (Operator, ":"),
            (Number, "30"),
            (Operator, ","),
            (Word, "USD5000"),
        ],
    );
    assert_eq!(placeholders(Dialect::Soql, "? = :name AND b=? '?' // ?\n/* ? */ ?"), ["?", ":name", "?", "?"]);
}

#[test]
fn a_colon_in_snowflake_is_a_path_after_an_operand_and_a_bind_elsewhere() {
    assert_eq!(
        placeholders(Dialect::Snowflake, "SELECT v:a.b, v :c, \"V\":d, $1:e, f(x):g, v:from:h::int, {'i':j}"),
        [""; 0]
    );
    assert_eq!(
        placeholders(Dialect::Snowflake, "SELECT :a FROM t WHERE :b = (:c) AND x = :d LIMIT :e"),
        [":a", ":b", ":c", ":d", ":e"]
    );
}

/// SQLite's `sqlite3_bind_parameter_count` of our tokens: the highest number that any placeholder has.
fn parameters(text: &str) -> usize {
    let mut sum = 0;
    for statement in tokens(text, Dialect::Sqlite).split(|token| token.kind == TokenKind::Semicolon) {
        let (mut highest, mut names) = (0, HashSet::new());
        for token in statement.iter().filter(|token| token.kind == Placeholder) {
            match token.text(text) {
                "?" => highest += 1,
                name => match name.strip_prefix('?') {
                    Some(number) => highest = highest.max(number.parse().expect("a number that SQLite took")),
                    None => highest += usize::from(names.insert(name)),
                },
            }
        }
        sum += highest;
    }
    sum
}

const OPERANDS: &[&str] = &[
    "?",
    "?1",
    "?3",
    ":a",
    "@b",
    "$c",
    "#d",
    "$e::f",
    "$g(h)",
    ":a::b",
    "'?'",
    "'it''s ?'",
    "'\\'",
    "\"a\"",
    "\"?\"",
    "`?`",
    "[?]",
    "[a'b]",
    "x'3f'",
    "X'3F3f'",
    "1",
    "1.5",
    ".5",
    "1.",
    "1e3",
    "1_0",
    "0x1F",
    "1.e3",
    "a",
    "é",
    "a$b",
    "x",
    "NULL",
    "(?)",
    "(a)",
    "-?",
    "-- ?\n?",
    "/* ? */a",
    "/*?*/?",
    "/**/:a",
    "~?",
    "+?",
    "not ?",
    "\u{feff}?",
    "json('{\"?\":1}')",
];
const BETWEEN: &[&str] = &[
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "|",
    "&",
    "<<",
    ">>",
    "<",
    "<=",
    "<>",
    "!=",
    "=",
    "==",
    ">=",
    ">",
    "->",
    "->>",
    ",",
    " and ",
    " or ",
    " is ",
    " like ",
    "/*?*/,",
    "--?\n,",
    ", '\n?',",
    "\t+\u{0b}",
    ";select ",
    " -- ;?\n + ",
    " ",
    "",
];
const NOISE: &[&str] = &[
    "?", ":", "@", "$", "#", "'", "\"", "`", "[", "]", "(", ")", "-", "/", "*", "/*", "*/", "--", "\n", ";", "x", "x'",
    "E'", "$$", "$a$", "0", "0x", "1", "e", ".", "::", "\\", "é", "\u{feff}", "\0", " ", "\u{0b}", "a", "{", "}", "#",
    "!", "\u{a0}",
];

fn expression() -> impl Strategy<Value = String> {
    vec((select(OPERANDS), select(BETWEEN), select(OPERANDS)), 1..6).prop_map(|pieces| {
        let pieces: Vec<_> = pieces.into_iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect();
        format!("select {} from t", pieces.join(","))
    })
}

fn noise() -> impl Strategy<Value = String> {
    vec(prop_oneof![select(NOISE), select(OPERANDS), select(BETWEEN)], 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_covered_without_gaps(text in prop_oneof![noise(), ".{0,40}"]) {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Snowflake, Dialect::Soql] {
            let mut at = 0;
            for token in tokens(&text, dialect) {
                prop_assert_eq!(token.start, at);
                prop_assert!(token.end > token.start && text.is_char_boundary(token.end));
                at = token.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }

    /// sqlparser's tokenizer is another reading of the same manuals. It is compared where both are defined: a text that it
    /// takes, in which we find nothing that the server refuses, made of pieces that mean the same in every version.
    #[test]
    fn the_tokenizer_of_sqlparser_finds_the_same_placeholders(pieces in vec(select(&[
        "a", " ", "1", "'b ?'", "\"c $1\"", "-- ?\n", "/* $1 */", "(", ")", ",", " = ", "+", "$1", "$2", "$$ $1 ? $$", "E'\\' $1'", "?", "`?`",
    ][..]), 1..14)) {
        let dialects: [(Dialect, &dyn ParserDialect, &[&str]); 3] = [
            (Dialect::Postgres, &PostgreSqlDialect {}, &["?", "`?`"]),
            (Dialect::Mysql, &MySqlDialect {}, &["$1", "$2", "$$ $1 ? $$", "E'\\' $1'"]),
            (Dialect::Snowflake, &SnowflakeDialect {}, &["$1", "$2", "`?`", "E'\\' $1'"]),
        ];
        for (dialect, theirs, left_out) in dialects {
            // Blanks between the pieces: what touches is cut in different ways, and is the checks' matter.
            let text = pieces.iter().filter(|piece| !left_out.contains(piece)).copied().collect::<Vec<_>>().join(" ");
            let ours = tokens(&text, dialect);
            let Ok(theirs) = Tokenizer::new(theirs, &text).tokenize() else { continue };
            if ours.iter().any(|token| matches!(token.kind, Unknown | Unterminated(_))) {
                continue;
            }
            let theirs = theirs.iter().filter(|token| matches!(token, ParserToken::Placeholder(_))).count();
            let ours = ours.iter().filter(|token| token.kind == Placeholder).count();
            prop_assert_eq!(ours, theirs, "{:?}: {}", dialect, text);
        }
    }
}

#[test]
fn sqlite_itself_counts_the_same_placeholders() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut tried, mut accepted, mut with_placeholders) = (0, 0, 0);
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("a database");
        connection.execute("create table t(a, é, a$b, x, \"?\", \"a'b\")").await.expect("a table");
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let texts = prop_oneof![3 => expression(), 1 => noise().prop_map(|noise| format!("select {noise}"))];
        for _ in 0..3_000 {
            let text = texts.new_tree(&mut runner).expect("a text").current();
            tried += 1;
            // A NUL ends the text for the library, and sqlx asks it for the rest for ever.
            if text.contains('\0') {
                continue;
            }
            let Ok(statement) = connection.prepare(sqlx::SqlStr::from_static(leak(&text))).await else {
                continue;
            };
            accepted += 1;
            let theirs = match statement.parameters() {
                Some(Either::Right(count)) => count,
                other => panic!("{other:?}"),
            };
            with_placeholders += usize::from(theirs > 0);
            assert_eq!(parameters(&text), theirs, "{text:?}: {:?}", tokens(&text, Dialect::Sqlite));
        }
    });
    // A generator that SQLite never takes would prove nothing.
    assert!(accepted * 4 > tried && with_placeholders * 8 > tried, "{accepted} and {with_placeholders} of {tried}");
}

/// A static text without `AssertSqlSafe`, which only `template/statement.rs` names.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
