//! Standard input, within bounds.

use std::io::{Read, stdin};

use anyhow::Context;

/// What standard input holds, as bytes; at most one byte more than `limit`, which tells that it is over.
pub fn read(limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stdin().lock().take(limit + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}
