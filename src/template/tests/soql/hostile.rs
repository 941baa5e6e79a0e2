//! The promise of SOQL: no value is ever more than a value. The literals are read by this test's own reading of Salesforce's
//! grammar, which shares nothing with the code that writes them.

use std::sync::LazyLock;

use bigdecimal::BigDecimal;
use jiff::civil;
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use super::*;

/// What a literal means.
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

/// The checks at load are strict enough: what they let through never fails the check of a call, and keeps to the grammar
/// whatever the values are.
#[test]
fn whatever_compiles_can_be_written() {
    let params: Vec<Param> = PARAMS.iter().map(|written| param(written)).collect();
    let mut runner = TestRunner::deterministic();
    let cases = (prop::collection::vec(condition(), 1..3), prop::collection::vec(noise(), 0..3), values());
    let (mut compiled, mut refused, mut written) = (0, 0, 0);
    for _ in 0..9_000 {
        let (conditions, noise, values) = cases.new_tree(&mut runner).expect("a case").current();
        let template = format!("SELECT Id FROM A WHERE {}{}", conditions.join(" AND "), noise.concat());
        let mut out = Vec::new();
        let Some(template) = Template::compile(&text_of(&template).0, Dialect::Soql, &params, &mut out) else {
            refused += 1;
            continue;
        };
        compiled += 1;
        for values in [values, dummies(2, true)] {
            let Ok((shape, binds)) = template.decide(&values) else { continue };
            let statement = template.statement(&shape).expect("a text for every shape");
            match statement.query(&binds) {
                Ok(query) => {
                    let text = query.expect("a query of SOQL").text().to_owned();
                    assert!(crate::template::soql::parse(&text, &[]).is_ok(), "{text}");
                    written += 1;
                }
                Err(refusal) => assert!(matches!(refusal, Refusal::Value { .. }), "{}", statement.text()),
            }
        }
    }
    // A generator of nothing but right, or nothing but wrong templates would prove nothing.
    assert!(compiled > 1_000 && refused > 1_000 && written > 1_000, "{compiled}, {refused}, {written}");
}

fn condition() -> impl Strategy<Value = String> {
    let field = select(vec!["B", "C.D", "E__c", "NOT F", "(G", "CALENDAR_YEAR(H)"]);
    let operator = select(vec![
        " = ",
        "=",
        " != ",
        " <> ",
        " < ",
        ">=",
        " LIKE ",
        " IN (",
        " NOT IN (",
        " INCLUDES ('a',",
        " > N_DAYS_AGO:",
    ]);
    let site = select(vec![
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
        "{{ s | starts_with }}",
        "{{ s ~ n }}",
        "{% for x in l %}{{ x }},{% endfor %}'a'",
    ]);
    (field, operator, site).prop_map(|(field, operator, site)| {
        let open = format!("{field}{operator}").matches('(').count() - usize::from(field.contains(')'));
        format!("{field}{operator}{site}{}", ")".repeat(open))
    })
}

fn noise() -> impl Strategy<Value = String> {
    select(vec![
        " ",
        " LIMIT {{ n }}",
        " OFFSET {{ n }}",
        " ORDER BY B",
        "{% if n > 1 %} OR C = {{ s }}{% endif %}",
        "\n",
        "-",
        "+",
        "-5",
        ".",
        ":",
        "1",
        "Z",
        "'",
        "'a'",
        "\"",
        "\\",
        "?",
        ":s",
        ";",
        "(",
        ")",
        ",",
        "x",
        "--",
        "/*",
        "{{ s }}",
        "{{ n }}",
        "2026-",
        "é",
    ])
    .prop_map(str::to_owned)
}
