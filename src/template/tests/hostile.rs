//! The promise: no value is ever part of the text, which depends on the shape and on nothing else.

use std::{collections::HashMap, sync::LazyLock};

use bigdecimal::BigDecimal;
use proptest::{prelude::*, test_runner::Config};

use super::*;

/// A part of every hostile text, so that it would be recognised in a statement.
const MARK: &str = "hÖstile";

/// Templates of every kind, each with its parameters; all use the same names.
const TEMPLATES: [&str; 9] = [
    "SELECT {{ s }}, {{ n }}, {{ s | upper }}, {{ 'x' ~ s ~ n }}",
    "SELECT 1{% if s %}, {{ s }}{% endif %}{% if n > 5 %}, {{ n }}{% elif n == 0 %}, 0{% else %}, {{ n | abs }}{% endif %}",
    "SELECT 1{% if o is defined %}, {{ o | trim }}{% if o == 'x' %}, 2{% endif %}{% endif %}, {{ o | default(s) }}",
    "SELECT 1 WHERE s IN ({{ l | spread }}) OR s IN ('a', {{ l | spread }})",
    "SELECT 1{% if l %} WHERE {% for x in l %}s = {{ x }}{% if not loop.last %} OR {% endif %}{% endfor %}{% endif %}",
    "SELECT 1{% for x in l %}{% if x == 'x' or x | length > 3 %}, {{ x ~ s }}{% endif %}{% endfor %}",
    "SELECT 1 WHERE s LIKE {{ s | contains }} ESCAPE '\\' ORDER BY {{ c }}{% if c == 'up' %} LIMIT {{ n }}{% endif %}",
    "SELECT {{ s | replace('a', s) | lower }}, {{ s | length }}, {{ d | round(2) }}, {{ d | abs }}{% if d > n %}, 2{% endif %}",
    "SELECT 1{% if s in l and n not in [1, 2] or z is none %}, {{ z }}{% endif %}, {{ s == o }}",
];
const PARAMS: [&str; 7] = [
    "s: string",
    "n: integer",
    "o?: string",
    "l: string[]",
    "c: choice up=1 ASC, down=1 DESC",
    "d: decimal",
    "z~: string",
];

static COMPILED: LazyLock<Vec<(Template, HashMap<Shape, String>)>> = LazyLock::new(|| {
    let dialects = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Snowflake];
    let pairs = TEMPLATES.iter().flat_map(|template| dialects.map(|dialect| (template, dialect)));
    pairs
        .map(|(template, dialect)| {
            let doubled = matches!(dialect, Dialect::Mysql | Dialect::Snowflake);
            let escape = if doubled { r"ESCAPE '\\'" } else { r"ESCAPE '\'" };
            let template = compile_for(dialect, &template.replace(r"ESCAPE '\'", escape), &PARAMS);
            let shapes = template.shapes().map(|(shape, text)| (shape.clone(), text.text().to_owned())).collect();
            (template, shapes)
        })
        .collect()
});

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "", "x", " ", "'", "''", "\"", "\\", "\\'", "`", "\0", "$1", "?", ":name", "@x", "{{ s }}", "{% if s %}", "{# x #}",
            "--", "/*", "*/", "; DROP TABLE t; --", "' OR 1=1 --", "%", "_", "$$", "$q$", "\n", "\r\n", "é", "𝒳", "ß", "İ",
            "\u{202e}", "NULL", "]", "aaaa",
        ])
        .prop_map(|piece| format!("{piece}{MARK}{piece}")),
        2 => prop::sample::select(vec!["", "x", "a", "abcd", "'", "?", "$1"]).prop_map(str::to_owned),
        2 => any::<String>().prop_map(|text| format!("{text}{MARK}")),
        1 => (1usize..2_000).prop_map(|n| format!("'{MARK}").repeat(n)),
    ]
}

fn values() -> impl Strategy<Value = Vec<Option<Value>>> {
    let text = |text: String| Value::Text(text.into());
    (
        hostile(),
        prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), -3i64..12, any::<i64>()],
        prop::option::of(hostile()),
        prop::collection::vec(hostile(), 0..6),
        prop::sample::select(vec!["up", "down", "sideways", "1 ASC"]),
        (any::<i128>(), 0i64..38),
        prop::option::of(hostile()),
    )
        .prop_map(move |(s, n, o, l, c, (digits, scale), z)| {
            vec![
                Some(text(s)),
                Some(Value::Integer(n)),
                o.map(text),
                Some(Value::List(l.into_iter().map(text).collect())),
                Some(text(c.into())),
                Some(Value::Decimal(BigDecimal::new(digits.into(), scale))),
                Some(z.map_or(Value::Null, text)),
            ]
        })
}

proptest! {
    // Each case goes through all templates in all dialects: 2,800 × 36 is more than 100,000.
    #![proptest_config(Config { cases: 2_800, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_value_becomes_text(values in values()) {
        let longest = match &values[3] { Some(Value::List(items)) => items.len(), _ => 0 };
        for (template, shapes) in COMPILED.iter() {
            let Ok((shape, binds)) = template.decide(&values) else { continue };
            let statement = template.statement(&shape).expect("a text for every shape");
            prop_assert!(!statement.text().contains(MARK));
            prop_assert_eq!(statement.types().len(), binds.len());
            let marks = statement.text().matches(['?', '$']).count();
            prop_assert_eq!(marks, binds.len());
            match shapes.get(&shape) {
                Some(text) => prop_assert_eq!(text.as_str(), statement.text()),
                // Only a list of more than three elements leads to a text that was not known at load.
                None => prop_assert!(longest > 3, "{:?}", statement.text()),
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 1_500, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn compile_never_panics(pieces in prop::collection::vec(piece(), 0..24)) {
        let params: Vec<Param> = PARAMS.iter().map(|written| param(written)).collect();
        let template = pieces.concat();
        let text = text_node(&template);
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Soql] {
            let mut out = Vec::new();
            let compiled = Template::compile(&text, dialect, &params, &mut out);
            prop_assert_eq!(compiled.is_some(), out.is_empty());
        }
    }
}

/// A template as a quoted scalar, so that it may hold anything.
fn text_node(template: &str) -> Text {
    let (document, _) = parse(&format!("sql: {}", serde_json::Value::from(template)));
    match document.expect("YAML").root.get("sql").expect("sql").kind.clone() {
        Kind::Scalar(text) => text,
        _ => panic!("text"),
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "SELECT ", "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "{#", "#}", "{% raw %}", "{% endraw %}", "{% if s %}",
            "{% if o is defined %}", "{% elif n > 1 %}", "{% else %}", "{% endif %}", "{% for x in l %}", "{% endfor %}",
            "{{ s }}", "{{ o }}", "{{ n | abs }}", "{{ l | spread }}", "{{ c }}", "{{ x }}", " IN (", ")", "s", "n", "o", "l",
            "c", "d", "z", "x", "loop.first", " | ", "upper", "default(1)", "replace('a', s)", "round(2)", " ~ ", " is ",
            "defined", "none", " not ", " and ", " or ", " == ", " < ", " in ", "[1, 'a']", "('a',)", "-", "1", "1.5", "1e999",
            "0x1F", "1_000", "'a'", "\"b\"", "'", "\\", "{", "}", "%", "é", "\0", "\n", "set x = 1", "if", "for", "in", ".", "(",
            ",", " if ", " else ",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}
