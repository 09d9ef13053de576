use std::fs;
use std::process::Command;

use rstest::rstest;
use url::Url;

use super::{Project, project};

/// Corner cases of the rules for `atlas.sum`, each a file of one directory.
const FILES: [(&str, &str); 9] = [
    ("1_plain.sql", "CREATE TABLE a ();\n"),
    ("10_sorts_by_bytes.sql", "-- 2\r\nSELECT 1;\r\n"),
    ("2_ignored.sql", "-- atlas:sum ignore\n\nSELECT 1;\n"),
    ("3_ignored_behind_code.sql", "SELECT 1; atlas:sum   ignore\n"),
    ("4_last_directive_counts.sql", "-- atlas:sum ignore atlas:nolint\n"),
    ("5_no_name.sql", "-- atlas:sum ignore atlas:\n"),
    ("6_beyond_ascii.sql", "-- é atlas:sum ignore\n"),
    ("7_second_line.sql", "\n-- atlas:sum ignore\n"),
    (".hidden.sql", ""),
];

/// Lets Atlas write `atlas.sum`, and returns it.
fn atlas_sum(project: &Project) -> String {
    let directory = Url::from_file_path(project.migrations.path()).unwrap();
    let status = Command::new(project.atlas.binary())
        .args(["migrate", "hash", "--dir", directory.as_str()])
        .status();
    assert!(status.unwrap().success());
    fs::read_to_string(project.migrations.sum_path()).unwrap()
}

#[rstest]
fn the_sum_is_what_atlas_writes(project: Project) {
    for (name, sql) in FILES {
        fs::write(project.migrations.path().join(name), sql).unwrap();
    }
    let theirs = atlas_sum(&project);
    project.migrations.verify().unwrap();

    let ours = project.migrations.write_sum().unwrap();
    assert_eq!(ours.to_string(), theirs);
    assert_eq!(fs::read_to_string(project.migrations.sum_path()).unwrap(), theirs);
    assert_eq!(theirs.lines().count(), 1 + FILES.len() - 2);
}

#[rstest]
fn the_sum_of_no_files_is_what_atlas_writes(project: Project) {
    let theirs = atlas_sum(&project);
    assert_eq!(project.migrations.write_sum().unwrap().to_string(), theirs);
}

#[rstest]
fn verify_and_atlas_find_the_same_edit(project: Project) {
    project.migration("1.sql", "SELECT 1;");
    fs::write(project.migrations.path().join("1.sql"), "SELECT 2;").unwrap();
    project.migrations.verify().unwrap_err();
    let url = "postgres://127.0.0.1:1/app?sslmode=disable";
    let message = project.atlas.status(&project.migrations, url);
    let message = message.unwrap_err().to_string();
    assert!(message.contains("checksum mismatch"), "{message}");
    assert!(message.contains("just hash-migrations"), "{message}");
}
