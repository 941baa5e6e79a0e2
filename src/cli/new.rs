//! `datadip new`: a starter deployment that lints, tests and serves at once.

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
  mkdir dips && cd dips
  datadip new --gateway
  datadip serve")]
pub struct New {
    /// Write a starter datadip.yaml with a SQLite database and one action.
    #[arg(long, required = true)]
    gateway: bool,
}

/// The starter's files by their paths.
const FILES: &[(&str, &str)] = &[
    ("datadip.yaml", include_str!("new/datadip.yaml")),
    ("demo.sql", include_str!("new/demo.sql")),
    ("actions/customer-orders.yaml", include_str!("new/customer-orders.yaml")),
];

impl New {
    /// Writes the starter into the current folder; refuses where one of its files exists.
    pub fn run(self) -> anyhow::Result<Exit> {
        debug_assert!(self.gateway, "clap requires it");
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
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
