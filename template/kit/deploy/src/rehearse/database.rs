//! The database of a rehearsal, and snapshots of it.

use std::fmt;

use anyhow::{Context, Result};
use migrations::report::count;
use postgres::{Server, TemporaryDatabase};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

/// The table in which Atlas records what it applied.
const HISTORY: &str = atlas::history::TABLE;

/// The database of a rehearsal, dropped with this value.
#[derive(Debug)]
pub(super) struct Throwaway {
    server: Server,
    database: TemporaryDatabase,
}

impl Throwaway {
    pub(super) async fn create(server: &Server) -> Result<Self> {
        let database = server.temporary_database("rehearsal").await?;
        Ok(Self { server: server.clone(), database })
    }

    /// Address for the functions.
    ///
    /// # Errors
    /// When the server has only a Unix socket.
    pub(super) fn address(&self) -> Result<Address> {
        Address::of(&self.database.url()).context(
            "the functions need a host name, and TEST_DATABASE_URL has none: add one, for \
             example 127.0.0.1, or unset it",
        )
    }

    /// Runs statements.
    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = self.server.connect_once(self.database.name()).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Its present contents.
    pub(super) async fn snapshot(&self) -> Result<Snapshot> {
        let mut connection = self.server.connect_once(self.database.name()).await?;
        let snapshot = Snapshot::take(&mut connection).await;
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
    pub(super) schema: catalog::Snapshot,
    /// The number of rows of each table, and the history.
    pub(super) rows: Vec<String>,
}

impl Snapshot {
    async fn take(connection: &mut PgConnection) -> Result<Self> {
        let schema = replay::snapshot(connection).await?;
        let (tables, mut rows) = (lines(connection, TABLES).await?, Vec::new());
        for table in &tables {
            let count = lines(connection, &format!("SELECT count(*)::text FROM {table}")).await?;
            rows.push(format!("rows in {table}: {}", count.concat()));
        }
        let mut snapshot = Self { tables: tables.len(), schema, rows, ..Self::default() };
        let there = format!("SELECT '' WHERE to_regclass('{HISTORY}') IS NOT NULL");
        if !lines(connection, &there).await?.is_empty() {
            snapshot.add_history(connection).await?;
        }
        Ok(snapshot)
    }

    async fn add_history(&mut self, connection: &mut PgConnection) -> Result<()> {
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
        self.rows.extend(lines(connection, &rows).await?);
        Ok(())
    }

    /// Lines that differ: `-` those that only this one has, `+` those that only `other` has.
    pub(super) fn difference(&self, other: &Self) -> String {
        let schema = self.schema.difference(&other.schema).to_string();
        let only = |a: &Self, b: &Self, mark: char| -> Vec<String> {
            let rows = a.rows.iter().filter(|row| !b.rows.contains(row));
            rows.map(|row| format!("{mark} {row}")).collect()
        };
        let lines = [vec![schema], only(self, other, '-'), only(other, self, '+')].concat();
        lines.join("\n").trim_start().to_owned()
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
async fn lines(connection: &mut PgConnection, query: &str) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(connection).await?)
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
    use sea_orm::ConnectionTrait as _;

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
        let name = database.database.name().to_owned();
        let connection = server.connect(&name).await.unwrap();
        let empty = database.snapshot().await.unwrap();
        assert_eq!(empty.to_string(), "no migrations, 0 tables");

        let mut before = empty;
        for (statement, change) in [
            ("CREATE TABLE t (a int, b text)", "+ table public.t"),
            ("INSERT INTO t VALUES (1, 'x')", "+ rows in public.t: 1"),
            (
                "ALTER TABLE t ALTER a SET NOT NULL",
                "~ column public.t.a: integer -> integer NOT NULL",
            ),
            ("CREATE INDEX i ON t (b)", "+ index public.i"),
            ("ALTER TABLE t ADD CHECK (a > 0)", "t_a_check"),
            ("CREATE TYPE e AS ENUM ('one')", "+ enum type public.e"),
            ("ALTER TYPE e ADD VALUE 'two'", "'two'"),
            ("CREATE VIEW v AS SELECT 7 AS seven", "+ view public.v"),
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
