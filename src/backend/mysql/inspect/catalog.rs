//! One look at the catalog: digests of tables, and what tells what statements do unseen.

use std::collections::{BTreeMap, HashMap};

use futures_util::TryStreamExt;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sqlx::{
    Row,
    mysql::{MySqlConnection, MySqlRow},
};

use super::resolved;
use crate::backend::{
    inspect::ALL_TABLES,
    mysql::unseen::{Fact, Reading, Schema},
};

const CATALOG: &str = include_str!("catalog.sql");

/// What the catalog says at one time.
pub(super) struct Catalog {
    /// A digest of each of the tables that were asked for.
    pub(super) digests: HashMap<String, String>,
    /// What statements do unseen; `None` where there is too much of it.
    pub(super) schema: Option<Schema>,
}

/// Reads the catalog, in one query.
pub(super) async fn read(connection: &mut MySqlConnection, tables: &[String]) -> Result<Catalog, sqlx::Error> {
    let names: Vec<(&String, Option<String>, String)> = tables
        .iter()
        .filter(|table| *table != ALL_TABLES)
        .filter_map(|table| resolved(table).map(|(schema, name)| (table, schema, name)))
        .collect();
    let all = names.len() < tables.len() && tables.iter().any(|table| table == ALL_TABLES);
    let wanted = Json::from_iter(names.iter().map(|(.., name)| name.to_lowercase())).to_string();
    let mut rows = sqlx::query(CATALOG).bind(all).bind(&wanted).fetch(connection);
    let mut look = Look::default();
    while let Some(row) = rows.try_next().await? {
        look.add(&row)?;
    }
    Ok(Catalog { digests: look.digests(names, all), schema: look.reading.end() })
}

#[derive(Default)]
struct Look {
    own: String,
    folds: bool,
    /// The text that stands for each table, by schema and name.
    texts: BTreeMap<(String, String), Sha256>,
    reading: Reading,
}

impl Look {
    fn add(&mut self, row: &MySqlRow) -> Result<(), sqlx::Error> {
        let (what, schema, name): (&str, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if matches!(what, "column" | "sets" | "view") {
            self.text(schema, name, row)?;
        }
        let fact = match what {
            "table" if row.try_get::<&str, _>(4)? == "VIEW" => Fact::View,
            "table" => Fact::Table,
            "view" => Fact::Definition(row.try_get(5)?),
            "sets" => Fact::Sets,
            "trigger" => Fact::Fires,
            "told" => Fact::Told,
            "server" => {
                self.own = schema.to_owned();
                self.folds = row.try_get::<i64, _>(3)? != 0;
                self.reading.own(schema);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.reading.add(fact, schema, name);
        Ok(())
    }

    fn text(&mut self, schema: &str, name: &str, row: &MySqlRow) -> Result<(), sqlx::Error> {
        let text = self.texts.entry((schema.to_owned(), name.to_owned())).or_default();
        for part in [schema, name, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?, row.try_get(7)?] {
            text.update((part.len() as u64).to_le_bytes());
            text.update(part);
        }
        Ok(())
    }

    fn digests(&mut self, names: Vec<(&String, Option<String>, String)>, all: bool) -> HashMap<String, String> {
        let same = |a: &str, b: &str| if self.folds { a.to_lowercase() == b.to_lowercase() } else { a == b };
        let mut digests = HashMap::new();
        for (table, schema, name) in names {
            let schema = schema.unwrap_or_else(|| self.own.clone());
            let found =
                self.texts.iter().find(|((in_schema, found), _)| same(in_schema, &schema) && same(found, &name));
            digests.extend(found.map(|(_, text)| (table.clone(), hex::encode(text.clone().finalize()))));
        }
        if all {
            let mut together = Sha256::new();
            std::mem::take(&mut self.texts).into_values().for_each(|text| together.update(text.finalize()));
            digests.insert(ALL_TABLES.to_owned(), hex::encode(together.finalize()));
        }
        digests
    }
}
