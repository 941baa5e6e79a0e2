//! `numeric` in its binary form.

use super::bind::Unfit;

/// The most digits that are written on either side of the point; PostgreSQL takes a few more.
const MAX_DIGITS: usize = 16_000;

/// Writes a number that is written in digits, with a point or an exponent or without, or as `NaN` or `Infinity`.
pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some(sign) = special(negative, unsigned) {
        out.extend([0, 0, 0, 0]);
        out.extend(sign.to_be_bytes());
        out.extend([0, 0]);
        return Ok(());
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| Unfit)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte.wrapping_sub(b'0')).collect();
    let limit = i32::try_from(MAX_DIGITS).expect("it is small");
    if digits.is_empty()
        || digits.iter().any(|digit| *digit > 9)
        || digits.len() > MAX_DIGITS
        || !(-limit..=limit).contains(&exponent)
    {
        return Err(Unfit);
    }
    // How many digits stand before the point, and after it.
    let length = i32::try_from(digits.len()).map_err(|_| Unfit)?;
    let before = i32::try_from(whole.len()).map_err(|_| Unfit)? + exponent;
    let scale = (length - before).max(0);
    if before > limit || scale > limit {
        return Err(Unfit);
    }
    // Groups of four digits, counted from the point: group 0 stands right before it.
    let group = |place: i32| {
        let first = before - 4 * (place + 1);
        let digit = |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().map_or(0, i16::from);
        (first..first + 4).fold(0, |sum, at| sum * 10 + digit(at))
    };
    let (mut high, mut low) = ((before + 3).div_euclid(4) - 1, -((scale + 3) / 4));
    while high >= low && group(high) == 0 {
        high -= 1;
    }
    while low <= high && group(low) == 0 {
        low += 1;
    }
    let short = |number: i32| i16::try_from(number).map_err(|_| Unfit);
    let count = (high - low + 1).max(0);
    out.extend(short(count)?.to_be_bytes());
    out.extend(short(if count == 0 { 0 } else { high })?.to_be_bytes());
    out.extend((if negative && count > 0 { 0x4000_u16 } else { 0 }).to_be_bytes());
    out.extend(short(scale)?.to_be_bytes());
    (low..=high).rev().for_each(|place| out.extend(group(place).to_be_bytes()));
    Ok(())
}

fn special(negative: bool, text: &str) -> Option<u16> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(0xC000);
    }
    let infinite = text.eq_ignore_ascii_case("infinity") || text.eq_ignore_ascii_case("inf");
    infinite.then_some(if negative { 0xF000 } else { 0xD000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_beyond_all_numbers_are_refused() {
        for text in ["1e-2147483648", "1e2147483647", "1e-2147483647", "1e16001", "1e2147483648", "1e", "e1"] {
            assert_eq!(write(text, &mut Vec::new()), Err(Unfit), "{text}");
        }
        assert_eq!(write("1e-16000", &mut Vec::new()), Ok(()));
    }
}
