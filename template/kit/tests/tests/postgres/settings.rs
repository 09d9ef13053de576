//! What the settings say, and what happens when nothing can serve.

use std::fs;

use crate::project::Project;

/// No engine, no binaries.
const NOTHING: &str = "DOCKER_HOST=unix:///nonexistent.sock\nDEV_POSTGRES_PATH=/nonexistent\n";

#[test]
fn no_provider_lists_three_ways() {
    let error = Project::new(NOTHING).ask().unwrap_err();
    for part in [
        "Set TEST_DATABASE_URL",
        "Start Docker",
        "apt-get install postgresql",
        "brew install postgresql@17",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let forced = Project::new(&format!("{NOTHING}DEV_POSTGRES=local\nPOSTGRES_MAJOR=16\n"));
    let error = forced.ask().unwrap_err();
    assert!(error.contains("DEV_POSTGRES_PATH") && error.contains("postgresql@16"), "{error}");
}

#[test]
fn a_malformed_value_is_named_with_its_source() {
    for (line, expected) in [
        ("POSTGRES_MAJOR=seventeen", "a major version"),
        ("POSTGRES_MAJOR=9", "from 13 on"),
        ("DEV_POSTGRES=podman", "url, docker or local"),
    ] {
        let project = Project::new("");
        let file = project.root().join(".env.example");
        fs::write(&file, format!("{NOTHING}{line}\n")).unwrap();
        let error = project.ask().unwrap_err();
        let key = line.split('=').next().unwrap();
        for part in [key, expected, ".env.example"] {
            assert!(error.contains(part), "{part} not in: {error}");
        }
    }
}

#[test]
fn a_project_that_is_not_there() {
    let project = Project::new("");
    fs::remove_dir_all(project.root()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(postgres::server_in(project.root())).unwrap_err();
    assert!(error.to_string().contains("no project in"), "{error}");
}

#[test]
fn the_root_is_above_the_package() {
    let root = postgres::project_root().unwrap();
    assert!(root.join("Cargo.lock").is_file());
    assert!(env!("CARGO_MANIFEST_DIR").starts_with(root.to_str().unwrap()));
}
