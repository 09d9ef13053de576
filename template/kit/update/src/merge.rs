use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{answers, lock};

/// The user's repository, without uncommitted changes.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
    /// Path of `root` in the git repository, with a slash at its end; empty at the top.
    prefix: String,
    has_commit: bool,
}

/// Result of a merge, which is staged.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Files that the user deleted and the template changed. They stay deleted.
    pub(crate) kept_deleted: Vec<String>,
    pub(crate) conflicts: Vec<String>,
    /// Whether Cargo.lock is in step.
    pub(crate) lock: Result<()>,
}

impl Repository {
    /// # Errors
    /// When something is not committed, unless the project has no commit at all.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let prefix = git(root, &["rev-parse", "--show-prefix"]).unwrap_or_default();
        let repository = Self {
            root: root.to_owned(),
            prefix: prefix.trim().to_owned(),
            has_commit: git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok(),
        };
        if !repository.has_commit && repository.prefix.is_empty() {
            return Ok(repository);
        }
        let tracked = ["ls-files", "--error-unmatch", "--", answers::FILE];
        ensure!(
            git(root, &tracked).is_ok(),
            "this project is not committed in the git repository around it: commit it there, or \
             give it a repository of its own with `git init`"
        );
        let changed = git(root, &["status", "--porcelain"])?;
        ensure!(
            changed.is_empty(),
            "there are uncommitted changes: commit them, or put them aside with `git stash \
             --include-untracked`, and run this again:\n{}",
            changed.trim_end()
        );
        Ok(repository)
    }

    /// Applies the difference between two renders, as git applies a commit to another branch.
    ///
    /// # Errors
    /// When git cannot. Nothing has changed then.
    pub(crate) fn merge(&self, before: &Path, after: &Path, message: &str) -> Result<Merged> {
        if !self.has_commit {
            self.commit_everything()?;
        }
        let rendered_lock = fs::read_to_string(after.join("Cargo.lock")).unwrap_or_default();
        // As the user has it, so that an edit of the record does not conflict.
        fs::copy(self.root.join(answers::FILE), before.join(answers::FILE))?;
        let before = self.commit(before, &["-m", "template"])?;
        let commit = self.commit(after, &["-m", message, "-p", &before])?;

        // What takes long or may fail happens in another working tree.
        let scratch = tempfile::tempdir()?;
        let trial = scratch.path().join("trial");
        let path = trial.display().to_string();
        git(&self.root, &["worktree", "prune"])?;
        git(
            &self.root,
            &[
                "-c",
                "core.hooksPath=/dev/null",
                "worktree",
                "add",
                "--quiet",
                "--detach",
                &path,
            ],
        )?;
        let done = self.try_merge(&trial, &commit, &rendered_lock);
        git(&self.root, &["worktree", "remove", "--force", &path])?;
        let (lock, contents) = done?;

        let top = git(&self.root, &["rev-parse", "--show-toplevel"])?;
        let (kept_deleted, conflicts) = self.pick(Path::new(top.trim_end()), &commit)?;
        if let Some(contents) = contents {
            fs::write(self.root.join("Cargo.lock"), contents)?;
            git(&self.root, &["add", "--", "Cargo.lock"])?;
        }
        Ok(Merged {
            kept_deleted,
            conflicts,
            lock,
        })
    }

    /// Merges in a working tree at `top`; returns whether Cargo.lock could be brought in step,
    /// and the file.
    fn try_merge(
        &self,
        top: &Path,
        commit: &str,
        rendered_lock: &str,
    ) -> Result<(Result<()>, Option<Vec<u8>>)> {
        self.pick(top, commit)?;
        println!("  bringing Cargo.lock in step with the manifests");
        let root = top.join(&self.prefix);
        let updated = lock::update(&root, rendered_lock);
        let contents = updated
            .is_ok()
            .then(|| fs::read(root.join("Cargo.lock")).ok());
        Ok((updated, contents.flatten()))
    }

    /// Applies `commit` to the working tree at `top` and its index. Returns the files that stay
    /// deleted, and those with conflicts.
    fn pick(&self, top: &Path, commit: &str) -> Result<(Vec<String>, Vec<String>)> {
        let mut pick = command(top);
        // Finds renames in large changes too, and follows renamed directories.
        for setting in ["merge.renameLimit=10000", "merge.directoryRenames=true"] {
            pick.args(["-c", setting]);
        }
        let picked = pick.args(["cherry-pick", "--no-commit", commit]).output();
        let picked = picked.context("cannot run git")?;
        let unmerged = git(top, &["diff", "--name-only", "--diff-filter=U", "-z"])?;
        let unmerged: Vec<&str> = unmerged.split_terminator('\0').collect();
        if !picked.status.success() && unmerged.is_empty() {
            git(top, &["reset", "--quiet", "--hard"])?;
            bail!(
                "git cannot merge, and nothing has changed:\n{}",
                process::text(&picked.stderr)
            );
        }
        let kit = format!("{}kit/", self.prefix);
        let (mut kept_deleted, mut conflicts) = (Vec::new(), Vec::new());
        for path in unmerged {
            // Stage 2 is the user's version. The kit is the template's to change.
            let stages = git(top, &["ls-files", "--unmerged", "--", path])?;
            if path.starts_with(&kit) || stages.lines().any(|line| line.contains(" 2\t")) {
                conflicts.push(path.to_owned());
            } else {
                git(top, &["rm", "--quiet", "--force", "--", path])?;
                kept_deleted.push(path.to_owned());
            }
        }
        Ok((kept_deleted, conflicts))
    }

    fn commit_everything(&self) -> Result<()> {
        println!("  committing everything as it is, because there is no commit to return to");
        git(&self.root, &["init", "--quiet"])?;
        git(&self.root, &["add", "--all"])?;
        let commit = [
            "commit",
            "--quiet",
            "--no-verify",
            "-m",
            "Before an update of the template",
        ];
        git(&self.root, &commit).map(drop)
    }

    /// Turns a render into a commit on no branch, without what is the user's alone.
    fn commit(&self, render: &Path, arguments: &[&str]) -> Result<String> {
        for path in ["migrations", "Cargo.lock"].map(|path| render.join(path)) {
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else if path.exists() {
                fs::remove_file(path)?;
            }
        }
        self.keep_hash(&render.join("template.yaml"))?;
        let git_dir = git(&self.root, &["rev-parse", "--absolute-git-dir"])?;
        let index = tempfile::tempdir()?;
        let run = |arguments: &[&str]| {
            let mut git = command(render);
            git.env("GIT_DIR", git_dir.trim_end())
                .env("GIT_WORK_TREE", render)
                .env("GIT_INDEX_FILE", index.path().join("index"));
            for variable in ["GIT_AUTHOR", "GIT_COMMITTER"] {
                git.env(format!("{variable}_NAME"), "template");
                git.env(format!("{variable}_EMAIL"), "template@localhost");
            }
            process::output(git.args(arguments)).map(|output| output.trim().to_owned())
        };
        run(&["-c", "core.fsmonitor=false", "add", "--all", "--force", "."])?;
        let mut tree = run(&["write-tree"])?;
        if !self.prefix.is_empty() {
            run(&["read-tree", "--empty"])?;
            run(&["read-tree", &format!("--prefix={}", self.prefix), &tree])?;
            tree = run(&["write-tree"])?;
        }
        run(&[&["commit-tree", &tree], arguments].concat())
    }

    /// Gives a rendered template.yaml the user's hash of the migrations, so that it is not a
    /// difference.
    fn keep_hash(&self, rendered: &Path) -> Result<()> {
        let users = fs::read_to_string(self.root.join("template.yaml")).unwrap_or_default();
        let text = fs::read_to_string(rendered).unwrap_or_default();
        if let (Some(users), Some(hash)) = (migration_hash(&users), migration_hash(&text)) {
            fs::write(rendered, text.replacen(hash, users, 1))?;
        }
        Ok(())
    }
}

/// The value of MigrationHash in a template.yaml.
fn migration_hash(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim_start);
    lines.find_map(|line| line.strip_prefix("MigrationHash: "))
}

fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    process::output(command(directory).args(arguments))
}

fn command(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory);
    git
}
