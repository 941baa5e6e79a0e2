//! Files of a deployment: which there are, and their text, within bounds.

use std::{fs, io, path::Path, path::PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::yaml::MAX_BYTES;

/// A folder with more files than this is refused.
const MAX_FILES: usize = 50_000;
/// How deep folders may nest.
const MAX_DEPTH: usize = 32;

/// A file that was found.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder, with `/`.
    pub below: String,
}

/// The files below a folder that end in one of these, sorted by path. Names that begin with `.` are left out, and symbolic
/// links are followed, once. A file that vanished meanwhile is left out; a folder that cannot be read is an error, because
/// nobody can tell what it holds.
pub fn find(folder: &Path, extensions: &[&str]) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    let hidden = |entry: &DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(folder).follow_links(true).max_depth(MAX_DEPTH).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| !hidden(entry)) {
        let (path, is_folder) = match entry {
            Ok(entry) => (entry.path().to_owned(), entry.file_type().is_dir()),
            Err(error) => match error.path() {
                Some(path) if error.depth() > 0 && error.loop_ancestor().is_none() => {
                    let missing = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
                    if !missing {
                        return Err(error.into());
                    }
                    // A link that leads nowhere is a file that cannot be read; anything else has just been removed.
                    if !path.is_symlink() {
                        continue;
                    }
                    (path.to_owned(), false)
                }
                Some(_) if error.loop_ancestor().is_some() => continue,
                _ => {
                    let told = error.to_string();
                    return Err(error.into_io_error().unwrap_or_else(|| io::Error::other(told)));
                }
            },
        };
        let fits = path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension));
        if is_folder || !fits {
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
        let below = path.strip_prefix(folder).unwrap_or(&path).components();
        let below = below.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/");
        files.push(Found { path, below });
    }
    Ok(files)
}

/// The text of a file: a regular one, not over the limit, in UTF-8; without a byte order mark, which editors do not count
/// as a column either. The error says why not.
pub fn read(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("expected a file, got something else".into());
    }
    if metadata.len() > MAX_BYTES as u64 {
        return Err(format!("it has {} bytes; at most {MAX_BYTES} are read", metadata.len()));
    }
    let text = String::from_utf8(fs::read(path).map_err(|error| error.to_string())?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("expected text in UTF-8, got another encoding in line {line}")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        fs::write(&path, "\u{feff}a: \u{feff}1\n").expect("writable");
        assert_eq!(read(&path).as_deref(), Ok("a: \u{feff}1\n"));
    }
}
