//! The migration function.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use template_tests::{Tools, checkout, run};

use crate::{Figure, median};

/// What the migration function costs: its own benchmark, the size of its build for the
/// other architecture, and the start of a custom resource in Python beside its own.
pub(crate) fn lambda(figures: &mut Vec<Figure>) -> Result<()> {
    println!("lambda_size, lambda_init, lambda_memory, lambda_noop");
    let template = checkout().join("template");
    let output = run(Command::new("cargo")
        .args(["bench", "--quiet", "--package", "kit-tests"])
        .env("ATLAS", Tools::find()?.atlas)
        .current_dir(&template))
    .succeeded()?
    .output;
    let lines = output.lines().filter(|line| line.starts_with('{'));
    let measured: Vec<Figure> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(
        measured.len() == 4,
        "the function's benchmark printed:\n{output}"
    );
    let init = measured.iter().find(|figure| figure.name == "lambda_init");
    let init = init.map_or(0.0, |figure| figure.value);
    figures.extend(measured);

    run(Command::new("just")
        .args(["build-lambda", "--architecture", "arm64"])
        .current_dir(&template))
    .succeeded()?;
    let built = template.join("target/xtask/lambda/arm64/migration-lambda/bootstrap");
    figures.push(Figure {
        name: "lambda_size_arm64".into(),
        unit: "MB".into(),
        value: megabytes(&built)?,
        peer: "Atlas beside it".into(),
        peer_value: megabytes(&Tools::find()?.atlas)?,
    });

    let python = checkout().join(".tools/bench-python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&python)).succeeded()?;
        run(Command::new(python.join("bin/pip")).args([
            "install",
            "--quiet",
            "boto3==1.43.108",
            "crhelper==2.0.12",
        ]))
        .succeeded()?;
    }
    figures.push(Figure {
        name: "lambda_init_python".into(),
        unit: "ms".into(),
        value: median(
            10,
            Command::new(python.join("bin/python")).args(["-c", "import boto3, crhelper"]),
        )?,
        peer: "lambda_init".into(),
        peer_value: init,
    });
    Ok(())
}

fn megabytes(file: &Path) -> Result<f64> {
    Ok(fs::metadata(file)?.len() as f64 / 1e6)
}
