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
fn the_pinned_one_goes_before_path(root: TempDir) {
    let directory = installed(&root, &environment(&root).requirements());
    program_printing(&root.path().join("bin"), "sam", "SAM CLI, version 99.0.0");
    let path = Some(root.path().join("bin").into_os_string());
    assert_eq!(find(root.path(), path, "sam").unwrap(), directory.join("bin/sam"));
}

#[rstest]
#[case::other_versions("aws-sam-cli==1.0.0\n")]
#[case::half("")]
fn an_installation_of_something_else_does_not_count(root: TempDir, #[case] pins: &str) {
    installed(&root, pins);
    let error = find(root.path(), None, "sam").unwrap_err().to_string();
    let pinned = environment(&root).pin("aws-sam-cli").unwrap().to_owned();
    assert_eq!(error, format!("sam {pinned} or newer is not installed: run `just setup-deploy`"));
}

#[rstest]
fn an_installation_whose_python_is_gone_does_not_count(root: TempDir) {
    let directory = installed(&root, &environment(&root).requirements());
    fs::remove_file(directory.join("bin/python")).unwrap();
    find(root.path(), None, "sam").unwrap_err();
}

#[rstest]
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

#[rstest]
fn one_on_path_may_be_the_same(root: TempDir) {
    let pinned = environment(&root).pin("aws-sam-cli").unwrap().to_owned();
    let bin = root.path().join("bin");
    let sam = program_printing(&bin, "sam", &format!("SAM CLI, version {pinned}"));
    let found = find(root.path(), Some(bin.into_os_string()), "sam").unwrap();
    assert_eq!(found, sam);
}

#[rstest]
fn every_program_has_a_version(root: TempDir) {
    let environments = environments(root.path()).unwrap();
    for (program, package, _) in PROGRAMS {
        let pin = environments.iter().find_map(|it| it.pin(package));
        assert!(pin.and_then(version_in).is_some(), "{program}");
    }
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
