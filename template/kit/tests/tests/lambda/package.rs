//! What is deployed is not what should be: nothing may be applied.

use std::fs;

use rstest::rstest;
use serde_json::json;

use crate::harness::stage::{FIRST, SECOND, Stage, stage};

#[rstest]
fn the_hash_must_be_that_of_the_package(stage: Stage) {
    let stale = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let event = stage.create_with(json!({ "MigrationHash": stale }));
    let hash = stage.migrations.verify().unwrap();
    stage.assert_fails(
        &event,
        &format!("the stack names the migrations {stale}, but the package holds {hash}: …"),
    );
    assert_eq!(stage.tables(), "");
}

#[rstest]
#[case::file_edited(
    |stage: &Stage| fs::write(stage.migrations.path().join(FIRST), "DROP TABLE x;").unwrap(),
    "…20260101000000_users.sql…edited since atlas.sum was written…"
)]
#[case::file_added(
    |stage: &Stage| fs::write(stage.migrations.path().join("2.sql"), "SELECT 1;").unwrap(),
    "…2.sql…not in atlas.sum…"
)]
#[case::file_gone(
    |stage: &Stage| fs::remove_file(stage.migrations.path().join(SECOND)).unwrap(),
    "…20260102000000_orders.sql…"
)]
#[case::sum_gone(
    |stage: &Stage| fs::remove_file(stage.migrations.sum_path()).unwrap(),
    "…no atlas.sum…"
)]
#[case::sum_damaged(
    |stage: &Stage| fs::write(stage.migrations.sum_path(), "h1:\0\u{1}").unwrap(),
    "…atlas.sum is damaged…"
)]
// Tests may run as root, who can read everything but this.
#[case::sum_unreadable(
    |stage: &Stage| {
        fs::remove_file(stage.migrations.sum_path()).unwrap();
        fs::create_dir(stage.migrations.sum_path()).unwrap();
    },
    "…cannot read…atlas.sum: Is a directory…"
)]
#[case::file_unreadable(
    |stage: &Stage| fs::create_dir(stage.migrations.path().join("3.sql")).unwrap(),
    "…cannot read…3.sql: Is a directory…"
)]
#[case::directory_gone(
    |stage: &Stage| fs::remove_dir_all(stage.migrations.path()).unwrap(),
    "…there is no migration directory at…"
)]
fn a_damaged_package_is_refused(stage: Stage, #[case] damage: fn(&Stage), #[case] reason: &str) {
    let event = stage.create();
    damage(&stage);
    let reason = format!("the package is damaged; build and deploy it again: {reason}");
    stage.assert_fails(&event, &reason);
    assert_eq!(stage.tables(), "");
}

/// Lambda's only directory that can be written to.
#[rstest]
fn a_missing_temporary_directory_is_told(mut stage: Stage) {
    stage.environment.set("TMPDIR", "/nowhere");
    stage.assert_fails(
        &stage.create(),
        "cannot create a directory in /nowhere: No such file…",
    );
    assert_eq!(stage.tables(), "");
}

/// A process that lives long, with files that somebody left.
#[cfg(target_os = "linux")]
#[rstest]
fn a_full_temporary_directory_is_told(mut stage: Stage) {
    let Some(full) = Full::mount(stage.path("full")) else {
        return eprintln!("a full temporary directory: not tested, mounting needs root");
    };
    stage.environment.set("TMPDIR", full.0.to_str().unwrap());
    stage.assert_fails(
        &stage.create(),
        "cannot create a directory in …/full: No space left…",
    );
    assert_eq!(stage.tables(), "");
}

/// A file system without room for a single file.
#[cfg(target_os = "linux")]
struct Full(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Full {
    fn mount(place: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "nr_inodes=1", "none"])
            .arg(&place);
        mount.output().ok()?.status.success().then_some(Self(place))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Full {
    fn drop(&mut self) {
        // It would stay as long as the machine runs.
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}
