//! Compares the history of a database with the migration directory.
//!
//! Atlas compares too, but not well enough for deployments: up to v0.13.1 it silently skips a
//! migration that was added before newer ones, and every version fails if a migration that the
//! directory lacks is partially applied.

use crate::MigrationFile;

/// The table that Atlas keeps in each database, unless its URL names a schema.
/// <https://atlasgo.io/concepts/migration-directory-integrity>
pub const TABLE: &str = "atlas_schema_revisions.atlas_schema_revisions";

/// The columns of [`TABLE`] that are used; see `Revision` in `sql/migrate/migrate.go` of the
/// ariga/atlas repository.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Revision {
    pub version: String,
    /// Number of executed statements.
    pub applied: usize,
    /// Number of statements in the file.
    pub total: usize,
    /// The database had everything up to this version before it had a history.
    pub is_baseline: bool,
    /// Declared as applied by `atlas migrate set`.
    pub is_resolved: bool,
    /// The error that stopped the migration; `None` if Atlas was killed.
    pub error: Option<String>,
}

impl Revision {
    /// Bits of the column `type`: `RevisionTypeBaseline` and `RevisionTypeResolved`.
    pub const BASELINE: i64 = 1;
    pub const RESOLVED: i64 = 4;

    fn is_partial(&self) -> bool {
        self.applied < self.total && !self.is_resolved
    }
}

/// The state of a database relative to a migration directory. Versions are in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MigrationStatus {
    /// Last version that is applied as a whole.
    pub current: Option<String>,
    /// Last version in the history, partially applied or not; `None` without history.
    pub last: Option<String>,
    /// Versions that the next run applies, including a partially applied one.
    pub pending: Vec<String>,
    /// Versions that were added to the directory after newer ones were applied. v0.13.1
    /// silently skips them, later versions refuse to run.
    pub skipped: Vec<String>,
    /// Versions in the history that the directory lacks, as after a rollback to an older
    /// package.
    pub ahead: Vec<String>,
    /// The last migration, if it failed outside of a transaction: its first statements stay
    /// applied.
    pub partially_applied: Option<Revision>,
}

impl MigrationStatus {
    /// Compares the files, sorted by name, with the rows of [`TABLE`] in any order.
    pub fn of(files: &[MigrationFile], history: &[Revision]) -> Self {
        let mut revisions: Vec<&Revision> = history.iter().collect();
        revisions.sort_by_key(|revision| &revision.version);
        let applied: Vec<&str> = revisions.iter().map(|row| &*row.version).collect();
        let versions: Vec<&str> = files.iter().map(MigrationFile::version).collect();

        let last = applied.last().copied();
        let baseline = revisions.iter().rfind(|revision| revision.is_baseline);
        let baseline = baseline.map(|revision| &*revision.version);
        let partial = revisions.last().filter(|revision| revision.is_partial());
        let whole = revisions.iter().rfind(|revision| !revision.is_partial());
        let select = |all: &[&str], wanted: &dyn Fn(&str) -> bool| {
            let selected = all.iter().filter(|version| wanted(version));
            selected.map(|version| (*version).to_owned()).collect()
        };
        Self {
            current: whole.map(|revision| revision.version.clone()),
            last: last.map(str::to_owned),
            pending: select(&versions, &|version| {
                Some(version) > last || partial.is_some_and(|row| row.version == version)
            }),
            skipped: select(&versions, &|version| {
                let is_applied = applied.contains(&version) || Some(version) <= baseline;
                Some(version) < last && !is_applied
            }),
            ahead: select(&applied, &|version| !versions.contains(&version)),
            partially_applied: partial.map(|revision| Revision::clone(revision)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{MigrationStatus, Revision};
    use crate::MigrationFile;

    fn revision(version: &str, applied: usize, total: usize) -> Revision {
        Revision { version: version.to_owned(), applied, total, ..Revision::default() }
    }

    fn done(versions: &[&str]) -> Vec<Revision> {
        versions.iter().map(|version| revision(version, 1, 1)).collect()
    }

    fn status(files: &[&str], history: &[Revision]) -> MigrationStatus {
        let files: Vec<_> = files
            .iter()
            .map(|version| MigrationFile { name: format!("{version}_x.sql"), contents: Vec::new() })
            .collect();
        MigrationStatus::of(&files, history)
    }

    #[rstest]
    #[case::nothing(&[], &[], &[], &[], &[])]
    #[case::fresh(&["1", "2"], &[], &["1", "2"], &[], &[])]
    #[case::in_step(&["1", "2"], &["1", "2"], &[], &[], &[])]
    #[case::behind(&["1", "2", "3"], &["1"], &["2", "3"], &[], &[])]
    #[case::ahead(&["1"], &["3", "2", "1"], &[], &[], &["2", "3"])]
    #[case::out_of_order(&["1", "2", "3"], &["1", "3"], &[], &["2"], &[])]
    #[case::everything(&["1", "2", "5"], &["1", "3"], &["5"], &["2"], &["3"])]
    fn compares_versions(
        #[case] files: &[&str],
        #[case] history: &[&str],
        #[case] pending: &[&str],
        #[case] skipped: &[&str],
        #[case] ahead: &[&str],
    ) {
        let status = status(files, &done(history));
        assert_eq!(status.pending, pending);
        assert_eq!(status.skipped, skipped);
        assert_eq!(status.ahead, ahead);
        assert_eq!(status.current.as_deref(), history.iter().max().copied());
        assert_eq!(status.partially_applied, None);
    }

    #[rstest]
    #[case::in_the_directory(&["1", "2"], &["2"], &[])]
    #[case::removed(&["1"], &[], &["2"])]
    fn a_partially_applied_migration_is_found(
        #[case] files: &[&str],
        #[case] pending: &[&str],
        #[case] ahead: &[&str],
    ) {
        let status = status(files, &[revision("1", 1, 1), revision("2", 1, 3)]);
        let partially_applied = status.partially_applied.unwrap();
        assert_eq!((partially_applied.applied, partially_applied.total), (1, 3));
        assert_eq!((status.current.as_deref(), status.last.as_deref()), (Some("1"), Some("2")));
        assert_eq!(status.pending, pending);
        assert_eq!(status.ahead, ahead);
    }

    #[test]
    fn a_migration_declared_as_applied_is_applied() {
        let resolved = Revision { is_resolved: true, ..revision("1", 1, 3) };
        let status = status(&["1"], &[resolved]);
        assert_eq!((status.partially_applied, status.pending.len()), (None, 0));
    }

    #[test]
    fn a_baseline_covers_older_migrations() {
        let baseline = Revision { is_baseline: true, ..revision("2", 0, 0) };
        let status = status(&["1", "2", "3"], &[baseline]);
        assert_eq!((status.skipped.len(), status.ahead.len()), (0, 0));
        assert_eq!(status.pending, ["3"]);
    }
}
