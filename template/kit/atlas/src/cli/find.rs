use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::commands::quiet;
use crate::Error;
use crate::version::{self, Edition, OLDEST_SUPPORTED, Version};

/// An Atlas that works.
#[derive(Debug)]
pub(super) struct Program {
    pub path: PathBuf,
    pub version: Version,
    pub edition: Edition,
}

/// Finds the program; `path` is the variable `PATH`. See [`Atlas::find`](super::Atlas::find).
pub(super) fn find(
    project_root: &Path,
    named: Option<String>,
    path: Option<OsString>,
) -> Result<Program, Error> {
    // An empty variable is how .env files say "not set".
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return probe(&project_root.join(named));
    }
    let also = match on_path(path).map(|program| probe(&program)) {
        Some(Ok(program)) => return Ok(program),
        Some(Err(error)) => format!(" (passed over: {error})"),
        None => String::new(),
    };
    let installed = project_root.join(".tools/atlas");
    if installed.exists() {
        return probe(&installed);
    }
    Err(Error::NotInstalled { also })
}

fn on_path(path: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&path?).map(|directory| directory.join("atlas")).find(|file| {
        fs::metadata(file)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// Runs `atlas version`.
pub(super) fn probe(program: &Path) -> Result<Program, Error> {
    let unusable = |reason| Error::Unusable { program: program.to_owned(), reason };
    // Absolute, because later runs start in another directory.
    let path = fs::canonicalize(program).map_err(|error| unusable(error.to_string()))?;
    let output = quiet(&path)
        .arg("version")
        .output()
        .map_err(|error| unusable(format!("it does not run: {error}")))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let (version, edition) = version::parse_output(&printed).ok_or_else(|| {
        let line = printed.lines().next().unwrap_or_default();
        unusable(format!("`atlas version` printed {line:?}"))
    })?;
    if version < OLDEST_SUPPORTED {
        let (program, found) = (path, version);
        return Err(Error::TooOld { program, found });
    }
    Ok(Program { path, version, edition })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use rstest::{fixture, rstest};
    use tempfile::TempDir;

    use super::find;
    use crate::Version;

    #[fixture]
    fn root() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    /// An `atlas` that only knows its version. A shell writes it: a file that this
    /// process holds open for writing could not be run while another test forks.
    fn install(directory: PathBuf, version: &str) -> PathBuf {
        std::fs::create_dir_all(&directory).unwrap();
        let binary = directory.join("atlas");
        let script = format!("#!/bin/sh\necho 'atlas version {version}'\n");
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" >\"$2\" && chmod +x \"$2\"", "sh"])
            .args([Path::new(&script), &binary])
            .status();
        assert!(written.unwrap().success());
        binary
    }

    #[rstest]
    fn a_named_program_beats_path_beats_tools(root: TempDir) {
        let root = root.path();
        install(root.join(".tools"), "v1.0.0");
        install(root.join("named"), "v3.0.0");
        let path = || Some(root.join("bin").into_os_string());
        let version = |named: Option<&str>| {
            let found = find(root, named.map(Into::into), path());
            found.unwrap().version
        };

        assert_eq!(version(None), Version::new(1, 0, 0));
        install(root.join("bin"), "v0.13.0");
        assert_eq!(version(None), Version::new(1, 0, 0));
        install(root.join("bin"), "v2.0.0");
        assert_eq!(version(None), Version::new(2, 0, 0));
        assert_eq!(version(Some("")), Version::new(2, 0, 0));
        assert_eq!(version(Some("named/atlas")), Version::new(3, 0, 0));
    }

    #[rstest]
    fn a_missing_or_old_program_on_path_is_not_installed(root: TempDir) {
        let none = find(root.path(), None, Some("/nowhere".into())).unwrap_err();
        assert_eq!(none.to_string(), "Atlas is not installed: run `just setup`");

        install(root.path().join("bin"), "v0.13.0");
        let path = root.path().join("bin").into_os_string();
        let old = find(root.path(), None, Some(path)).unwrap_err().to_string();
        assert!(old.starts_with("Atlas is not installed: run `just setup` (passed over:"));
        assert!(old.contains("is Atlas v0.13.0, but v0.13.1 is the oldest"), "{old}");
    }

    #[rstest]
    #[case::missing("/nowhere/atlas", "No such file")]
    #[case::not_a_program("/etc/passwd", "it does not run: Permission denied")]
    #[case::another_program("/bin/echo", "`atlas version` printed \"version\"")]
    fn a_named_program_that_does_not_work_is_an_error(
        root: TempDir,
        #[case] named: &str,
        #[case] reason: &str,
    ) {
        install(root.path().join(".tools"), "v2.0.0");
        let error = find(root.path(), Some(named.into()), None).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with(named), "{error}");
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("ATLAS"), "{error}");
    }
}
