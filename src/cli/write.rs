//! Files that exist, written anew.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use ulid::Ulid;

/// Puts a text in the place of a file's, as a whole or not at all: whoever reads the file sees the old or the new one. Its
/// permissions stay, and a link stays a link.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = fs::metadata(&path)?.permissions();
    // A hidden name: nothing that reads a deployment looks at it.
    let draft = path.with_file_name(format!(".datadip-{}", Ulid::generate()));
    let written = File::create_new(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
