use std::{
    fs,
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use toml::Table;

use crate::answers::Answers;

/// Renders a template below `place`. Questions without an answer get their default.
///
/// # Errors
/// When an answer is refused.
pub(crate) fn render(
    root: &Path,
    template: &Path,
    answers: &Answers,
    place: &Path,
) -> Result<PathBuf> {
    let mut command = command(root, template, answers, place)?;
    process::output(command.arg("--silent"))?;
    Ok(place.join(answers.project_name()?))
}

/// Does the same, but asks questions without an answer if there is a terminal.
pub(crate) fn render_and_ask(
    root: &Path,
    template: &Path,
    answers: &Answers,
    place: &Path,
) -> Result<PathBuf> {
    let rendered = render(root, template, answers, place)?;
    let known = &answers.values;
    let mut keys = Answers::read(&rendered)?.values.into_iter();
    if stdin().is_terminal() && !keys.all(|(key, _)| known.contains_key(&key)) {
        println!("  the new version has questions that are not answered yet");
        fs::remove_dir_all(&rendered)?;
        process::run_inherited(&mut command(root, template, answers, place)?)?;
    }
    Ok(rendered)
}

fn command(root: &Path, template: &Path, answers: &Answers, place: &Path) -> Result<Command> {
    fs::create_dir_all(place)?;
    let file = place.join("answers.toml");
    let mut values = answers.values.clone();
    let source = answers.template.source.clone();
    values.insert("template_source".into(), source.into());
    values.insert("updating".into(), "yes".into());
    values.remove("project-name");
    let table = Table::from_iter([("values".to_owned(), values.into())]);
    fs::write(&file, toml::to_string(&table)?)?;

    let mut command = Command::new(cargo_generate(root)?);
    command
        // It needs an author, and git may not know one.
        .env("CARGO_NAME", "template")
        .args(["generate", "--no-workspace", "--vcs", "none"])
        // --force keeps the name as it was recorded.
        .args(["--force", "--name", answers.project_name()?])
        .args(["--path".as_ref(), template, "--values-file".as_ref(), &file])
        .args(["--destination".as_ref(), place]);
    Ok(command)
}

/// The cargo-generate on PATH, else the one of tools.toml, installed when first used.
fn cargo_generate(root: &Path) -> Result<PathBuf> {
    let on_path = PathBuf::from("cargo-generate");
    if process::optional(Command::new(&on_path).arg("--version"))?.is_some() {
        return Ok(on_path);
    }
    // Rendering from a directory takes none of its features, and --debug half the time.
    let options = ["--debug", "--no-default-features", "--ignore-rust-version"];
    tools::cargo::install(root, "cargo-generate", &options)
}
