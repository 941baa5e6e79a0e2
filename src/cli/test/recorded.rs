//! A backend that answers the rows of a test's `given`, so that everything after the statement runs as it does live.

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value as Json;

use crate::{
    backend::{Backend, Column, Connections, Failure, Flow, Health, Request, Sink, Timings, salesforce},
    spec::GivenSpec,
    template::soql::Outline,
};

/// Recorded rows.
#[derive(Debug)]
pub struct Recorded {
    columns: Vec<Column>,
    rows: Vec<Vec<Json>>,
    changed: u64,
}

impl Recorded {
    /// The rows of a test; for a query of SOQL they may be raw records. Their columns are all members, in the order in which
    /// they first appear; a row without one has null there.
    pub fn new(given: &GivenSpec, outline: Option<&Outline>) -> Self {
        let rows = given.rows.iter().flat_map(|rows| &rows.value).map(|row| row.to_json());
        let row = |row: Json| match outline {
            Some(outline) => salesforce::recorded(row, outline),
            None => row,
        };
        let records: Vec<Json> = rows.map(row).collect();
        let mut columns: Vec<Column> = Vec::new();
        for name in records.iter().filter_map(Json::as_object).flat_map(|record| record.keys()) {
            if !columns.iter().any(|column| column.name == *name) {
                columns.push(Column { name: name.clone() });
            }
        }
        let value = |record: &Json, column: &Column| record.get(&column.name).cloned().unwrap_or_default();
        let rows: Vec<_> =
            records.iter().map(|record| columns.iter().map(|column| value(record, column)).collect()).collect();
        let changed = given.changed.unwrap_or(rows.len() as u64);
        Self { columns, rows, changed }
    }

    async fn answer(&self, sink: &mut dyn Sink) -> Result<Timings, Failure> {
        sink.begin(&self.columns)?;
        for row in &self.rows {
            match sink.row(row.clone())? {
                Flow::More => {}
                Flow::Flush => sink.flush().await?,
                Flow::Enough => break,
            }
        }
        sink.end(self.changed)?;
        Ok(Timings::default())
    }
}

impl Backend for Recorded {
    fn run<'a>(&'a self, _: &'a Request, sink: &'a mut dyn Sink) -> BoxFuture<'a, Result<Timings, Failure>> {
        self.answer(sink).boxed()
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }

    fn health(&self) -> Health {
        Health::Up
    }

    fn allow_tests(&self) -> bool {
        true
    }

    fn connections(&self) -> Connections {
        Connections { open: 0, idle: 0 }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
