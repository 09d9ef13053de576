//! The migration directory and its hash, without Atlas; `cli/hash.rs` compares the hash with
//! that of Atlas.

use std::fs;

use atlas::{IntegrityError, MigrationDirectory};
use rstest::{fixture, rstest};
use tempfile::TempDir;

const FIRST: &str = "20260101000000_first.sql";
const SECOND: &str = "20260102000000_second.sql";
const THIRD: &str = "20260103000000_third.sql";

/// Two migrations with their `atlas.sum`.
struct Migrations {
    root: TempDir,
    directory: MigrationDirectory,
}

#[fixture]
fn migrations() -> Migrations {
    let root = tempfile::tempdir().unwrap();
    let directory = MigrationDirectory::new(root.path());
    let migrations = Migrations { root, directory };
    migrations.write(FIRST, "CREATE TABLE a ();\n");
    migrations.write(SECOND, "CREATE TABLE b ();\n");
    migrations.directory.write_sum().unwrap();
    migrations
}

impl Migrations {
    fn write(&self, name: &str, contents: &str) {
        fs::write(self.root.path().join(name), contents).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.root.path().join(name)).unwrap();
    }

    fn sum(&self) -> String {
        fs::read_to_string(self.directory.sum_path()).unwrap()
    }

    /// Returns the error of `verify`, whose message must contain the texts.
    fn error(&self, texts: &[&str]) -> IntegrityError {
        let error = self.directory.verify().unwrap_err();
        let message = error.to_string();
        let place = self.root.path().display().to_string();
        for part in texts.iter().copied().chain([place.as_str()]) {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
        error
    }
}

#[rstest]
fn files_are_the_sql_files_by_name(migrations: Migrations) {
    migrations.write("0.sql", "");
    migrations.write("README.md", "");
    migrations.write("9.sql.orig", "");
    let files = migrations.directory.files().unwrap();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["0.sql", FIRST, SECOND]);
}

#[rstest]
fn a_written_sum_is_valid(migrations: Migrations) {
    let hash = migrations.directory.verify().unwrap();
    assert_eq!(migrations.sum().lines().next(), Some(hash.as_str()));
    assert_eq!(migrations.directory.write_sum().unwrap().hash(), hash);
}

#[rstest]
fn an_empty_directory_is_valid() {
    let root = tempfile::tempdir().unwrap();
    let hash = MigrationDirectory::new(root.path()).verify().unwrap();
    assert_eq!(hash, "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[rstest]
fn writing_the_sum_leaves_no_other_file(migrations: Migrations) {
    use std::os::unix::fs::PermissionsExt as _;
    let entries = fs::read_dir(migrations.root.path()).unwrap().count();
    assert_eq!(entries, 3);
    let metadata = fs::metadata(migrations.directory.sum_path()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o444, 0o444, "others may read it");
}

#[rstest]
fn directory_missing(migrations: Migrations) {
    let missing = MigrationDirectory::new(migrations.root.path().join("elsewhere"));
    let error = missing.verify().unwrap_err();
    assert!(matches!(error, IntegrityError::DirectoryMissing { .. }));
    let message = error.to_string();
    assert!(message.contains("elsewhere") && message.contains("git checkout -- migrations"));
}

#[rstest]
fn sum_missing(migrations: Migrations) {
    migrations.remove("atlas.sum");
    let error = migrations.error(&["no atlas.sum", "just hash-migrations"]);
    assert!(matches!(error, IntegrityError::SumMissing { .. }));
}

#[rstest]
fn sum_with_conflict_markers(migrations: Migrations) {
    let lines: Vec<_> = migrations.sum().lines().map(str::to_owned).collect();
    let merged =
        format!("<<<<<<< HEAD\n{}\n=======\nh1:other\n>>>>>>> branch\n{}\n", lines[0], lines[1]);
    migrations.write("atlas.sum", &merged);
    let error = migrations.error(&["line 1", "just rebase-migrations"]);
    assert!(matches!(error, IntegrityError::SumConflict { line: 1, .. }));
}

#[rstest]
#[case::empty("", "first line")]
#[case::no_hash("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nx.sql\n", "line 2")]
#[case::wrong_total("h1:AAAA\n20260101000000_first.sql h1:BBBB\n", "first line")]
fn sum_malformed(migrations: Migrations, #[case] text: &str, #[case] reason: &str) {
    migrations.write("atlas.sum", text);
    let error = migrations.error(&["damaged", reason, "git checkout -- migrations/atlas.sum"]);
    assert!(matches!(error, IntegrityError::SumMalformed { .. }));
}

#[rstest]
fn sum_with_crlf_is_valid(migrations: Migrations) {
    migrations.write("atlas.sum", &migrations.sum().replace('\n', "\r\n"));
    migrations.directory.verify().unwrap();
}

#[rstest]
fn file_edited(migrations: Migrations) {
    migrations.write(FIRST, "CREATE TABLE a (id int);\n");
    let error = migrations.error(&[FIRST, "git checkout -- migrations", "just hash-"]);
    assert!(matches!(error, IntegrityError::Edited { file, .. } if file == FIRST));
}

#[rstest]
#[case::last(THIRD)]
#[case::between("20260101120000_between.sql")]
fn file_added(migrations: Migrations, #[case] added: &str) {
    migrations.write(added, "CREATE TABLE c ();\n");
    let error = migrations.error(&[added, "just hash-migrations", "just rebase-migrations"]);
    assert!(matches!(error, IntegrityError::Added { files, .. } if files == [added]));
}

#[rstest]
#[case(FIRST)]
#[case(SECOND)]
fn file_gone(migrations: Migrations, #[case] gone: &str) {
    migrations.remove(gone);
    let error = migrations.error(&[gone, "git checkout -- migrations", "just hash-"]);
    assert!(matches!(error, IntegrityError::Gone { files, .. } if files == [gone]));
}

#[rstest]
fn two_files_with_one_version(migrations: Migrations) {
    let twin = "20260102000000_twin.sql";
    migrations.write(twin, "CREATE TABLE c ();\n");
    migrations.directory.write_sum().unwrap();
    let error = migrations.error(&[SECOND, twin, "the version 20260102000000,", "just hash-"]);
    assert!(matches!(error, IntegrityError::SameVersion { .. }));
}
