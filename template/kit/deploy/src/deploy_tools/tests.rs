use rstest::{fixture, rstest};
use tempfile::TempDir;

use super::*;

/// A project with the versions of the kit.
#[fixture]
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools.toml");
    fs::copy(manifest, root.path().join("tools.toml")).unwrap();
    root
}

/// The environment that sam is in.
fn environment(root: &TempDir) -> PythonEnvironment {
    environments(root.path()).unwrap().remove(0)
}

/// A program that prints `text`. A shell writes it: a file that this process holds
/// open for writing could not be run while another test forks.
fn program_printing(directory: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(directory).unwrap();
    let program = directory.join(name);
    let written = Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\necho \"%s\"\\n' \"$1\" >\"$2\" && chmod +x \"$2\"", "sh"])
        .arg(text)
        .arg(&program)
        .status();
    assert!(written.unwrap().success());
    program
}

/// The files of an installation with these requirements.
fn installed(root: &TempDir, pins: &str) -> PathBuf {
    let directory = environment(root).directory;
    fs::create_dir_all(directory.join("bin")).unwrap();
    fs::write(directory.join("bin/python"), "").unwrap();
    fs::write(directory.join("bin/sam"), "").unwrap();
    fs::write(directory.join(COMPLETE), pins).unwrap();
    directory
}

#[rstest]
fn a_program_is_the_installed_one(root: TempDir) {
    let directory = installed(&root, &environment(&root).requirements());
    assert_eq!(program(root.path(), "sam").unwrap(), directory.join("bin/sam"));
    let error = program(root.path(), "cargo-lambda").unwrap_err().to_string();
    assert_eq!(error, "cargo-lambda is not installed: run `just setup-deploy`");
}

#[rstest]
#[case::other_versions("aws-sam-cli==1.0.0\n")]
#[case::half("")]
fn an_installation_of_something_else_does_not_count(root: TempDir, #[case] pins: &str) {
    installed(&root, pins);
    program(root.path(), "sam").unwrap_err();
}

#[rstest]
fn an_installation_whose_python_is_gone_does_not_count(root: TempDir) {
    let directory = installed(&root, &environment(&root).requirements());
    fs::remove_file(directory.join("bin/python")).unwrap();
    program(root.path(), "sam").unwrap_err();
}

#[rstest]
fn runs_with_its_neighbours_on_path(root: TempDir) {
    program_printing(root.path(), "neighbour", "seen");
    let program = root.path().join("program");
    let written = Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\nneighbour\\n' >\"$1\" && chmod +x \"$1\"", "sh"])
        .arg(&program)
        .status();
    assert!(written.unwrap().success());
    assert_eq!(process::output(&mut command(&program)).unwrap(), "seen\n");
}
