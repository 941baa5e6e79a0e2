//! One row after the other as JSON text, checked against the schema: what answers and streams have in common.

use serde_json::{Map, Value as Json};

use super::ResultError;
use crate::{action::schemas::Schema, backend::Column};

/// Writes rows of the same columns. Names are escaped once for all rows; with a schema one object is filled again and
/// again, so that a row costs no allocation of its own.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    schema: Option<&'a Schema>,
    /// What stands before each value: `{"first":` and `,"second":`, one after the other.
    names: Vec<u8>,
    columns: Vec<Place>,
    /// The last row as the schema sees it; unused without one.
    row: Json,
}

#[derive(Debug)]
struct Place {
    /// Where the text before the value ends in `names`.
    end: usize,
    /// Whether a number becomes text.
    text: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(schema: Option<&'a Schema>) -> Self {
        Self { schema, names: Vec::new(), columns: Vec::new(), row: Json::Null }
    }

    /// Prepares for rows of these columns.
    pub(super) fn begin(&mut self, columns: &[Column]) -> Result<(), ResultError> {
        self.names.clear();
        self.columns.clear();
        for (at, Column { name, .. }) in columns.iter().enumerate() {
            if columns[..at].iter().any(|other| other.name == *name) {
                return Err(ResultError::Invalid(format!("two columns are called `{name}`")));
            }
            self.names.push(if at == 0 { b'{' } else { b',' });
            append(&mut self.names, name);
            self.names.push(b':');
            let text = self.schema.is_some_and(|schema| schema.says_text(name));
            self.columns.push(Place { end: self.names.len(), text });
        }
        if self.schema.is_some() {
            let row: Map<String, Json> = columns.iter().map(|column| (column.name.clone(), Json::Null)).collect();
            self.row = Json::Object(row);
        }
        Ok(())
    }

    /// Whether the statement gives columns at all.
    pub(super) fn any_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Appends a row as an object. With a schema, [`Self::check`] follows.
    pub(super) fn write(&mut self, values: Vec<Json>, out: &mut Vec<u8>) {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column");
        let mut kept = self.row.as_object_mut().map(Map::values_mut);
        let mut start = 0;
        for (place, mut value) in self.columns.iter().zip(values) {
            if place.text {
                number_to_text(&mut value);
            }
            out.extend_from_slice(&self.names[start..place.end]);
            append(out, &value);
            start = place.end;
            if let Some(slot) = kept.as_mut().and_then(Iterator::next) {
                *slot = value;
            }
        }
        out.extend_from_slice(if start == 0 { b"{}" } else { b"}" });
    }

    /// Checks the row that was just written; `number` counts from 1.
    pub(super) fn check(&self, number: usize) -> Result<(), ResultError> {
        self.schema
            .map_or(Ok(()), |schema| schema.check(&self.row))
            .map_err(|why| ResultError::Invalid(format!("row {number}: {why}")))
    }
}

/// Appends one value that is the whole result, checked.
pub(super) fn write_value(schema: Option<&Schema>, mut value: Json, out: &mut Vec<u8>) -> Result<(), ResultError> {
    if let Some(schema) = schema {
        if schema.value_is_text() {
            number_to_text(&mut value);
        }
        schema.check(&value).map_err(ResultError::Invalid)?;
    }
    append(out, &value);
    Ok(())
}

fn number_to_text(value: &mut Json) {
    if let Json::Number(number) = value {
        *value = Json::String(number.to_string());
    }
}

fn append(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("JSON values and text serialise into memory");
}
