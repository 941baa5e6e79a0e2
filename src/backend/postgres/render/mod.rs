//! Results: the binary form of every type of PostgreSQL as JSON, the way its own `to_json` writes it (measured; the type
//! suite compares). Zones are always UTC, binary is always `\x…`, intervals are in the style `postgres`.
//!
//! Which way a column's values go is chosen once, when its statement is prepared. What is not known here is refused then,
//! and never guessed.

mod form;
mod geometry;
mod network;
mod number;
mod reader;
mod search;
#[cfg(test)]
mod tests;
mod time;

use serde_json::{Map, Number, Value as Json};
use sqlx::{
    TypeInfo,
    postgres::{PgTypeInfo, PgTypeKind},
};

use super::oid;
use crate::backend::inspect::JsonKind;
use form::Form;
use reader::{Reader, text_of};

/// The most dimensions that an array of PostgreSQL has.
const MAX_DIMENSIONS: usize = 6;

/// What a database's locale says of `money`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locale {
    /// `$1,234.56`.
    Dollars,
    /// Something that is not known here.
    Unknown,
}

/// Why a value cannot be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Its bytes are not of the type, or nested deeper than is read.
    Malformed,
    /// It is of a type whose fields are no longer those that were asked for.
    Changed,
}

/// How the values of one type become JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renderer {
    Bool,
    Int2,
    Int4,
    Int8,
    /// A number, or a text where it is none.
    Number(Form),
    /// A text.
    Text(Form),
    /// JSON as it is, after some bytes of a version.
    Json(usize),
    Hstore,
    Array(Box<Self>),
    /// Names, types and values of fields.
    Composite(Box<[(String, u32, Self)]>),
}

impl Renderer {
    /// How the values of a type become JSON; `None` where that is not known.
    pub(super) fn of(info: &PgTypeInfo, locale: Locale) -> Option<Self> {
        let id = info.oid().map_or(0, |oid| oid.0);
        Some(match (info.kind(), id) {
            (PgTypeKind::Domain(base), _) => return Self::of(base, locale),
            (PgTypeKind::Array(element), _) => Self::Array(Box::new(Self::of(element, locale)?)),
            (PgTypeKind::Composite(fields), _) => {
                let field = |(name, info): &(String, PgTypeInfo)| {
                    Some((name.clone(), info.oid().map(|oid| oid.0)?, Self::of(info, locale)?))
                };
                Self::Composite(fields.iter().map(field).collect::<Option<_>>()?)
            }
            (_, oid::BOOL) => Self::Bool,
            (_, oid::INT2) => Self::Int2,
            (_, oid::INT4) => Self::Int4,
            (_, oid::INT8) => Self::Int8,
            (_, oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC) => Self::Number(Form::of(info, locale)?),
            (_, oid::JSON) => Self::Json(0),
            (_, oid::JSONB) => Self::Json(1),
            (PgTypeKind::Simple, _) if oid::extension(info.name()) == Some("hstore") => Self::Hstore,
            _ => Self::Text(Form::of(info, locale)?),
        })
    }

    /// What its values become.
    pub(super) fn kind(&self) -> JsonKind {
        match self {
            Self::Bool => JsonKind::Boolean,
            Self::Int2 | Self::Int4 | Self::Int8 => JsonKind::Integer,
            Self::Number(_) => JsonKind::Number,
            Self::Text(_) => JsonKind::String,
            Self::Json(_) => JsonKind::Any,
            Self::Hstore | Self::Composite(_) => JsonKind::Object,
            Self::Array(_) => JsonKind::Array,
        }
    }

    /// A value.
    pub(super) fn json(&self, bytes: &[u8]) -> Result<Json, Unreadable> {
        let mut value = Reader::new(bytes);
        let json = match self {
            Self::Bool => Json::Bool(value.u8()? != 0),
            Self::Int2 => value.i16()?.into(),
            Self::Int4 => value.i32()?.into(),
            Self::Int8 => value.i64()?.into(),
            Self::Number(form) => return number(form, bytes),
            Self::Text(form) => return text(form, bytes),
            Self::Json(version) => {
                value.take(*version)?;
                return serde_json::from_slice(value.rest()).map_err(|_| Unreadable::Malformed);
            }
            Self::Hstore => return hstore(value),
            Self::Array(element) => return array(element, value),
            Self::Composite(fields) => return composite(fields, value),
        };
        value.end()?;
        Ok(json)
    }

    fn nullable(&self, bytes: Option<&[u8]>) -> Result<Json, Unreadable> {
        bytes.map_or(Ok(Json::Null), |bytes| self.json(bytes))
    }
}

/// Whether a value of this type has to do with `money`, whose text depends on the locale.
pub(super) fn has_money(info: &PgTypeInfo) -> bool {
    match info.kind() {
        PgTypeKind::Domain(inner) | PgTypeKind::Array(inner) | PgTypeKind::Range(inner) => has_money(inner),
        PgTypeKind::Composite(fields) => fields.iter().any(|(_, info)| has_money(info)),
        _ => info.oid().is_some_and(|id| id.0 == oid::MONEY),
    }
}

fn number(form: &Form, bytes: &[u8]) -> Result<Json, Unreadable> {
    let mut text = String::with_capacity(24);
    form.write(bytes, &mut text)?;
    Ok(match text.parse::<Number>() {
        Ok(number) => Json::Number(number),
        // Neither NaN nor infinity is a number in JSON.
        Err(_) => Json::String(text),
    })
}

fn text(form: &Form, bytes: &[u8]) -> Result<Json, Unreadable> {
    let mut text = match form {
        Form::Text => return Ok(text_of(bytes)?.into()),
        _ => String::with_capacity(36),
    };
    form.write(bytes, &mut text)?;
    Ok(Json::String(text))
}

fn hstore(mut value: Reader<'_>) -> Result<Json, Unreadable> {
    let count = value.count(8)?;
    let mut pairs = Map::with_capacity(count);
    for _ in 0..count {
        let key = text_of(value.value()?.ok_or(Unreadable::Malformed)?)?;
        let value = value.value()?.map(text_of).transpose()?;
        pairs.insert(key.into(), value.map_or(Json::Null, Json::from));
    }
    value.end()?;
    Ok(Json::Object(pairs))
}

fn array(element: &Renderer, mut value: Reader<'_>) -> Result<Json, Unreadable> {
    let dimensions = value.count(8)?;
    let (_has_nulls, _element) = (value.i32()?, value.u32()?);
    if dimensions > MAX_DIMENSIONS {
        return Err(Unreadable::Malformed);
    }
    let mut lengths = [0; MAX_DIMENSIONS];
    for length in &mut lengths[..dimensions] {
        *length = usize::try_from(value.i32()?).map_err(|_| Unreadable::Malformed)?;
        let _lower_bound = value.i32()?;
    }
    let lengths = &lengths[..dimensions];
    // An empty vector has a dimension, of no length. Elements of further dimensions would be without end.
    if lengths.contains(&0) {
        value.end()?;
        return Ok(Json::Array(Vec::new()));
    }
    let json = elements(element, lengths, &mut value)?;
    value.end()?;
    Ok(json)
}

fn elements(element: &Renderer, lengths: &[usize], value: &mut Reader<'_>) -> Result<Json, Unreadable> {
    let Some((&length, inner)) = lengths.split_first() else { return Ok(Json::Array(Vec::new())) };
    // Each element takes four bytes at least: the length is known to be no lie once they are read.
    let mut items = Vec::with_capacity(length.min(value.rest().len() / 4));
    for _ in 0..length {
        let item = if inner.is_empty() { element.nullable(value.value()?)? } else { elements(element, inner, value)? };
        items.push(item);
    }
    Ok(Json::Array(items))
}

fn composite(fields: &[(String, u32, Renderer)], mut value: Reader<'_>) -> Result<Json, Unreadable> {
    let count = value.count(8)?;
    if count != fields.len() {
        return Err(Unreadable::Changed);
    }
    let mut object = Map::with_capacity(count);
    for (name, id, renderer) in fields {
        if value.u32()? != *id {
            return Err(Unreadable::Changed);
        }
        object.insert(name.clone(), renderer.nullable(value.value()?)?);
    }
    value.end()?;
    Ok(Json::Object(object))
}
