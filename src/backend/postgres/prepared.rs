//! What is known of one statement on this database: the types of its parameters, and how each column is rendered.
//!
//! A text with other types is another text to the driver, which keeps what it prepared by its text alone: so the types that
//! were found are written behind each text, in a comment.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use serde_json::Value as Json;
use sqlx::{
    Arguments, Column as _, Either, Encode, Executor, Postgres, Row, SqlStr, Statement as _, Type, TypeInfo, ValueRef,
    encode::IsNull,
    error::BoxDynError,
    postgres::{
        PgArgumentBuffer, PgArguments, PgColumn, PgConnection, PgDatabaseError, PgRow, PgStatement, PgTypeInfo,
    },
};

use super::{
    bind::Encoder,
    oid,
    render::{Locale, Renderer, Unreadable, has_money},
};
use crate::{
    backend::{
        Column, Failure, FailureKind,
        inspect::{Described, Description, JsonKind, Problem},
    },
    template::{Bind, Statement},
    value::{ParamType, Scalar, Value},
};

/// The most bytes of one row, so that its JSON is not made as well; sqlx has read the whole row by then. No answer is near it.
const MAX_ROW_BYTES: usize = 64 * 1024 * 1024;
/// How often a statement is prepared with other types before what the database infers is taken.
const MAX_TRIALS: usize = 64;

/// What is known of one statement.
#[derive(Debug)]
pub(super) struct Prepared {
    sql: SqlStr,
    parameters: Box<[Parameter]>,
    columns: Box<[Column]>,
    /// A renderer for each column, and the number of its type; fewer where there are problems.
    results: Box<[(u32, Renderer)]>,
    description: Description,
}

/// One placeholder.
#[derive(Clone, Debug, PartialEq)]
struct Parameter {
    id: u32,
    encoder: Encoder,
}

impl Prepared {
    /// Asks the server, several times where it must be found out which types it takes. A statement that cannot be run as it
    /// is written is known with its problems. Not inside of a transaction, which a refused trial would end. What the
    /// connection has prepared already must not be of another time.
    pub(super) async fn prepare(
        connection: &mut PgConnection,
        statement: &Statement,
    ) -> Result<Arc<Self>, sqlx::Error> {
        let mut trials = Trials { connection, statement, left: MAX_TRIALS };
        let found = match trials.find().await {
            Ok(found) => found,
            Err(error) => {
                let problem = untyped(&error, statement).or_else(|| unreadable(&error)).ok_or(error)?;
                return Ok(Arc::new(Self::broken(statement, problem)));
            }
        };
        let mut problems = found.problems;
        let infos = infos(&found.prepared);
        let locale = if found.prepared.columns().iter().any(|column| has_money(column.type_info())) {
            locale(trials.connection).await?
        } else {
            Locale::Unknown
        };
        let mut description = Description::default();
        let mut results = Vec::with_capacity(found.prepared.columns().len());
        for column in found.prepared.columns() {
            let info = column.type_info();
            let renderer = Renderer::of(info, locale);
            description.columns.push(Described {
                name: column.name().into(),
                type_name: type_name(info),
                json: renderer.as_ref().map_or(JsonKind::Any, Renderer::kind),
                nullable: None,
            });
            match renderer.zip(info.oid()) {
                Some((renderer, id)) => results.push((id.0, renderer)),
                None => problems.push(unrenderable(column.name(), info)),
            }
        }
        let mut parameters = Vec::with_capacity(infos.len());
        for (at, (info, declared)) in infos.iter().zip(statement.types()).enumerate() {
            match Encoder::of(info).zip(info.oid()) {
                Some((encoder, id)) if encoder.takes(*declared) => parameters.push(Parameter { id: id.0, encoder }),
                // What no parameter is has been told already.
                None if problems.iter().any(|problem| problem.placeholder == Some(at)) => {}
                _ => problems.push(misfit(at, info, *declared)),
            }
        }
        let columns = found.prepared.columns().iter().map(|column| Column { name: column.name().into() }).collect();
        let sql = found.prepared.sql().clone();
        description.problems = problems;
        let (parameters, results) = (parameters.into(), results.into());
        Ok(Arc::new(Self { sql, parameters, columns, results, description }))
    }

    fn broken(statement: &Statement, problem: Problem) -> Self {
        let description = Description { columns: Vec::new(), problems: vec![problem] };
        let (parameters, columns, results) = Default::default();
        Self { sql: statement.sql(), parameters, columns, results, description }
    }

    /// The text to run.
    pub(super) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// The columns of its result; none where it gives no rows.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What the database says of it.
    pub(super) fn description(&self) -> &Description {
        &self.description
    }

    /// The arguments of a call. A statement with problems takes none.
    pub(super) fn arguments(&self, binds: &[Bind]) -> Result<PgArguments, Failure> {
        if let Some(problem) = self.description.problems.first() {
            return Err(Failure::new(FailureKind::Other, problem.message.clone()));
        }
        if binds.len() != self.parameters.len() {
            return Err(Failure::new(FailureKind::Other, "the statement has another number of placeholders"));
        }
        let mut arguments = PgArguments::default();
        arguments.reserve(binds.len(), binds.len() * 16);
        for (at, (bind, parameter)) in binds.iter().zip(&self.parameters).enumerate() {
            arguments.add(Argument { bind, parameter }).map_err(|_| {
                let message = format!("the type of placeholder ${} does not hold the value", at + 1);
                Failure::new(FailureKind::InvalidValue, message)
            })?;
        }
        Ok(arguments)
    }

    /// Whether a row is one of this statement's as it was prepared: its columns may have changed since.
    pub(super) fn fits(&self, row: &PgRow) -> bool {
        let same = |(column, (known, (id, _))): (&PgColumn, (&Column, &(u32, Renderer)))| {
            column.name() == known.name && column.type_info().oid().is_some_and(|oid| oid.0 == *id)
        };
        let columns = row.columns();
        columns.len() == self.results.len() && columns.iter().zip(self.columns.iter().zip(&self.results)).all(same)
    }

    /// A row's values. `None` where a type has other fields than when the statement was prepared.
    pub(super) fn row(&self, row: &PgRow) -> Result<Option<Vec<Json>>, Failure> {
        let mut values = Vec::with_capacity(self.results.len());
        let mut bytes_left = MAX_ROW_BYTES;
        for (at, (_, renderer)) in self.results.iter().enumerate() {
            let failure = |what: &str| {
                let name = &self.columns[at].name;
                Failure::new(FailureKind::Other, format!("column `{name}` {what}"))
            };
            let raw = row.try_get_raw(at).map_err(|_| failure("is missing"))?;
            if raw.is_null() {
                values.push(Json::Null);
                continue;
            }
            let bytes = raw.as_bytes().map_err(|_| failure("is missing"))?;
            bytes_left = bytes_left
                .checked_sub(bytes.len())
                .ok_or_else(|| failure(&format!("makes a row of more than {MAX_ROW_BYTES} bytes")))?;
            match renderer.json(bytes) {
                Ok(value) => values.push(value),
                Err(Unreadable::Changed) => return Ok(None),
                Err(Unreadable::Malformed) => return Err(failure("holds a value that cannot be read")),
            }
        }
        Ok(Some(values))
    }
}

/// A value on its way to its placeholder.
struct Argument<'a> {
    bind: &'a Bind,
    parameter: &'a Parameter,
}

impl Type<Postgres> for Argument<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(sqlx::postgres::types::Oid(0))
    }
}

impl Encode<'_, Postgres> for Argument<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.bind.value == Value::Null {
            return Ok(IsNull::Yes);
        }
        let written = self.parameter.encoder.write(&self.bind.value, self.bind.zone.as_ref(), buffer);
        written.map(|()| IsNull::No).map_err(|_| "the type does not hold the value".into())
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(sqlx::postgres::types::Oid(self.parameter.id)))
    }
}

/// Finds out with which types a statement is prepared.
struct Trials<'a> {
    connection: &'a mut PgConnection,
    statement: &'a Statement,
    left: usize,
}

struct Found {
    prepared: PgStatement,
    problems: Vec<Problem>,
}

impl Trials<'_> {
    /// First what the database infers; then the declared types where those do not hold every value; then text where there
    /// is no other way to send a value, so that the author's cast reads it.
    async fn find(&mut self) -> Result<Found, sqlx::Error> {
        let declared: Vec<u32> = self.statement.types().iter().map(|ty| declared_id(*ty)).collect();
        let inferred = self.infer(&declared).await?;
        let inferred_infos = infos(&inferred);
        let mut types: Vec<u32> = inferred_infos.iter().map(|info| info.oid().map_or(0, |oid| oid.0)).collect();
        let holds = |at: usize| {
            let declared = self.statement.types()[at];
            Encoder::of(&inferred_infos[at]).map(|encoder| encoder.holds(declared))
        };
        let wider = runs(types.len(), |at| holds(at) == Some(false) && declared[at] != types[at]);
        let refused = self.settle(&mut types, &declared, wider).await?;
        // A function that takes a number may take a text as well, which is what the database then infers.
        let close: Vec<u32> = self.statement.types().iter().map(|ty| close_id(*ty).unwrap_or(oid::TEXT)).collect();
        let narrower = runs(types.len(), |at| {
            refused.contains(&at) && matches!(types[at], oid::TEXT | oid::TEXT_ARRAY) && close[at] != oid::TEXT
        });
        self.settle(&mut types, &close, narrower).await?;
        let as_text: Vec<u32> =
            self.statement.types().iter().map(|ty| if ty.list { oid::TEXT_ARRAY } else { oid::TEXT }).collect();
        let unknown = runs(types.len(), |at| Encoder::of(&inferred_infos[at]).is_none());
        let refused = self.settle(&mut types, &as_text, unknown).await?;
        let problems = refused.into_iter().map(|at| unwritable(at, &inferred_infos[at])).collect();
        Ok(Found { prepared: self.prepare(&types).await?, problems })
    }

    /// What the database infers, told the declared types only where it cannot do without.
    async fn infer(&mut self, declared: &[u32]) -> Result<PgStatement, sqlx::Error> {
        let mut types = vec![0; declared.len()];
        let first = loop {
            let error = match self.prepare(&types).await {
                Ok(prepared) => return Ok(prepared),
                Err(error) => error,
            };
            match placeholder(&error).filter(|at| types.get(*at) == Some(&0) && self.left > 0) {
                Some(at) => types[at] = declared[at],
                None => break error,
            }
        };
        if !is_about_types(&first) || types == declared {
            return Err(first);
        }
        self.prepare(declared).await.map_err(|_| first)
    }

    /// Takes over other types wherever the database agrees; answers where it does not. What is refused together is tried
    /// in halves.
    async fn settle(
        &mut self,
        types: &mut Vec<u32>,
        others: &[u32],
        runs: Vec<Range<usize>>,
    ) -> Result<Vec<usize>, sqlx::Error> {
        let mut refused = Vec::new();
        let all: Vec<usize> = runs.iter().cloned().flatten().collect();
        let with = |types: &[u32], places: &[usize]| {
            let mut changed = types.to_vec();
            places.iter().for_each(|&at| changed[at] = others[at]);
            changed
        };
        let mut waiting: VecDeque<Vec<usize>> = VecDeque::from([all]);
        let mut runs: Vec<Vec<usize>> = runs.into_iter().map(Iterator::collect).collect();
        while let Some(mut places) = waiting.pop_front() {
            if places.is_empty() {
                continue;
            }
            let changed = with(types, &places);
            if self.left == 0 {
                refused.extend(places);
                continue;
            }
            match self.prepare(&changed).await {
                Ok(_) => *types = changed,
                Err(error) if !is_of_statement(&error) => return Err(error),
                Err(_) if runs.len() > 1 => waiting.extend(std::mem::take(&mut runs)),
                Err(_) if places.len() > 1 => {
                    let second = places.split_off(places.len() / 2);
                    waiting.extend([places, second]);
                }
                Err(_) => refused.extend(places),
            }
        }
        Ok(refused)
    }

    async fn prepare(&mut self, types: &[u32]) -> Result<PgStatement, sqlx::Error> {
        self.left = self.left.saturating_sub(1);
        let infos: Vec<PgTypeInfo> =
            types.iter().map(|id| PgTypeInfo::with_oid(sqlx::postgres::types::Oid(*id))).collect();
        (&mut *self.connection).prepare_with(self.statement.sql_of_types(types), &infos).await
    }
}

fn infos(prepared: &PgStatement) -> Vec<PgTypeInfo> {
    match prepared.parameters() {
        Some(Either::Left(infos)) => infos.to_vec(),
        _ => Vec::new(),
    }
}

/// Neighbours for which something holds.
fn runs(length: usize, holds: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..length).filter(|at| holds(*at)) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The type of a parameter by itself.
fn declared_id(ty: ParamType) -> u32 {
    let (one, list) = match ty.scalar {
        Scalar::String | Scalar::Choice => (oid::TEXT, oid::TEXT_ARRAY),
        Scalar::Integer => (oid::INT8, oid::INT8_ARRAY),
        Scalar::Decimal => (oid::NUMERIC, oid::NUMERIC_ARRAY),
        Scalar::Float => (oid::FLOAT8, oid::FLOAT8_ARRAY),
        Scalar::Boolean => (oid::BOOL, oid::BOOL_ARRAY),
        Scalar::Date => (oid::DATE, oid::DATE_ARRAY),
        Scalar::Time => (oid::TIME, oid::TIME_ARRAY),
        Scalar::Timestamp => (oid::TIMESTAMPTZ, oid::TIMESTAMPTZ_ARRAY),
        Scalar::Uuid => (oid::UUID, oid::UUID_ARRAY),
        Scalar::Json => (oid::JSON, oid::JSON_ARRAY),
    };
    if ty.list { list } else { one }
}

/// The next type that may be meant by a parameter, where there is one.
fn close_id(ty: ParamType) -> Option<u32> {
    let (one, list) = match ty.scalar {
        Scalar::Integer => (oid::INT4, oid::INT4_ARRAY),
        Scalar::Timestamp => (oid::TIMESTAMP, oid::TIMESTAMP_ARRAY),
        Scalar::Json => (oid::JSONB, oid::JSONB_ARRAY),
        _ => return None,
    };
    Some(if ty.list { list } else { one })
}

/// The type as a cast in SQL names it.
fn cast(ty: ParamType) -> String {
    let name = match ty.scalar {
        Scalar::String | Scalar::Choice => "text",
        Scalar::Integer => "bigint",
        Scalar::Decimal => "numeric",
        Scalar::Float => "double precision",
        Scalar::Boolean => "boolean",
        Scalar::Date => "date",
        Scalar::Time => "time",
        Scalar::Timestamp => "timestamptz",
        Scalar::Uuid => "uuid",
        Scalar::Json => "jsonb",
    };
    format!("{name}{}", if ty.list { "[]" } else { "" })
}

/// The name of a type in SQL.
fn type_name(info: &PgTypeInfo) -> String {
    let name = info.name();
    let own = info.oid().is_some_and(|oid| oid.0 < 10_000);
    if own { name.to_lowercase() } else { name.to_owned() }
}

async fn locale(connection: &mut PgConnection) -> Result<Locale, sqlx::Error> {
    let name: String =
        sqlx::query_scalar("SELECT pg_catalog.current_setting('lc_monetary')").fetch_one(connection).await?;
    let dollars = matches!(&*name, "C" | "POSIX" | "C.UTF-8" | "C.utf8" | "en_US" | "en_US.UTF-8" | "en_US.utf8");
    Ok(if dollars { Locale::Dollars } else { Locale::Unknown })
}

fn code_of(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    match error {
        sqlx::Error::Database(error) => error.try_downcast_ref(),
        _ => None,
    }
}

/// Whether it is the statement that the database refuses.
fn is_of_statement(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|error| ["42", "22", "0A"].iter().any(|class| error.code().starts_with(class)))
}

/// Whether it may be refused only for want of its parameters' types: indeterminate or ambiguous ones, or what there is no
/// function, operator or conversion for.
fn is_about_types(error: &sqlx::Error) -> bool {
    const CODES: [&str; 8] = ["42P18", "42P08", "42725", "42883", "42804", "42846", "22P02", "42P38"];
    code_of(error).is_some_and(|error| CODES.contains(&error.code()))
}

/// The placeholder, counted from 0, whose type the database cannot tell.
fn placeholder(error: &sqlx::Error) -> Option<usize> {
    let error = code_of(error).filter(|error| error.code() == "42P18")?;
    let (_, after) = error.message().split_once('$')?;
    let digits = after.len() - after.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    after[..digits].parse::<usize>().ok()?.checked_sub(1)
}

/// What to say where the types of placeholders are not to be found out.
fn untyped(error: &sqlx::Error, statement: &Statement) -> Option<Problem> {
    let code = code_of(error)?.code();
    if statement.types().is_empty() || !matches!(code, "42P18" | "42P08" | "42725") {
        return None;
    }
    let at = placeholder(error);
    let declared = at.and_then(|at| statement.types().get(at)).copied().unwrap_or(statement.types()[0]);
    Some(Problem {
        placeholder: at,
        message: "the database cannot tell which type is meant here".into(),
        help: format!("write a cast behind the placeholder, such as `{{{{ … }}}}::{}`", cast(declared)),
    })
}

/// The driver does not read every kind of type, and does not say which column is of one.
fn unreadable(error: &sqlx::Error) -> Option<Problem> {
    let sqlx::Error::ColumnDecode { index, .. } = error else { return None };
    ["typtype", "typcategory"].iter().any(|name| index.contains(name)).then(|| Problem {
        placeholder: None,
        message: "a column is of a type that cannot be rendered, a multirange or one of the database's own".into(),
        help: "write a cast to text behind it: `SELECT periods::text AS periods`".into(),
    })
}

fn unrenderable(name: &str, info: &PgTypeInfo) -> Problem {
    let id = info.oid().map_or(0, |oid| oid.0);
    let help = match id {
        oid::RECORD | oid::RECORD_ARRAY => format!("write `to_json(…) AS {name}`, or select its fields by themselves"),
        oid::MONEY => format!("write `…::numeric AS {name}`: how money is written depends on the database's locale"),
        _ => format!("write a cast to text: `…::text AS {name}`"),
    };
    let message = format!("column `{name}` is of the type `{}`, which cannot be rendered", type_name(info));
    Problem { placeholder: None, message, help }
}

fn unwritable(at: usize, info: &PgTypeInfo) -> Problem {
    let name = type_name(info);
    Problem {
        placeholder: Some(at),
        message: format!("the database takes `{name}` here, which no parameter is"),
        help: format!("let the database read a text: write `{{{{ … }}}}::text::{name}`"),
    }
}

fn misfit(at: usize, info: &PgTypeInfo, declared: ParamType) -> Problem {
    let name = type_name(info);
    let help = match Encoder::of(info) {
        Some(Encoder::Array(..)) if !declared.list => "declare the parameter as a list, such as `string[]`".to_owned(),
        Some(Encoder::Array(..)) | None => {
            format!("write a cast behind the placeholder: `{{{{ … }}}}::{}`", cast(declared))
        }
        Some(_) if declared.list => "write `= ANY({{ … }})`, or `IN ({{ … | spread }})`".to_owned(),
        Some(_) => format!(
            "declare the parameter with the type that is meant, or write a cast behind the placeholder: `{{{{ … }}}}::{}`",
            cast(declared)
        ),
    };
    let message = format!("the database takes `{name}` here, but the parameter is `{declared}`");
    Problem { placeholder: Some(at), message, help }
}
