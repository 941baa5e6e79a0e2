//! Files of a deployment: which there are, and their text, within bounds.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

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

/// A file as an editor has it, saved or not: what stands on disk at its path does not count.
#[derive(Debug)]
pub struct Unsaved {
    path: PathBuf,
    text: Result<String, String>,
}

impl Unsaved {
    /// The text of a path, which need not be there yet.
    pub fn new(path: &Path, bytes: Vec<u8>) -> Self {
        let text = within_bounds(bytes.len() as u64).and_then(|()| decode(bytes));
        Self { path: real(path), text }
    }

    /// Where it is or would be, without links on the way.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_at(&self, path: &Path) -> bool {
        path.file_name() == self.path.file_name() && real(path) == self.path
    }
}

/// Where a path leads, without links on the way; of a file that is not there, where it would be.
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => real(folder).join(name),
            _ => path,
        }
    })
}

/// Where files are read: on disk, but for one that an editor has not saved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    unsaved: Option<&'a Unsaved>,
}

impl<'a> Files<'a> {
    /// The disk, with one file as an editor has it.
    pub fn with(unsaved: &'a Unsaved) -> Self {
        Self { unsaved: Some(unsaved) }
    }

    /// The files below a folder that end in one of these, sorted by path. Names that begin with `.` are left out, and
    /// symbolic links are followed, once. A file that vanished meanwhile is left out; a folder that cannot be read is an
    /// error, because nobody can tell what it holds.
    pub fn find(self, folder: &Path, extensions: &[&str]) -> io::Result<Vec<Found>> {
        let below = self.unsaved.and_then(|unsaved| Some((unsaved, unsaved.path.strip_prefix(real(folder)).ok()?)));
        let mut files = match find(folder, extensions) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && below.is_some() => Vec::new(),
            files => files?,
        };
        if let Some((unsaved, below)) = below
            && has_extension(below, extensions)
            && !below.iter().any(|part| part.as_encoded_bytes().starts_with(b"."))
            && !files.iter().any(|found| unsaved.is_at(&found.path))
        {
            files.push(Found { path: unsaved.path.clone(), below: with_slashes(below) });
        }
        Ok(files)
    }

    /// The text of a file: a regular one, not over the limit, in UTF-8; without a byte order mark, which editors do not
    /// count as a column either. The error says why not.
    pub fn read(self, path: &Path) -> Result<String, String> {
        match self.unsaved.filter(|unsaved| unsaved.is_at(path)) {
            Some(unsaved) => unsaved.text.clone(),
            None => read(path),
        }
    }
}

fn find(folder: &Path, extensions: &[&str]) -> io::Result<Vec<Found>> {
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
        if is_folder || !has_extension(&path, extensions) {
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
        let below = with_slashes(path.strip_prefix(folder).unwrap_or(&path));
        files.push(Found { path, below });
    }
    Ok(files)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

fn with_slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("expected a file, got something else".into());
    }
    within_bounds(metadata.len())?;
    decode(fs::read(path).map_err(|error| error.to_string())?)
}

fn within_bounds(bytes: u64) -> Result<(), String> {
    let over = bytes > MAX_BYTES as u64;
    if over { Err(format!("it has {bytes} bytes; at most {MAX_BYTES} are read")) } else { Ok(()) }
}

fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(bytes).map_err(|error| {
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
