//! Dates, times and intervals as PostgreSQL prints them, in JSON and, inside of ranges, in its own ISO style.

use super::{Unreadable, number::pad, reader::Reader};

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
/// The days from 1970-01-01 to 2000-01-01, from where PostgreSQL counts.
const EPOCH: i64 = 10_957;

/// Where a date with a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::postgres) enum Style {
    /// By itself: `2026-11-20T09:00:00`.
    Json,
    /// In a text: `2026-11-20 09:00:00`.
    Text,
}

/// `date`.
pub(super) fn date(days: i32, out: &mut String) {
    match days {
        i32::MAX => out.push_str("infinity"),
        i32::MIN => out.push_str("-infinity"),
        _ => {
            if day(i64::from(days), out) {
                out.push_str(" BC");
            }
        }
    }
}

/// `timestamp`, and `timestamptz` in UTC.
pub(super) fn timestamp(micros: i64, style: Style, zone: bool, out: &mut String) {
    match micros {
        i64::MAX => return out.push_str("infinity"),
        i64::MIN => return out.push_str("-infinity"),
        _ => {}
    }
    let before_christ = day(micros.div_euclid(DAY), out);
    out.push(if style == Style::Json { 'T' } else { ' ' });
    time(micros.rem_euclid(DAY), out);
    match style {
        Style::Json if zone => out.push_str("+00:00"),
        Style::Text if zone => out.push_str("+00"),
        _ => {}
    }
    if before_christ {
        out.push_str(" BC");
    }
}

/// `time`: up to `24:00:00`.
pub(super) fn time(micros: i64, out: &mut String) {
    let number = |number: i64| u32::try_from(number).unwrap_or_default();
    let seconds = micros / SECOND;
    pad(out, number(seconds / 3600), 2);
    out.push(':');
    pad(out, number(seconds / 60 % 60), 2);
    out.push(':');
    pad(out, number(seconds % 60), 2);
    fraction(number(micros % SECOND), out);
}

/// `timetz`.
pub(super) fn timetz(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    time(value.i64()?, out);
    let west = value.i32()?;
    out.push(if west <= 0 { '+' } else { '-' });
    let seconds = west.unsigned_abs();
    pad(out, seconds / 3600, 2);
    if seconds % 3600 != 0 {
        out.push(':');
        pad(out, seconds / 60 % 60, 2);
    }
    if seconds % 60 != 0 {
        out.push(':');
        pad(out, seconds % 60, 2);
    }
    value.end()
}

/// `interval`, in the style `postgres`.
pub(super) fn interval(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    let (micros, days, months) = (value.i64()?, value.i32()?, value.i32()?);
    value.end()?;
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => out.push_str("infinity"),
        (i64::MIN, i32::MIN, i32::MIN) => out.push_str("-infinity"),
        _ => {
            let start = out.len();
            let mut negative = false;
            for (count, unit) in [(months / 12, " year"), (months % 12, " mon"), (days, " day")] {
                if count == 0 {
                    continue;
                }
                if out.len() > start {
                    out.push(' ');
                }
                out.push_str(if count < 0 {
                    "-"
                } else if negative {
                    "+"
                } else {
                    ""
                });
                pad(out, count.unsigned_abs(), 1);
                out.push_str(unit);
                if count != 1 {
                    out.push('s');
                }
                negative = count < 0;
            }
            if micros != 0 || out.len() == start {
                if out.len() > start {
                    out.push(' ');
                }
                out.push_str(if micros < 0 {
                    "-"
                } else if negative {
                    "+"
                } else {
                    ""
                });
                hours(micros.unsigned_abs(), out);
            }
        }
    }
    Ok(())
}

/// A time that may have more than 24 hours.
fn hours(micros: u64, out: &mut String) {
    let number = |number: u64| u32::try_from(number).expect("64 bits of microseconds are fewer hours than 2^32");
    let seconds = micros / 1_000_000;
    pad(out, number(seconds / 3600), 2);
    out.push(':');
    pad(out, number(seconds / 60 % 60), 2);
    out.push(':');
    pad(out, number(seconds % 60), 2);
    fraction(number(micros % 1_000_000), out);
}

fn fraction(micros: u32, out: &mut String) {
    if micros != 0 {
        out.push('.');
        pad(out, micros, 6);
        out.truncate(out.trim_end_matches('0').len());
    }
}

/// The date of a day; whether its year is one before Christ. The algorithm is Howard Hinnant's `civil_from_days`.
fn day(days: i64, out: &mut String) -> bool {
    let days = days + EPOCH + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let before_christ = year <= 0;
    let number = |number: i64| u32::try_from(number).unwrap_or_default();
    pad(out, number(if before_christ { 1 - year } else { year }), 4);
    out.push('-');
    pad(out, number(month), 2);
    out.push('-');
    pad(out, number(day), 2);
    before_christ
}
