//! What was applied to a database, and how that compares with the directory.
//!
//! Atlas compares too, but not well enough to deploy by: up to v0.13.1 it passes over
//! a migration that came in behind newer ones, and every version refuses to say
//! anything of a database where a migration that the directory lacks broke off.

use crate::MigrationFile;

/// The table that Atlas keeps in each database, unless its URL names a schema.
/// <https://atlasgo.io/concepts/migration-directory-integrity>
pub const TABLE: &str = "atlas_schema_revisions.atlas_schema_revisions";

/// A row of [`TABLE`]: `Revision` in `sql/migrate/migrate.go` of the ariga/atlas
/// repository, as far as it is needed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Revision {
    pub version: String,
    /// The number of statements that were run.
    pub applied: usize,
    /// The number of statements in the file.
    pub total: usize,
    /// Everything up to this version was there before Atlas was.
    pub is_baseline: bool,
    /// Somebody declared it done, with `atlas migrate set`.
    pub is_resolved: bool,
    /// What the server said to the statement that broke the migration off.
    pub error: Option<String>,
    pub error_statement: Option<String>,
}

impl Revision {
    /// The bits of the column `type`: `RevisionTypeBaseline` and its like.
    pub const BASELINE: i64 = 1;
    pub const RESOLVED: i64 = 4;

    fn is_partially_applied(&self) -> bool {
        self.applied < self.total && !self.is_resolved
    }
}

/// Where a database stands in a migration directory. Versions are in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MigrationStatus {
    /// The last version in the history, broken off or not; none if there is no history.
    pub current: Option<String>,
    /// The versions that the next run has to apply, one that broke off among them.
    pub pending: Vec<String>,
    /// The versions that came into the directory after newer ones were applied.
    /// v0.13.1 passes them over in silence, later versions refuse to run.
    pub skipped: Vec<String>,
    /// The versions in the history that the directory does not have: the database is
    /// ahead of it, as after a rollback to an older package.
    pub ahead: Vec<String>,
    /// The migration that is half done, if one is.
    pub partially_applied: Option<PartiallyApplied>,
}

/// A migration that failed outside of a transaction, so that part of it stays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartiallyApplied {
    pub version: String,
    /// The number of statements that stay, of `total`.
    pub applied: usize,
    pub total: usize,
    /// None when Atlas was killed.
    pub error: Option<String>,
    pub statement: Option<String>,
}

impl MigrationStatus {
    /// Compares the files, sorted by name, with the rows of [`TABLE`] in any order.
    pub fn of(files: &[MigrationFile], history: &[Revision]) -> Self {
        let last = history.iter().max_by(|a, b| a.version.cmp(&b.version));
        let partially_applied = last.filter(|revision| revision.is_partially_applied());
        let baseline = history
            .iter()
            .filter(|revision| revision.is_baseline)
            .map(|revision| revision.version.as_str())
            .max();

        let current = last.map(|revision| revision.version.as_str());
        let is_applied = |version: &str| {
            history.iter().any(|revision| revision.version == version) || Some(version) <= baseline
        };
        let is_partially_applied =
            |version: &str| partially_applied.is_some_and(|revision| revision.version == version);
        let versions = || files.iter().map(MigrationFile::version);
        let owned = |versions: Vec<&str>| versions.into_iter().map(str::to_owned).collect();
        let mut ahead: Vec<&str> = history
            .iter()
            .map(|revision| revision.version.as_str())
            .filter(|applied| versions().all(|version| version != *applied))
            .collect();
        ahead.sort_unstable();
        Self {
            pending: owned(
                versions()
                    .filter(|version| Some(*version) > current || is_partially_applied(version))
                    .collect(),
            ),
            skipped: owned(
                versions()
                    .filter(|version| Some(*version) < current && !is_applied(version))
                    .collect(),
            ),
            ahead: owned(ahead),
            partially_applied: partially_applied.map(|revision| PartiallyApplied {
                version: revision.version.clone(),
                applied: revision.applied,
                total: revision.total,
                error: revision.error.clone(),
                statement: revision.error_statement.clone(),
            }),
            current: current.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{MigrationStatus, Revision};
    use crate::MigrationFile;

    fn revision(version: &str, applied: usize, total: usize) -> Revision {
        Revision {
            version: version.to_owned(),
            applied,
            total,
            ..Revision::default()
        }
    }

    fn done(versions: &[&str]) -> Vec<Revision> {
        versions
            .iter()
            .map(|version| revision(version, 1, 1))
            .collect()
    }

    fn status(files: &[&str], history: &[Revision]) -> MigrationStatus {
        let files: Vec<_> = files
            .iter()
            .map(|version| MigrationFile {
                name: format!("{version}_x.sql"),
                contents: Vec::new(),
            })
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
    #[case::not_there_any_more(&["1"], &[], &["2"])]
    fn a_broken_off_migration_is_seen(
        #[case] files: &[&str],
        #[case] pending: &[&str],
        #[case] ahead: &[&str],
    ) {
        let status = status(files, &[revision("1", 1, 1), revision("2", 1, 3)]);
        let partially_applied = status.partially_applied.unwrap();
        assert_eq!((partially_applied.applied, partially_applied.total), (1, 3));
        assert_eq!(status.pending, pending);
        assert_eq!(status.ahead, ahead);
    }

    #[test]
    fn one_declared_done_is_done() {
        let resolved = Revision {
            is_resolved: true,
            ..revision("1", 1, 3)
        };
        let status = status(&["1"], &[resolved]);
        assert_eq!((status.partially_applied, status.pending.len()), (None, 0));
    }

    #[test]
    fn a_baseline_covers_what_is_older() {
        let baseline = Revision {
            is_baseline: true,
            ..revision("2", 0, 0)
        };
        let status = status(&["1", "2", "3"], &[baseline]);
        assert_eq!((status.skipped.len(), status.ahead.len()), (0, 0));
        assert_eq!(status.pending, ["3"]);
    }
}
