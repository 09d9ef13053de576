//! Server binaries of this machine.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::settings::{Config, OLDEST_MAJOR};

/// A directory with `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binaries {
    pub(crate) dir: PathBuf,
    pub(crate) major: u32,
}

/// Finds the binaries of the configured major version, else of the closest one; of two
/// equally close ones, the newer.
pub(crate) fn find(config: &Config) -> Option<Binaries> {
    let dirs = config.search.clone().unwrap_or_else(usual_dirs);
    let mut seen = HashSet::new();
    let found = dirs
        .into_iter()
        // The directories on PATH are often links to the others.
        .filter(|dir| fs::canonicalize(dir.join("postgres")).is_ok_and(|file| seen.insert(file)))
        .filter_map(|dir| in_dir(&dir));
    closest(found, config.major)
}

fn closest(found: impl Iterator<Item = Binaries>, wanted: u32) -> Option<Binaries> {
    found
        .filter(|binaries| binaries.major >= OLDEST_MAJOR)
        .min_by_key(|binaries| (binaries.major.abs_diff(wanted), binaries.major < wanted))
}

fn usual_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    dirs.extend(output("pg_config".as_ref(), "--bindir").map(PathBuf::from));
    // Debian; Red Hat from postgresql.org; Homebrew on arm64 and on x86_64; Postgres.app.
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(
            entries
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join("bin")),
        );
    }
    dirs
}

fn in_dir(dir: &Path) -> Option<Binaries> {
    let complete = ["initdb", "pg_ctl"].iter().all(|name| dir.join(name).is_file());
    let major = major_of(&output(&dir.join("postgres"), "--version")?)?;
    complete.then(|| Binaries { dir: dir.to_owned(), major })
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`,
/// or in `postgres (PostgreSQL) 19beta1`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.strip_prefix("postgres (PostgreSQL) ")?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

fn output(program: &Path, argument: &str) -> Option<String> {
    let output = process::output(Command::new(program).arg(argument)).ok()?;
    Some(output.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", Some(15))]
    #[case("postgres (PostgreSQL) 19beta1", Some(19))]
    #[case("postgres (EnterpriseDB) 15.1", None)]
    fn reads_versions(#[case] text: &str, #[case] major: Option<u32>) {
        assert_eq!(major_of(text), major);
    }

    #[rstest]
    #[case(&[15, 17, 18], Some(17))]
    #[case(&[16, 18], Some(18))]
    #[case(&[14, 15], Some(15))]
    #[case(&[12], None)]
    fn takes_the_closest_to_17(#[case] found: &[u32], #[case] taken: Option<u32>) {
        let found = found.iter().map(|&major| Binaries { dir: PathBuf::new(), major });
        assert_eq!(closest(found, 17).map(|binaries| binaries.major), taken);
    }
}
