//! A damaged or wrong package: nothing is applied.

use std::fs;

use rstest::rstest;
use serde_json::json;

use crate::harness::test_bed::{FIRST, SECOND, TestBed, bed};

#[rstest]
fn the_hash_must_be_that_of_the_package(bed: TestBed) {
    let stale = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let event = bed.create_with(json!({ "MigrationHash": stale }));
    let hash = bed.migrations.verify().unwrap();
    bed.assert_fails(
        &event,
        &format!("the stack names the migrations {stale}, but the package holds {hash}: …"),
    );
    assert_eq!(bed.tables(), "");
}

#[rstest]
#[case::file_edited(
    |bed: &TestBed| fs::write(bed.migrations.path().join(FIRST), "DROP TABLE x;").unwrap(),
    "…20260101000000_users.sql…edited since atlas.sum was written…"
)]
#[case::file_added(
    |bed: &TestBed| fs::write(bed.migrations.path().join("2.sql"), "SELECT 1;").unwrap(),
    "…2.sql…not in atlas.sum…"
)]
#[case::file_gone(
    |bed: &TestBed| fs::remove_file(bed.migrations.path().join(SECOND)).unwrap(),
    "…20260102000000_orders.sql…"
)]
#[case::sum_gone(
    |bed: &TestBed| fs::remove_file(bed.migrations.sum_path()).unwrap(),
    "…no atlas.sum…"
)]
#[case::sum_damaged(
    |bed: &TestBed| fs::write(bed.migrations.sum_path(), "h1:\0\u{1}").unwrap(),
    "…atlas.sum is damaged…"
)]
// Root can read any file; a directory is unreadable for everybody.
#[case::sum_unreadable(
    |bed: &TestBed| {
        fs::remove_file(bed.migrations.sum_path()).unwrap();
        fs::create_dir(bed.migrations.sum_path()).unwrap();
    },
    "…cannot read…atlas.sum: Is a directory…"
)]
#[case::file_unreadable(
    |bed: &TestBed| fs::create_dir(bed.migrations.path().join("3.sql")).unwrap(),
    "…cannot read…3.sql: Is a directory…"
)]
#[case::directory_gone(
    |bed: &TestBed| fs::remove_dir_all(bed.migrations.path()).unwrap(),
    "…there is no migration directory at…"
)]
fn a_damaged_package_is_refused(bed: TestBed, #[case] damage: fn(&TestBed), #[case] reason: &str) {
    let event = bed.create();
    damage(&bed);
    let reason = format!("the package is damaged; build and deploy it again: {reason}");
    bed.assert_fails(&event, &reason);
    assert_eq!(bed.tables(), "");
}

/// The only writable directory in Lambda.
#[rstest]
fn a_missing_temporary_directory_is_reported(mut bed: TestBed) {
    bed.env.set("TMPDIR", "/nowhere");
    bed.assert_fails(&bed.create(), "cannot create a directory in /nowhere: No such file…");
    assert_eq!(bed.tables(), "");
}

#[cfg(target_os = "linux")]
#[rstest]
fn a_full_temporary_directory_is_reported(mut bed: TestBed) {
    let Some(full) = Full::mount(bed.path("full")) else {
        return eprintln!("a full temporary directory: not tested, mounting needs root");
    };
    bed.env.set("TMPDIR", full.0.to_str().unwrap());
    bed.assert_fails(&bed.create(), "cannot create a directory in …/full: No space left…");
    assert_eq!(bed.tables(), "");
}

/// A file system without room for any file.
#[cfg(target_os = "linux")]
struct Full(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Full {
    fn mount(place: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "nr_inodes=1", "none"]).arg(&place);
        mount.output().ok()?.status.success().then_some(Self(place))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Full {
    fn drop(&mut self) {
        // Otherwise it would stay mounted.
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}
