//! Texts to search, and what to search for, as PostgreSQL prints them.

use std::fmt::Write;

use super::{Unreadable, reader::Reader};

/// Queries deeper than this are not shown: they are walked by recursion.
const MAX_DEPTH: usize = 500;

/// `tsvector`.
pub(super) fn vector(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    for at in 0..value.count(3)? {
        if at > 0 {
            out.push(' ');
        }
        lexeme(value.terminated()?, out);
        for place in 0..value.u16()? {
            let position = value.u16()?;
            out.push(if place == 0 { ':' } else { ',' });
            write!(out, "{}", position & 0x3fff).expect("a String takes everything");
            out.push_str(["", "C", "B", "A"][usize::from(position >> 14)]);
        }
    }
    value.end()
}

/// `tsquery`.
pub(super) fn query(mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    if value.count(2)? > 0 {
        infix(&mut value, 0, false, 0, out)?;
    }
    value.end()
}

/// Writes an operand, or an operator with its operands, of which the right one comes first.
fn infix(
    value: &mut Reader<'_>,
    parent: u8,
    right_of_phrase: bool,
    depth: usize,
    out: &mut String,
) -> Result<(), Unreadable> {
    if depth > MAX_DEPTH {
        return Err(Unreadable::Malformed);
    }
    match value.u8()? {
        1 => {
            let (weight, prefix) = (value.u8()?, value.u8()? != 0);
            lexeme(value.terminated()?, out);
            if weight != 0 || prefix {
                out.push(':');
            }
            if prefix {
                out.push('*');
            }
            let weights = [(8, 'A'), (4, 'B'), (2, 'C'), (1, 'D')];
            out.extend(weights.iter().filter(|(bit, _)| weight & bit != 0).map(|(_, letter)| letter));
        }
        2 => {
            let operator = value.u8()?;
            // The priorities of not, and, or, phrase.
            let priority = *[4, 2, 1, 3].get(usize::from(operator).wrapping_sub(1)).ok_or(Unreadable::Malformed)?;
            let phrase = operator == 4;
            let distance = if phrase { value.u16()? } else { 0 };
            let brackets = priority < parent || phrase && right_of_phrase;
            if brackets {
                out.push_str("( ");
            }
            if operator == 1 {
                out.push('!');
                infix(value, priority, false, depth + 1, out)?;
            } else {
                let mut right = String::new();
                infix(value, priority, phrase, depth + 1, &mut right)?;
                infix(value, priority, false, depth + 1, out)?;
                match operator {
                    2 => out.push_str(" & "),
                    3 => out.push_str(" | "),
                    _ if distance == 1 => out.push_str(" <-> "),
                    _ => write!(out, " <{distance}> ").expect("a String takes everything"),
                }
                out.push_str(&right);
            }
            if brackets {
                out.push_str(" )");
            }
        }
        _ => return Err(Unreadable::Malformed),
    }
    Ok(())
}

fn lexeme(text: &str, out: &mut String) {
    out.push('\'');
    for char in text.chars() {
        if matches!(char, '\'' | '\\') {
            out.push(char);
        }
        out.push(char);
    }
    out.push('\'');
}
