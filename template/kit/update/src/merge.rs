use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

/// Author of commits that exist only for a merge.
const AUTHOR: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "template"),
    ("GIT_AUTHOR_EMAIL", "template@localhost"),
    ("GIT_COMMITTER_NAME", "template"),
    ("GIT_COMMITTER_EMAIL", "template@localhost"),
];

/// The user's repository, without uncommitted changes.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
    /// Path of the root below the top of the git repository, with a slash at its end; empty
    /// if it is the top.
    prefix: String,
}

/// What a merge left to say.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// Files that the user deleted and the template changed.
    pub(crate) kept_deleted: Vec<String>,
    pub(crate) conflicts: Vec<String>,
}

impl Repository {
    /// Opens the repository; one without a commit gets its first, with everything in it.
    ///
    /// # Errors
    /// When something is not committed.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        if git(root, &["rev-parse", "--git-dir"]).is_err() {
            git(root, &["init", "--quiet"])?;
        }
        let prefix = git(root, &["rev-parse", "--show-prefix"])?
            .trim()
            .to_owned();
        if git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
            ensure!(
                prefix.is_empty(),
                "the git repository around this directory has no commit yet"
            );
            println!("  committing everything as it is: there is no commit to go back to yet");
            git(root, &["add", "--all"])?;
            process::output(command(root).envs(AUTHOR).args([
                "commit",
                "--quiet",
                "--no-verify",
                "-m",
                "Begin",
            ]))?;
        }
        let changed = git(root, &["status", "--porcelain"])?;
        ensure!(
            changed.is_empty(),
            "there are uncommitted changes: commit them, or put them aside with `git stash \
             --include-untracked`, and run this again:\n{}",
            changed.trim_end()
        );
        Ok(Self {
            root: root.to_owned(),
            prefix,
        })
    }

    /// Applies what differs between two renders, as git applies a commit to another branch.
    pub(crate) fn merge(&self, before: &Path, after: &Path) -> Result<Merged> {
        let before = self.commit(before, None)?;
        let after = self.commit(after, Some(&before))?;
        let mut pick = command(&self.root);
        // Without a commit of its own, and with renames found in large changes too.
        pick.args([
            "-c",
            "merge.renameLimit=10000",
            "cherry-pick",
            "--no-commit",
            &after,
        ]);
        let picked = pick.output().context("cannot run git")?;
        let unmerged = git(
            &self.root,
            &["diff", "--name-only", "--diff-filter=U", "-z"],
        )?;
        let conflicts: Vec<&str> = unmerged
            .split('\0')
            .filter(|path| !path.is_empty())
            .collect();
        if !picked.status.success() && conflicts.is_empty() {
            git(&self.root, &["reset", "--quiet", "--hard"])?;
            bail!(
                "git could not merge, and nothing has changed:\n{}",
                process::text(&picked.stderr)
            );
        }
        let mut merged = Merged::default();
        for path in conflicts {
            let full = format!(
                "{}{path}",
                git(&self.root, &["rev-parse", "--show-cdup"])?.trim()
            );
            let deleted = git(&self.root, &["ls-files", "--unmerged", "--", &full])?
                .lines()
                .all(|line| !line.contains(" 2\t"));
            // An example that is not wanted stays away, but the kit is the template's.
            if deleted && !path.starts_with(&format!("{}kit/", self.prefix)) {
                git(&self.root, &["rm", "--quiet", "--force", "--", &full])?;
                merged.kept_deleted.push(path.to_owned());
            } else {
                merged.conflicts.push(path.to_owned());
            }
        }
        Ok(merged)
    }

    /// Makes a commit of a render, on no branch. What is the user's alone is left out of it or
    /// is as the user has it, so that it is no change of the template's.
    fn commit(&self, render: &Path, parent: Option<&str>) -> Result<String> {
        let _ = fs::remove_dir_all(render.join("migrations"));
        let _ = fs::remove_file(render.join("Cargo.lock"));
        self.keep_hashes(render)?;
        let scratch = tempfile::tempdir()?;
        let index = scratch.path().join("index");
        let run = |arguments: &[&str]| {
            let mut git = command(render);
            git.env("GIT_DIR", self.git_dir()?)
                .env("GIT_WORK_TREE", render)
                .env("GIT_INDEX_FILE", &index);
            process::output(git.envs(AUTHOR).args(arguments)).map(|output| output.trim().to_owned())
        };
        run(&["add", "--all", "--force", "."])?;
        let mut tree = run(&["write-tree"])?;
        if !self.prefix.is_empty() {
            fs::remove_file(&index)?;
            run(&["read-tree", &format!("--prefix={}", self.prefix), &tree])?;
            tree = run(&["write-tree"])?;
        }
        let mut arguments = vec!["commit-tree", &tree, "-m", "template"];
        if let Some(parent) = parent {
            arguments.extend(["-p", parent]);
        }
        run(&arguments)
    }

    /// Gives the YAML files of a render the hash of the migrations that the user's have.
    fn keep_hashes(&self, render: &Path) -> Result<()> {
        for entry in fs::read_dir(render)? {
            let path = entry?.path();
            let Some(name) = path
                .file_name()
                .filter(|_| path.extension().is_some_and(|e| e == "yaml"))
            else {
                continue;
            };
            let rendered = fs::read_to_string(&path)?;
            let users = fs::read_to_string(self.root.join(name)).unwrap_or_default();
            if let (Some(theirs), Some(ours)) = (hash_line(&rendered), hash_line(&users)) {
                fs::write(&path, rendered.replacen(theirs, ours, 1))?;
            }
        }
        Ok(())
    }

    fn git_dir(&self) -> Result<String> {
        Ok(git(&self.root, &["rev-parse", "--absolute-git-dir"])?
            .trim()
            .to_owned())
    }
}

/// The line with the hash of the migrations.
fn hash_line(text: &str) -> Option<&str> {
    text.lines()
        .find(|line| line.trim_start().starts_with("MigrationHash:"))
}

/// Brings Cargo.lock in step with the merged manifests, and stages it.
pub(crate) fn refresh_lock(root: &Path) -> Result<()> {
    let metadata = ["metadata", "--quiet", "--format-version", "1"];
    process::output(process::cargo().current_dir(root).args(metadata)).context(
        "the changes are staged, but cargo cannot bring Cargo.lock in step with them: see what it \
         says, then run `cargo metadata` and `git add Cargo.lock`",
    )?;
    git(root, &["add", "--", "Cargo.lock"]).map(drop)
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    process::output(command(root).args(arguments))
}

fn command(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root);
    git
}
