//! What a session did to the tables, as the catalogs tell it.

use std::collections::BTreeMap;

use anyhow::Result;
use sea_orm::sqlx::{self, PgConnection};
use serde::{Deserialize, Serialize};

const STATE: &str = include_str!("state.sql");

/// From the weakest. <https://www.postgresql.org/docs/current/explicit-locking.html>
const MODES: &str = "ACCESS SHARE, ROW SHARE, ROW EXCLUSIVE, SHARE UPDATE EXCLUSIVE, SHARE, \
                     SHARE ROW EXCLUSIVE, EXCLUSIVE, ACCESS EXCLUSIVE";

/// A mode of table locks; a greater one is stronger.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct Mode(u8);

impl Mode {
    pub const SHARE_UPDATE_EXCLUSIVE: Self = Self(3);
    pub const SHARE: Self = Self(4);
    pub const ACCESS_EXCLUSIVE: Self = Self(7);

    /// Name as SQL has it.
    pub fn name(self) -> &'static str {
        MODES.split(", ").nth(self.0.into()).unwrap_or_default()
    }

    /// What others cannot do meanwhile; `None` if they can read and write rows.
    pub fn blocks(self) -> Option<&'static str> {
        match self {
            Self::ACCESS_EXCLUSIVE => Some("reads and writes"),
            mode => (mode >= Self::SHARE).then_some("writes"),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.name().to_owned()
    }
}

/// A table or a materialized view.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Relation {
    /// With its schema where that is not the usual one, quoted where SQL needs it.
    pub name: String,
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

/// A relation after a statement.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub oid: i64,
    /// The strongest lock that the session holds on it.
    pub mode: Option<Mode>,
    /// Scans of the table since some moment.
    pub scans: i64,
    /// Whether a lock_timeout is set.
    pub lock_timeout: bool,
    /// `None` if it was dropped.
    pub relation: Option<Relation>,
}

/// Reads the relations that the session has locked, or `all`, up to the OID `last`.
pub(super) async fn read(
    connection: &mut PgConnection,
    all: bool,
    last: i64,
) -> Result<Vec<State>, sqlx::Error> {
    let query = sqlx::query_scalar::<_, String>(STATE).bind(all).bind(last);
    let rows = query.fetch_all(connection).await?;
    rows.iter()
        .map(|row| serde_json::from_str(row).map_err(|error| sqlx::Error::Decode(error.into())))
        .collect()
}
