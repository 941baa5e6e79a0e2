//! Geometry as PostgreSQL prints it.

use super::{Unreadable, number::float8, reader::Reader};

/// `point`.
pub(super) fn point(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    out.push('(');
    numbers(value, 2, out)?;
    out.push(')');
    Ok(())
}

/// `line`: its three coefficients.
pub(super) fn line(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    out.push('{');
    numbers(value, 3, out)?;
    out.push('}');
    Ok(())
}

/// `lseg`.
pub(super) fn segment(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    out.push('[');
    points(value, 2, out)?;
    out.push(']');
    Ok(())
}

/// `box`.
pub(super) fn corners(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    points(value, 2, out)
}

/// `path`, in brackets where it is open.
pub(super) fn path(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    let closed = value.u8()? != 0;
    let count = value.count(16)?;
    out.push(if closed { '(' } else { '[' });
    points(value, count, out)?;
    out.push(if closed { ')' } else { ']' });
    Ok(())
}

/// `polygon`.
pub(super) fn polygon(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    let count = value.count(16)?;
    out.push('(');
    points(value, count, out)?;
    out.push(')');
    Ok(())
}

/// `circle`.
pub(super) fn circle(value: &mut Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    out.push('<');
    point(value, out)?;
    out.push(',');
    numbers(value, 1, out)?;
    out.push('>');
    Ok(())
}

fn points(value: &mut Reader<'_>, count: usize, out: &mut String) -> Result<(), Unreadable> {
    for at in 0..count {
        if at > 0 {
            out.push(',');
        }
        point(value, out)?;
    }
    Ok(())
}

fn numbers(value: &mut Reader<'_>, count: usize, out: &mut String) -> Result<(), Unreadable> {
    for at in 0..count {
        if at > 0 {
            out.push(',');
        }
        float8(value.f64()?, out);
    }
    Ok(())
}
