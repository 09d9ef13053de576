//! Plans the migration from one database's schema to another's: in an order that respects
//! dependencies, and so that tables in use stay usable.
//!
//! The plan is made from the catalogs of two databases and not from SQL text, so whatever
//! PostgreSQL accepts can be compared, and nothing is parsed. PostgreSQL writes the
//! definitions (`pg_get_viewdef` and the like); what can be changed in place, in which order,
//! and with which lock is decided here.

mod changes;
mod column;
mod files;
mod online;
mod order;
mod rename;
mod schema;
mod steps;
mod types;

use std::time::Duration;

use catalog::Object;

pub use files::{PlannedFile, files};
pub use rename::{Rename, candidates, rename, rename_followers};
pub use schema::Schema;

/// How to plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to avoid long locks on tables that exist.
    pub online: bool,
    /// How long a file waits for a lock on a table that exists.
    pub lock_timeout: Option<Duration>,
    /// Major version of the server.
    pub server_major: u16,
}

/// The way from one schema to another.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Objects that need a migration by hand, with the reason.
    pub unplanned: Vec<(Object, String)>,
}

/// A statement of a plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Without a semicolon at the end. Empty where the user writes it.
    pub sql: String,
    /// A comment for above the statement: lines without the dashes.
    pub why: String,
    /// The data that this loses or may lose, for example `all rows of public.users`.
    pub loses: Option<String>,
    /// Whether it keeps others from a table that exists for as long as it reads or writes all
    /// rows.
    pub blocks: bool,
    /// Whether it takes an ACCESS EXCLUSIVE lock on a table that exists.
    pub locks: bool,
    pub class: Class,
}

/// What a statement may share a file with. Files of an earlier class come first if nothing
/// else decides.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Adds an enum value, which PostgreSQL allows to use after a commit only.
    Value,
    Plain,
    /// Gives rows a value.
    Backfill,
    /// Runs outside of a transaction.
    Concurrent,
    /// Reads a whole table under a lock that lets others read and write.
    Validate,
    /// Needs what was validated.
    Finish,
}

impl Step {
    fn new(sql: impl Into<String>, why: impl Into<String>) -> Self {
        let sql = sql.into();
        Self {
            sql: sql.trim().trim_end_matches(';').to_owned(),
            why: why.into(),
            loses: None,
            blocks: false,
            locks: false,
            class: Class::Plain,
        }
    }

    fn loses(self, what: impl Into<String>) -> Self {
        Self { loses: Some(what.into()), ..self }
    }

    fn blocks(self) -> Self {
        Self { blocks: true, ..self }
    }

    fn locks(self) -> Self {
        Self { locks: true, ..self }
    }

    fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }
}

/// Plans the changes that make `before` like `after`.
pub fn plan(before: &Schema, after: &Schema, options: &Options) -> Plan {
    let changes = changes::Changes::between(before, after);
    let mut plan = Plan { steps: Vec::new(), unplanned: changes.unplanned() };
    let nodes = steps::nodes(&changes, options, &mut plan.unplanned);
    plan.steps = order::sorted(&changes, nodes);
    plan
}
