use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// The template's repository on this machine.
#[derive(Debug)]
pub(crate) enum Source {
    /// A clone, with tags like `v1.2.3`.
    Clone(PathBuf),
    /// A directory without git: a single version.
    Directory(PathBuf),
}

impl Source {
    /// Clones the template into `clone`. A directory without git is used in place; a relative
    /// path is relative to `root`.
    ///
    /// # Errors
    /// When git cannot clone it.
    pub(crate) fn fetch(root: &Path, source: &str, clone: &Path) -> Result<Self> {
        let directory = root.join(source);
        if directory.is_dir() && !directory.join(".git").exists() {
            return Ok(Self::Directory(directory));
        }
        let url = match source.split_once(':') {
            Some(("gh", name)) => format!("https://github.com/{name}.git"),
            Some(("gl", name)) => format!("https://gitlab.com/{name}.git"),
            _ => source.to_owned(),
        };
        println!("  fetching {url}");
        let mut git = Command::new("git");
        git.current_dir(root)
            // A question about a user name would wait for ever in CI.
            .env("GIT_TERMINAL_PROMPT", "0")
            .args(["clone", "--quiet", "--", &url])
            .arg(clone);
        process::output(&mut git).with_context(|| {
            format!("cannot fetch the template from {source}; name another place with --template")
        })?;
        Ok(Self::Clone(clone.to_owned()))
    }

    /// The highest tag of a release; without one, the version in the template's VERSION.
    ///
    /// # Errors
    /// When this is not the template.
    pub(crate) fn newest(&self) -> Result<String> {
        if let Self::Clone(clone) = self {
            let tags = git(clone, &["tag", "--list", "v*"])?;
            if let Some(newest) = newest_release(&tags) {
                return Ok(newest.to_owned());
            }
        }
        version_of(self.path())
    }

    /// Directory with this version of the template, created at `place` if necessary.
    ///
    /// # Errors
    /// When there is no such version.
    pub(crate) fn version(&self, version: &str, place: &Path) -> Result<PathBuf> {
        let tag = format!("refs/tags/v{version}");
        match self {
            Self::Clone(clone)
                if git(clone, &["rev-parse", "--verify", "--quiet", &tag]).is_ok() =>
            {
                let path = place.display().to_string();
                git(
                    clone,
                    &["worktree", "add", "--quiet", "--detach", &path, &tag],
                )?;
                Ok(place.to_owned())
            }
            _ => match version_of(self.path())? {
                there if there == version => Ok(self.path().to_owned()),
                there => bail!("there is no tag v{version}, and the template is at {there}"),
            },
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Clone(path) | Self::Directory(path) => path,
        }
    }
}

/// Whether version `a` is newer than `b`.
pub(crate) fn is_newer(a: &str, b: &str) -> bool {
    numbers(a) > numbers(b)
}

fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(['.', '-', '+']);
    parts.map_while(|part| part.parse().ok()).collect()
}

/// Highest version among tags like `v1.2.3`, one a line. Pre-releases do not count.
fn newest_release(tags: &str) -> Option<&str> {
    let versions = tags.lines().filter_map(|tag| tag.strip_prefix('v'));
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

fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    process::output(Command::new("git").current_dir(directory).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_is_the_highest_number() {
        let tags = "v0.2.0\nv0.10.0\nv0.9.1\nv1.0.0-rc.1\nvnext\n";
        assert_eq!(newest_release(tags), Some("0.10.0"));
        assert_eq!(newest_release("vnext\n"), None);
        assert!(is_newer("0.10.0", "0.9.1"));
        assert!(!is_newer("0.9.1", "0.10.0") && !is_newer("0.9.1", "0.9.1"));
    }
}
