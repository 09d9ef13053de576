//! What the integration tests of the kit share.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use atlas::Atlas;
use serde_json::Value;

/// Root of the workspace that the kit is part of.
pub fn project_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The Atlas of this workspace; `ATLAS=/path/to/atlas` selects another.
///
/// # Panics
/// When no working Atlas is found.
pub fn atlas() -> Atlas {
    let found = Atlas::find(project_root(), env::var("ATLAS").ok());
    found.unwrap_or_else(|error| panic!("{error}"))
}

/// Path of a program of the kit, built as `cargo test --workspace` builds it.
///
/// # Panics
/// When it does not compile.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build(&["--workspace", "--bins"]));
    let found = built.iter().find(|path| path.ends_with(name));
    found.unwrap_or_else(|| panic!("no program {name}")).clone()
}

/// Paths of the programs that `cargo build ARGUMENTS` makes.
///
/// # Panics
/// When the build fails.
pub fn build(arguments: &[&str]) -> Vec<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if arguments.contains(&"--release") {
        // As kit/deploy builds for AWS Lambda.
        cargo.envs([
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
            ("CARGO_PROFILE_RELEASE_STRIP", "true"),
        ]);
    }
    let output = cargo
        .arg("build")
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(project_root())
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo build failed");
    let stdout = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let messages = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect()
}
