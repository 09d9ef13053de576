//! What a session did to the tables, as the catalogs tell it.

use std::collections::BTreeMap;

use anyhow::Result;
use sea_orm::sqlx::{self, PgConnection};
use serde::{Deserialize, Serialize};

const STATE: &str = include_str!("state.sql");

/// Modes of table locks, from the weakest.
/// <https://www.postgresql.org/docs/current/explicit-locking.html>
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Mode {
    #[serde(alias = "AccessShareLock", rename = "ACCESS SHARE")]
    AccessShare,
    #[serde(alias = "RowShareLock", rename = "ROW SHARE")]
    RowShare,
    #[serde(alias = "RowExclusiveLock", rename = "ROW EXCLUSIVE")]
    RowExclusive,
    #[serde(alias = "ShareUpdateExclusiveLock", rename = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    #[serde(alias = "ShareLock", rename = "SHARE")]
    Share,
    #[serde(alias = "ShareRowExclusiveLock", rename = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    #[serde(alias = "ExclusiveLock", rename = "EXCLUSIVE")]
    Exclusive,
    #[serde(alias = "AccessExclusiveLock", rename = "ACCESS EXCLUSIVE")]
    AccessExclusive,
}

impl Mode {
    /// Name as SQL has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What others cannot do meanwhile; `None` if they can read and write rows.
    pub fn blocks(self) -> Option<&'static str> {
        match self {
            Self::AccessExclusive => Some("reads and writes"),
            mode if mode >= Self::Share => Some("writes"),
            _ => None,
        }
    }
}

/// A table or a view.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Relation {
    /// With its schema, quoted where SQL needs it.
    name: String,
    kind: String,
    /// The file that holds its rows: a rewrite makes another.
    pub file: i64,
    pub columns: BTreeMap<String, Column>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Column {
    pub name: String,
    pub r#type: String,
    /// OID of the type without its modifier.
    pub base: i64,
}

impl Relation {
    /// Without the schema where that is the usual one.
    pub fn name(&self) -> &str {
        self.name.strip_prefix("public.").unwrap_or(&self.name)
    }

    pub fn holds_rows(&self) -> bool {
        self.kind != "v"
    }
}

/// A relation after a statement.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub oid: i64,
    modes: Option<Vec<Mode>>,
    /// Scans of the table since some moment.
    pub scans: i64,
    /// Whether a lock_timeout is set.
    pub lock_timeout: bool,
    /// `None` if it was dropped.
    pub relation: Option<Relation>,
}

impl State {
    /// The strongest lock that the session holds on it.
    pub fn mode(&self) -> Option<Mode> {
        self.modes.as_ref().and_then(|modes| modes.iter().max().copied())
    }
}

/// Reads the relations that the session has locked, or `all`.
pub(super) async fn read(
    connection: &mut PgConnection,
    all: bool,
) -> Result<Vec<State>, sqlx::Error> {
    let rows: Vec<String> = sqlx::query_scalar(STATE).bind(all).fetch_all(connection).await?;
    rows.iter()
        .map(|row| serde_json::from_str(row).map_err(|error| sqlx::Error::Decode(error.into())))
        .collect()
}
