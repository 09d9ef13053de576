//! A copy of the project below target/, which becomes the project if all goes well.

use std::{
    fs,
    io::{IsTerminal as _, Write as _, stdin, stdout},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::Options;
use crate::{project::Project, write::write_all};

/// What the command may change.
const CHANGED: [&str; 3] = ["crates", "migrations", "Cargo.toml"];

/// Files of the example, which the entities of another database replace.
const EXAMPLE: [&str; 5] = [
    "crates/app/src/users.rs",
    "crates/app/tests/own_fixtures.rs",
    "crates/app/tests/users.rs",
    "crates/entity/src/address.rs",
    "crates/entity/src/user.rs",
];

#[derive(Debug)]
pub(super) struct Workspace {
    pub project: Project,
    original: PathBuf,
}

impl Workspace {
    /// Copies the project, without its example if `options` or the user say so.
    ///
    /// # Errors
    /// When git has changes that are not committed, and when there are entities or migrations:
    /// more tables can be added to these, by name.
    pub fn create(project: &Project, options: &Options) -> Result<Self> {
        let git = |arguments: &[&str]| {
            process::output(Command::new("git").current_dir(&project.root).args(arguments))
        };
        let changes = git(&["status", "--porcelain"])?;
        ensure!(
            changes.is_empty(),
            "git has changes, commit or stash them first:\n{}",
            changes.trim_end()
        );
        let is_taken =
            !entities(&project.root)?.is_empty() || !project.migrations.files()?.is_empty();
        let touched =
            git(&["log", "--format=%h", "--", "crates/app", "crates/entity", "migrations"])?;
        let is_example = EXAMPLE.iter().all(|file| project.root.join(file).exists())
            && entities(&project.root)?.len() == 2
            && project.migrations.files()?.len() <= 1
            && touched.lines().count() <= 1;
        let replaces = is_taken && is_example && (options.replace_example || agrees()?);
        ensure!(
            replaces || !is_taken || !options.tables.is_empty() && !is_example,
            "there are entities or migrations already: remove {}, or name the tables to add to them \
             (--tables)",
            if is_example { "the example (--replace-example)" } else { "them" }
        );

        let root = project.scratch("import")?;
        fs::remove_dir_all(&root).with_context(|| format!("cannot empty {}", root.display()))?;
        fs::create_dir_all(root.join("kit"))?;
        for entry in fs::read_dir(&project.root)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            let text = name.to_string_lossy();
            if CHANGED.contains(&&*text) || text == "Cargo.lock" || is_yaml(&path) {
                copy(&path, &root.join(&name))?;
            } else if !matches!(&*text, ".git" | ".cargo" | "kit" | "target") {
                symlink(&path, root.join(&name))?;
            }
        }
        // The program that prints the schema finds the project by its own path.
        copy(&project.root.join("kit/schema"), &root.join("kit/schema"))?;
        for entry in fs::read_dir(project.root.join("kit"))? {
            let entry = entry?;
            if entry.file_name() != "schema" {
                symlink(entry.path(), root.join("kit").join(entry.file_name()))?;
            }
        }
        // Dependencies are compiled already. Cargo takes crates of one name and version, in the
        // same place of a workspace, for the same.
        fs::create_dir(root.join(".cargo"))?;
        let target = format!("[build]\ntarget-dir = {:?}\n", project.root.join("target"));
        fs::write(root.join(".cargo/config.toml"), target)?;
        edit(&root.join("crates/entity/Cargo.toml"), |text| {
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("version")).collect();
            lines.join("\n").replacen("[package]", "[package]\nversion = \"0.0.0-import\"", 1)
                + "\n"
        })?;
        if replaces {
            remove_example(&root)?;
        }
        fs::create_dir_all(root.join("migrations"))?;
        Ok(Self { project: Project::at(root)?, original: project.root.clone() })
    }

    pub fn has_entities(&self) -> Result<bool> {
        Ok(!entities(&self.project.root)?.is_empty())
    }

    /// Makes the project like the copy: all of its files, or none.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn install(self) -> Result<()> {
        let root = &self.project.root;
        copy(
            &self.original.join("crates/entity/Cargo.toml"),
            &root.join("crates/entity/Cargo.toml"),
        )?;
        let mut contents = Vec::new();
        for file in files(root)? {
            let path = self.original.join(&file);
            let new = fs::read(root.join(&file))?;
            if fs::read(&path).ok().as_ref() != Some(&new) {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                contents.push((path, new));
            }
        }
        write_all(&contents)?;
        for file in files(&self.original)?.iter().filter(|file| !root.join(file).exists()) {
            fs::remove_file(self.original.join(file))
                .with_context(|| format!("cannot remove {}", file.display()))?;
        }
        fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))
    }
}

/// Adds SQL to the file, or to a file of its own in the folder of that name.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn add_sql(root: &Path, stem: &str, sql: &str) -> Result<()> {
    if sql.is_empty() {
        return Ok(());
    }
    let folder = root.join("crates/entity/sql").join(stem);
    let file =
        if folder.is_dir() { folder.join("imported.sql") } else { folder.with_extension("sql") };
    let before = fs::read_to_string(&file).unwrap_or_default();
    let separator = if before.is_empty() { "" } else { "\n" };
    fs::write(&file, format!("{before}{separator}{sql}"))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Asks whether to remove the example.
fn agrees() -> Result<bool> {
    if !stdin().is_terminal() {
        return Ok(false);
    }
    print!(
        "This project has the template's example. Replace its entities, functions, tests and migration? [y/N] "
    );
    stdout().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim_start().starts_with(['y', 'Y']))
}

fn remove_example(root: &Path) -> Result<()> {
    for file in EXAMPLE {
        fs::remove_file(root.join(file))?;
    }
    for entry in fs::read_dir(root.join("migrations"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql" || extension == "sum") {
            fs::remove_file(path)?;
        }
    }
    fs::write(root.join("crates/app/src/lib.rs"), "//! The application.\n")?;
    // A service that counts users has none to count.
    for entry in fs::read_dir(root.join("crates"))? {
        let main = entry?.path().join("src/main.rs");
        if main.exists() {
            edit(&main, |text| {
                text.replace(
                    "let users = app::users::count(&connection).await?;",
                    "connection.ping().await?;",
                )
                .replace("json!({ \"users\": users })", "json!({ \"database\": \"answers\" })")
            })?;
        }
    }
    Ok(())
}

/// Names of the modules of entities.
fn entities(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in
        fs::read_dir(root.join("crates/entity/src")).context("cannot read crates/entity/src")?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").filter(|name| *name != "lib").map(str::to_owned));
    }
    Ok(names)
}

/// The files that the command may change, relative to `root`.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut open: Vec<_> = CHANGED.map(PathBuf::from).to_vec();
    for entry in fs::read_dir(root)? {
        open.extend(
            Some(entry?.path())
                .filter(|path| is_yaml(path))
                .and_then(|path| path.file_name().map(PathBuf::from)),
        );
    }
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if root.join(&path).is_dir() {
            for entry in fs::read_dir(root.join(&path))? {
                open.push(path.join(entry?.file_name()));
            }
        } else if root.join(&path).exists() {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_yaml(path: &Path) -> bool {
    path.is_file()
        && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let cannot = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).with_context(cannot);
    }
    fs::create_dir_all(to).with_context(cannot)?;
    for entry in fs::read_dir(from).with_context(cannot)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn edit(file: &Path, change: impl FnOnce(String) -> String) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::write(file, change(text)).with_context(|| format!("cannot write {}", file.display()))
}
