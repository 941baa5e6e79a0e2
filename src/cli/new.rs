//! `datadip new`: a starter action, or a starter deployment, that lints, tests and serves at once.

mod action;
mod names;
mod starter;

use std::{fs, io::Write, path::Path};

use anyhow::Context;
use clap::Args;

use super::{
    Exit,
    output::{answer, say},
};

/// The arguments of `new`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datadip new --gateway                                      a deployment to start from, in an empty folder
  datadip new crm/customer --backend crm --table customers   an action that finds a row of a table
  datadip new crm/orders --backend crm --table sales.orders
  datadip new crm/greeting --backend crm                     an action without a table

A table is named as a statement names it. Its columns and key are read from the live database; nothing in it is changed.
No file is ever overwritten.")]
pub struct New {
    /// The action's name: the path of its file below `actions/`, without the extension.
    #[arg(required_unless_present = "gateway", requires = "backend")]
    name: Option<String>,
    /// The backend that the action runs on.
    #[arg(long, value_name = "NAME", requires = "name")]
    backend: Option<String>,
    /// Write the action from this table or view, as the live database describes it.
    #[arg(long, requires = "backend")]
    table: Option<String>,
    /// Write a starter datadip.yaml with a SQLite database and one action into this folder.
    #[arg(long, conflicts_with_all = ["name", "backend", "table"])]
    gateway: bool,
}

/// The starter's files by their paths.
const FILES: &[(&str, &str)] = &[
    ("datadip.yaml", include_str!("new/datadip.yaml")),
    ("demo.sql", include_str!("new/demo.sql")),
    ("actions/customer-orders.yaml", include_str!("new/customer-orders.yaml")),
];

impl New {
    /// Writes the starter.
    pub fn run(self, config: &Path) -> anyhow::Result<Exit> {
        match (self.name, self.backend) {
            (Some(name), Some(backend)) => action::write(config, &name, &backend, self.table.as_deref()),
            _ => gateway(),
        }
    }
}

/// Writes a deployment into the current folder; refuses where one of its files exists.
fn gateway() -> anyhow::Result<Exit> {
    let taken: Vec<&str> = FILES.iter().map(|(path, _)| *path).filter(|path| Path::new(path).exists()).collect();
    if !taken.is_empty() {
        let exist = if taken.len() == 1 { "exists" } else { "exist" };
        say(format!("error: {} already {exist} here; nothing was written", taken.join(", ")));
        say("help: start in an empty folder");
        return Ok(Exit::Usage);
    }
    for (path, text) in FILES {
        write_new(Path::new(path), text).with_context(|| format!("cannot write {path}"))?;
        say(format!("wrote {path}"));
    }
    answer("Next:\n  datadip lint\n  datadip test --live\n  datadip serve")?;
    Ok(Exit::Fine)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
