//! Installs programs from crates.io.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Installs `name` at the version in `[cargo]` of tools.toml unless it is there, and returns
/// the program's path. `options` go to `cargo install`, which shows its progress.
///
/// # Errors
/// When tools.toml does not name it, or it does not build.
pub fn install(root: &Path, name: &str, options: &[&str]) -> Result<PathBuf> {
    let manifest = crate::manifest(root)?;
    let version = manifest
        .get("cargo")
        .and_then(|programs| programs.get(name)?.as_str())
        .with_context(|| format!("tools.toml has no version of {name} in [cargo]"))?;
    let tools = crate::directory(root);
    let program = tools.join("bin").join(name);
    // Two at once, with one target directory, would take each other's programs away.
    fs::create_dir_all(&tools)?;
    let lock = File::create(tools.join("lock"))?;
    lock.lock()?;
    // Written by cargo: one line for each installed package.
    let installed = fs::read_to_string(tools.join(".crates.toml")).unwrap_or_default();
    if !program.exists() || !installed.contains(&format!("\"{name} {version} ")) {
        println!("  installing {name} {version} into .tools");
        let mut cargo = process::cargo();
        cargo.args(["install", "--locked", name, "--version", version]);
        cargo.args(options).arg("--root").arg(&tools);
        // Costs a fifth of the time, and nobody debugs these.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        process::run_inherited(&mut cargo)
            .with_context(|| format!("cannot install {name} {version}"))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_pinned_version_and_refuses_an_unknown_program() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(root.path().join(file), text).unwrap();
        write("tools.toml", "[cargo]\nhello = \"1.2.0\"\n");
        fs::create_dir_all(root.path().join(".tools/bin")).unwrap();
        write(".tools/bin/hello", "");
        write(
            ".tools/.crates.toml",
            "[v1]\n\"hello 1.2.0 (registry+https://example.com)\" = [\"hello\"]\n",
        );
        let program = install(root.path(), "hello", &[]).unwrap();
        assert_eq!(program, root.path().join(".tools/bin/hello"));
        let unknown = install(root.path(), "world", &[]).unwrap_err().to_string();
        assert_eq!(unknown, "tools.toml has no version of world in [cargo]");
    }
}
