//! `pre-commit`: checks what is about to be committed, for the git hook.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use migrations::Project;

/// Where the checks run.
struct Checkout {
    root: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// Checks format, compilation and migrations of the index. Files that differ from it in the
/// working tree do not count.
///
/// # Errors
/// When a check fails.
pub(crate) async fn run(project: &Project) -> Result<()> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        process::output(git.current_dir(&project.root).args(arguments))
    };
    let mut unstaged = git(&["diff", "--name-only"])?;
    unstaged += &git(&["ls-files", "--others", "--exclude-standard"])?;
    let checkout = if unstaged.is_empty() {
        Checkout { root: project.root.clone(), environment: Vec::new() }
    } else {
        checkout_of_index(project, git(&["write-tree"])?.trim()).await?
    };
    checkout.check().with_context(|| match unstaged.as_str() {
        "" => "the commit fails the checks".to_owned(),
        _ => format!("the commit fails the checks, without these changes (git add):\n{unstaged}"),
    })
}

impl Checkout {
    fn check(&self) -> Result<()> {
        let run = |program: OsString, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.current_dir(&self.root).args(arguments);
            process::run_inherited(command.envs(self.environment.iter().cloned()))
        };
        run("just".into(), &["check-format"]).context("run `just format`, then git add")?;
        // Takes as long as `cargo check`, which would compile all dependencies once more.
        run("cargo".into(), &["test", "--quiet", "--no-run"])?;
        run(env::current_exe()?.into(), &["check-migrations"])
    }
}

/// Checks the tree out below target/, where the next run updates it. It uses the settings,
/// the server and the compiled dependencies of the project.
async fn checkout_of_index(project: &Project, tree: &str) -> Result<Checkout> {
    let root = project.scratch("index")?;
    let git_directory = process::output(
        Command::new("git").current_dir(&project.root).args(["rev-parse", "--absolute-git-dir"]),
    )?;
    let mut environment: Vec<(_, OsString)> = vec![
        ("GIT_DIR", git_directory.trim().into()),
        ("GIT_WORK_TREE", root.clone().into()),
        ("GIT_INDEX_FILE", root.with_extension("git").into()),
    ];
    process::output(
        Command::new("git").current_dir(&root).envs(environment.iter().cloned()).args([
            "read-tree",
            "--reset",
            "-u",
            tree,
        ]),
    )?;
    let settings = project.root.join(".env");
    if settings.exists() {
        fs::copy(settings, root.join(".env")).context("cannot copy .env")?;
    }
    let server = postgres::server_in(&project.root).await?;
    environment.extend([
        ("DEV_POSTGRES", "url".into()),
        ("TEST_DATABASE_URL", server.url("postgres").into()),
        // Makes cargo keep these builds of the workspace apart. It would take one of this
        // checkout for one of the working tree, whose files may be older but differ.
        ("RUSTC_WRAPPER", "".into()),
        ("RUSTC_WORKSPACE_WRAPPER", "/usr/bin/env".into()),
    ]);
    if env::var_os("CARGO_TARGET_DIR").is_none() {
        environment.push(("CARGO_TARGET_DIR", project.root.join("target").into()));
    }
    Ok(Checkout { root, environment })
}
