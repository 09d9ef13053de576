//! `setup`: prepares a fresh clone. Safe to run again.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use atlas::{Atlas, Edition};
use migrations::Project;
use postgres::settings::setting;
use process::text;

pub(crate) fn run(project: &Project) -> Result<()> {
    environment_file(project)?;
    git_hook(project)?;
    atlas(project)?;
    Ok(())
}

fn environment_file(project: &Project) -> Result<()> {
    let file = project.root.join(".env");
    if file.exists() {
        println!("✓ .env is there");
        return Ok(());
    }
    // Commented out, so that settings nobody overrides follow .env.example.
    let example = fs::read_to_string(project.root.join(".env.example"))
        .context("cannot read .env.example")?;
    let lines = example.lines().map(|line| match line {
        "" => "\n".to_owned(),
        comment if comment.starts_with('#') => format!("{comment}\n"),
        setting => format!("# {setting}\n"),
    });
    fs::write(&file, lines.collect::<String>()).context("cannot write .env")?;
    println!("✓ .env made from .env.example");
    Ok(())
}

/// Lets git run `.githooks/pre-commit`, unless the user has other hooks.
fn git_hook(project: &Project) -> Result<()> {
    const HOOKS: &str = ".githooks";
    let git = |arguments: &[&str]| {
        process::optional(Command::new("git").current_dir(&project.root).args(arguments))
    };
    let top = git(&["rev-parse", "--show-toplevel"])?.map(|output| text(&output.stdout));
    let top = top.and_then(|top| fs::canonicalize(top.trim_end()).ok());
    if top != Some(fs::canonicalize(&project.root)?) {
        println!(
            "- git hook: this directory is not the top of a git repository (git init, then just setup)"
        );
        return Ok(());
    }
    let configured =
        git(&["config", "--get", "core.hooksPath"])?.map(|output| text(&output.stdout));
    match configured.as_deref().map(str::trim) {
        Some("") | None if has_other_hooks(project)? => {
            println!("- git hook: .git/hooks has hooks already; call {HOOKS}/pre-commit from there")
        }
        Some("") | None => {
            process::output(Command::new("git").current_dir(&project.root).args([
                "config",
                "core.hooksPath",
                HOOKS,
            ]))?;
            println!("✓ git hook: {HOOKS}/pre-commit runs before each commit");
        }
        Some(HOOKS) => println!("✓ git hook: {HOOKS}/pre-commit runs before each commit"),
        Some(other) => {
            println!("- git hook: core.hooksPath is {other}; call {HOOKS}/pre-commit from there")
        }
    }
    Ok(())
}

/// Whether `.git/hooks` holds hooks that would no longer run, such as git-lfs'.
fn has_other_hooks(project: &Project) -> Result<bool> {
    let Ok(hooks) = fs::read_dir(project.root.join(".git/hooks")) else {
        return Ok(false);
    };
    for hook in hooks {
        // Examples, and notes that some programs leave there, have an extension.
        if hook?.path().extension().is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds Atlas or installs it, and says what it can do.
fn atlas(project: &Project) -> Result<()> {
    let root = fs::canonicalize(&project.root)?;
    let ours = |atlas: &Atlas| atlas.binary().starts_with(tools::directory(&root));
    let named = setting(&root, "ATLAS")?.is_some();
    let (atlas, origin) = match project.atlas() {
        Ok(atlas) if named => (atlas, "named by ATLAS"),
        Ok(atlas) if !ours(&atlas) => (atlas, "on PATH"),
        // A program that the user named is not replaced by another one.
        Err(error) if named => return Err(error),
        _ => {
            let origin = tools::atlas::install(&root)?.origin;
            (project.atlas()?, origin)
        }
    };
    let edition = match atlas.edition() {
        Edition::Community => " (community edition)",
        Edition::Official => "",
    };
    let servers = match atlas.supports_server(16) {
        Ok(()) => "every PostgreSQL",
        Err(_) => "PostgreSQL up to 15",
    };
    let binary = atlas.binary();
    println!(
        "✓ Atlas {}{edition}, {origin}: {servers} ({})",
        atlas.version(),
        binary.strip_prefix(&root).unwrap_or(binary).display()
    );
    let major = setting(&root, "POSTGRES_MAJOR")?;
    if let Some(major) = major.and_then(|major| major.parse().ok())
        && let Err(error) = atlas.supports_server(major)
    {
        println!("- {error}");
    }
    Ok(())
}
