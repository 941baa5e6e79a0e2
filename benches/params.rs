//! What a call pays for its variables: the body's text to variables, variables to values.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use datadip::{
    action::{Params, Variables},
    spec::ParamSpec,
    yaml::{
        self,
        read::{Entries, FromNode},
    },
};

fn params(source: &str) -> Params {
    let (document, mut out) = yaml::parse(source);
    let spec = Entries::<ParamSpec>::from_node(&document.expect("YAML").root, &mut out).expect("a map");
    let params = Params::compile(&spec, &jiff::tz::TimeZone::UTC, &mut out);
    assert!(out.is_empty(), "{out:?}");
    params
}

fn benches(criterion: &mut Criterion) {
    let two = params("customer_id: integer\nsearch_term: { type: string, required: false, max_length: 64 }\n");
    let rich = params(
        "a: decimal\nb: { type: timestamp, zone: Europe/Berlin }\nc: uuid\nd: boolean\ne: date\nf: 'integer[]'\n\
         g: float\nh: { type: string, pattern: '[A-Z]+' }\ni: time\nj: json\n",
    );
    let cases = [
        ("two", two, r#"{"customer_id":"42","search_term":"smith"}"#),
        (
            "ten",
            rich,
            r#"{"a":"19.99","b":"2026-11-20 09:00:00","c":"67e55044-10b1-426f-9247-bb680e5fe0c8","d":"yes","e":"2026-11-20",
                "f":"1,2,3","g":"1.5","h":"ABC","i":"14:05","j":{"a":[1,2,3]}}"#,
        ),
    ];
    for (name, params, body) in &cases {
        criterion.bench_function(&format!("from_body/{name}"), |bencher| {
            bencher.iter(|| Variables::from_body(black_box(body)).expect("a body"));
        });
        let (variables, _) = Variables::from_body(body).expect("a body");
        criterion.bench_function(&format!("decode/{name}"), |bencher| {
            bencher.iter(|| params.decode(black_box(&variables), false).expect("fits"));
        });
    }
    let wrapped = r#"{"variables":{"customer_id":"42","search_term":"smith"}}"#;
    criterion.bench_function("from_body/wrapped", |bencher| {
        bencher.iter(|| Variables::from_body(black_box(wrapped)).expect("a body"));
    });
    let large = format!("{{\"ids\":[{}]}}", vec!["\"12345678\""; 5_000].join(","));
    criterion.bench_function("from_body/55 KB", |bencher| {
        bencher.iter(|| Variables::from_body(black_box(&large)).expect("a body"));
    });
}

criterion_group!(group, benches);
criterion_main!(group);
