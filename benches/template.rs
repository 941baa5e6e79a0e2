//! What a template costs in a call: deciding a static one, deciding a dynamic one, and finding the text.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use datadip::{
    template::{Dialect, Param, Template},
    value::{ParamType, Scalar, Value},
    yaml::{Kind, Text, parse},
};

const STATIC: &str = "SELECT id, name, email FROM customers WHERE id = {{ customer_id }} AND tier = {{ tier }} LIMIT 1";
const DYNAMIC: &str = "
    SELECT id, placed_at, status, total FROM orders WHERE customer_id = {{ customer_id }}
    {% if tier is defined %} AND tier = {{ tier }} {% endif %}
    {% if search is defined and search | length > 2 %} AND name LIKE {{ search | contains }} ESCAPE '\\' {% endif %}
    {% if states %} AND status IN ({{ states | spread }}) {% endif %}
    ORDER BY {{ sort }} LIMIT 20";

fn compile(template: &str) -> Template {
    let one = |name: &str, scalar, optional| Param {
        name: name.into(),
        ty: Some(ParamType::one(scalar)),
        optional,
        nullable: false,
        choices: Vec::new(),
        zone: jiff::tz::TimeZone::UTC,
    };
    let mut states = one("states", Scalar::String, true);
    states.ty = Some(ParamType { scalar: Scalar::String, list: true });
    let mut sort = one("sort", Scalar::Choice, false);
    sort.choices = vec![("new".into(), text("placed_at DESC")), ("large".into(), text("total DESC"))];
    let optional = template == DYNAMIC;
    let params = [
        one("customer_id", Scalar::Integer, false),
        one("tier", Scalar::String, optional),
        one("search", Scalar::String, true),
        states,
        sort,
    ];
    let mut out = Vec::new();
    Template::compile(&text(template), Dialect::Sqlite, &params, &mut out).unwrap_or_else(|| panic!("{out:?}"))
}

fn text(text: &str) -> Text {
    let (document, _) = parse(&format!("sql: {}", serde_json::Value::from(text)));
    match document.and_then(|document| document.root.get("sql").map(|node| node.kind.clone())) {
        Some(Kind::Scalar(text)) => text,
        _ => panic!("no text"),
    }
}

fn benches(c: &mut Criterion) {
    let word = |text: &str| Value::Text(text.into());
    let values = [
        Some(Value::Integer(42)),
        Some(word("gold")),
        Some(word("smith")),
        Some(Value::List([word("open"), word("new"), word("held")].into())),
        Some(word("large")),
    ];
    let fixed = compile(STATIC);
    c.bench_function("template/decide/static", |b| b.iter(|| fixed.decide(black_box(&values))));
    let (shape, _) = fixed.decide(&values).expect("bound");
    c.bench_function("template/statement/static", |b| b.iter(|| fixed.statement(black_box(&shape))));
    let dynamic = compile(DYNAMIC);
    c.bench_function("template/decide/dynamic", |b| b.iter(|| dynamic.decide(black_box(&values))));
    let (shape, _) = dynamic.decide(&values).expect("bound");
    c.bench_function("template/statement/dynamic", |b| b.iter(|| dynamic.statement(black_box(&shape))));
    c.bench_function("template/compile/dynamic", |b| b.iter(|| compile(black_box(DYNAMIC))));
}

criterion_group!(template, benches);
criterion_main!(template);
