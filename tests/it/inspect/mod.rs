//! What live databases say of statements and tables, through `&dyn Inspect`.

mod mysql;
mod postgres;

use std::sync::Arc;

use datadip::{
    backend::{
        Backend, Deployment, Failure, FailureKind,
        inspect::{ALL_TABLES, Description, Inspect, Plan},
    },
    template::{Dialect, Statement},
    value::{Scalar, Value},
};

use crate::{backends::tools, database::Database};

/// A database with a backend on it.
struct Live {
    database: Database,
    backend: Arc<dyn Backend>,
    dialect: Dialect,
}

impl Live {
    fn new(database: Database, kind: &str) -> Self {
        let driver = datadip::backend::driver(kind).expect("it is registered");
        let block = format!("kind: {kind}\nurl: {}\npool: {{ max: 1, acquire_timeout: 1s }}\n", database.url());
        let (document, mut out) = datadip::yaml::parse(&block);
        let backend =
            (driver.open)(&document.expect("valid YAML").root, &Deployment::at(std::path::Path::new(".")), &mut out);
        Self { database, backend: backend.unwrap_or_else(|| panic!("{out:?}")), dialect: driver.dialect }
    }

    fn ask(&self) -> &dyn Inspect {
        self.backend.inspect().expect("it can be asked")
    }

    /// A statement whose placeholders are of these types; `{{ a }}` is the first one, `{{ b }}` the second.
    fn statement(&self, sql: &str, types: &[Scalar]) -> Arc<Statement> {
        let values: Vec<(&str, Scalar, Value)> =
            ["a", "b", "c"].into_iter().zip(types).map(|(name, ty)| (name, *ty, Value::Null)).collect();
        tools::statement(self.dialect, sql, &values).statement
    }

    async fn describe(&self, sql: &str, types: &[Scalar]) -> Result<Description, Failure> {
        self.ask().describe(&self.statement(sql, types)).await.map(|described| described.expect("databases tell"))
    }

    /// Each column as `name type kind nullable`.
    async fn columns(&self, sql: &str, types: &[Scalar]) -> Vec<String> {
        let description = self.describe(sql, types).await.unwrap_or_else(|failure| panic!("{sql}: {failure:?}"));
        assert!(description.problems.is_empty(), "{sql}: {:?}", description.problems);
        let shown = |nullable| match nullable {
            Some(true) => "null",
            Some(false) => "not null",
            None => "?",
        };
        let columns = description.columns.iter();
        columns
            .map(|column| format!("{}: {} {:?} {}", column.name, column.type_name, column.json, shown(column.nullable)))
            .collect()
    }

    /// The message of a drift.
    async fn drift(&self, sql: &str) -> String {
        let failure = self.describe(sql, &[]).await.expect_err(sql);
        assert_eq!(failure.kind, FailureKind::Drift, "{sql}: {failure:?}");
        failure.message
    }

    async fn plan(&self, sql: &str, types: &[Scalar]) -> Plan {
        let plan = self.ask().plan(&self.statement(sql, types)).await;
        plan.unwrap_or_else(|failure| panic!("{sql}: {failure:?}"))
    }

    async fn digest(&self, table: &str) -> Option<String> {
        let digests = self.ask().digests(&[table.to_owned()]).await.expect("the catalog answers");
        assert!(digests.keys().all(|name| name == table), "{digests:?}");
        digests.get(table).cloned()
    }

    /// Whether a change makes another digest of a table.
    async fn changes(&self, script: &str, table: &str) -> bool {
        let before = (self.digest(table).await, self.digest(ALL_TABLES).await);
        self.database.run(script);
        let after = (self.digest(table).await, self.digest(ALL_TABLES).await);
        assert!(before.0 == after.0 || before.1 != after.1, "what one table tells, all together tell: {script}");
        before.0 != after.0
    }

    /// Each column of a table as `name type kind scalar`, and the key.
    async fn table(&self, name: &str) -> Option<(String, Vec<String>, Vec<String>)> {
        let table = self.ask().table(name, &[]).await.expect("the catalog answers")?;
        let column = |column: &datadip::backend::inspect::TableColumn| {
            let scalar = column.scalar.map_or("-", Scalar::name);
            let null = if column.nullable { "null" } else { "not null" };
            format!("{}: {} {:?} {scalar} {null}", column.name, column.type_name, column.json)
        };
        Some((table.name, table.columns.iter().map(column).collect(), table.key))
    }
}
