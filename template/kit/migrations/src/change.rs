//! Writes several files, or none of them.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Files written so far. Unless [kept](Self::keep), all are as they were once this
/// is dropped.
#[derive(Debug, Default)]
#[must_use = "what was written is taken back at once"]
pub struct Change {
    /// Each file with what it held before; nothing where there was no file.
    done: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Change {
    /// Writes a new file.
    ///
    /// # Errors
    /// When it cannot be written, or there is a file with this name.
    pub fn create(&mut self, path: &Path, contents: &[u8]) -> Result<()> {
        stage(path, contents)
            .and_then(|staged| Ok(staged.persist_noclobber(path)?))
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.done.push((path.to_owned(), None));
        Ok(())
    }

    /// Writes files over what is there, if anything. Room for all is found before the
    /// first is replaced, and a reader sees either the old file or the new one.
    pub fn replace(&mut self, files: &[(PathBuf, String)]) -> Result<()> {
        let cannot_write = |path: &Path| format!("cannot write {}", path.display());
        let mut staged = Vec::new();
        for (path, contents) in files {
            // A link stays one: the file that it leads to is replaced.
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            let ready = before(&path).and_then(|old| Ok((stage(&path, contents.as_bytes())?, old)));
            let (new, old) = ready.with_context(|| cannot_write(&path))?;
            staged.push((path, new, old));
        }
        for (path, new, old) in staged {
            new.persist(&path).with_context(|| cannot_write(&path))?;
            self.done.push((path, old));
        }
        Ok(())
    }

    /// Lets all stay as it was written.
    pub fn keep(mut self) {
        self.done.clear();
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        for (path, before) in self.done.drain(..).rev() {
            let undone = match before {
                None => fs::remove_file(&path),
                Some(contents) => stage(&path, &contents)
                    .and_then(|staged| Ok(staged.persist(&path)?))
                    .map(drop),
            };
            if let Err(error) = undone {
                eprintln!(
                    "{} could not be put back as it was: {error}",
                    path.display()
                );
            }
        }
    }
}

/// What the file holds.
fn before(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file beside `path`, complete, and with the permissions of what is there now.
fn stage(path: &Path, contents: &[u8]) -> io::Result<NamedTempFile> {
    let mut staged = tempfile::Builder::new()
        .prefix(".new.")
        // A temporary file is private by default; these are for all to read.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    staged.write_all(contents)?;
    if let Ok(there) = fs::metadata(path) {
        fs::set_permissions(staged.path(), there.permissions())?;
    }
    Ok(staged)
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
    fn keeps_what_it_wrote() {
        let directory = directory();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).unwrap();
        let mut change = Change::default();
        change.create(&new, b"1").unwrap();
        change.replace(&[(old.clone(), "2".into())]).unwrap();
        change.keep();
        assert_eq!(
            contents(&directory),
            [("new".into(), "1".into()), ("old".into(), "2".to_string())]
        );
        let mode = fs::metadata(old).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn takes_all_back_when_one_cannot_be_written() {
        let directory = directory();
        let at = |name: &str| directory.path().join(name);
        let before = contents(&directory);
        let write = || {
            let mut change = Change::default();
            change.create(&at("new"), b"1")?;
            change.replace(&[(at("old"), "2".into()), (at("fresh"), "3".into())])?;
            assert_eq!(contents(&directory).len(), 3);
            change.replace(&[(at("missing").join("x"), "4".into())])?;
            change.keep();
            anyhow::Ok(())
        };
        let error = format!("{:#}", write().unwrap_err());
        assert!(error.contains("missing/x"), "{error}");
        assert_eq!(contents(&directory), before);
    }

    #[test]
    fn replaces_nothing_before_all_are_ready() {
        let directory = directory();
        let at = |name: &str| directory.path().join(name);
        // No file can take the place of a directory.
        fs::create_dir(at("directory")).unwrap();
        let mut change = Change::default();
        let files = [(at("old"), "2".into()), (at("directory"), "3".into())];
        let error = change.replace(&files).unwrap_err();
        assert!(format!("{error:#}").contains("directory"), "{error:#}");
        assert!(change.done.is_empty());
        assert_eq!(contents(&directory), [("old".into(), "old".to_string())]);
    }

    #[test]
    fn does_not_overwrite_what_is_to_be_new() {
        let directory = directory();
        let error = Change::default().create(&directory.path().join("old"), b"1");
        assert!(format!("{:#}", error.unwrap_err()).contains("exists"));
        assert_eq!(contents(&directory), [("old".into(), "old".to_string())]);
    }

    #[test]
    fn leaves_a_link_where_it_is() {
        let directory = directory();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("old", &link).unwrap();
        let mut change = Change::default();
        change.replace(&[(link.clone(), "2".into())]).unwrap();
        change.keep();
        assert!(link.is_symlink());
        assert_eq!(
            fs::read_to_string(directory.path().join("old")).unwrap(),
            "2"
        );
    }
}
