//! What an answer's rows cost: written, checked against a schema, and the schema's own compilation at load.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use datadip::{
    action::{Envelope, ResultShape, Schemas},
    backend::{Column, Sink},
    spec::ResultSpec,
    yaml::{self, read::FromNode},
};
use serde_json::{Value as Json, json};

const SCHEMA: &str = "schema:
  type: object
  required: [id, customer_name, account_status]
  properties:
    id: { type: integer }
    customer_name: { type: string, maxLength: 64 }
    account_status: { type: string, enum: [active, suspended, closed] }
    balance: { type: string }
    opened_on: { type: [string, 'null'], format: date }
";

fn shape(result: &str) -> ResultShape {
    let mut out = Vec::new();
    let document = yaml::parse(result).0.expect("YAML");
    let spec = ResultSpec::from_node(&document.root, &mut out);
    ResultShape::compile(spec.as_ref(), false, &Schemas::default(), 32 * 1024, &mut out).expect("a shape")
}

fn rows() -> Vec<Vec<Json>> {
    (0..10)
        .map(|id| vec![json!(id), json!("Ada Lovelace"), json!("active"), json!(19.75), json!("2026-11-20")])
        .collect()
}

fn encode(shape: &ResultShape, columns: &[Column], rows: Vec<Vec<Json>>) -> usize {
    let mut encoder = shape.encoder(Envelope { request_id: "01JD3Z8V5E7RKQ1YB4M6N9PXTC", kept: false });
    encoder.begin(columns).expect("distinct names");
    for row in rows {
        encoder.row(row).expect("a row that fits");
    }
    encoder.end(0).expect("an answer that fits");
    encoder.finish().expect("an answer").body.len()
}

fn results(c: &mut Criterion) {
    let columns =
        ["id", "customer_name", "account_status", "balance", "opened_on"].map(|name| Column { name: name.into() });
    for (name, result) in [("encode 10 rows", "{}"), ("encode and check 10 rows", SCHEMA)] {
        let shape = shape(result);
        c.bench_function(name, |b| {
            b.iter_batched(rows, |rows| encode(&shape, &columns, black_box(rows)), BatchSize::SmallInput);
        });
    }
    let schema = shape(SCHEMA).schema.expect("a schema");
    let names = columns.iter().map(|column| column.name.clone());
    let row: Json =
        Json::Object(names.zip([json!(1), json!("Ada"), json!("active"), json!("1"), Json::Null]).collect());
    c.bench_function("check 1 row", |b| b.iter(|| schema.check(black_box(&row))));
    c.bench_function("compile a result", |b| b.iter(|| shape(black_box(SCHEMA))));
}

criterion_group!(benches, results);
criterion_main!(benches);
