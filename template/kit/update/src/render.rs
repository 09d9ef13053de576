use std::{
    fs,
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use toml::Table;

use crate::answers::Answers;

/// Renders a template with answers, in a new directory below `place`. Questions that have no
/// answer yet are asked if `ask` is set and there is a terminal, else they get their default.
///
/// # Errors
/// When an answer is refused.
pub(crate) fn render(
    root: &Path,
    template: &Path,
    answers: &Answers,
    place: &Path,
    ask: bool,
) -> Result<PathBuf> {
    let program = cargo_generate(root)?;
    let name = answers
        .values
        .get("project-name")
        .and_then(|name| name.as_str());
    let name = name.context("the answers have no project-name")?;
    fs::create_dir_all(place)?;
    let values = place.join("answers.toml");
    let mut table = answers.values.clone();
    table.remove("project-name");
    table.insert("template_source".into(), answers.source.clone().into());
    fs::write(
        &values,
        toml::to_string(&Table::from_iter([("values".to_owned(), table.into())]))?,
    )?;

    let mut command = Command::new(program);
    command
        // It asks for the author, who may be known to nobody.
        .env("CARGO_NAME", "template")
        .arg("generate")
        .arg("--path")
        .arg(template)
        .args([
            "--name",
            name,
            "--no-workspace",
            "--vcs",
            "none",
            "--values-file",
        ])
        .arg(&values)
        .arg("--destination")
        .arg(place);
    if ask && stdin().is_terminal() {
        process::run_inherited(&mut command)?;
    } else {
        process::output(command.arg("--silent"))?;
    }
    Ok(place.join(name))
}

/// The cargo-generate on PATH, else the one of `tools.toml`, which is installed at first use.
fn cargo_generate(root: &Path) -> Result<PathBuf> {
    let on_path = PathBuf::from("cargo-generate");
    if process::optional(Command::new(&on_path).arg("--version"))?.is_some() {
        return Ok(on_path);
    }
    // Rendering from a directory takes none of its features, and --debug half the time.
    let options = ["--debug", "--no-default-features", "--ignore-rust-version"];
    tools::cargo::install(root, "cargo-generate", &options)
}
