use rstest::{fixture, rstest};
use tempfile::TempDir;

use super::*;

#[fixture]
fn root() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A program that prints `text`. A shell writes it: a file that this process holds
/// open for writing could not be run while another test forks.
fn program_printing(directory: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(directory).unwrap();
    let program = directory.join(name);
    let written = Command::new("sh")
        .args([
            "-c",
            "printf '#!/bin/sh\\necho \"%s\"\\n' \"$1\" >\"$2\" && chmod +x \"$2\"",
            "sh",
        ])
        .arg(text)
        .arg(&program)
        .status();
    assert!(written.unwrap().success());
    program
}

/// What an installation of the first environment leaves behind.
fn installed(root: &TempDir, pins: &str) -> PathBuf {
    let directory = ENVIRONMENTS[0].directory(root.path());
    fs::create_dir_all(directory.join("bin")).unwrap();
    fs::write(directory.join("bin/python"), "").unwrap();
    fs::write(directory.join("bin/sam"), "").unwrap();
    fs::write(directory.join(COMPLETE), pins).unwrap();
    directory
}

#[rstest]
fn the_pinned_one_goes_before_path(root: TempDir) {
    let directory = installed(&root, &ENVIRONMENTS[0].requirements());
    program_printing(&root.path().join("bin"), "sam", "SAM CLI, version 99.0.0");
    let path = Some(root.path().join("bin").into_os_string());
    assert_eq!(
        find(root.path(), path, "sam").unwrap(),
        directory.join("bin/sam")
    );
}

#[rstest]
#[case::other_versions("aws-sam-cli==1.0.0\n")]
#[case::half("")]
fn an_installation_of_something_else_does_not_count(root: TempDir, #[case] pins: &str) {
    installed(&root, pins);
    let error = find(root.path(), None, "sam").unwrap_err().to_string();
    assert_eq!(
        error,
        "sam 1.170.0 or newer is not installed: run `just setup-deploy`"
    );
}

#[rstest]
fn an_installation_whose_python_is_gone_does_not_count(root: TempDir) {
    let directory = installed(&root, &ENVIRONMENTS[0].requirements());
    fs::remove_file(directory.join("bin/python")).unwrap();
    find(root.path(), None, "sam").unwrap_err();
}

#[rstest]
#[case::same("SAM CLI, version 1.170.0", true)]
#[case::newer("SAM CLI, version 1.1000.0", true)]
#[case::older("SAM CLI, version 1.99.1", false)]
#[case::not_understood("SAM CLI", false)]
fn one_on_path_must_not_be_older(root: TempDir, #[case] printed: &str, #[case] taken: bool) {
    let bin = root.path().join("bin");
    let sam = program_printing(&bin, "sam", printed);
    match find(root.path(), Some(bin.into_os_string()), "sam") {
        Ok(found) => assert!(taken && found == sam),
        Err(error) => {
            assert!(!taken);
            let error = error.to_string();
            assert!(error.contains("just setup-deploy"), "{error}");
            assert!(error.contains(printed), "{error}");
        }
    }
}

#[rstest]
fn takes_none_from_path_that_cannot_tell_its_version(root: TempDir) {
    let bin = root.path().join("bin");
    program_printing(&bin, "ministack", "99.0.0");
    find(root.path(), Some(bin.into_os_string()), "ministack").unwrap_err();
}

#[rstest]
#[case("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)", Some(vec![1, 9, 2]))]
#[case("cfn-lint 1.58.0\n", Some(vec![1, 58, 0]))]
#[case("aws-cli/2.31.0 Python/3.13.7 Linux/6.1 exe/x86_64", Some(vec![2, 31, 0]))]
#[case("none", None)]
fn reads_versions(#[case] printed: &str, #[case] version: Option<Vec<u32>>) {
    assert_eq!(version_in(printed), version);
}

#[test]
fn every_program_belongs_to_a_pinned_package() {
    for environment in ENVIRONMENTS {
        for program in environment.programs {
            assert!(
                version_in(environment.pin(program.package)).is_some(),
                "{}",
                program.name
            );
        }
    }
}

#[rstest]
fn runs_with_its_neighbours_on_path(root: TempDir) {
    program_printing(root.path(), "neighbour", "seen");
    let program = root.path().join("program");
    let written = Command::new("sh")
        .args([
            "-c",
            "printf '#!/bin/sh\\nneighbour\\n' >\"$1\" && chmod +x \"$1\"",
            "sh",
        ])
        .arg(&program)
        .status();
    assert!(written.unwrap().success());
    assert_eq!(process::output(&mut command(&program)).unwrap(), "seen\n");
}
