//! What types become: in an answer, and as parameters.

use crate::{
    backend::{inspect::JsonKind, mysql::render::Rendering},
    value::Scalar,
};

/// What the values of a result become.
pub(super) fn rendered(rendering: Option<Rendering>) -> JsonKind {
    match rendering {
        Some(Rendering::Signed | Rendering::Unsigned | Rendering::Bits) => JsonKind::Integer,
        Some(Rendering::Single | Rendering::Double | Rendering::Decimal) => JsonKind::Number,
        Some(Rendering::Json | Rendering::Null) | None => JsonKind::Any,
        Some(_) => JsonKind::String,
    }
}

/// What the values of a table's column become; the type is one of `information_schema.columns.data_type`.
pub(super) fn stored(data_type: &str) -> JsonKind {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => JsonKind::Integer,
        "decimal" | "float" | "double" => JsonKind::Number,
        "json" => JsonKind::Any,
        _ => JsonKind::String,
    }
}

/// The type of a parameter that is compared with a column.
pub(super) fn scalar(data_type: &str, column_type: &str) -> Option<Scalar> {
    Some(match data_type {
        "tinyint" if column_type.starts_with("tinyint(1)") => Scalar::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Scalar::Integer,
        "decimal" => Scalar::Decimal,
        "float" | "double" => Scalar::Float,
        "date" => Scalar::Date,
        "time" => Scalar::Time,
        "datetime" | "timestamp" => Scalar::Timestamp,
        "uuid" => Scalar::Uuid,
        "json" => Scalar::Json,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => Scalar::String,
        _ => return None,
    })
}
