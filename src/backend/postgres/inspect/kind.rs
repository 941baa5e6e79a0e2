//! What PostgreSQL's types become: in an answer, and as parameters.

use sqlx::{
    Row,
    postgres::{PgRow, PgTypeInfo, PgTypeKind, types::Oid},
};

use crate::{backend::inspect::JsonKind, value::Scalar};

/// A type that is no domain, as `pg_type` describes it.
#[derive(Clone, Debug)]
pub(super) struct Type {
    /// Its number, constant for PostgreSQL's own types (`pg_type.dat`).
    pub(super) oid: Oid,
    /// `typtype`: `b` for a base type, `c` composite, `e` enum, `r` range, `m` multirange, `p` pseudo.
    pub(super) of: String,
    /// `typcategory`.
    pub(super) category: String,
    /// `typname`.
    pub(super) name: String,
}

impl Type {
    /// Reads one from four columns of a row, from this one on.
    pub(super) fn read(row: &PgRow, at: usize) -> Result<Self, sqlx::Error> {
        Ok(Self {
            oid: row.try_get(at)?,
            of: row.try_get(at + 1)?,
            category: row.try_get(at + 2)?,
            name: row.try_get(at + 3)?,
        })
    }

    /// What its values become in an answer.
    pub(super) fn json(&self) -> JsonKind {
        match (self.oid.0, self.of.as_str(), self.category.as_str()) {
            (16, ..) => JsonKind::Boolean,
            (20 | 21 | 23, ..) => JsonKind::Integer,
            (700 | 701 | 1700, ..) => JsonKind::Number,
            (114 | 3802, ..) => JsonKind::Any,
            (2249, ..) | (_, "c", _) => JsonKind::Object,
            _ if self.of == "b" && self.name == "hstore" => JsonKind::Object,
            (_, _, "A") => JsonKind::Array,
            _ => JsonKind::String,
        }
    }

    /// The type of a parameter that is compared with it.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        Some(match (self.oid.0, self.of.as_str(), self.name.as_str()) {
            (16, ..) => Scalar::Boolean,
            (20 | 21 | 23, ..) => Scalar::Integer,
            (700 | 701, ..) => Scalar::Float,
            (1700, ..) => Scalar::Decimal,
            (1082, ..) => Scalar::Date,
            (1083, ..) => Scalar::Time,
            (1114 | 1184, ..) => Scalar::Timestamp,
            (2950, ..) => Scalar::Uuid,
            (114 | 3802, ..) => Scalar::Json,
            (18 | 19 | 25 | 1042 | 1043, ..) | (_, "e", _) | (_, "b", "citext") => Scalar::String,
            _ => return None,
        })
    }
}

/// PostgreSQL's own types that a parameter may be declared as: number, number of the array, and their names.
const DECLARED: [(u32, u32, &str, &str); 17] = [
    (16, 1000, "bool", "bool[]"),
    (20, 1016, "int8", "int8[]"),
    (21, 1005, "int2", "int2[]"),
    (23, 1007, "int4", "int4[]"),
    (25, 1009, "text", "text[]"),
    (114, 199, "json", "json[]"),
    (700, 1021, "float4", "float4[]"),
    (701, 1022, "float8", "float8[]"),
    (1042, 1014, "bpchar", "bpchar[]"),
    (1043, 1015, "varchar", "varchar[]"),
    (1082, 1182, "date", "date[]"),
    (1083, 1183, "time", "time[]"),
    (1114, 1115, "timestamp", "timestamp[]"),
    (1184, 1185, "timestamptz", "timestamptz[]"),
    (1700, 1231, "numeric", "numeric[]"),
    (2950, 2951, "uuid", "uuid[]"),
    (3802, 3807, "jsonb", "jsonb[]"),
];

/// How a parameter that was found to be of a type is declared so that it is of that type again; where the type is not
/// PostgreSQL's own, it was found from its place and is again. A domain gives way to its base: it may refuse the null that
/// stands for the value.
pub(super) fn parameter(found: &PgTypeInfo) -> &'static str {
    if let PgTypeKind::Domain(base) = found.kind() {
        return parameter(base);
    }
    let Some(Oid(oid)) = found.oid() else { return "unknown" };
    let known = DECLARED.iter().find_map(|&(one, many, name, list)| match oid {
        _ if oid == one => Some(name),
        _ if oid == many => Some(list),
        _ => None,
    });
    known.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_becomes_what_to_json_makes_of_it() {
        let check = |oid, of: &str, category: &str, name: &str, json, scalar| {
            let ty = Type { oid: Oid(oid), of: of.into(), category: category.into(), name: name.into() };
            assert_eq!((ty.json(), ty.scalar()), (json, scalar), "{name}");
        };
        check(23, "b", "N", "int4", JsonKind::Integer, Some(Scalar::Integer));
        check(26, "b", "N", "oid", JsonKind::String, None);
        check(1700, "b", "N", "numeric", JsonKind::Number, Some(Scalar::Decimal));
        check(3802, "b", "U", "jsonb", JsonKind::Any, Some(Scalar::Json));
        check(1007, "b", "A", "_int4", JsonKind::Array, None);
        check(17_000, "e", "E", "mood", JsonKind::String, Some(Scalar::String));
        check(17_001, "c", "C", "address", JsonKind::Object, None);
        check(17_002, "b", "S", "citext", JsonKind::String, Some(Scalar::String));
        check(3904, "r", "R", "int4range", JsonKind::String, None);
        check(1186, "b", "T", "interval", JsonKind::String, None);
    }
}
