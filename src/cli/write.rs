//! Files that exist, written anew.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Puts a text into a file's place at once, so that nobody reads half of it. A link stays one, and its permissions stay.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().unwrap_or(&path);
    // Names that begin with a dot are no action files.
    let mut file = tempfile::Builder::new().prefix(".datadip-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
