//! `lint-stack`: the part of `just lint` that looks at the stack.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{deploy_tools, stack::TEMPLATE};
use migrations::Project;

/// Lints the templates with cfn-lint, and has sam validate the one that it transforms.
/// Without those programs nothing is linted, and a line says so.
///
/// # Errors
/// With what they found.
pub(crate) fn run(project: &Project) -> Result<()> {
    let root = &project.root;
    if !root.join(TEMPLATE).exists() {
        println!("- stack: not linted, there is no {TEMPLATE}");
        return Ok(());
    }
    let (Ok(cfn_lint), Ok(sam)) = (
        deploy_tools::program(root, "cfn-lint"),
        deploy_tools::program(root, "sam"),
    ) else {
        println!("- stack: not linted, cfn-lint and sam are missing: just setup-deploy");
        return Ok(());
    };
    let nested = Some("database.yaml").filter(|file| root.join(file).exists());
    check(
        root,
        deploy_tools::command(&cfn_lint)
            .args(["--", TEMPLATE])
            .args(nested),
    )?;
    check(
        root,
        deploy_tools::command(&sam)
            .env("SAM_CLI_TELEMETRY", "0")
            // It asks for one, and the rules are the same in all.
            .args(["validate", "--lint", "--region", "us-east-1"])
            .args(["--template-file", TEMPLATE]),
    )?;
    println!("✓ stack: cfn-lint and sam validate pass");
    Ok(())
}

/// Runs a program whose findings are on either of its outputs.
fn check(root: &Path, command: &mut std::process::Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .current_dir(root)
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (process::text(&output.stdout), process::text(&output.stderr));
    bail!(
        "the stack does not pass {name}:\n{}\n{}",
        out.trim(),
        err.trim()
    );
}
