use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::version::{self, Edition, OLDEST_SUPPORTED, Version};
use super::{Atlas, call};
use crate::Error;

/// See [`Atlas::find`]; `path` is the variable `PATH`.
pub(super) fn find(
    project_root: &Path,
    named: Option<String>,
    path: Option<OsString>,
) -> Result<Atlas, Error> {
    // An empty variable is how .env files say "not set".
    if let Some(binary) = named.filter(|value| !value.is_empty()) {
        return Atlas::with_binary(project_root.join(binary)).map_err(|error| match error {
            Error::Unusable { binary, reason, .. } => Error::Unusable {
                binary,
                reason,
                remedy: "The variable ATLAS names it: set it right, or unset it",
            },
            other => other,
        });
    }
    let also = match on_path(path).map(Atlas::with_binary) {
        Some(Ok(atlas)) => return Ok(atlas),
        Some(Err(error)) => format!(" (passed over: {error})"),
        None => String::new(),
    };
    let installed = project_root.join(".tools/atlas");
    if installed.exists() {
        return Atlas::with_binary(installed);
    }
    Err(Error::NotInstalled { also })
}

fn on_path(path: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&path?)
        .map(|directory| directory.join("atlas"))
        .find(|file| {
            fs::metadata(file)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

/// Runs `binary version`; returns the binary's absolute path and what it is.
pub(super) fn probe(binary: &Path) -> Result<(PathBuf, Version, Edition), Error> {
    let unusable = |reason: String| Error::Unusable {
        binary: binary.to_owned(),
        reason,
        remedy: "Run `just setup`, or name another with ATLAS=/path/to/atlas",
    };
    // Later runs start in another directory, where a relative path would mislead.
    let absolute = fs::canonicalize(binary).map_err(|error| unusable(error.to_string()))?;
    let mut command = Command::new(&absolute);
    command.arg("version").stdin(Stdio::null());
    call::quieten(&mut command);
    let output = command
        .output()
        .map_err(|error| unusable(format!("it does not run: {error}")))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let (version, edition) = version::parse_output(&printed).ok_or_else(|| {
        let line = printed.lines().next().unwrap_or_default();
        unusable(format!("`atlas version` printed {line:?}"))
    })?;
    if version < OLDEST_SUPPORTED {
        return Err(Error::TooOld {
            binary: absolute,
            found: version,
        });
    }
    Ok((absolute, version, edition))
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
            found.unwrap().version()
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
    fn none_or_only_an_old_one_on_the_path_is_not_installed(root: TempDir) {
        let none = find(root.path(), None, Some("/nowhere".into())).unwrap_err();
        assert_eq!(none.to_string(), "Atlas is not installed: run `just setup`");

        install(root.path().join("bin"), "v0.13.0");
        let path = root.path().join("bin").into_os_string();
        let old = find(root.path(), None, Some(path)).unwrap_err().to_string();
        assert!(old.starts_with("Atlas is not installed: run `just setup` (passed over:"));
        assert!(
            old.contains("is Atlas v0.13.0, but v0.13.1 is the oldest"),
            "{old}"
        );
    }

    #[rstest]
    #[case::missing("/nowhere/atlas", "No such file")]
    #[case::not_a_program("/etc/passwd", "it does not run: Permission denied")]
    #[case::another_program("/bin/echo", "`atlas version` printed \"version\"")]
    fn a_variable_that_names_no_atlas_is_an_error(
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
