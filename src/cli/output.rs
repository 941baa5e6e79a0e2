//! The two streams. A reader that went away (`datadip … | head`) is no error and never a panic.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::Context;

/// Prints an answer to standard output, ended by a line feed; of an empty one nothing.
pub fn answer(text: impl AsRef<str>) -> anyhow::Result<()> {
    let text = text.as_ref();
    let mut out = stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| if text.is_empty() || text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") })
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}

/// Says a line on standard error. When nobody can hear it, there is nobody to tell.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(stderr(), "{}", text.as_ref());
}
