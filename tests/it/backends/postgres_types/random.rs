//! Random values, many at once, as arrays: a wrong digit would show.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::Types;

/// Values of a strategy, the same in each run.
fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("it makes values").current()).collect()
}

async fn check(ty: &str, values: impl IntoIterator<Item = String>) {
    let Some(types) = Types::new() else { return };
    let values: Vec<String> = values.into_iter().map(|value| format!("\"{value}\"")).collect();
    assert!(values.len() >= 1_000);
    let arrays: Vec<String> = values.chunks(20).map(|some| format!("'{{{}}}'::{ty}[]", some.join(","))).collect();
    types.compare(&arrays).await;
}

#[tokio::test]
async fn floats_have_the_digits_that_postgresql_writes() {
    let bits = samples(3_000, any::<u64>()).into_iter().map(f64::from_bits);
    let powers = (-1074..=1023).map(|power| 2_f64.powi(power));
    let tens = (-307..=307).flat_map(|power| (1..10).map(move |digit| format!("{digit}e{power}")));
    // Multiples of powers of five and two, where digits lie right between two numbers.
    let between = samples(2_000, (0..23_i32, 1..1_u64 << 53)).into_iter().map(|(power, digits)| {
        let value = digits as f64 * 10_f64.powi(power);
        f64::from_bits(value.to_bits() & !1)
    });
    let numbers = bits.chain(powers).chain(between).filter(|value| value.is_finite());
    check("float8", numbers.map(|value| format!("{value:e}")).chain(tens)).await;
}

#[tokio::test]
async fn short_floats_have_the_digits_that_postgresql_writes() {
    let bits = samples(3_000, any::<u32>()).into_iter().map(f32::from_bits);
    let powers = (-149..=127).map(|power| 2_f32.powi(power));
    let between = samples(3_000, (0..10_i32, 1..1_u32 << 24)).into_iter().map(|(power, digits)| {
        let value = digits as f32 * 10_f32.powi(power);
        f32::from_bits(value.to_bits() & !1)
    });
    let numbers = bits.chain(powers).chain(between).filter(|value| value.is_finite());
    check("float4", numbers.map(|value| format!("{value:e}"))).await;
}

#[tokio::test]
async fn decimals_keep_their_digits() {
    let numbers = samples(2_000, "-?[0-9]{1,40}(\\.[0-9]{1,40})?");
    let zeros = samples(500, "-?0\\.0{0,12}[0-9]{1,6}0{0,6}");
    let large = samples(500, "[1-9]0{0,30}[1-9]?0{0,30}(\\.0{1,9})?");
    check("numeric", numbers.into_iter().chain(zeros).chain(large)).await;
}

#[tokio::test]
async fn times_are_those_of_the_calendar() {
    let parts = (1..294_276_u32, 1..13_u32, 1..29_u32, 0..86_400_000_000_u64, any::<bool>());
    let text = |(year, month, day, micros, old): (u32, u32, u32, u64, bool)| {
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let time = format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let (year, era) = if old { (year % 4_712 + 1, " BC") } else { (year, "") };
        (format!("{year:04}-{month:02}-{day:02} {time}{era}"), format!("{year:04}-{month:02}-{day:02}{era}"), time)
    };
    let all: Vec<_> = samples(2_000, parts).into_iter().map(text).collect();
    check("timestamp", all.iter().map(|(stamp, ..)| stamp.clone())).await;
    check("timestamptz", all.iter().map(|(stamp, ..)| stamp.clone())).await;
    check("date", all.iter().map(|(_, date, _)| date.clone())).await;
    check("time", all.iter().map(|(.., time)| time.clone())).await;
}

#[tokio::test]
async fn zones_of_times_are_kept() {
    let zoned = samples(1_000, (0..24_u32, 0..60_u32, -15..16_i32, 0..60_u32, prop_oneof![Just(0_u32), 0..60_u32]));
    check(
        "timetz",
        zoned.into_iter().map(|(hour, minute, zone, minutes, seconds)| {
            format!("{hour:02}:{minute:02}:00{zone:+03}:{minutes:02}:{seconds:02}")
        }),
    )
    .await;
}

#[tokio::test]
async fn intervals_are_in_the_style_of_postgresql() {
    let part = |most: i64| prop_oneof![Just(0), -most..=most, -3..=3_i64];
    let parts = (part(i64::from(i32::MAX)), part(i64::from(i32::MAX)), part(1 << 62));
    let text = |(months, days, micros)| format!("{months} months {days} days {micros} microseconds");
    check("interval", samples(2_000, parts).into_iter().map(text)).await;
}

#[tokio::test]
async fn arrays_have_all_their_dimensions() {
    let Some(types) = Types::new() else { return };
    let shapes = samples(300, (proptest::collection::vec(1..4_usize, 1..5), any::<u64>()));
    fn literal(lengths: &[usize], seed: &mut u64) -> String {
        let Some((length, inner)) = lengths.split_first() else {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            return if *seed >> 61 == 0 { "NULL".into() } else { format!("\"a{}, \\\\x\"", *seed >> 40) };
        };
        let items: Vec<String> = (0..*length).map(|_| literal(inner, seed)).collect();
        format!("{{{}}}", items.join(","))
    }
    let arrays = shapes.into_iter().map(|(lengths, mut seed)| format!("'{}'::text[]", literal(&lengths, &mut seed)));
    types.compare(&arrays.collect::<Vec<_>>()).await;
}
