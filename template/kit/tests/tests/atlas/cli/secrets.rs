use std::fs;
use std::path::Path;
use std::process::Command;

use atlas::{ApplyOptions, Atlas};
use rstest::rstest;

use super::{Project, project};

const URL: &str = "postgres://app:Sw0rdf1sh@127.0.0.1:1/app?sslmode=disable";

/// Stands in for Atlas: records its arguments and the URLs in its environment.
const RECORDER: &str = r#"#!/bin/sh
if [ "$1" = version ]; then echo "atlas version v1.0.0"; exit; fi
echo "$@" >>"$0.arguments"
env | grep '^ATLAS_.*URL=' >>"$0.environment"
echo '{"Driver": "postgres", "Status": "OK"}'
"#;

#[rstest]
fn passwords_are_passed_only_in_the_environment(project: Project) {
    let binary = project.root.path().join("atlas");
    // Written by a shell: a file that this process has open for writing cannot be run while
    // another test forks.
    let written = Command::new("sh")
        .args(["-c", "printf %s \"$1\" >\"$2\" && chmod +x \"$2\"", "sh"])
        .args([Path::new(RECORDER), &binary])
        .status();
    assert!(written.unwrap().success());
    let atlas = Atlas::with_binary(&binary).unwrap();
    let migrations = &project.migrations;
    let options = ApplyOptions {
        baseline: Some("1".to_owned()),
        lock_timeout: Some(std::time::Duration::from_secs(1)),
        ..ApplyOptions::default()
    };
    atlas.apply(migrations, URL, &options).unwrap();
    atlas.status(migrations, URL).unwrap();

    let arguments = fs::read_to_string(project.root.path().join("atlas.arguments")).unwrap();
    assert_eq!(arguments.lines().count(), 2, "{arguments}");
    assert!(!arguments.contains("Sw0rdf1sh"), "{arguments}");
    let environment = fs::read_to_string(project.root.path().join("atlas.environment"));
    assert_eq!(environment.unwrap().matches(URL).count(), 2);
}

#[rstest]
#[case::no_server(URL, "No server answers")]
// v0.13.1 repeats a URL that it cannot parse.
#[case::malformed("postgres://app:Sw0rdf1sh%zz@127.0.0.1:1/app", "invalid URL escape")]
fn errors_contain_no_password(project: Project, #[case] url: &str, #[case] told: &str) {
    project.migration("1.sql", "SELECT 1;");
    let (atlas, migrations) = (&project.atlas, &project.migrations);
    let errors = [
        atlas.apply(migrations, url, &ApplyOptions::default()).unwrap_err(),
        atlas.status(migrations, url).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains(told), "{text}");
        for text in [text, format!("{error:?}")] {
            assert!(!text.contains("Sw0rdf1sh"), "{text}");
        }
        assert!(error.to_string().contains(told), "{error}");
    }
}
