//! Replays new migrations on a filled database, and observes what each statement does.

mod advice;
mod failure;
mod state;
mod verdict;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use postgres::Server;
use replay::Moment;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use squawk_syntax::ast::Stmt;

pub use state::Mode;
pub use verdict::Lock;

use crate::{
    Finding, Report,
    finding::Place,
    rows,
    source::{Source, Statement},
};
use failure::Failures;
use state::{Relation, State};
use verdict::Names;

/// The rows are thrown away, and the queries are not worth compiling.
const FAST: &str = "SET synchronous_commit = off; SET jit = off";

/// What a statement did to tables that existed before.
#[derive(Debug, Default)]
struct Seen {
    /// Offset of the statement in the file, in bytes.
    start: usize,
    /// Locks that the session holds after it, by OID.
    held: BTreeMap<i64, Mode>,
    scanned: Vec<i64>,
    rewritten: Vec<i64>,
    dropped: Vec<i64>,
    dropped_columns: Vec<String>,
    /// Rule and message of renames and changes of types.
    changed: Vec<(&'static str, String)>,
    lock_timeout: bool,
    /// Whether it cannot run in a transaction, so that its locks were not seen.
    outside: bool,
}

/// Replays `new` on a filled copy of the database that has the migrations of `base`.
/// `own_rows` is the SQL of the project's own rows.
///
/// # Errors
/// When a migration of `base` fails, or the server does not answer.
pub(crate) async fn observe(
    server: &Server,
    base: &[MigrationFile],
    new: &[MigrationFile],
    own_rows: Option<&str>,
) -> Result<Report> {
    let database = replay::copy(server, base, "gate").await?;
    let mut connection = server.connect_once(database.name()).await?;
    let mut findings = Vec::new();
    for failed in rows::own(&mut connection, own_rows.unwrap_or_default()).await? {
        let place = Place::file("crates/entity/sql/rows.sql".into());
        findings.push(Finding::new("own-rows", place, failed));
    }
    replay::reset(&mut connection).await?;
    sqlx::raw_sql(FAST).execute(&mut connection).await?;
    let rows = rows::fill(&mut connection).await?;
    let states = state::read(&mut connection, true, i64::MAX).await?.into_iter();
    replay::reset(&mut connection).await?;
    let failures = Failures::new(rows.iter().map(|table| table.table.clone()).collect());
    let known = Known {
        existing: states.filter_map(|state| Some((state.oid, state.relation?))).collect(),
        ..Known::default()
    };
    let mut replay = Replay { connection, known, failures };
    let mut locks = Vec::new();
    let mut applied = 0;
    for file in new {
        let source = Source::new(file);
        replay.known.name();
        let (seen, failed) = replay.file(&source).await?;
        let names = &replay.known.names;
        locks.extend(verdict::locks(&source, names, &seen));
        let mut found = verdict::findings(&source, names, &seen);
        replay.failures.report(&source, &mut found);
        found.extend(replay.leaks(&source).await?);
        let is_broken = failed.is_some();
        // What else there is to say about a broken file is about one that will change.
        findings.extend(failed.map_or(found, |failed| vec![failed]));
        replay::reset(&mut replay.connection).await?;
        if is_broken {
            break;
        }
        applied += 1;
    }
    replay.connection.close().await?;
    Ok(Report { findings, locks, rows, applied, database })
}

struct Replay {
    connection: PgConnection,
    known: Known,
    failures: Failures,
}

/// The relations that the base has.
#[derive(Default)]
struct Known {
    /// As they are now.
    existing: BTreeMap<i64, Relation>,
    /// Scans of each that were counted so far.
    scans: BTreeMap<i64, i64>,
    /// Names of the tables among them at the start of the file.
    names: Names,
}

impl Replay {
    /// Applies a file, with fewer and fewer rows while it fails because of them. Returns what
    /// it did, and the failure that does not depend on rows.
    async fn file(&mut self, source: &Source) -> Result<(Vec<Seen>, Option<Finding>)> {
        let mut skip = 0;
        let mut seen = Vec::new();
        loop {
            self.count_scans().await?;
            let Self { connection, known, failures } = self;
            let before = known.existing.clone();
            let done = replay::run_observed(
                connection,
                &source.file,
                skip,
                async |connection, moment, offset, _| {
                    let Some(statement) = source.statement(offset) else { return Ok(()) };
                    let Some((&last, _)) = known.existing.last_key_value() else { return Ok(()) };
                    if moment == Moment::Before {
                        return prepare(connection, statement).await;
                    }
                    let outside = moment == Moment::AfterOutside;
                    let states = state::read(connection, outside, last).await?;
                    seen.push(
                        known.see(Seen { start: offset, outside, ..Seen::default() }, states),
                    );
                    Ok(())
                },
            )
            .await;
            let Err((offset, error)) = done else { return Ok((seen, None)) };
            error.as_database_error().context("the database does not answer")?;
            if source.file.is_transactional() {
                // The next run begins anew.
                known.existing = before;
                seen.clear();
            }
            skip = offset.unwrap_or_default();
            let statement = source.statement(skip);
            if !failures.retry(connection, source, statement, &error).await? {
                return Ok((seen, Some(failure::broken(source, statement, &error))));
            }
        }
    }

    /// Notes the scans that were counted before a file, such as those of filling the tables.
    async fn count_scans(&mut self) -> Result<()> {
        let counted: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT oid::int8, scans FROM pg_class, pg_stat_get_xact_numscans(oid) scans WHERE relkind IN ('r', 'm') AND scans > 0",
        )
        .fetch_all(&mut self.connection)
        .await?;
        self.known.scans = counted.into_iter().collect();
        Ok(())
    }

    /// Settings that outlive the file.
    async fn leaks(&mut self, source: &Source) -> Result<Option<Finding>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM pg_settings WHERE source = 'session'
             UNION ALL SELECT 'role' WHERE current_user <> session_user",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let Some(name) = names.first() else { return Ok(None) };
        let lower = |text: &str| text.to_lowercase();
        let mut statements = source.statements.iter();
        let setting = statements.find(|statement| lower(&statement.sql).contains(&lower(name)));
        let Some(statement) = setting.or(source.statements.last()) else { return Ok(None) };
        let steps = match statement.parse() {
            Some(Stmt::Set(_)) if source.file.is_transactional() => {
                let rest = statement.sql[3..].trim_start();
                let is_session = lower(rest).starts_with("session ");
                format!("SET LOCAL {}", if is_session { &rest[8..] } else { rest })
            }
            _ => format!("-- at the end of the file:\nRESET {name};"),
        };
        let message = format!("{} stays set after the file", names.join(", "));
        Ok(Some(source.finding("session-setting", statement, message, steps)))
    }
}

/// Makes the scans of a statement show: the planner reads small tables from start to end even
/// where it has an index, and PostgreSQL may validate a foreign key by an index.
async fn prepare(connection: &mut PgConnection, statement: &Statement) -> Result<(), sqlx::Error> {
    let parsed = statement.parse();
    let changes_schema = matches!(parsed, Some(Stmt::AlterTable(_) | Stmt::CreateTable(_)));
    let (table, index) = if changes_schema { ("on", "off") } else { ("off", "on") };
    let settings = format!(
        "SET LOCAL enable_seqscan = {table}; SET LOCAL enable_indexscan = {index}; SET LOCAL \
         enable_indexonlyscan = {index}; SET LOCAL enable_bitmapscan = {index}; SET LOCAL jit = off"
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await.map(drop)
}

impl Known {
    fn name(&mut self) {
        let tables = self.existing.iter();
        self.names = tables.map(|(oid, table)| (*oid, table.name.clone())).collect();
    }

    /// Compares `states` with what is known of each relation, and updates that.
    fn see(&mut self, mut seen: Seen, states: Vec<State>) -> Seen {
        for state in states {
            let oid = state.oid;
            let counted = self.scans.insert(oid, state.scans).unwrap_or_default();
            let Some(before) = self.existing.get_mut(&oid) else { continue };
            seen.lock_timeout = state.lock_timeout;
            seen.held.extend(state.mode.map(|mode| (oid, mode)));
            // The server starts over when it has reported its counts.
            if state.scans > counted || state.scans < counted && state.scans > 0 {
                seen.scanned.push(oid);
            }
            let Some(mut after) = state.relation else {
                self.existing.remove(&oid);
                seen.dropped.push(oid);
                continue;
            };
            seen.changes(oid, &self.names[&oid], before, &after);
            // A column that the new migrations add may change and go again.
            after.columns.retain(|number, _| before.columns.contains_key(number));
            *before = after;
        }
        seen
    }
}

impl Seen {
    fn changes(&mut self, oid: i64, name: &str, before: &Relation, after: &Relation) {
        let is_rewritten = before.file != after.file;
        self.rewritten.extend(is_rewritten.then_some(oid));
        if before.name != after.name {
            self.changed.push(("rename-table", format!("{name} becomes {}", after.name)));
        }
        let is_text = |name: &str| name == "text" || name.starts_with("character varying");
        for (number, old) in &before.columns {
            let Some(new) = after.columns.get(number) else {
                self.dropped_columns.push(format!("{name}.{}", old.name));
                continue;
            };
            if old.name != new.name {
                let message = format!("{name}.{} becomes {}", old.name, new.name);
                self.changed.push(("rename-column", message));
            }
            let is_known = is_rewritten || is_text(&old.r#type) && is_text(&new.r#type);
            if old.base != new.base && !is_known {
                let types = format!("{} becomes {}", old.r#type, new.r#type);
                self.changed.push(("change-type", format!("{name}.{}: {types}", new.name)));
            }
        }
    }
}
