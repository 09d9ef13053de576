//! Writes several files, or none of them.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Writes all `files`, or leaves all as they are. A reader sees either the old or the new
/// contents of a file. Symbolic links and permissions stay.
///
/// # Errors
/// When a file cannot be written, or another process just created it.
pub fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let cannot_write = |path: &Path| format!("cannot write {}", path.display());
    let mut prepared = Vec::new();
    for (path, contents) in files {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let ready = read(&path).and_then(|old| Ok((temporary(&path, contents)?, old)));
        let (new, old) = ready.with_context(|| cannot_write(&path))?;
        prepared.push((path, new, old));
    }
    let mut written = Vec::new();
    for (path, new, old) in prepared {
        let renamed = match old {
            Some(_) => new.persist(&path),
            None => new.persist_noclobber(&path),
        };
        if let Err(error) = renamed {
            restore(written);
            return Err(error).with_context(|| cannot_write(&path));
        }
        written.push((path, old));
    }
    Ok(())
}

fn restore(written: Vec<(PathBuf, Option<Vec<u8>>)>) {
    for (path, old) in written {
        let restored = match old {
            Some(contents) => fs::write(&path, contents),
            None => fs::remove_file(&path),
        };
        if let Err(error) = restored {
            eprintln!("cannot restore {}: {error}", path.display());
        }
    }
}

/// Returns the contents, or `None` if there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        contents => contents.map(Some),
    }
}

/// Creates a file with `contents` in the directory of `path`, with the permissions of
/// `path` if that exists.
fn temporary(path: &Path, contents: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".new.")
        // The default is private to the user.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(contents)?;
    if let Ok(existing) = fs::metadata(path) {
        fs::set_permissions(file.path(), existing.permissions())?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("old"), "old").unwrap();
        directory
    }

    fn contents(directory: &tempfile::TempDir) -> Vec<(String, String)> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut contents: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        contents.sort();
        contents
    }

    #[test]
    fn creates_and_replaces_files() {
        let directory = directory();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).unwrap();
        write_all(&[(new, "1".into()), (old.clone(), "2".into())]).unwrap();
        assert_eq!(
            contents(&directory),
            [("new".into(), "1".into()), ("old".into(), "2".to_string())]
        );
        let mode = fs::metadata(old).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn restores_all_files_when_one_cannot_be_written() {
        let directory = directory();
        let at = |name: &str| directory.path().join(name);
        // The second "new" finds the first.
        let files = [("new", "1"), ("old", "2"), ("new", "3")];
        let files = files.map(|(name, contents)| (at(name), contents.into()));
        let error = format!("{:#}", write_all(&files).unwrap_err());
        assert!(error.contains("exists"), "{error}");
        assert_eq!(contents(&directory), [("old".into(), "old".to_string())]);
    }

    #[test]
    fn writes_nothing_before_all_files_are_ready() {
        let directory = directory();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("directory")).unwrap();
        for unwritable in ["directory", "missing/x"] {
            let files = [(at("old"), "2".into()), (at(unwritable), "3".into())];
            let error = format!("{:#}", write_all(&files).unwrap_err());
            assert!(error.contains(unwritable), "{error}");
            assert_eq!(contents(&directory), [("old".into(), "old".to_string())]);
        }
    }

    #[test]
    fn follows_symbolic_links() {
        let directory = directory();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("old", &link).unwrap();
        write_all(&[(link.clone(), "2".into())]).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(directory.path().join("old")).unwrap(), "2");
    }
}
