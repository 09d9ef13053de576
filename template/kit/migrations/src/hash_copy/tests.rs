use std::fs;

use rstest::{fixture, rstest};
use tempfile::TempDir;

use super::*;

const FILE: &str = "any.yaml";

const NEW: &str = "h1:bmV3/+w=";

#[fixture]
fn root() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(root: &TempDir, text: &str) {
    fs::write(root.path().join(FILE), text).unwrap();
}

fn read(root: &TempDir) -> HashCopy {
    let mut copies = HashCopy::find_all(root.path()).unwrap();
    assert_eq!(copies.len(), 1);
    copies.remove(0)
}

fn message(root: &TempDir) -> String {
    format!("{:#}", HashCopy::find_all(root.path()).unwrap_err())
}

/// A file with `line` among the properties.
fn file_with(line: &str) -> String {
    format!(
        "# MigrationHash: in a comment\r\nResources:\n  Migrations:\n    Type: Custom::Migrations\n    \
         Properties:\n      ServiceToken: !GetAtt Function.Arn # its MigrationHash:\n{line}\n\
         \x20     # MigrationHash: h1:old\n      MigrationHashes: 1\n      Description: a  \n\nOutputs: {{}}"
    )
}

#[rstest]
#[case::plain("      MigrationHash: h1:old=", "      MigrationHash: NEW")]
#[case::commented(
    "      MigrationHash: h1:old # by `just`",
    "      MigrationHash: NEW # by `just`"
)]
#[case::tab_before_comment("      MigrationHash: h1:old\t# x", "      MigrationHash: NEW\t# x")]
#[case::double_quotes("      MigrationHash: \"h1:old\"", "      MigrationHash: \"NEW\"")]
#[case::single_quotes("      MigrationHash:  'h1:old'  # x", "      MigrationHash:  'NEW'  # x")]
#[case::number_sign_inside("      MigrationHash: 'h1 #old'", "      MigrationHash: 'NEW'")]
#[case::empty("      MigrationHash: \"\"", "      MigrationHash: \"NEW\"")]
#[case::quoted_key("      \"MigrationHash\" : h1:old", "      \"MigrationHash\" : NEW")]
#[case::windows("      MigrationHash: h1:old\r", "      MigrationHash: NEW\r")]
#[case::trailing_blanks("      MigrationHash: h1:old   ", "      MigrationHash: NEW   ")]
fn writes_the_value_and_nothing_else(root: TempDir, #[case] line: &str, #[case] written: &str) {
    write(&root, &file_with(line));
    assert_eq!(read(&root).with(NEW), file_with(&written.replace("NEW", NEW)));
}

#[rstest]
fn reads_what_it_wrote_at_the_end_of_a_file(root: TempDir) {
    write(&root, "  MigrationHash: h1:old");
    assert_eq!(read(&root).value().unwrap(), "h1:old");
    let written = read(&root).with(NEW);
    assert_eq!(written, format!("  MigrationHash: {NEW}"));
    write(&root, &written);
    assert_eq!(read(&root).value().unwrap(), NEW);
}

#[rstest]
fn finds_every_copy_at_the_top_and_nothing_else(root: TempDir) {
    assert!(HashCopy::find_all(root.path()).unwrap().is_empty());
    fs::create_dir(root.path().join("nested")).unwrap();
    for (name, text) in [
        ("b.yml", "MigrationHash: h1:b"),
        ("a.yaml", "x:\n  MigrationHash: h1:a\n"),
        ("other.yaml", "<<<<<<< HEAD\nMigrationHashes: 1\n"),
        ("nested/c.yaml", "MigrationHash: h1:c"),
        ("d.txt", "MigrationHash: h1:d"),
    ] {
        fs::write(root.path().join(name), text).unwrap();
    }
    let copies = HashCopy::find_all(root.path()).unwrap();
    let values = copies.iter().map(|copy| copy.value().unwrap());
    assert_eq!(values.collect::<Vec<_>>(), ["h1:a", "h1:b"]);
}

#[rstest]
fn names_the_lines_of_several(root: TempDir) {
    write(&root, &file_with("      MigrationHash: a\n      MigrationHash: b"));
    assert!(message(&root).contains("any.yaml, lines 7, 8,"), "{}", message(&root));
}

#[rstest]
#[case("      MigrationHash:")]
#[case("      MigrationHash: # below\n        h1:old")]
#[case("      MigrationHash: !Ref Hash")]
#[case("      MigrationHash: {Ref: Hash}")]
#[case("      MigrationHash: |")]
#[case("      MigrationHash: \"h1:old")]
#[case("      MigrationHash: \"h1\" old")]
fn refuses_what_is_no_value_on_one_line(root: TempDir, #[case] line: &str) {
    write(&root, &file_with(line));
    assert!(
        message(&root).contains("any.yaml, line 7: MigrationHash must have"),
        "{}",
        message(&root)
    );
}

const MERGED: &str = "<<<<<<< HEAD
      MigrationHash: h1:ours # x
||||||| base
      MigrationHash: h1:base # x
=======
      MigrationHash: h1:theirs # x
>>>>>>> branch";

#[rstest]
#[case::three_way(MERGED)]
#[case::two_way(
    "<<<<<<< HEAD\n      MigrationHash: h1:ours # x\n=======\n      MigrationHash: b\n>>>>>>> b"
)]
fn settles_a_conflict_about_the_hash(root: TempDir, #[case] conflict: &str) {
    write(&root, &file_with(conflict));
    let message = format!("{:#}", read(&root).value().unwrap_err());
    assert!(message.contains("any.yaml, line 7, is a conflict marker"), "{message}");
    assert!(message.contains("just rebase-migrations"), "{message}");
    let settled = file_with(&format!("      MigrationHash: {NEW} # x"));
    assert_eq!(read(&root).with(NEW), settled);
}

#[rstest]
#[case::another_line(MERGED.replace("# x\n=", "# x\n      Other: 1\n="))]
#[case::another_conflict(format!("{MERGED}\n<<<<<<< HEAD\n=======\n>>>>>>> branch"))]
#[case::no_end(MERGED.replace(">>>>>>> branch", ""))]
fn leaves_other_conflicts_to_the_user(root: TempDir, #[case] conflict: String) {
    write(&root, &file_with(&conflict));
    let message = message(&root);
    assert!(message.contains("any.yaml, line 7, is a conflict marker"), "{message}");
    assert!(message.contains("not about MigrationHash alone"), "{message}");
}
