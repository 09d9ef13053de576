use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::git::git;

/// Place to get the template from.
#[derive(Debug)]
pub(crate) struct Source {
    url: String,
    /// Versions of the tags, `1.2.3` for `v1.2.3`. `None` for a directory without git.
    tags: Option<Vec<String>>,
}

impl Source {
    /// `source` is a git URL, `gh:owner/name`, or a directory, relative to `root`.
    ///
    /// # Errors
    /// When git cannot reach it.
    pub(crate) fn find(root: &Path, source: &str) -> Result<Self> {
        let directory = root.join(source);
        let url = match source.split_once(':') {
            _ if directory.is_dir() => directory.display().to_string(),
            Some(("gh", name)) => format!("https://github.com/{name}.git"),
            Some(("gl", name)) => format!("https://gitlab.com/{name}.git"),
            _ => source.to_owned(),
        };
        if directory.join("template").is_dir() && !directory.join(".git").exists() {
            return Ok(Self { url, tags: None });
        }
        println!("  looking for versions of the template at {url}");
        let list = git(root, "ls-remote --tags --refs --", &[&url]).with_context(|| {
            format!("cannot get the template from {source}; name another source with --template")
        })?;
        let tags = list.lines().filter_map(|line| line.split_once("refs/tags/v"));
        let tags = Some(tags.map(|(_, version)| version.to_owned()).collect());
        Ok(Self { url, tags })
    }

    /// The highest release among the tags; without one, the version in the template's VERSION.
    ///
    /// # Errors
    /// When this is not the template.
    pub(crate) fn newest(&self, place: &Path) -> Result<String> {
        match newest_release(self.tags.iter().flatten()) {
            Some(newest) => Ok(newest.clone()),
            None => version_of(&self.head(place)?),
        }
    }

    /// Directory with this version of the template, created at `place` if necessary.
    ///
    /// # Errors
    /// When there is no such version.
    pub(crate) fn version(&self, version: &str, place: &Path) -> Result<PathBuf> {
        if self.tags.iter().flatten().any(|tag| tag == version) {
            return self.clone(&["--branch", &format!("v{version}")], place);
        }
        let head = self.head(place)?;
        match version_of(&head)? {
            there if there == version => Ok(head),
            there => bail!("there is no tag v{version}, and the template is at {there}"),
        }
    }

    /// The template without regard to tags.
    fn head(&self, place: &Path) -> Result<PathBuf> {
        match self.tags {
            Some(_) => self.clone(&[], place),
            None => Ok(PathBuf::from(&self.url)),
        }
    }

    fn clone(&self, options: &[&str], place: &Path) -> Result<PathBuf> {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        let operands = ["--", &self.url, &place.display().to_string()];
        let operands = [options, &operands].concat();
        git(Path::new("."), "clone --quiet --depth 1", &operands)?;
        Ok(place.to_owned())
    }
}

/// Whether version `a` is newer than `b`. A release is newer than its pre-releases.
pub(crate) fn is_newer(a: &str, b: &str) -> bool {
    numbers(a) > numbers(b) || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('-'))
}

fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(['.', '-', '+']);
    parts.map_while(|part| part.parse().ok()).collect()
}

/// The highest version. Pre-releases do not count.
fn newest_release<'a>(versions: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    versions
        .filter(|version| version.split('.').all(|part| part.parse::<u64>().is_ok()))
        .max_by_key(|version| numbers(version))
}

fn version_of(template: &Path) -> Result<String> {
    let text = fs::read_to_string(template.join("template/kit/VERSION"));
    let text =
        text.with_context(|| format!("{} is not a version of this template", template.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_is_the_highest_number() {
        let versions = ["0.2.0", "0.10.0", "0.9.1", "1.0.0-rc.1", "next"].map(String::from);
        assert_eq!(newest_release(versions.iter()).unwrap(), "0.10.0");
        assert_eq!(newest_release(versions[3..].iter()), None);
        assert!(is_newer("0.10.0", "0.9.1"));
        assert!(!is_newer("0.9.1", "0.10.0") && !is_newer("0.9.1", "0.9.1"));
        assert!(is_newer("1.0.0", "1.0.0-rc.1") && !is_newer("1.0.0-rc.1", "1.0.0"));
    }
}
