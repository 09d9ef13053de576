//! The database of a rehearsal, and snapshots of it.

use std::fmt;

use anyhow::{Context, Result};
use migrations::report::count;
use postgres::{Server, TemporaryDatabase};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use url::Url;

/// The table in which Atlas records what it applied.
const HISTORY: &str = atlas::history::TABLE;

/// The database of a rehearsal, dropped with this value.
#[derive(Debug)]
pub(super) struct Throwaway(TemporaryDatabase);

impl Throwaway {
    pub(super) async fn create(server: &Server) -> Result<Self> {
        Ok(Self(server.temporary_database("rehearsal").await?))
    }

    /// Address for the functions.
    ///
    /// # Errors
    /// When the server has only a Unix socket.
    pub(super) fn address(&self) -> Result<Address> {
        Address::of(&self.0.url()).context(
            "the functions need a host name, and TEST_DATABASE_URL has none: add one, for \
             example 127.0.0.1, or unset it",
        )
    }

    /// Runs statements.
    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        let connection = self.0.connect().await?;
        connection.execute_unprepared(sql).await?;
        Ok(connection.close().await?)
    }

    /// Its present contents.
    pub(super) async fn snapshot(&self) -> Result<Snapshot> {
        let connection = self.0.connect().await?;
        let transaction = connection.begin().await?;
        let snapshot = Snapshot::take(&transaction).await;
        transaction.rollback().await?;
        connection.close().await?;
        snapshot.context("cannot look into the database of the rehearsal")
    }
}

/// The parts of a database URL.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) password: String,
}

impl Address {
    /// `None` if the URL has no host.
    fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text);
            text.decode_utf8_lossy().into_owned()
        };
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some(Self {
            host: Some(host.to_owned()).filter(|host| !host.contains(['%', '[']))?,
            port: url.port().unwrap_or(5432),
            name: decoded(url.path().trim_start_matches('/')),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
        })
    }
}

/// Contents of a database. Equal snapshots have the same schema, the same history, and the
/// same number of rows in each table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Snapshot {
    /// The newest migration in the history, complete or not.
    pub(super) current: Option<String>,
    /// Number of migrations that are applied completely.
    pub(super) migrations: usize,
    /// Whether the newest one is applied in part.
    pub(super) broken_off: bool,
    pub(super) tables: usize,
    /// Everything else that is compared, a line for each object.
    pub(super) details: Vec<String>,
}

impl Snapshot {
    async fn take(connection: &DatabaseTransaction) -> Result<Self> {
        connection.execute_unprepared(catalog::SETTINGS).await?;
        let schema = Statement::from_string(sea_orm::DbBackend::Postgres, catalog::QUERY);
        let mut details = Vec::new();
        for row in connection.query_all_raw(schema).await? {
            let [kind, name, definition] =
                [0, 1, 2].map(|column| row.try_get_by_index::<String>(column));
            details.push(format!("{} {}: {}", kind?, name?, definition?));
        }
        let tables = lines(connection, TABLES).await?;
        for table in &tables {
            let rows = lines(connection, &format!("SELECT count(*)::text FROM {table}")).await?;
            details.push(format!("rows in {table}: {}", rows.concat()));
        }
        let mut snapshot = Self { tables: tables.len(), details, ..Self::default() };
        let there = format!(
            "SELECT to_regclass('{HISTORY}')::text WHERE to_regclass('{HISTORY}') IS NOT NULL"
        );
        if !lines(connection, &there).await?.is_empty() {
            snapshot.add_history(connection).await?;
        }
        Ok(snapshot)
    }

    async fn add_history(&mut self, connection: &DatabaseTransaction) -> Result<()> {
        let of = |condition: &str| {
            format!(
                "SELECT version::text FROM {HISTORY} WHERE {condition} ORDER BY version COLLATE \"C\""
            )
        };
        let all = lines(connection, &of("version NOT LIKE '.%'")).await?;
        let broken_off = lines(connection, &of("applied < total AND type & 4 = 0")).await?;
        self.current = all.last().cloned();
        self.broken_off = !broken_off.is_empty();
        self.migrations = all.len() - broken_off.len();
        let rows = format!("SELECT history::text FROM {HISTORY} AS history ORDER BY 1");
        self.details.extend(lines(connection, &rows).await?);
        Ok(())
    }

    /// Lines that differ: `-` those that only this one has, `+` those that only `other` has.
    pub(super) fn difference(&self, other: &Self) -> String {
        let only = |a: &Self, b: &Self, mark: char| -> Vec<String> {
            let lines = a.details.iter().filter(|line| !b.details.contains(line));
            lines.map(|line| format!("{mark} {line}")).collect()
        };
        [only(self, other, '-'), only(other, self, '+')].concat().join("\n")
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.current {
            None => write!(f, "no migrations")?,
            Some(current) => write!(f, "{current}, {}", count(self.migrations, "migration"))?,
        }
        if self.broken_off {
            write!(f, " and a part of the last")?;
        }
        write!(f, ", {}", count(self.tables, "table"))
    }
}

/// The first column of a query's rows.
async fn lines(connection: &DatabaseTransaction, query: &str) -> Result<Vec<String>> {
    let statement = Statement::from_string(sea_orm::DbBackend::Postgres, query);
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Quoted names of all tables except Atlas' own.
const TABLES: &str = "
    SELECT format('%I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^(pg_|information_schema$|atlas_schema_revisions$)'
    ORDER BY 1";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_url_has_the_address() {
        let address = Address::of("postgres://me:p%40ss@127.0.0.1:5433/a%20b?x=y").unwrap();
        let Address { host, port, name, user, password } = address;
        assert_eq!(
            (&*host, port, &*name, &*user, &*password),
            ("127.0.0.1", 5433, "a b", "me", "p@ss")
        );
    }

    #[rstest]
    #[case::in_the_parameters("postgres:///postgres?host=/run/postgresql")]
    #[case::in_the_place_of_the_host("postgres://me@%2Frun%2Fpostgresql/postgres")]
    fn a_socket_has_no_address(#[case] url: &str) {
        assert!(Address::of(url).is_none());
    }

    #[tokio::test]
    async fn a_snapshot_shows_changes_and_the_database_is_dropped_with_its_owner() {
        let root = postgres::project_root().unwrap();
        let server = postgres::server_in(&root).await.unwrap();
        let database = Throwaway::create(&server).await.unwrap();
        let name = database.0.name().to_owned();
        let connection = server.connect(&name).await.unwrap();
        let empty = database.snapshot().await.unwrap();
        assert_eq!(empty.to_string(), "no migrations, 0 tables");

        let mut before = empty;
        for (statement, change) in [
            ("CREATE TABLE t (a int, b text)", "+ table public.t"),
            ("INSERT INTO t VALUES (1, 'x')", "+ rows in public.t: 1"),
            ("ALTER TABLE t ALTER a SET NOT NULL", "+ column public.t.a: integer NOT NULL"),
            ("CREATE INDEX i ON t (b)", "CREATE INDEX i ON public.t"),
            ("ALTER TABLE t ADD CHECK (a > 0)", "t_a_check"),
            ("CREATE TYPE e AS ENUM ('one')", "'one'"),
            ("ALTER TYPE e ADD VALUE 'two'", "'two'"),
            ("CREATE VIEW v AS SELECT 7 AS seven", "SELECT 7 AS seven"),
        ] {
            connection.execute_unprepared(statement).await.unwrap();
            let after = database.snapshot().await.unwrap();
            let difference = before.difference(&after);
            assert!(difference.contains(change), "{statement}: {difference}");
            assert_ne!(before, after);
            before = after;
        }
        assert_eq!(before, database.snapshot().await.unwrap());
        assert_eq!(before.to_string(), "no migrations, 1 table");

        drop(database);
        assert!(server.connect(&name).await.is_err());
    }
}
