//! PostgreSQL's types, both ways: what comes out is compared with `to_json` as PostgreSQL itself writes it, and what goes in
//! with what it makes of it.

mod parameters;
mod random;
mod refused;
mod results;

use std::{path::Path, sync::Arc};

use datadip::{
    backend::{Backend, Deployment, Failure, driver},
    template::{Dialect, Param, Template},
    value::{ParamType, Value},
    yaml::{self, Kind},
};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, raw_sql};

use super::tools::{self, read};
use crate::database::Database;

const SCHEMA: &str = "
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
    CREATE SCHEMA crm;
    CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'Happy');
    CREATE DOMAIN amount AS numeric(12, 2) CHECK (VALUE >= 0);
    CREATE DOMAIN tags AS text[];
    CREATE TYPE crm.pair AS (left_one integer, \"Right One\" text);
    CREATE TYPE nested AS (id bigint, pair crm.pair, moods mood[], price amount, at timestamptz, data jsonb);
    CREATE TYPE texts AS RANGE (subtype = text);
    CREATE TYPE floats AS RANGE (subtype = float8);
    CREATE TYPE networks AS RANGE (subtype = inet);
    CREATE TABLE gone (a integer, b text, c integer);
    ALTER TABLE gone DROP COLUMN b;
";

/// A database with types of all sorts, and a backend on it.
struct Types {
    database: Database,
    backend: Arc<dyn Backend>,
}

impl Types {
    /// `None` without a server.
    fn new() -> Option<Self> {
        let database = Database::postgres(SCHEMA)?;
        let settings = format!("kind: postgres\nurl: \"{}\"\npool: {{ max: 2 }}\n", database.url());
        let (document, mut out) = yaml::parse(&settings);
        let open = driver("postgres").expect("it is registered").open;
        let backend = open(&document.expect("valid YAML").root, &Deployment::at(Path::new(".")), &mut out);
        Some(Self { backend: backend.unwrap_or_else(|| panic!("{out:?}")), database })
    }

    /// The only row of a query, as the backend gives it.
    async fn row(&self, sql: &str) -> Result<Vec<Json>, Failure> {
        self.bound(sql, &[]).await
    }

    /// The only row of a query with parameters.
    async fn bound(&self, sql: &str, values: &[(&str, ParamType, Value)]) -> Result<Vec<Json>, Failure> {
        self.zoned(sql, values, &TimeZone::UTC).await
    }

    /// The only row of a query with parameters of a zone.
    async fn zoned(
        &self,
        sql: &str,
        values: &[(&str, ParamType, Value)],
        zone: &TimeZone,
    ) -> Result<Vec<Json>, Failure> {
        let param = |name: &str, ty| {
            let (choices, zone) = (Vec::new(), zone.clone());
            Param { name: name.into(), ty: Some(ty), optional: false, nullable: true, choices, zone }
        };
        let params: Vec<Param> = values.iter().map(|(name, ty, _)| param(name, *ty)).collect();
        let (document, mut out) = yaml::parse(&Json::from(sql).to_string());
        let Kind::Scalar(text) = document.expect("quoted text is YAML").root.kind else { panic!("text is a scalar") };
        let template = Template::compile(&text, Dialect::Postgres, &params, &mut out);
        let template =
            template.unwrap_or_else(|| panic!("{sql}: {:?}", out.iter().map(|d| &d.message).collect::<Vec<_>>()));
        let values: Vec<Option<Value>> = values.iter().map(|(.., value)| Some(value.clone())).collect();
        let (shape, binds) = template.decide(&values).expect("values can be bound");
        let statement = template.statement(&shape).expect("the shape is known");
        let bound = datadip::backend::Bound::new(statement, binds).expect("SQL takes binds");
        let mut kept = tools::run(&self.backend, read(vec![bound])).await?;
        assert_eq!(kept.rows.len(), 1, "{sql}");
        Ok(kept.rows.remove(0))
    }

    /// What PostgreSQL's own `to_json` makes of expressions.
    async fn to_json(&self, expressions: &[String]) -> Vec<Json> {
        let columns: Vec<String> = expressions.iter().map(|sql| format!("to_json({sql})::text")).collect();
        let sql = format!("SELECT {}", columns.join(", "));
        let mut connection = PgConnection::connect(self.database.url()).await.expect("the server answers");
        let row = connection.fetch_one(raw_sql(AssertSqlSafe(sql.clone()))).await;
        let row = row.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let text = |at| row.try_get::<Option<&str>, _>(at).expect("text");
        let json = |text: Option<&str>| text.map_or(Json::Null, |text| serde_json::from_str(text).expect("JSON"));
        (0..expressions.len()).map(|at| json(text(at))).collect()
    }

    /// Compares what the backend makes of expressions with what `to_json` does.
    async fn compare(&self, expressions: &[String]) {
        let mut wrong = String::new();
        for some in portions(expressions) {
            let columns: Vec<String> = some.iter().enumerate().map(|(at, sql)| format!("{sql} AS c{at}")).collect();
            let sql = format!("{{% raw %}}SELECT {}{{% endraw %}}", columns.join(", "));
            let row = self.row(&sql).await.unwrap_or_else(|failure| panic!("{failure:?}\n{sql}"));
            let expected = self.to_json(some).await;
            for ((sql, got), expected) in some.iter().zip(row).zip(expected) {
                if written(&got) != written(&expected) {
                    let (got, expected) = difference(got, expected);
                    wrong += &format!("{sql:.200}: {got} instead of {expected}\n");
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

/// A value as an answer has it: the order of members and the digits of numbers count.
fn written(value: &Json) -> String {
    value.to_string()
}

/// What differs in two values: of lists of one length, the elements that do.
fn difference(one: Json, other: Json) -> (Json, Json) {
    match (one, other) {
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            let differ = one.into_iter().zip(other).filter(|(one, other)| written(one) != written(other));
            let (one, other): (Vec<Json>, Vec<Json>) = differ.map(|(one, other)| difference(one, other)).unzip();
            (one.into(), other.into())
        }
        both => both,
    }
}

/// As many at a time as a template and a result take.
fn portions(expressions: &[String]) -> Vec<&[String]> {
    let mut portions = Vec::new();
    let mut rest = expressions;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |sql: &&String| {
            bytes += sql.len() + 10;
            bytes < 24 * 1024
        };
        let (some, others) = rest.split_at(rest.iter().take(500).take_while(fits).count());
        portions.push(some);
        rest = others;
    }
    portions
}
