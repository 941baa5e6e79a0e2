//! Numbers as PostgreSQL prints them.

use std::{
    fmt::{LowerExp, Write},
    str::FromStr,
};

use super::{Unreadable, reader::Reader};

/// `numeric`: digits of base 10,000, the place of the first, and how many decimal digits are shown after the point.
pub(super) fn numeric(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    let count = usize::from(value.u16()?);
    let weight = i32::from(value.i16()?);
    let sign = value.u16()?;
    let scale = usize::from(value.u16()?);
    match sign {
        0x0000 => {}
        0x4000 => out.push('-'),
        0xC000 => return text(out, "NaN"),
        0xD000 => return text(out, "Infinity"),
        0xF000 => return text(out, "-Infinity"),
        _ => return Err(Unreadable::Malformed),
    }
    let digits = value.take(count * 2)?;
    let digit = |place: i32| {
        let at = usize::try_from(place).ok().filter(|at| *at < count);
        at.map_or(0, |at| u32::from(u16::from_be_bytes([digits[at * 2], digits[at * 2 + 1]])))
    };
    if weight < 0 {
        out.push('0');
    } else {
        out.push_str(itoa(digit(0), &mut [0; 10]));
        (1..=weight).for_each(|place| pad(out, digit(place), 4));
    }
    if scale > 0 {
        out.push('.');
        let end = out.len() + scale;
        let mut place = weight + 1;
        while out.len() < end {
            pad(out, digit(place), 4);
            place += 1;
        }
        out.truncate(end);
    }
    Ok(())
}

/// `float8`: the shortest digits that give the same number again.
pub(super) fn float8(value: f64, out: &mut String) {
    if value.is_finite() { finite(value, 15, 53, out) } else { special(value, out) }
}

/// `float4`.
pub(super) fn float4(value: f32, out: &mut String) {
    if value.is_finite() { finite(value, 6, 24, out) } else { special(value.into(), out) }
}

fn special(value: f64, out: &mut String) {
    out.push_str(if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    });
}

/// Digits with an exponent where it is below -4 or at least `digits`, which the type holds whatever they are. Its mantissa
/// has so many `bits`.
fn finite<T>(value: T, digits: i32, bits: u32, out: &mut String)
where
    T: LowerExp + FromStr + PartialEq + Copy,
    T::Err: PartialEq,
{
    let start = out.len();
    write!(out, "{value:e}").expect("a String takes everything");
    let mut exponent = take_exponent(out, start);
    let first = start + usize::from(out[start..].starts_with('-'));
    if binary_digits(&out[first..], exponent) == Some(bits + 1) {
        // PostgreSQL takes no digits that lie right between two numbers, which would need rounding to be read again.
        for more in out.len() - first..20 {
            out.truncate(start);
            write!(out, "{value:.more$e}").expect("a String takes everything");
            let same = out[start..].parse::<T>().is_ok_and(|read| read == value);
            exponent = take_exponent(out, start);
            if same && binary_digits(&out[first..], exponent) != Some(bits + 1) {
                break;
            }
        }
    } else if out.ends_with(['1', '3', '5', '7', '9']) {
        // A number right between two texts is the even one, if that is read as the same number.
        let reads =
            |out: &str| format!("{}e{}", &out[start..], exponent - digits_after(out, first)).parse() == Ok(value);
        let last = out.pop().expect("there is a digit");
        out.push(char::from(u8::try_from(last).expect("a digit is ASCII") - 1));
        out.push('5');
        let between = binary_digits(&out[first..], exponent).is_some_and(|digits| digits <= bits) && reads(out);
        out.pop();
        if !(between && reads(out)) {
            out.pop();
            out.push(last);
        }
    }
    let length = out.len() - first;
    if exponent < -4 || exponent >= digits {
        if length > 1 {
            out.insert(first + 1, '.');
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "e{sign}{:02}", exponent.unsigned_abs()).expect("a String takes everything");
    } else if exponent < 0 {
        out.insert_str(first, &"0.0000"[..usize::try_from(1 - exponent).expect("at least -4")]);
    } else {
        let whole = usize::try_from(exponent).expect("not negative") + 1;
        if length > whole {
            out.insert(first + whole, '.');
        } else {
            (length..whole).for_each(|_| out.push('0'));
        }
    }
}

/// Leaves only the digits of what was written from `start` on, and a sign.
fn take_exponent(out: &mut String, start: usize) -> i32 {
    let mark = out.rfind('e').expect("an exponent is always written");
    let exponent = out[mark + 1..].parse().expect("an exponent is a number");
    out.truncate(mark);
    if let Some(point) = out[start..].find('.') {
        out.remove(start + point);
    }
    exponent
}

/// How many binary digits a number has from its first one to its last one; `None` where those do not end, or are more than
/// any type has.
fn binary_digits(digits: &str, exponent: i32) -> Option<u32> {
    let number: u128 = digits.parse().ok()?;
    let power = exponent - digits_after(digits, 0);
    // With a higher power of five it would have more digits; by a higher one no 20 digits are divided.
    let five = Some(power.unsigned_abs()).filter(|power| *power <= 28).map(|power| 5_u128.pow(power))?;
    let odd =
        if power >= 0 { number.checked_mul(five)? } else { number.is_multiple_of(five).then(|| number / five)? };
    (odd != 0).then(|| u128::BITS - odd.leading_zeros() - odd.trailing_zeros())
}

/// How many digits there are behind the first one.
fn digits_after(digits: &str, first: usize) -> i32 {
    i32::try_from(digits.len() - first).map_or(0, |length| length - 1)
}

/// `money` where its locale writes `$1,234.56`.
pub(super) fn dollars(cents: i64, out: &mut String) {
    if cents < 0 {
        out.push('-');
    }
    out.push('$');
    let cents = cents.unsigned_abs();
    let whole = (cents / 100).to_string();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push('.');
    pad(out, u32::try_from(cents % 100).expect("below 100"), 2);
}

/// A whole number with at least `width` digits.
pub(super) fn pad(out: &mut String, number: u32, width: usize) {
    let mut buffer = [0; 10];
    let digits = itoa(number, &mut buffer);
    (digits.len()..width).for_each(|_| out.push('0'));
    out.push_str(digits);
}

fn itoa(mut number: u32, buffer: &mut [u8; 10]) -> &str {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(number % 10).expect("one digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[at..]).expect("digits are text")
}

fn text(out: &mut String, text: &str) -> Result<(), Unreadable> {
    out.push_str(text);
    Ok(())
}
