//! Runs the tests that `just test` leaves out: those marked `#[ignore = "soak: REASON"]`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use template_tests::checkout;

fn main() -> Result<()> {
    let mut passed = true;
    for (tests, manifest) in [
        ("template/kit", "template/Cargo.toml"),
        ("tests/tests", "tests/Cargo.toml"),
    ] {
        let mut names = Vec::new();
        marked(&checkout().join(tests), &mut names)?;
        println!("{} tests in {tests}: {}", names.len(), names.join(", "));
        if names.is_empty() {
            continue;
        }
        let status = Command::new("cargo")
            .current_dir(checkout())
            .args(["test", "--no-fail-fast", "--workspace"])
            .args(["--manifest-path", manifest])
            .args(["--", "--ignored", "--nocapture"])
            .args(&names)
            .status()
            .context("cannot run cargo")?;
        passed &= status.success();
    }
    ensure!(passed, "a test failed: see above");
    Ok(())
}

/// Collects the names of the marked tests in the directory.
fn marked(directory: &Path, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            marked(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            for test in text.split("#[ignore = \"soak").skip(1) {
                let (_, function) = test.split_once("fn ").context("no function")?;
                let name = function.split(['(', '<']).next().unwrap_or_default();
                names.push(name.to_owned());
            }
        }
    }
    Ok(())
}
