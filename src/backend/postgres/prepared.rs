//! What is known of one statement on this database: the types of its parameters, and how each column is decoded.

use std::sync::Arc;

use serde_json::Value as Json;
use sqlx::{
    Arguments, Column as _, Decode, Either, Executor, Postgres, Row, SqlStr, Statement as _, TypeInfo, ValueRef,
    error::BoxDynError,
    postgres::{PgArguments, PgColumn, PgConnection, PgRow, PgTypeInfo, PgTypeKind, PgValueRef},
};

use super::failure;
use crate::{
    backend::{
        Column, Failure, FailureKind,
        inspect::{Described, Description, JsonKind},
    },
    template::{Bind, Statement},
    value::{ParamType, Scalar, Value},
};

/// What is known of one statement.
#[derive(Debug)]
pub(super) struct Prepared {
    sql: SqlStr,
    description: Description,
    parameters: Box<[PgTypeInfo]>,
    columns: Box<[Column]>,
    types: Box<[PgTypeInfo]>,
}

impl Prepared {
    /// Asks the server.
    pub(super) async fn prepare(
        connection: &mut PgConnection,
        statement: &Statement,
    ) -> Result<Arc<Self>, sqlx::Error> {
        let types = vec![PgTypeInfo::with_name("int8"); statement.types().len()];
        let integers = statement.types().iter().all(|ty| *ty == ParamType::one(Scalar::Integer));
        let prepared = connection.prepare_with(statement.sql(), if integers { &types } else { &[] }).await?;
        let parameters = match prepared.parameters() {
            Some(Either::Left(types)) => types.into(),
            _ => Box::default(),
        };
        let columns = prepared.columns().iter().map(|column| Column { name: column.name().into() }).collect();
        let types = prepared.columns().iter().map(|column| column.type_info().clone()).collect();
        let described = |column: &PgColumn| Described {
            name: column.name().into(),
            type_name: column.type_info().name().to_lowercase(),
            json: kind(column.type_info()),
            nullable: None,
        };
        let columns_described = prepared.columns().iter().map(described).collect();
        let description = Description { columns: columns_described, problems: Vec::new() };
        Ok(Arc::new(Self { sql: statement.sql(), description, parameters, columns, types }))
    }

    /// The text to run.
    pub(super) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// What the database says of it.
    pub(super) fn description(&self) -> &Description {
        &self.description
    }

    /// The columns of its result; none where it gives no rows.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The arguments of a call.
    pub(super) fn arguments(&self, binds: &[Bind]) -> Result<PgArguments, Failure> {
        let mut arguments = PgArguments::default();
        for (bind, parameter) in binds.iter().zip(&self.parameters) {
            add(&mut arguments, &bind.value, parameter.name())
                .map_err(|_| Failure::new(FailureKind::InvalidValue, format!("expected {}", parameter.name())))?;
        }
        Ok(arguments)
    }

    /// Whether a row is one of this statement's as it was prepared: its columns may have changed since.
    pub(super) fn fits(&self, row: &PgRow) -> bool {
        row.len() == self.types.len()
            && row.columns().iter().zip(&self.types).all(|(column, ty)| column.type_info() == ty)
    }

    /// A row's values.
    pub(super) fn row(&self, row: &PgRow) -> Result<Vec<Json>, Failure> {
        let decode = |index: usize| {
            let value = row.try_get_raw(index)?;
            json(value).map_err(|source| sqlx::Error::ColumnDecode { index: index.to_string(), source })
        };
        (0..row.len()).map(decode).collect::<Result<_, _>>().map_err(|error| failure::statement(&error, ""))
    }
}

/// What the values of a type become.
fn kind(info: &PgTypeInfo) -> JsonKind {
    match (info.kind(), info.name()) {
        (PgTypeKind::Domain(base), _) => kind(base),
        (PgTypeKind::Array(_), _) => JsonKind::Array,
        (PgTypeKind::Composite(_), _) => JsonKind::Object,
        (_, "BOOL") => JsonKind::Boolean,
        (_, "INT2" | "INT4" | "INT8") => JsonKind::Integer,
        (_, "FLOAT4" | "FLOAT8" | "NUMERIC") => JsonKind::Number,
        (_, "JSON" | "JSONB") => JsonKind::Any,
        _ => JsonKind::String,
    }
}

fn add(arguments: &mut PgArguments, value: &Value, parameter: &str) -> Result<(), BoxDynError> {
    match (value, parameter) {
        (Value::Integer(value), "INT2") => arguments.add(i16::try_from(*value)?),
        (Value::Integer(value), "INT4") => arguments.add(i32::try_from(*value)?),
        (Value::Integer(value), "INT8") => arguments.add(*value),
        (Value::Null, "INT2") => arguments.add(None::<i16>),
        (Value::Null, "INT4") => arguments.add(None::<i32>),
        (Value::Null, "INT8") => arguments.add(None::<i64>),
        (Value::Null, _) => arguments.add(None::<String>),
        (value, _) => arguments.add(value.text().ok_or("a list")?.into_owned()),
    }
}

fn json(value: PgValueRef<'_>) -> Result<Json, BoxDynError> {
    if value.is_null() {
        return Ok(Json::Null);
    }
    let name = value.type_info().name().to_owned();
    Ok(match &*name {
        "INT2" => <i16 as Decode<Postgres>>::decode(value)?.into(),
        "INT4" => <i32 as Decode<Postgres>>::decode(value)?.into(),
        "INT8" => <i64 as Decode<Postgres>>::decode(value)?.into(),
        "BOOL" => <bool as Decode<Postgres>>::decode(value)?.into(),
        "TEXT" | "VARCHAR" | "NAME" => <&str as Decode<Postgres>>::decode(value)?.into(),
        "VOID" => "".into(),
        _ => return Err(format!("a value of type {name}").into()),
    })
}
