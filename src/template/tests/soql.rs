//! SOQL: what is refused at load, what is written, and that no value is ever more than a value.

use std::sync::LazyLock;

use bigdecimal::BigDecimal;
use jiff::civil;
use proptest::{prelude::*, sample::select, test_runner::Config};

use super::*;

/// The finished text of a call.
#[track_caller]
fn written(template: &Template, values: &[Option<Value>]) -> Result<String, Refusal> {
    let (shape, binds) = template.decide(values).expect("bound");
    let statement = template.statement(&shape).expect("a text");
    Ok(statement.query(&binds)?.expect("a query of SOQL").text().to_owned())
}

/// The literal of a value of a type, bound after `X__c = `.
#[track_caller]
fn literal(ty: &str, value: Value) -> String {
    let template = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE X__c = {{ x }}", &[&format!("x~: {ty}")]);
    match written(&template, &[Some(value)]) {
        Ok(text) => text.strip_prefix("SELECT Id FROM A WHERE X__c = ").expect("the author's text").to_owned(),
        Err(Refusal::Value { param: Some(0), reason }) => reason,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().expect("a date"))
}

fn moment(text: &str) -> Value {
    Value::Timestamp(text.parse().expect("a datetime"))
}

fn clock(text: &str) -> Value {
    Value::Time(text.parse().expect("a time"))
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().expect("a decimal"))
}

fn words(items: &[&str]) -> Option<Value> {
    Some(Value::List(items.iter().map(|item| Value::Text((*item).into())).collect()))
}

#[test]
fn each_type_has_its_literal() {
    let plain = |text: &str| literal("string", Value::Text(text.into()));
    assert_eq!(plain("Ada"), "'Ada'");
    assert_eq!(plain(""), "''");
    assert_eq!(plain(r"O'Neil \ Söhne"), r"'O\'Neil \\ Söhne'");
    assert_eq!(
        plain("a\nb\rc\td\u{8}e\u{c}f\u{1}g\u{7f}\u{85}\"%_"),
        "'a\\nb\\rc\\td\\be\\u000Cf\\u0001g\\u007F\\u0085\\\"%_'"
    );
    assert_eq!(literal("integer", Value::Integer(-5)), "-5");
    assert_eq!(literal("integer", Value::Integer(i64::MIN)), "-9223372036854775808");
    assert_eq!(literal("decimal", decimal("1.10")), "1.10");
    assert_eq!(literal("decimal", decimal("-0.00000000000000000001")), "-0.00000000000000000001");
    assert_eq!(literal("decimal", decimal("1e20")), "100000000000000000000");
    assert_eq!(literal("float", Value::Float(0.1)), "0.1");
    assert_eq!(literal("float", Value::Float(1e21)), "1000000000000000000000");
    assert_eq!(literal("float", Value::Float(-1e-7)), "-0.0000001");
    assert_eq!(literal("boolean", Value::Boolean(true)), "TRUE");
    assert_eq!(literal("boolean", Value::Boolean(false)), "FALSE");
    assert_eq!(literal("date", day("2026-11-20")), "2026-11-20");
    assert_eq!(literal("time", clock("14:05")), "14:05:00.000Z");
    assert_eq!(literal("time", clock("14:05:30.5")), "14:05:30.500Z");
    assert_eq!(literal("timestamp", moment("2026-11-20T14:05:30")), "2026-11-20T14:05:30Z");
    assert_eq!(literal("timestamp", moment("2026-11-20T14:05:30.007")), "2026-11-20T14:05:30.007Z");
    let uuid = Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("a uuid"));
    assert_eq!(literal("uuid", uuid), "'67e55044-10b1-426f-9247-bb680e5fe0c8'");
    for ty in ["string", "integer", "decimal", "float", "boolean", "date", "time", "timestamp", "uuid"] {
        assert_eq!(literal(ty, Value::Null), "NULL");
    }
}

#[test]
fn what_soql_cannot_carry_is_refused_and_never_altered() {
    let plain = |text: String| literal("string", Value::Text(text.into()));
    assert_eq!(plain("a\0b".into()), "expected a text without NUL characters");
    assert_eq!(plain("é".repeat(4_001)), "expected at most 4000 characters");
    assert_eq!(plain("'".repeat(4_000)).len(), 8_002);
    assert_eq!(literal("time", clock("14:05:30.0005")), "expected a fraction of a second of at most 3 digits");
    assert_eq!(
        literal("timestamp", moment("2026-11-20T14:05:30.000001")),
        "expected a fraction of a second of at most 3 digits"
    );
    for ty_and_value in
        [("date", day("1699-12-31")), ("date", day("4001-01-01")), ("timestamp", moment("9999-12-31T00:00"))]
    {
        let (ty, value) = ty_and_value;
        assert_eq!(literal(ty, value), "expected a year from 1700 to 4000");
    }
    assert_eq!(literal("date", day("1700-01-01")), "1700-01-01");
    assert_eq!(literal("date", day("4000-12-31")), "4000-12-31");
}

#[test]
fn lists_are_written_without_blanks_and_never_padded() {
    let template = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE B IN ({{ l | spread }})", &["l: string[]"]);
    let list = |items: &[&str]| written(&template, &[words(items)]).expect("written");
    assert_eq!(list(&["a"]), "SELECT Id FROM A WHERE B IN ('a')");
    assert_eq!(list(&["a", "b", "c'"]), r"SELECT Id FROM A WHERE B IN ('a','b','c\'')");
    assert_eq!(list(&["a"; 5]), "SELECT Id FROM A WHERE B IN ('a','a','a','a','a')");
    assert_eq!(template.decide(&[words(&[])]), Err(Refusal::EmptyList { param: 0 }));
}

#[test]
fn patterns_keep_the_escapes_of_their_filters() {
    for (filter, expected) in
        [("contains", r"'%50\%\_\\\'x%'"), ("starts_with", r"'50\%\_\\\'x%'"), ("ends_with", r"'%50\%\_\\\'x'")]
    {
        let template = compile_for(
            Dialect::Soql,
            &format!("SELECT Id FROM A WHERE N LIKE {{{{ x | {filter} }}}}"),
            &["x: string"],
        );
        let found = written(&template, &[text(r"50%_\'x")]).expect("written");
        assert_eq!(found, format!("SELECT Id FROM A WHERE N LIKE {expected}"));
    }
    // Without a filter the value's own wildcards are wildcards, and a backslash is a backslash.
    let plain = compile_for(Dialect::Soql, "SELECT Id FROM A WHERE N like {{ x }}", &["x~: string"]);
    assert_eq!(written(&plain, &[text(r"50%\_")]).expect("written"), r"SELECT Id FROM A WHERE N like '50%\\_'");
    assert_eq!(
        written(&plain, &[Some(Value::Null)]),
        Err(Refusal::Value { param: Some(0), reason: "expected a value, got null".into() })
    );
}

#[test]
fn counts_are_whole_numbers_without_sign() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE CreatedDate = LAST_N_DAYS:{{ n }} AND B > {{ n }} LIMIT {{ n }} OFFSET {{ n }}",
        &["n: integer"],
    );
    assert_eq!(
        written(&template, &[int(30)]).expect("written"),
        "SELECT Id FROM A WHERE CreatedDate = LAST_N_DAYS:30 AND B > 30 LIMIT 30 OFFSET 30"
    );
    let negative = Refusal::Value { param: Some(0), reason: "expected a number that is not negative".into() };
    assert_eq!(written(&template, &[int(-1)]), Err(negative));
}

#[test]
fn a_query_that_is_too_long_names_the_parameter_that_makes_it_so() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE B = {{ a }} AND C IN ({{ l | spread }})",
        &["a: string", "l: string[]"],
    );
    let long = "x".repeat(3_000);
    let found = written(&template, &[text(&long), words(&[long.as_str(); 40])]);
    let Err(Refusal::Value { param: Some(1), reason }) = found else { panic!("{found:?}") };
    assert_eq!(reason, "expected fewer or shorter values: a query has at most 100000 characters");
    let repeated = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE {% for x in l %}{% for y in l %}B = {{ a }}{% if not loop.last %} OR {% endif %}{% endfor %}\
         {% if not loop.last %} OR {% endif %}{% endfor %}",
        &["a: string", "l: string[]"],
    );
    let found = written(&repeated, &[text(&"x".repeat(4_000)), words(&["y"; 100])]);
    assert!(matches!(found, Err(Refusal::Value { param: Some(0), .. })));
}

#[test]
fn binds_that_are_not_the_statement_s_make_no_query() {
    let template =
        compile_for(Dialect::Soql, "SELECT Id FROM A WHERE B = {{ a }} AND C > {{ n }}", &["a: string", "n: integer"]);
    let (shape, binds) = template.decide(&[text("x"), int(1)]).expect("bound");
    let statement = template.statement(&shape).expect("a text");
    let refused =
        |binds: Vec<Bind>| assert!(matches!(statement.query(&binds), Err(Refusal::Shape { .. })), "{binds:?}");
    refused(vec![]);
    refused(vec![binds[0].clone()]);
    refused(vec![binds[1].clone(), binds[0].clone()]);
    refused(vec![binds[0].clone(), binds[1].clone(), binds[1].clone()]);
    assert!(statement.query(&binds).is_ok());
}

#[test]
fn sql_has_no_query() {
    let template = compile("SELECT {{ a }}", &["a: string"]);
    let (shape, binds) = template.decide(&[text("x")]).expect("bound");
    assert_eq!(template.statement(&shape).expect("a text").query(&binds), Ok(None));
}

#[test]
fn a_masked_query_shows_the_other_literals() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM A WHERE B = {{ a }} AND C > {{ n }} AND D = {{ a }}",
        &["a: string", "n: integer"],
    );
    let (shape, binds) = template.decide(&[text("s3cret"), int(7)]).expect("bound");
    let query = template.statement(&shape).expect("a text").query(&binds).expect("written").expect("a query");
    assert_eq!(query.masked(|bind| bind != 1), "SELECT Id FROM A WHERE B = '***' AND C > 7 AND D = '***'");
    assert_eq!(query.masked(|_| false), query.text());
}

#[test]
fn a_choice_writes_names_directions_and_clauses() {
    let params =
        ["sort: choice new=CreatedDate DESC, old=CreatedDate", "field: choice mail=Email, phone=Phone", "x: string"];
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id, {{ field }} FROM Contact WHERE {{ field }} = {{ x }} ORDER BY {{ sort }} NULLS LAST LIMIT 5",
        &params,
    );
    assert_eq!(
        written(&template, &[text("new"), text("mail"), text("a@b.c")]).expect("written"),
        "SELECT Id, Email FROM Contact WHERE Email = 'a@b.c' ORDER BY CreatedDate DESC NULLS LAST LIMIT 5"
    );
    assert_eq!(template.shapes().count(), 4);
}

#[test]
fn branches_and_loops_are_those_of_sql() {
    let template = compile_for(
        Dialect::Soql,
        "SELECT Id FROM Case WHERE IsClosed = {{ closed }}{% if since is defined %} AND CreatedDate >= {{ since }}{% endif %}\
         {% if words %} AND ({% for w in words %}{% if not loop.first %} OR {% endif %}Subject LIKE {{ w | contains }}{% endfor %})\
         {% endif %}",
        &["closed: boolean", "since?: timestamp", "words?: string[]"],
    );
    let closed = Some(Value::Boolean(false));
    assert_eq!(
        written(&template, &[closed.clone(), Some(moment("2026-11-20T09:00")), words(&["a", "50%"])]).expect("written"),
        r"SELECT Id FROM Case WHERE IsClosed = FALSE AND CreatedDate >= 2026-11-20T09:00:00Z AND (Subject LIKE '%a%' OR Subject LIKE '%50\%%')"
    );
    assert_eq!(
        written(&template, &[closed, None, None]).expect("written"),
        "SELECT Id FROM Case WHERE IsClosed = FALSE"
    );
}

#[test]
fn what_has_no_literal_is_an_error_at_load() {
    let check = |template: &str, expected: &str| {
        check_for(
            Dialect::Soql,
            template,
            &["s: string", "n: integer", "d: decimal", "j: json", "l: string[]", "b: boolean"],
            expected,
        );
    };
    check("SELECT Id FROM A WHERE B = {{ j }}", "type-mismatch @ {{ j }}");
    check("SELECT Id FROM A WHERE B IN ({{ l }})", "list-needs-spread @ {{ l }}");
    check("SELECT Id FROM A WHERE B = {{ 1 }}", "constant-placeholder @ {{ 1 }}");
    check("SELECT Id FROM A WHERE B LIKE {{ n }}", "type-mismatch @ {{ n }}");
    check("SELECT Id FROM A LIMIT {{ s }}", "type-mismatch @ {{ s }}");
    check("SELECT Id FROM A LIMIT 5 OFFSET {{ d }}", "type-mismatch @ {{ d }}");
    check("SELECT Id FROM A WHERE B = LAST_N_DAYS:{{ d }}", "type-mismatch @ {{ d }}");
    check("SELECT Id FROM A WHERE B = {{ s | contains }}", "like-escape @ {{ s | contains }}");
    check("SELECT Id FROM A WHERE B IN ({{ s | ends_with }})", "like-escape @ {{ s | ends_with }}");
    check("SELECT Id FROM A WHERE B LIKE {{ s | contains | upper }}", "like-escape @ {{ s | contains | upper }}");
    check("SELECT Id FROM A WHERE B LIKE {{ (s | starts_with) ~ s }}", "like-escape @ {{ (s | starts_with) ~ s }}");
    check("SELECT Id FROM A WHERE B = {{ s }}{% if j is defined %} AND C = {{ b }}{% endif %}", "");
    check("SELECT Id FROM A WHERE B LIKE {{ (s ~ '!') | lower | contains }}", "");
}

/// What a literal means, read by this test's own reading of Salesforce's grammar (FACTS 2.3).
#[derive(Debug, PartialEq)]
enum Meaning {
    /// A text; after LIKE with its wildcards told from its characters.
    Text(Vec<Piece>),
    /// Anything without quotes.
    Plain(String),
}

#[derive(Debug, PartialEq)]
enum Piece {
    Any,
    One,
    Char(char),
}

/// Reads the literal that a text begins with, and answers what follows it.
fn meaning(text: &str, like: bool) -> Option<(Meaning, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let end = text.find([' ', ',', ')']).unwrap_or(text.len());
        return (end > 0).then(|| (Meaning::Plain(text[..end].to_owned()), &text[end..]));
    };
    let mut pieces = Vec::new();
    let mut rest = quoted.chars();
    loop {
        pieces.push(match rest.next()? {
            '\'' => return Some((Meaning::Text(pieces), rest.as_str())),
            '\n' | '\r' => return None,
            '\\' => Piece::Char(match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                same @ ('"' | '\'' | '\\') => same,
                wildcard @ ('%' | '_') if like => wildcard,
                'u' => {
                    let digits = rest.as_str().get(..4)?;
                    rest = rest.as_str()[4..].chars();
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                _ => return None,
            }),
            '%' if like => Piece::Any,
            '_' if like => Piece::One,
            c => Piece::Char(c),
        });
    }
}

/// The literals that stand in the places of a shape's placeholders; `None` where the rest of the text is not the author's.
fn meanings(query: &str, shape: &str) -> Option<Vec<Meaning>> {
    let mut pieces = shape.split('?');
    let mut rest = query.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut like = shape.split('?').map(|piece| piece.ends_with("LIKE "));
    for piece in pieces {
        let (literal, after) = meaning(rest, like.next()?)?;
        found.push(literal);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

/// Templates with one kind of place each, with the parameters of [`PARAMS`].
const PLACES: [&str; 18] = [
    "SELECT Id FROM A WHERE B = {{ s }}",
    "SELECT Id FROM A WHERE B = 'it\\'s' AND C != {{ s }} AND (D > {{ n }} OR E = {{ s }})",
    "SELECT Id FROM A WHERE B IN ({{ l | spread }}) LIMIT 5",
    "SELECT Id FROM A WHERE B NOT IN ('a',{{ l | spread }},'b')",
    "SELECT Id FROM A WHERE B INCLUDES ({{ s }},{{ s }})",
    "SELECT Id FROM A WHERE B LIKE {{ s }} AND C = 1",
    "SELECT Id FROM A WHERE B LIKE {{ s | contains }} AND C = 1",
    "SELECT Id FROM A WHERE B LIKE {{ s | starts_with }}",
    "SELECT Id FROM A WHERE (B LIKE {{ s | ends_with }})",
    "SELECT Id FROM A WHERE B = {{ (s ~ '-' ~ n) | lower }} ORDER BY C LIMIT {{ n }}",
    "SELECT Id FROM A WHERE B = {{ z }}",
    "SELECT Id FROM A WHERE B = {{ n }} AND C = {{ d }}",
    "SELECT Id FROM A WHERE B = {{ f }} AND C = {{ b }}",
    "SELECT Id FROM A WHERE B >= {{ day }}",
    "SELECT Id FROM A WHERE B >= {{ at }}",
    "SELECT Id FROM A WHERE B >= {{ time }}",
    "SELECT Id, (SELECT Id FROM Cs WHERE X = {{ u }}) FROM A WHERE B IN (SELECT C FROM D WHERE E = {{ u }})",
    "SELECT Id FROM A{% if l %} WHERE {% for x in l %}B LIKE {{ x | contains }}{% if not loop.last %} OR {% endif %}{% endfor %}{% endif %}",
];
const PARAMS: [&str; 11] = [
    "s: string",
    "n: integer",
    "l: string[]",
    "z~: string",
    "d: decimal",
    "f: float",
    "b: boolean",
    "day: date",
    "at: timestamp",
    "time: time",
    "u: uuid",
];

static COMPILED: LazyLock<Vec<Template>> =
    LazyLock::new(|| PLACES.iter().map(|place| compile_for(Dialect::Soql, place, &PARAMS)).collect());

fn hostile() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "",
        "x",
        " ",
        "'",
        "''",
        "\"",
        "\\",
        "\\\\",
        "\\'",
        "\\\\'",
        "\\u0027",
        "\\u",
        "\\n",
        "\\%",
        "\\_",
        "%",
        "_",
        "?",
        ":s",
        "\0",
        "\n",
        "\r\n",
        "\t",
        "\u{8}",
        "\u{c}",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{ffff}",
        "é",
        "𝒳",
        "İ",
        "--",
        "/*",
        "*/",
        ";",
        "(",
        ")",
        ",",
        " OR Id != ",
        "NULL",
        "TRUE",
        "1",
        "2026-11-20",
        "SELECT Id FROM User",
        "{{ s }}",
        "ʼ",
        "＇",
    ]);
    prop_oneof![
        6 => prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat()),
        2 => any::<String>(),
        1 => (1usize..4_100, select(vec!["'", "\\", "x", "%", "é"])).prop_map(|(n, piece)| piece.repeat(n)),
    ]
}

fn values() -> impl Strategy<Value = Vec<Option<Value>>> {
    let text = |text: String| Value::Text(text.into());
    let micros = prop_oneof![3 => (0i32..1_000).prop_map(|millis| millis * 1_000), 1 => 0i32..1_000_000];
    let time = (0i8..24, 0i8..60, 0i8..60, micros)
        .prop_map(|(hour, minute, second, micros)| civil::Time::constant(hour, minute, second, micros * 1_000));
    let day = (prop_oneof![1i16..10_000, 1_650i16..1_750, 3_950i16..4_050], 1i8..13, 1i8..29)
        .prop_map(|(year, month, day)| civil::Date::constant(year, month, day));
    (
        (hostile(), prop::collection::vec(hostile(), 0..6), prop::option::of(hostile())),
        prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), -3i64..12, any::<i64>()],
        (any::<i128>(), 0i64..38),
        prop_oneof![any::<f64>(), -1e3..1e3],
        any::<bool>(),
        (day, time),
        any::<u128>(),
    )
        .prop_map(move |((s, l, z), n, (digits, scale), f, b, (day, time), u)| {
            let f = if f.is_finite() { f } else { 0.0 };
            [
                text(s),
                Value::Integer(n),
                Value::List(l.into_iter().map(text).collect()),
                z.map_or(Value::Null, text),
                Value::Decimal(BigDecimal::new(digits.into(), scale)),
                Value::Float(f),
                Value::Boolean(b),
                Value::Date(day),
                Value::Timestamp(day.to_datetime(time)),
                Value::Time(time),
                Value::Uuid(uuid::Uuid::from_u128(u)),
            ]
            .map(Some)
            .into()
        })
}

/// How a text is read.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// Each character is itself.
    Exact,
    /// After LIKE: the value's own wildcards are wildcards.
    Wild,
    /// After LIKE: the value is a pattern with its own escapes.
    Escaped,
}

/// Whether a literal means exactly the value.
fn means(found: &Meaning, value: &Value, reading: Reading) -> bool {
    let word = match (found, value) {
        (Meaning::Text(pieces), Value::Text(_) | Value::Uuid(_)) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Any => text.push('%'),
                    Piece::One => text.push('_'),
                    Piece::Char(c @ ('%' | '_' | '\\')) if reading == Reading::Escaped => text.extend(['\\', *c]),
                    Piece::Char('%' | '_') if reading == Reading::Wild => return false,
                    Piece::Char(c) => text.push(*c),
                }
            }
            return value.text().as_deref() == Some(&text);
        }
        (Meaning::Plain(word), _) => word.as_str(),
        _ => return false,
    };
    let without_zone = || word.strip_suffix('Z').unwrap_or_default();
    match value {
        Value::Null => word == "NULL",
        Value::Boolean(value) => word == if *value { "TRUE" } else { "FALSE" },
        Value::Integer(number) => word.parse() == Ok(*number),
        Value::Decimal(number) => !word.contains(['e', 'E']) && word.parse().as_ref() == Ok(number),
        Value::Float(number) => {
            !word.contains(['e', 'E']) && word.parse::<f64>().map(f64::to_bits) == Ok(number.to_bits())
        }
        Value::Date(date) => word.len() == 10 && word.parse().ok() == Some(*date),
        Value::Time(time) => word.len() == 13 && without_zone().parse().ok() == Some(*time),
        Value::Timestamp(utc) => word.find('T') == Some(10) && without_zone().parse().ok() == Some(*utc),
        _ => false,
    }
}

/// Whether a value may be refused: what SOQL cannot carry. `counted` tells that numbers stand after LIMIT.
fn may_be_refused(value: &Value, counted: bool) -> bool {
    let finer = |time: civil::Time| time.subsec_nanosecond() % 1_000_000 != 0;
    let outside = |date: civil::Date| !(1700..=4000).contains(&date.year());
    match value {
        Value::Text(text) => text.contains('\0') || text.chars().count() > 4_000,
        Value::Integer(number) => counted && *number < 0,
        Value::Date(date) => outside(*date),
        Value::Time(time) => finer(*time),
        Value::Timestamp(utc) => outside(utc.date()) || finer(utc.time()),
        _ => false,
    }
}

/// The kinds of tokens, each literal's by the type of its place.
fn kinds(text: &str) -> Vec<lexer::TokenKind> {
    lexer::tokens(text, Dialect::Soql).iter().map(|token| token.kind).collect()
}

/// Values of each type that nobody doubts, with a list of this length.
fn dummies(length: usize, null: bool) -> Vec<Option<Value>> {
    let word = || Value::Text("x".into());
    vec![
        Some(word()),
        int(1),
        Some(Value::List((0..length).map(|_| word()).collect())),
        Some(if null { Value::Null } else { word() }),
        Some(decimal("1.5")),
        Some(Value::Float(1.5)),
        Some(Value::Boolean(true)),
        Some(day("2026-11-20")),
        Some(moment("2026-11-20T09:00")),
        Some(clock("09:00")),
        Some(Value::Uuid(uuid::Uuid::nil())),
    ]
}

proptest! {
    // Each case goes through all templates: 7,500 × 18 is more than 100,000, also without those that a value is refused in.
    #![proptest_config(Config { cases: 7_500, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_literal_means_its_value_and_nothing_else(values in values()) {
        let length = match &values[2] { Some(Value::List(items)) => items.len(), _ => 0 };
        let null = values[3] == Some(Value::Null);
        for (place, template) in PLACES.iter().zip(COMPILED.iter()) {
            let Ok((shape, binds)) = template.decide(&values) else { continue };
            let statement = template.statement(&shape).expect("a text for every shape");
            let query = match statement.query(&binds) {
                Ok(query) => query.expect("a query of SOQL"),
                Err(Refusal::Value { .. }) => {
                    prop_assert!(binds.iter().any(|bind| may_be_refused(&bind.value, place.contains("LIMIT {{"))), "{:?}", binds);
                    continue;
                }
                Err(refusal) => return Err(TestCaseError::fail(format!("{refusal:?}: {binds:?}"))),
            };
            let found = meanings(query.text(), statement.text());
            prop_assert!(found.is_some(), "{:?}", query.text());
            let found = found.unwrap_or_default();
            prop_assert_eq!(found.len(), binds.len());
            let filtered = ["contains", "starts_with", "ends_with"].iter().any(|filter| place.contains(filter));
            for ((found, bind), before) in found.iter().zip(&binds).zip(statement.text().split('?')) {
                let reading = match before.ends_with("LIKE ") {
                    true if filtered => Reading::Escaped,
                    true => Reading::Wild,
                    false => Reading::Exact,
                };
                prop_assert!(means(found, &bind.value, reading), "{:?}: {:?}", query.text(), bind.value);
            }
            let (_, dummies) = template.decide(&dummies(length, null)).expect("bound");
            let plain = statement.query(&dummies).expect("written").expect("a query of SOQL");
            prop_assert_eq!(kinds(query.text()), kinds(plain.text()));
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 3_000, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    /// The checks at load are strict enough: what they let through never fails the check of a call.
    #[test]
    fn whatever_compiles_can_be_written(pieces in prop::collection::vec(piece(), 0..10), values in values()) {
        let params: Vec<Param> = PARAMS.iter().map(|written| param(written)).collect();
        let template = format!("SELECT Id FROM A WHERE B = {{{{ s }}}}{}", pieces.concat());
        let mut out = Vec::new();
        let Some(template) = Template::compile(&text_of(&template).0, Dialect::Soql, &params, &mut out) else {
            return Ok(());
        };
        for values in [values, dummies(2, true)] {
            let Ok((shape, binds)) = template.decide(&values) else { continue };
            let statement = template.statement(&shape).expect("a text for every shape");
            prop_assert!(!matches!(statement.query(&binds), Err(Refusal::Shape { .. })), "{:?}", statement.text());
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    select(vec![
        " AND C = ",
        " OR D LIKE ",
        " LIMIT ",
        " OFFSET ",
        " AND E IN (",
        " AND F > N_DAYS_AGO:",
        "(",
        ")",
        ",",
        ":",
        ".",
        " ",
        "=",
        "<",
        "-",
        "+",
        "-5",
        "1",
        ".5",
        "'a'",
        "'",
        "\\",
        "\"",
        "?",
        ":s",
        ";",
        "\n",
        "DISTANCE(G, GEOLOCATION(",
        "{{ s }}",
        "{{ n }}",
        "{{ d }}",
        "{{ f }}",
        "{{ b }}",
        "{{ day }}",
        "{{ at }}",
        "{{ time }}",
        "{{ u }}",
        "{{ z }}",
        "{{ l | spread }}",
        "{{ s | contains }}",
        "{% if n > 1 %}",
        "{% endif %}",
        "{% for x in l %}",
        "{{ x }}",
        "{% endfor %}",
        "x",
        "2026-",
        "T",
        "é",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn faults_of_the_grammar_are_told_at_their_places_in_the_file() {
    let one = |template: &str, place: &str| {
        check_for(Dialect::Soql, template, &["x: string", "o?: string"], &format!("soql-grammar @ {place}"));
    };
    one("SELECT Id FROM A;", ";");
    one("SELECT Id FROM A WHERE B = \"c\"", "\"c\"");
    one(r"SELECT Id FROM A WHERE B = '\c'", r"\c");
    one("SELECT Id FROM A\nWHERE B = 1e5", "1e5");
    one("SELECT Id FROM A /* it's */\nWHERE B = {{ x }}", "/* it's */");
    // In every shape, and once.
    one("SELECT Id FROM A {% if o is defined %} WHERE B = {{ o }} {% endif %} LIMT 5", "LIMT");
    one("SELECT Id FROM A WHERE C = {{ x }} {% if o is defined %} OR B == {{ o }} {% endif %}", "==");
    // What the checks on tokens found is not told a second time, and does not hide the rest.
    let found = "hand-written-placeholder @ :b\nsoql-grammar @ ==";
    check_for(Dialect::Soql, "SELECT Id FROM A WHERE B = :b AND C == {{ x }}", &["x: string"], found);
    check_for(Dialect::Soql, "SELECT {{ x }} FROM A", &["x: string"], "placeholder-as-name @ {{ x }}");
}

#[test]
fn a_statement_knows_what_its_query_asks_for() {
    let template = compile_for(Dialect::Soql, "SELECT Id, Owner.Name FROM A WHERE B = {{ x }}", &["x: string"]);
    let (_, statement) = template.shapes().next().expect("a shape");
    let outline = statement.outline().expect("an outline");
    assert_eq!(outline.query.members(), Some(vec!["Id", "Owner"]));
    let compared = outline.compared[0].map(|path| &outline.paths[path].path);
    assert_eq!(compared, Some(&vec!["B".to_owned()]));
}
