//! The text form of the types that have one: what JSON shows in quotes, and what ranges are made of.

use sqlx::{
    TypeInfo,
    postgres::{PgTypeInfo, PgTypeKind},
};

use super::{
    Locale, Unreadable, geometry, network,
    number::{dollars, float4, float8, numeric},
    reader::{Reader, text_of},
    search,
    time::{Style, date, interval, time, timestamp, timetz},
};
use crate::backend::postgres::oid;

/// How the values of a type become text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend::postgres) enum Form {
    /// `t` and `f`.
    Bool,
    Int2,
    Int4,
    Int8,
    /// 32 bits without sign.
    Unsigned,
    /// 64 bits without sign.
    Unsigned8,
    Float4,
    Float8,
    Numeric,
    /// `money` where it is written in dollars.
    Dollars,
    /// The bytes are the text.
    Text,
    /// The bytes are a version and the text.
    Versioned,
    /// `"char"`: one byte, or none where it is zero.
    Char,
    Bytea,
    Uuid,
    Date,
    Time,
    Timetz,
    Timestamp(Style),
    Timestamptz(Style),
    Interval,
    Network,
    Hardware,
    Bits,
    Point,
    Line,
    Segment,
    Box,
    Path,
    Polygon,
    Circle,
    Vector,
    Query,
    Lsn,
    Tid,
    Range(Box<Self>),
    /// Nothing at all.
    Void,
}

impl Form {
    /// The form of a type; `None` where it has none that is known here.
    pub(super) fn of(info: &PgTypeInfo, locale: Locale) -> Option<Self> {
        let id = info.oid().map_or(0, |oid| oid.0);
        Some(match (info.kind(), id) {
            (PgTypeKind::Domain(base), _) => return Self::of(base, locale),
            (PgTypeKind::Enum(_), _) => Self::Text,
            (PgTypeKind::Range(element), _) => Self::Range(Box::new(Self::inside(element)?)),
            (_, oid::BOOL) => Self::Bool,
            (_, oid::INT2) => Self::Int2,
            (_, oid::INT4) => Self::Int4,
            (_, oid::INT8) => Self::Int8,
            (_, oid::OID | oid::XID | oid::CID) => Self::Unsigned,
            (_, oid::XID8) => Self::Unsigned8,
            (_, oid::FLOAT4) => Self::Float4,
            (_, oid::FLOAT8) => Self::Float8,
            (_, oid::NUMERIC) => Self::Numeric,
            (_, oid::MONEY) if locale == Locale::Dollars => Self::Dollars,
            (
                _,
                oid::TEXT
                | oid::VARCHAR
                | oid::BPCHAR
                | oid::NAME
                | oid::XML
                | oid::UNKNOWN
                | oid::CSTRING
                | oid::REFCURSOR,
            ) => Self::Text,
            (_, oid::JSONPATH) => Self::Versioned,
            (_, oid::CHAR) => Self::Char,
            (_, oid::BYTEA) => Self::Bytea,
            (_, oid::UUID) => Self::Uuid,
            (_, oid::DATE) => Self::Date,
            (_, oid::TIME) => Self::Time,
            (_, oid::TIMETZ) => Self::Timetz,
            (_, oid::TIMESTAMP) => Self::Timestamp(Style::Json),
            (_, oid::TIMESTAMPTZ) => Self::Timestamptz(Style::Json),
            (_, oid::INTERVAL) => Self::Interval,
            (_, oid::INET | oid::CIDR) => Self::Network,
            (_, oid::MACADDR | oid::MACADDR8) => Self::Hardware,
            (_, oid::BIT | oid::VARBIT) => Self::Bits,
            (_, oid::POINT) => Self::Point,
            (_, oid::LINE) => Self::Line,
            (_, oid::LSEG) => Self::Segment,
            (_, oid::BOX) => Self::Box,
            (_, oid::PATH) => Self::Path,
            (_, oid::POLYGON) => Self::Polygon,
            (_, oid::CIRCLE) => Self::Circle,
            (_, oid::TSVECTOR) => Self::Vector,
            (_, oid::TSQUERY) => Self::Query,
            (_, oid::PG_LSN) => Self::Lsn,
            (_, oid::TID) => Self::Tid,
            (_, oid::VOID) => Self::Void,
            (PgTypeKind::Simple, _) => match oid::extension(info.name()) {
                Some("citext") => Self::Text,
                Some("ltree" | "lquery" | "ltxtquery") => Self::Versioned,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The form of a type inside of a range.
    fn inside(info: &PgTypeInfo) -> Option<Self> {
        Some(match Self::of(info, Locale::Unknown)? {
            Self::Timestamp(_) => Self::Timestamp(Style::Text),
            Self::Timestamptz(_) => Self::Timestamptz(Style::Text),
            form => form,
        })
    }

    /// Writes a value.
    pub(super) fn write(&self, bytes: &[u8], out: &mut String) -> Result<(), Unreadable> {
        let mut value = Reader::new(bytes);
        match self {
            Self::Bool => out.push(if value.u8()? != 0 { 't' } else { 'f' }),
            Self::Int2 => show(value.i16()?, out),
            Self::Int4 => show(value.i32()?, out),
            Self::Int8 => show(value.i64()?, out),
            Self::Unsigned => show(value.u32()?, out),
            Self::Unsigned8 => show(value.u64()?, out),
            Self::Float4 => float4(value.f32()?, out),
            Self::Float8 => float8(value.f64()?, out),
            Self::Dollars => dollars(value.i64()?, out),
            Self::Date => date(value.i32()?, out),
            Self::Time => time(value.i64()?, out),
            Self::Timestamp(style) => timestamp(value.i64()?, *style, false, out),
            Self::Timestamptz(style) => timestamp(value.i64()?, *style, true, out),
            Self::Point => geometry::point(&mut value, out)?,
            Self::Line => geometry::line(&mut value, out)?,
            Self::Segment => geometry::segment(&mut value, out)?,
            Self::Box => geometry::corners(&mut value, out)?,
            Self::Path => geometry::path(&mut value, out)?,
            Self::Polygon => geometry::polygon(&mut value, out)?,
            Self::Circle => geometry::circle(&mut value, out)?,
            Self::Lsn => {
                let place = value.u64()?;
                out.push_str(&format!("{:X}/{:X}", place >> 32, place & 0xffff_ffff));
            }
            Self::Tid => out.push_str(&format!("({},{})", value.u32()?, value.u16()?)),
            Self::Void => {}
            Self::Uuid => {
                let uuid = uuid::Uuid::from_slice(bytes).map_err(|_| Unreadable::Malformed)?;
                out.push_str(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
                return Ok(());
            }
            Self::Text => {
                out.push_str(text_of(bytes)?);
                return Ok(());
            }
            Self::Versioned => {
                value.u8()?;
                out.push_str(text_of(value.rest())?);
                return Ok(());
            }
            Self::Char => {
                let byte = value.u8()?;
                if byte != 0 {
                    // Not in every version, but wherever the byte is not a character of its own.
                    if byte.is_ascii() { out.push(char::from(byte)) } else { out.push_str(&format!("\\{byte:03o}")) }
                }
            }
            Self::Bytea => {
                out.push_str("\\x");
                out.push_str(&hex::encode(bytes));
                return Ok(());
            }
            Self::Hardware => {
                network::hardware(bytes, out);
                return Ok(());
            }
            Self::Bits => {
                let count = usize::try_from(value.i32()?).map_err(|_| Unreadable::Malformed)?;
                let bits = value.take(count.div_ceil(8))?;
                out.extend((0..count).map(|at| if bits[at / 8] >> (7 - at % 8) & 1 == 1 { '1' } else { '0' }));
            }
            Self::Numeric => return numeric(value, out),
            Self::Timetz => return timetz(value, out),
            Self::Interval => return interval(value, out),
            Self::Network => return network::network(value, out),
            Self::Vector => return search::vector(value, out),
            Self::Query => return search::query(value, out),
            Self::Range(form) => return range(form, value, out),
        }
        value.end()
    }
}

fn show(number: impl ToString, out: &mut String) {
    out.push_str(&number.to_string());
}

fn range(form: &Form, mut value: Reader<'_>, out: &mut String) -> Result<(), Unreadable> {
    const EMPTY: u8 = 0x01;
    const LOWER_INCLUSIVE: u8 = 0x02;
    const UPPER_INCLUSIVE: u8 = 0x04;
    const LOWER_INFINITE: u8 = 0x08;
    const UPPER_INFINITE: u8 = 0x10;
    let flags = value.u8()?;
    if flags & EMPTY != 0 {
        out.push_str("empty");
        return value.end();
    }
    out.push(if flags & LOWER_INCLUSIVE != 0 { '[' } else { '(' });
    if flags & LOWER_INFINITE == 0 {
        bound(form, value.value()?.ok_or(Unreadable::Malformed)?, out)?;
    }
    out.push(',');
    if flags & UPPER_INFINITE == 0 {
        bound(form, value.value()?.ok_or(Unreadable::Malformed)?, out)?;
    }
    out.push(if flags & UPPER_INCLUSIVE != 0 { ']' } else { ')' });
    value.end()
}

/// A bound, in quotes where it would be taken for something else.
fn bound(form: &Form, bytes: &[u8], out: &mut String) -> Result<(), Unreadable> {
    let start = out.len();
    form.write(bytes, out)?;
    let text = &out[start..];
    let special = |char: char| matches!(char, '"' | '\\' | '(' | ')' | '[' | ']' | ',' | ' ' | '\t'..='\r');
    if text.is_empty() || text.contains(special) {
        let quoted = text.replace('\\', "\\\\").replace('"', "\"\"");
        out.truncate(start);
        out.push('"');
        out.push_str(&quoted);
        out.push('"');
    }
    Ok(())
}
