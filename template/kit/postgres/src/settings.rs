//! Settings of a project: from the process environment, else from `.env`, else
//! from `.env.example` in its root.
//!
//! The files are read, never loaded into the environment: `setenv` is not safe
//! in a process with threads, and tests have threads.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::Provider;

/// Major version where no setting names one.
const DEFAULT_MAJOR: u32 = 17;

/// The first with `DROP DATABASE ... WITH (FORCE)`.
pub(crate) const OLDEST_MAJOR: u32 = 13;

/// Returns the value of `key` for the project in `root`. An empty value unsets the key,
/// in later sources too: `TEST_DATABASE_URL= cargo test` ignores the one in `.env`.
///
/// # Errors
///
/// When a file cannot be read, or holds a malformed line.
pub fn setting(root: &Path, key: &str) -> Result<Option<String>> {
    Ok(Files::load(root)?.get(key)?.map(|found| found.value))
}

/// A value, and its source for messages.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) value: String,
    pub(crate) source: String,
}

/// The values in the files of a project, in order of precedence.
struct Files(Vec<(PathBuf, HashMap<String, String>)>);

impl Files {
    fn load(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for name in [".env", ".env.example"] {
            let path = root.join(name);
            if path.exists() {
                let values = read(&path)?;
                files.push((path, values));
            }
        }
        Ok(Self(files))
    }

    fn get(&self, key: &str) -> Result<Option<Found>> {
        let from_environment = env::var_os(key)
            .map(|value| value.into_string())
            .transpose()
            .map_err(|_| anyhow!("{key} in the environment is not valid UTF-8"))?
            .map(|value| (value, "the environment".to_owned()));
        let from_files = || {
            self.0.iter().find_map(|(path, values)| {
                let value = values.get(key)?.clone();
                Some((value, path.display().to_string()))
            })
        };
        Ok(from_environment
            .or_else(from_files)
            .map(|(value, source)| (value.trim().to_owned(), source))
            .filter(|(value, _)| !value.is_empty())
            .map(|(value, source)| Found { value, source }))
    }

    /// Parses the value of `key`; `expected` describes what `parse` takes.
    fn parse<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>> {
        let Some(Found { value, source }) = self.get(key)? else {
            return Ok(None);
        };
        match parse(&value) {
            None => bail!("{key}={value} in {source}: expected {expected}"),
            parsed => Ok(parsed),
        }
    }
}

/// Reads the values in one file.
fn read(path: &Path) -> Result<HashMap<String, String>> {
    let in_file = || format!("could not read {}", path.display());
    let text = fs::read_to_string(path).with_context(in_file)?;
    dotenvy::from_read_iter(text.as_bytes())
        .map(|line| match line {
            Err(dotenvy::Error::LineParse(part, _)) => Err(anyhow!(malformed(&text, &part))),
            other => other.map_err(Into::into),
        })
        .collect::<Result<_>>()
        .with_context(in_file)
}

/// Names the line that dotenvy could not parse. Its own message quotes the rest of the
/// line, which may hold a password.
fn malformed(text: &str, part: &str) -> String {
    let lines = text.lines().zip(1..);
    let line = lines
        .filter(|(line, _)| line.contains(part))
        .map(|(line, number)| match line.split_once('=') {
            Some((key, _)) => format!("line {number}, {}", key.trim()),
            None => format!("line {number}"),
        })
        .next()
        .unwrap_or_else(|| "a line".to_owned());
    format!(
        "{line}: not KEY=value; put a value with spaces or other special characters in quotes: KEY='...'"
    )
}

/// All settings of this crate, checked.
pub(crate) struct Config {
    /// `POSTGRES_MAJOR`
    pub(crate) major: u32,
    /// `POSTGRES_IMAGE`
    pub(crate) image: String,
    /// `TEST_DATABASE_URL`
    pub(crate) url: Option<Found>,
    /// `DEV_POSTGRES`
    pub(crate) forced: Option<Provider>,
    /// `DEV_POSTGRES_PATH`
    pub(crate) search: Option<Vec<PathBuf>>,
    /// `DOCKER_HOST`
    pub(crate) docker_host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub(crate) docker_context: Option<String>,
}

impl Config {
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let settings = Files::load(root)?;
        let major = settings
            .parse(
                "POSTGRES_MAJOR",
                |text| text.parse().ok().filter(|major| *major >= OLDEST_MAJOR),
                &format!("a major version from {OLDEST_MAJOR} on, such as {DEFAULT_MAJOR}"),
            )?
            .unwrap_or(DEFAULT_MAJOR);
        let url = settings.get("TEST_DATABASE_URL")?;
        let provider = |text: &str| serde_json::from_value(text.into()).ok();
        let forced = settings.parse("DEV_POSTGRES", provider, "url, docker or local")?;
        if forced == Some(Provider::Url) && url.is_none() {
            bail!("DEV_POSTGRES=url, but TEST_DATABASE_URL is not set");
        }
        let value = |key| Ok::<_, anyhow::Error>(settings.get(key)?.map(|found| found.value));
        Ok(Self {
            major,
            image: value("POSTGRES_IMAGE")?.unwrap_or_else(|| format!("postgres:{major}-alpine")),
            url,
            forced,
            search: value("DEV_POSTGRES_PATH")?.map(|list| env::split_paths(&list).collect()),
            docker_host: value("DOCKER_HOST")?,
            docker_context: value("DOCKER_CONTEXT")?,
        })
    }

    /// The URL of the user's server, if it is the one to use.
    pub(crate) fn given_url(&self) -> Option<&Found> {
        match self.forced {
            None | Some(Provider::Url) => self.url.as_ref(),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that no environment has.
    const KEY: &str = "DEV_POSTGRES_TEST_KEY";

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    #[test]
    fn env_takes_precedence_over_the_example() {
        let root = root(&[
            (".env", "DEV_POSTGRES_TEST_KEY=mine\n"),
            (".env.example", "DEV_POSTGRES_TEST_KEY=ours\nOTHER_TEST_KEY='a b'\n"),
        ]);
        assert_eq!(setting(root.path(), KEY).unwrap().as_deref(), Some("mine"));
        assert_eq!(setting(root.path(), "OTHER_TEST_KEY").unwrap().as_deref(), Some("a b"));
        assert_eq!(setting(root.path(), "NO_SUCH_TEST_KEY").unwrap(), None);
    }

    #[test]
    fn the_environment_takes_precedence_over_the_files() {
        let root = root(&[(".env", "CARGO_PKG_NAME=other\n")]);
        assert_eq!(setting(root.path(), "CARGO_PKG_NAME").unwrap().as_deref(), Some("postgres"));
    }

    #[test]
    fn an_empty_value_hides_later_sources() {
        let root = root(&[
            (".env", "DEV_POSTGRES_TEST_KEY=\n"),
            (".env.example", "DEV_POSTGRES_TEST_KEY=ours\n"),
        ]);
        assert_eq!(setting(root.path(), KEY).unwrap(), None);
    }

    #[test]
    fn a_malformed_line_is_named_without_its_value() {
        let root = root(&[(".env", "TEST_DATABASE_URL=postgres://u:se cret@h/d\n")]);
        let error = format!("{:#}", setting(root.path(), KEY).unwrap_err());
        assert!(error.contains("TEST_DATABASE_URL") && error.contains(".env"), "{error}");
        assert!(!error.contains("cret"), "{error}");
    }
}
