use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// A copy of the template's repository.
#[derive(Debug)]
pub(crate) enum Source {
    /// A clone, with tags like `v1.2.3`.
    Clone(PathBuf),
    /// A directory that is no git repository: one version.
    Directory(PathBuf),
}

impl Source {
    /// Clones the template to `clone`; a directory without git is used where it is.
    ///
    /// # Errors
    /// When git cannot clone it.
    pub(crate) fn fetch(source: &str, clone: &Path) -> Result<Self> {
        let directory = Path::new(source);
        if directory.is_dir() && !directory.join(".git").exists() {
            return Ok(Self::Directory(directory.to_owned()));
        }
        let url = match source.split_once(':') {
            Some(("gh", name)) => format!("https://github.com/{name}.git"),
            Some(("gl", name)) => format!("https://gitlab.com/{name}.git"),
            _ => source.to_owned(),
        };
        println!("  fetching {url}");
        let mut git = Command::new("git");
        // Nobody answers a question about a user name here.
        git.env("GIT_TERMINAL_PROMPT", "0")
            .args(["clone", "--quiet", "--", &url])
            .arg(clone);
        process::output(&mut git).with_context(|| {
            format!("the template cannot be fetched from {source}; --template names another place")
        })?;
        Ok(Self::Clone(clone.to_owned()))
    }

    /// The newest version: the highest tag, else what the template itself says.
    pub(crate) fn newest(&self) -> Result<String> {
        if let Self::Clone(clone) = self {
            let tags = git(clone, &["tag", "--list", "v*", "--sort=-version:refname"])?;
            if let Some(tag) = tags.lines().next() {
                return Ok(tag.trim_start_matches('v').to_owned());
            }
        }
        version_of(self.path())
    }

    /// A directory with the template in a version, made at `place` if need be.
    ///
    /// # Errors
    /// When there is no such version.
    pub(crate) fn version(&self, version: &str, place: &Path) -> Result<PathBuf> {
        let path = self.path();
        if let Self::Clone(clone) = self {
            let tag = format!("refs/tags/v{version}");
            if git(clone, &["rev-parse", "--verify", "--quiet", &tag]).is_ok() {
                let place_text = place.display().to_string();
                git(
                    clone,
                    &["worktree", "add", "--quiet", "--detach", &place_text, &tag],
                )?;
                return Ok(place.to_owned());
            }
        }
        let there = version_of(path)?;
        if there != version {
            bail!("there is no tag v{version}, and the template's own version is {there}");
        }
        Ok(path.to_owned())
    }

    fn path(&self) -> &Path {
        match self {
            Self::Clone(path) | Self::Directory(path) => path,
        }
    }
}

fn version_of(template: &Path) -> Result<String> {
    let file = template.join("template/kit/VERSION");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("{} is no version of this template", template.display()))?;
    Ok(text.trim().to_owned())
}

fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    process::output(Command::new("git").current_dir(directory).args(arguments))
}
