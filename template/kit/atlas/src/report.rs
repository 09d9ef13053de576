//! What a run of `atlas migrate apply` did.

/// What a run of `atlas migrate apply` did, or would do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplyReport {
    /// The files completed by this run, in order; after a dry run, those to come.
    pub applied: Vec<AppliedFile>,
    /// The version before the run; none if nothing had been applied.
    pub current: Option<String>,
    /// The version that the run was to reach; none if there was nothing to do.
    pub target: Option<String>,
}

/// A completed migration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppliedFile {
    pub name: String,
    pub version: String,
    /// The number of statements run; those of an earlier, broken-off run not counted.
    pub statements: usize,
}

impl ApplyReport {
    /// The version that the database is at now; none if nothing was ever applied.
    pub fn version(&self) -> Option<&str> {
        match self.applied.last() {
            Some(last) => Some(&last.version),
            None => self.current.as_deref(),
        }
    }
}
