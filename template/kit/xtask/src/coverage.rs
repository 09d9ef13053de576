//! `coverage`: which lines of the project's own crates the tests run.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use tools::cargo::install;

/// Runs the tests and prints the coverage of each file; then holds the floor of Cargo.toml
/// (`[workspace.metadata.coverage] floor`, in percent of lines). `if_floor` makes it do
/// nothing where no floor is set.
///
/// # Errors
/// When a test fails, or the coverage is below the floor.
pub(crate) fn run(root: &Path, if_floor: bool, options: &[String]) -> Result<()> {
    let floor = floor(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    if if_floor && floor.is_none() {
        println!("- coverage: Cargo.toml sets no floor ([workspace.metadata.coverage] floor)");
        return Ok(());
    }
    install_llvm_tools()?;
    let program = install(root, "cargo-llvm-cov", &["--debug"])?;
    let mut command = Command::new(program);
    // The kit is tested where it is made, and entities are code that SeaORM's macros write. The
    // names of the directories above may be "kit" too, or contain what a regex must escape.
    let above = root.display().to_string().replace(|c: char| !c.is_alphanumeric(), ".");
    let ignored = format!("^{above}/(kit|crates/entity)/");
    command.current_dir(root).args(["llvm-cov", "--ignore-filename-regex", &ignored]);
    if let Some(floor) = floor {
        command.arg("--fail-under-lines").arg(floor.to_string());
    }
    process::run_inherited(command.args(options)).with_context(|| match floor {
        Some(floor) => format!(
            "a test failed, or less than {floor} % of the lines are covered (`just coverage \
             --open` shows which)"
        ),
        None => "coverage".to_owned(),
    })
}

/// Installs what reads the counters: programs of the same LLVM as the compiler's.
fn install_llvm_tools() -> Result<()> {
    let libraries = process::output(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let profdata = Path::new(libraries.trim()).with_file_name("bin/llvm-profdata");
    if env::var_os("LLVM_PROFDATA").is_some() || profdata.exists() {
        return Ok(());
    }
    println!("  installing llvm-tools for the compiler");
    process::run_inherited(Command::new("rustup").args(["component", "add", "llvm-tools"])).context(
        "the coverage needs llvm-tools: install them with rustup, or name the programs of the \
         compiler's LLVM (`rustc -vV`) with LLVM_COV and LLVM_PROFDATA",
    )
}

/// The floor in a Cargo.toml, in percent.
fn floor(manifest: &str) -> Result<Option<f64>> {
    let manifest: toml::Table = toml::from_str(manifest).context("Cargo.toml is not TOML")?;
    let floor =
        manifest.get("workspace").and_then(|it| it.get("metadata")?.get("coverage")?.get("floor"));
    let Some(floor) = floor else { return Ok(None) };
    floor
        .as_float()
        .or(floor.as_integer().map(|whole| whole as f64))
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(Some)
        .context("Cargo.toml: floor in [workspace.metadata.coverage] must be a percentage")
}
