use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use crate::{
    answers,
    git::{self, git},
    lock,
};

/// The user's repository, without uncommitted changes.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
    /// Path of `root` in the git repository, with a slash at its end; empty at the top.
    prefix: String,
    has_commit: bool,
}

/// Result of a merge, which is staged.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// Files that the user deleted and the template changed. They stay deleted.
    pub(crate) kept_deleted: Vec<String>,
    pub(crate) conflicts: Vec<String>,
    /// Why cargo could not update Cargo.lock.
    pub(crate) lock_error: Option<anyhow::Error>,
}

impl Repository {
    /// # Errors
    /// When something is not committed, unless the project has no commit at all.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let repository = Self {
            root: root.to_owned(),
            prefix: git(root, "rev-parse --show-prefix", &[]).unwrap_or_default(),
            has_commit: git(root, "rev-parse --verify --quiet HEAD", &[]).is_ok(),
        };
        if !repository.has_commit && repository.prefix.is_empty() {
            return Ok(repository);
        }
        ensure!(
            git(root, "ls-files --error-unmatch --", &[answers::FILE]).is_ok(),
            "this project is not committed in the git repository around it: commit it there, or \
             give it a repository of its own with `git init`"
        );
        let changed = git(root, "status --porcelain", &[])?;
        ensure!(
            changed.is_empty(),
            "there are uncommitted changes: commit them, or put them aside with `git stash \
             --include-untracked`, and run this again:\n{changed}"
        );
        Ok(repository)
    }

    /// Applies the difference between two renders, as git applies a commit to another branch.
    ///
    /// # Errors
    /// When git cannot. Nothing has changed then.
    pub(crate) fn merge(&self, before: &Path, after: &Path, message: &str) -> Result<Merged> {
        if !self.has_commit {
            println!("  committing everything as it is, because there is no commit to return to");
            git(&self.root, "init --quiet", &[])?;
            git(&self.root, "add --all", &[])?;
            let message = "Before an update of the template";
            git(&self.root, "commit --quiet --no-verify -m", &[message])?;
        }
        let rendered_lock = fs::read_to_string(after.join("Cargo.lock")).unwrap_or_default();
        let base = self.commit(before, &["-m", "template"])?;
        let commit = self.commit(after, &["-m", message, "-p", &base])?;

        // What takes long or may fail happens in another working tree.
        println!("  merging, and updating Cargo.lock");
        let scratch = tempfile::tempdir()?;
        let trial = scratch.path().join("trial");
        let path = trial.display().to_string();
        let add = "-c core.hooksPath=/dev/null worktree add --quiet --detach";
        git(&self.root, "worktree prune", &[])?;
        git(&self.root, add, &[&path, "HEAD"])?;
        let lock = self.pick(&trial, &commit).map(|_| {
            let root = trial.join(&self.prefix);
            lock::update(&root, &rendered_lock).map(|()| fs::read(root.join("Cargo.lock")).ok())
        });
        git(&self.root, "worktree remove --force", &[&path])?;
        let lock = lock?;

        let top = git(&self.root, "rev-parse --show-toplevel", &[])?;
        let mut merged = self.pick(Path::new(&top), &commit)?;
        match lock {
            Ok(Some(lock)) => {
                fs::write(self.root.join("Cargo.lock"), lock)?;
                git(&self.root, "add Cargo.lock", &[])?;
            }
            Ok(None) => {} // The user does not commit it.
            Err(error) => merged.lock_error = Some(error),
        }
        Ok(merged)
    }

    /// Applies `commit` to the working tree at `top` and its index.
    fn pick(&self, top: &Path, commit: &str) -> Result<Merged> {
        // Finds renames in large changes too, and follows renamed directories.
        let pick = "-c merge.renameLimit=10000 -c merge.directoryRenames=true cherry-pick";
        let picked = git(top, pick, &["--no-commit", commit]);
        let unmerged = git(top, "diff --name-only --diff-filter=U -z", &[])?;
        if let Err(error) = picked
            && unmerged.is_empty()
        {
            return Err(error.context("git cannot merge, and nothing has changed"));
        }
        let kit = format!("{}kit/", self.prefix);
        let mut merged = Merged::default();
        for path in unmerged.split_terminator('\0') {
            // Stage 2 is the user's version. The kit is the template's to change.
            let stages = git(top, "ls-files --unmerged --", &[path])?;
            if path.starts_with(&kit) || stages.lines().any(|line| line.contains(" 2\t")) {
                merged.conflicts.push(path.to_owned());
            } else {
                git(top, "rm --quiet --force --", &[path])?;
                merged.kept_deleted.push(path.to_owned());
            }
        }
        Ok(merged)
    }

    /// Turns a render into a commit on no branch, without what is the user's alone.
    fn commit(&self, render: &Path, arguments: &[&str]) -> Result<String> {
        self.keep_hash(&render.join("template.yaml"))?;
        let scratch = tempfile::tempdir()?;
        let top = scratch.path().join("top");
        let place = top.join(&self.prefix);
        fs::create_dir_all(&place)?;
        fs::rename(render, &place)?;
        let git_dir = git(&self.root, "rev-parse --absolute-git-dir", &[])?;
        let run = |words: &str, operands: &[&str]| {
            let mut git = git::command(&place, words, operands);
            git.env("GIT_DIR", &git_dir)
                .env("GIT_WORK_TREE", &top)
                .env("GIT_INDEX_FILE", scratch.path().join("index"));
            git::output(&mut git)
        };
        let add = "-c core.fsmonitor=false add --all --force . :(exclude)migrations";
        run(add, &[":(exclude)Cargo.lock"])?;
        let tree = run("write-tree", &[])?;
        let author = "-c user.name=template -c user.email=template@localhost";
        run(&format!("{author} commit-tree {tree}"), arguments)
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
