//! Without a database: bytes that no server sends, and numbers both ways.

use proptest::prelude::*;

use super::{Form, Reader, Renderer, number, time::Style};
use crate::backend::postgres::numeric;

fn forms() -> Vec<Form> {
    use Form::*;
    let plain = [
        Bool, Int2, Int4, Int8, Unsigned, Unsigned8, Float4, Float8, Numeric, Dollars, Text, Versioned, Char, Bytea,
        Uuid, Date, Time, Timetz, Interval, Network, Hardware, Bits, Point, Line, Segment, Box, Path, Polygon, Circle,
        Vector, Query, Lsn, Tid, Void,
    ];
    let zoned = [Style::Json, Style::Text].into_iter().flat_map(|style| [Timestamp(style), Timestamptz(style)]);
    let mut forms: Vec<Form> = plain.into_iter().chain(zoned).collect();
    let ranges: Vec<Form> = forms.iter().map(|form| Range(std::boxed::Box::new(form.clone()))).collect();
    forms.extend(ranges);
    forms
}

fn renderers() -> Vec<Renderer> {
    let mut all: Vec<Renderer> = forms().into_iter().map(Renderer::Text).collect();
    all.extend([Renderer::Bool, Renderer::Int2, Renderer::Int4, Renderer::Int8, Renderer::Hstore, Renderer::Json(1)]);
    let arrays: Vec<Renderer> = all.iter().map(|one| Renderer::Array(Box::new(one.clone()))).collect();
    let field = |renderer: &Renderer| ("f".to_owned(), 0, renderer.clone());
    let composites: Vec<Renderer> = all.iter().map(|one| Renderer::Composite([field(one)].into())).collect();
    all.into_iter().chain(arrays).chain(composites).collect()
}

fn shown(text: &str) -> String {
    let mut bytes = Vec::new();
    numeric::write(text, &mut bytes).expect("a number");
    let mut out = String::new();
    number::numeric(Reader::new(&bytes), &mut out).expect("what was written can be read");
    out
}

#[test]
fn numbers_keep_their_digits() {
    for text in ["0", "0.00", "1", "-1", "10000", "9999.9999", "100000000", "0.0001", "0.00001", "-123456.789", "NaN"] {
        assert_eq!(shown(text), text);
    }
    for (text, expected) in [("1e3", "1000"), ("-1.50e-3", "-0.00150"), ("007", "7"), (".5", "0.5"), ("-0", "0")] {
        assert_eq!(shown(text), expected, "{text}");
    }
    for text in ["", "-", "1.2.3", "1e", "e1", "1e99999", "0x1", "1 2", "١"] {
        assert!(numeric::write(text, &mut Vec::new()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_number_keeps_its_digits(text in "-?[1-9][0-9]{0,50}\\.[0-9]{1,50}") {
        prop_assert_eq!(shown(&text), text);
    }

    /// What is shown is read as the same number, whatever PostgreSQL would have chosen.
    #[test]
    fn any_float_is_read_again(value in any::<f64>(), short in any::<f32>()) {
        let (mut long, mut out) = (String::new(), String::new());
        number::float8(value, &mut long);
        number::float4(short, &mut out);
        prop_assert_eq!(long.parse::<f64>(), Ok(value));
        prop_assert_eq!(out.parse::<f32>(), Ok(short));
    }

    #[test]
    fn bytes_of_no_value_are_refused_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for renderer in renderers() {
            let _ = renderer.json(&bytes);
        }
    }

    /// Small numbers, of which lengths and counts are made.
    #[test]
    fn lengths_of_no_value_are_refused_and_never_a_panic(words in proptest::collection::vec(-2..6_i32, 0..24)) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        for renderer in renderers() {
            let _ = renderer.json(&bytes);
        }
    }
}
