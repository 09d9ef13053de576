//! `lint`: the part of `just lint` that checks the stack.

use std::process::Command;

use anyhow::{Context, Result, bail};
use migrations::Project;

use crate::{deploy_tools, parameters, samconfig::StackEnvironment, stack::TEMPLATE};

/// Lints the templates with cfn-lint and `sam validate`, or says that neither is installed.
///
/// # Errors
/// With their findings.
pub(crate) fn run(project: &Project) -> Result<()> {
    let root = &project.root;
    for name in StackEnvironment::names(root)? {
        parameters::check(root, &StackEnvironment::read(root, &name)?)?;
    }
    let (Ok(cfn_lint), Ok(sam)) =
        (deploy_tools::program(root, "cfn-lint"), deploy_tools::program(root, "sam"))
    else {
        println!("- stack: not linted, cfn-lint and sam are missing: just setup-deploy");
        return Ok(());
    };
    println!("  linting the stack, a few seconds");
    let mut cfn_lint = deploy_tools::command(&cfn_lint);
    cfn_lint.args(["--", TEMPLATE, "kit/deploy/*.yaml"]);
    let mut sam = deploy_tools::command(&sam);
    sam.env("SAM_CLI_TELEMETRY", "0")
        // It requires a region; the rules are the same in all.
        .args(["validate", "--lint", "--region", "us-east-1"])
        .args(["--template-file", TEMPLATE]);
    for command in [&mut cfn_lint, &mut sam] {
        check(command.current_dir(root))?;
    }
    println!("✓ stack: cfn-lint and sam validate pass");
    Ok(())
}

/// Runs a program that writes its findings to either of its outputs.
fn check(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (process::text(&output.stdout), process::text(&output.stderr));
    bail!("the stack does not pass {name}:\n{}\n{}", out.trim(), err.trim());
}
