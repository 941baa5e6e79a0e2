//! `datadip schema`: the JSON Schemas for editors, from the same declarations that read the files.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value as Json, json};

use super::{Exit, output::answer};
use crate::{
    backend::{options::DatabaseOptions, record::RecordSpec, snowflake::options::SnowflakeOptions},
    settings,
    spec::ActionSpec,
    yaml::read::FromNode,
};

/// The arguments of `schema`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip schema > schemas/action.schema.json
  datadip schema config > schemas/config.schema.json

The first line of an action file then tells the editor:
  # yaml-language-server: $schema=../schemas/action.schema.json")]
pub struct Schema {
    /// Which files it is for.
    #[arg(value_enum, default_value = "action")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// Action files.
    Action,
    /// `datadip.yaml`.
    Config,
}

impl Schema {
    /// Prints the schema.
    pub fn run(self) -> anyhow::Result<Exit> {
        answer(match self.of {
            Of::Action => action_schema(),
            Of::Config => config_schema(),
        })?;
        Ok(Exit::Fine)
    }
}

/// The JSON Schema of action files as text.
pub fn action_schema() -> String {
    document("A data action of datadip", action())
}

/// The JSON Schema of action files. Its keys stand in their canonical order.
pub fn action() -> Json {
    let mut schema = ActionSpec::schema();
    let options = [DatabaseOptions::schema(), SnowflakeOptions::schema(), RecordSpec::schema()];
    schema["properties"]["options"] = json!({ "anyOf": options, "description": "Options of the backend." });
    schema
}

/// The JSON Schema of `datadip.yaml` as text.
pub fn config_schema() -> String {
    document("The configuration of a datadip gateway", settings::schema())
}

fn document(title: &str, schema: Json) -> String {
    let mut members = Map::new();
    members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    members.insert("title".into(), title.into());
    if let Json::Object(schema) = schema {
        members.extend(schema);
    }
    serde_json::to_string_pretty(&members).expect("JSON values can be written") + "\n"
}
