//! Text to a value, type by type (SPEC 4). What is not listed there is refused: nothing is guessed, rounded or cut.
//!
//! Where SPEC 4 leaves a choice: a JSON number is read by its digits, so `42.0` is no integer. A fraction of a second has
//! at most 6 digits that count; further ones must be zeros. Local time that a zone skips in spring is refused; of the two
//! instants of a local time in autumn the first is taken, as RFC 5545 does. Years are 1 to 9999. Second 60 is refused.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, num_bigint::BigInt};
use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};

use crate::{
    action::variables::{Input, json, trim},
    value::{Scalar, Value},
};

/// The most digits of a decimal, leading zeros not counted.
const MAX_DIGITS: usize = 38;
/// The words for booleans, in any case.
const TRUE: [&str; 6] = ["true", "1", "yes", "y", "t", "on"];
const FALSE: [&str; 6] = ["false", "0", "no", "n", "f", "off"];

/// What was expected, for the caller.
pub type Reason = Cow<'static, str>;

/// Reads one value. `zone` is for a timestamp without one. A word of a `choice` is text here.
pub fn scalar(scalar: Scalar, zone: &TimeZone, input: &Input<'_>) -> Result<Value, Reason> {
    let text: &str = match input {
        Input::Text(text) | Input::Number(text) => text,
        Input::Boolean(true) => "true",
        Input::Boolean(false) => "false",
        Input::List(_) | Input::Object(_) if scalar == Scalar::Json => "",
        Input::Null | Input::List(_) | Input::Object(_) => return Err(expected(scalar).into()),
    };
    let trimmed = trim(text);
    let value = match scalar {
        Scalar::String => Some(Value::Text(text.into())),
        Scalar::Choice => Some(Value::Text(trimmed.into())),
        Scalar::Integer => return integer(trimmed),
        Scalar::Decimal => return decimal(trimmed),
        Scalar::Float => return float(trimmed),
        Scalar::Boolean => boolean(trimmed),
        Scalar::Date => date(trimmed.as_bytes()).map(Value::Date),
        Scalar::Time => return time(trimmed.as_bytes(), true).map(Value::Time),
        Scalar::Timestamp => return timestamp(trimmed.as_bytes(), zone).map(Value::Timestamp),
        Scalar::Uuid => uuid::Uuid::try_parse(trimmed).ok().map(Value::Uuid),
        Scalar::Json => return document(input),
    };
    value.ok_or_else(|| expected(scalar).into())
}

/// What a caller should have sent.
pub fn expected(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String | Scalar::Choice => "expected text",
        Scalar::Integer => "expected an integer",
        Scalar::Decimal => "expected a decimal number such as 19.99",
        Scalar::Float => "expected a number",
        Scalar::Boolean => "expected true or false",
        Scalar::Date => "expected a date such as 2026-11-20",
        Scalar::Time => "expected a time such as 14:05 or 14:05:30",
        Scalar::Timestamp => "expected a timestamp such as 2026-11-20T14:05:30Z",
        Scalar::Uuid => "expected a UUID",
        Scalar::Json => "expected JSON",
    }
}

fn integer(text: &str) -> Result<Value, Reason> {
    text.parse().map(Value::Integer).map_err(|_| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            "expected an integer from -9223372036854775808 to 9223372036854775807".into()
        } else {
            expected(Scalar::Integer).into()
        }
    })
}

fn decimal(text: &str) -> Result<Value, Reason> {
    let wrong = || expected(Scalar::Decimal).into();
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = point.map_or((digits, None), |at| (&digits[..at], Some(&digits[at + 1..])));
    if whole.is_empty() || fraction.is_some_and(<[u8]>::is_empty) {
        return Err(wrong());
    }
    let fraction = fraction.unwrap_or_default();
    let zeros = whole.iter().take_while(|&&byte| byte == b'0').count();
    let significant = whole[zeros..].len() + fraction.len();
    let mut number: i128 = 0;
    for &byte in whole[zeros..].iter().chain(fraction) {
        if !byte.is_ascii_digit() {
            return Err(wrong());
        }
        // Exact for up to 38 digits; a longer one is refused below whatever comes of it.
        number = number.wrapping_mul(10).wrapping_add(i128::from(byte - b'0'));
    }
    if significant > MAX_DIGITS {
        return Err("expected a decimal number of at most 38 digits".into());
    }
    let number = BigInt::from(if negative { -number } else { number });
    Ok(Value::Decimal(BigDecimal::new(number, fraction.len() as i64)))
}

fn float(text: &str) -> Result<Value, Reason> {
    if text.is_empty() || json::number_length(text.as_bytes()) != Some(text.len()) {
        return Err(expected(Scalar::Float).into());
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err("expected a number within the range of a 64-bit float".into()),
    }
}

fn boolean(text: &str) -> Option<Value> {
    let is = |words: [&str; 6]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(TRUE) { Some(Value::Boolean(true)) } else { is(FALSE).then_some(Value::Boolean(false)) }
}

/// Text is a document as JSON text, within the bounds of a body; anything else is a document as it is.
fn document(input: &Input<'_>) -> Result<Value, Reason> {
    let compact = match input {
        Input::Text(text) => {
            json::value(text).map_err(|_| "expected JSON, at most 50 deep and without repeated keys")?;
            json::compact(text)
        }
        other => other.to_string(),
    };
    Ok(Value::Json(compact.into()))
}

/// `YYYY-MM-DD`.
fn date(text: &[u8]) -> Option<Date> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let year = if year.len() == 4 { digits(year)? } else { return None };
    if year == 0 {
        return None;
    }
    Date::new(year as i16, digits(&[*m1, *m2])? as i8, digits(&[*d1, *d2])? as i8).ok()
}

/// `HH:MM:SS` with a fraction, and without seconds where that is allowed.
fn time(text: &[u8], short: bool) -> Result<Time, Reason> {
    let wrong = || Cow::Borrowed(expected(Scalar::Time));
    let (h1, h2, m1, m2, rest) = match text {
        [h1, h2, b':', m1, m2, rest @ ..] => (*h1, *h2, *m1, *m2, rest),
        _ => return Err(wrong()),
    };
    let (seconds, fraction): (&[u8], &[u8]) = match rest {
        [] if short => (b"00", b"0"),
        [b':', s1, s2] => (&[*s1, *s2], b"0"),
        [b':', s1, s2, b'.', fraction @ ..] if !fraction.is_empty() => (&[*s1, *s2], fraction),
        _ => return Err(wrong()),
    };
    let parts = (digits(&[h1, h2]), digits(&[m1, m2]), digits(seconds));
    let (Some(hour), Some(minute), Some(second)) = parts else { return Err(wrong()) };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let (counted, surplus) = fraction.split_at(fraction.len().min(6));
    if surplus.iter().any(|&digit| digit != b'0') {
        return Err("expected at most 6 digits of a second's fraction".into());
    }
    let micros = digits(counted).unwrap_or_default() * 10_i32.pow(6 - counted.len() as u32);
    Time::new(hour as i8, minute as i8, second as i8, micros * 1_000).map_err(|_| wrong())
}

/// RFC 3339, also with a blank for the `T` and without zone. The instant in UTC.
fn timestamp(text: &[u8], zone: &TimeZone) -> Result<DateTime, Reason> {
    let wrong = || Cow::Borrowed(expected(Scalar::Timestamp));
    if text.len() < 11 || !matches!(text[10], b'T' | b't' | b' ') {
        return Err(wrong());
    }
    let date = date(&text[..10]).ok_or_else(wrong)?;
    let (clock, offset) = match text[11..].iter().position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')) {
        Some(at) => (&text[11..11 + at], Some(offset_seconds(&text[11 + at..]).ok_or_else(wrong)?)),
        None => (&text[11..], None),
    };
    let time = time(clock, false).map_err(|reason| if reason == expected(Scalar::Time) { wrong() } else { reason })?;
    let local = date.to_datetime(time);
    let offset = match offset {
        Some(offset) => offset,
        None => match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset.seconds(),
            AmbiguousOffset::Gap { .. } => {
                let zone = zone.iana_name().unwrap_or("the zone");
                return Err(format!("expected a time that exists in {zone}, where the clock skips this one").into());
            }
        },
    };
    match local.checked_sub(SignedDuration::from_secs(offset.into())) {
        Ok(utc) if utc.year() >= 1 => Ok(utc),
        _ => Err("expected a timestamp in the years 1 to 9999".into()),
    }
}

/// `Z`, `+HH:MM` or `-HH:MM`, in seconds east of Greenwich.
fn offset_seconds(text: &[u8]) -> Option<i32> {
    match text {
        [b'Z' | b'z'] => Some(0),
        [sign, h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// The number that at most 9 ASCII digits write.
fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}

#[cfg(test)]
mod tests;
