//! Replays new migrations on a filled database, and observes what each statement does.

mod advice;
mod failure;
mod state;
mod verdict;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use atlas::MigrationFile;
use postgres::{Server, TemporaryDatabase};
use replay::Moment;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use squawk_syntax::ast::Stmt;

pub use state::Mode;
pub use verdict::Lock;

use crate::{
    Finding,
    finding::Place,
    rows::{self, Filled},
    rules::known,
    source::{Source, Statement},
};
use failure::Failures;
use state::Relation;

/// What the replay showed.
#[derive(Debug)]
pub struct Observed {
    pub findings: Vec<Finding>,
    /// Locks on tables that existed before.
    pub locks: Vec<Lock>,
    /// The tables that existed before, and their rows.
    pub rows: Vec<Filled>,
    /// How many new migrations were applied.
    pub applied: usize,
    /// Has those, and the migrations of the base.
    pub database: TemporaryDatabase,
}

/// What a statement did to relations that existed before.
#[derive(Debug, Default)]
struct Seen {
    /// Offset of the statement in the file, in bytes.
    start: usize,
    /// Locks that the session holds after it, by OID.
    held: BTreeMap<i64, Mode>,
    scanned: Vec<i64>,
    rewritten: Vec<i64>,
    dropped: Vec<i64>,
    /// With the new name.
    renamed: Vec<(i64, String)>,
    dropped_columns: Vec<(i64, String)>,
    /// With the old and the new name.
    renamed_columns: Vec<(i64, String, String)>,
    /// With the name, the old and the new type.
    retyped: Vec<(i64, String, String, String)>,
    lock_timeout: bool,
    /// Whether it cannot run in a transaction, so that its locks were not seen.
    outside: bool,
}

/// Replays `new` on a filled copy of the database that has the migrations of `base`.
/// `own_rows` is the SQL of the project's own rows.
///
/// # Errors
/// When a migration of `base` fails, or the server does not answer.
pub async fn observe(
    server: &Server,
    base: &[MigrationFile],
    new: &[MigrationFile],
    own_rows: Option<&str>,
) -> Result<Observed> {
    let database = replay::copy(server, base, "gate").await?;
    let mut connection = server.connect_once(database.name()).await?;
    let mut findings = Vec::new();
    for failed in rows::own(&mut connection, own_rows.unwrap_or_default()).await? {
        let place = Place::file("crates/entity/sql/rows.sql".into());
        findings.push(Finding::new(known("own-rows"), place, failed, String::new()));
    }
    replay::reset(&mut connection).await?;
    let rows = rows::fill(&mut connection).await?;
    let mut replay = Replay {
        existing: existing(&mut connection).await?,
        failures: Failures::new(rows.iter().map(|table| table.table.clone()).collect()),
        scans: BTreeMap::new(),
        connection,
    };
    let mut locks = Vec::new();
    let mut applied = 0;
    for file in new {
        let source = Source::new(file);
        let before = replay.existing.clone();
        let (seen, failed) = replay.file(&source).await?;
        let names = before.into_iter().filter(|(_, relation)| relation.holds_rows());
        let names = names.map(|(oid, relation)| (oid, relation.name().to_owned())).collect();
        locks.extend(verdict::locks(&source, &names, &seen));
        let mut found = verdict::findings(&source, &names, &seen);
        replay.failures.report(&source, &mut found);
        found.extend(replay.leaks(&source).await?);
        let is_broken = failed.is_some();
        if let Some(failed) = failed {
            // What else there is to say is about a file that will change.
            found = vec![failed];
        }
        found.sort_by_key(|finding| finding.place.line);
        findings.extend(found);
        replay::reset(&mut replay.connection).await?;
        if is_broken {
            break;
        }
        applied += 1;
    }
    replay.connection.close().await?;
    Ok(Observed { findings, locks, rows, applied, database })
}

async fn existing(connection: &mut PgConnection) -> Result<BTreeMap<i64, Relation>> {
    let states = state::read(connection, true).await?.into_iter();
    Ok(states.filter_map(|state| Some((state.oid, state.relation?))).collect())
}

struct Replay {
    connection: PgConnection,
    /// Relations that the base has, as they are now.
    existing: BTreeMap<i64, Relation>,
    failures: Failures,
    /// Scans of each table that were counted so far.
    scans: BTreeMap<i64, i64>,
}

impl Replay {
    /// Applies a file, with fewer and fewer rows while it fails because of them. Returns what
    /// it did, and the failure that does not depend on rows.
    async fn file(&mut self, source: &Source) -> Result<(Vec<Seen>, Option<Finding>)> {
        let mut skip = 0;
        let mut seen = Vec::new();
        loop {
            self.count_scans().await?;
            let before = self.existing.clone();
            let Self { connection, existing, scans, .. } = self;
            let done = replay::run_observed(
                connection,
                &source.file,
                skip,
                async |connection, moment, offset, _| {
                    let Some(statement) = source.statement(offset) else { return Ok(()) };
                    match moment {
                        Moment::Before => prepare(connection, statement).await,
                        _ => {
                            let outside = moment == Moment::AfterOutside;
                            let states = state::read(connection, outside).await?;
                            seen.push(Seen::new(offset, states, outside, existing, scans));
                            Ok(())
                        }
                    }
                },
            )
            .await;
            let Err((offset, error)) = done else { return Ok((seen, None)) };
            error.as_database_error().context("the database does not answer")?;
            if source.file.is_transactional() {
                // The next run begins anew.
                self.existing = before;
                seen.clear();
            }
            skip = offset.unwrap_or_default();
            let statement = source.statement(skip);
            if !self.failures.retry(&mut self.connection, source, statement, &error).await? {
                let finding = failure::broken(source, statement, &error);
                return Ok((seen, Some(finding)));
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
        self.scans = counted.into_iter().collect();
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
        let says =
            |statement: &&Statement| statement.sql.to_lowercase().contains(&name.to_lowercase());
        let Some(statement) = source.statements.iter().find(says).or(source.statements.last())
        else {
            return Ok(None);
        };
        let steps = match statement.parse() {
            Some(Stmt::Set(_)) if source.file.is_transactional() => {
                let sql = &statement.sql;
                let rest = sql[3..].trim_start();
                let is_session = rest.to_lowercase().starts_with("session ");
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
    let settings = if changes_schema {
        "SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; \
         SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off"
    } else {
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on; \
         SET LOCAL enable_indexonlyscan = on; SET LOCAL enable_bitmapscan = on"
    };
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await.map(drop)
}

impl Seen {
    /// Compares `states` with what is known of each relation, and updates that.
    fn new(
        start: usize,
        states: Vec<state::State>,
        outside: bool,
        existing: &mut BTreeMap<i64, Relation>,
        scans: &mut BTreeMap<i64, i64>,
    ) -> Self {
        let mut seen = Self { start, outside, ..Self::default() };
        for state in states {
            let oid = state.oid;
            let counted = scans.insert(oid, state.scans).unwrap_or_default();
            let Some(before) = existing.get_mut(&oid) else { continue };
            seen.lock_timeout = state.lock_timeout;
            seen.held.extend(state.mode().map(|mode| (oid, mode)));
            // The server starts over when it has reported its counts.
            if state.scans > counted || state.scans < counted && state.scans > 0 {
                seen.scanned.push(oid);
            }
            let Some(mut after) = state.relation else {
                if existing.remove(&oid).is_some_and(|before| before.holds_rows()) {
                    seen.dropped.push(oid);
                }
                continue;
            };
            if before.holds_rows() {
                seen.changes(oid, before, &after);
            }
            // A column that the new migrations add may change and go again.
            after.columns.retain(|number, _| before.columns.contains_key(number));
            *before = after;
        }
        seen
    }

    fn changes(&mut self, oid: i64, before: &Relation, after: &Relation) {
        if before.file != after.file {
            self.rewritten.push(oid);
        }
        if before.name() != after.name() {
            self.renamed.push((oid, after.name().to_owned()));
        }
        for (number, old) in &before.columns {
            let Some(new) = after.columns.get(number) else {
                self.dropped_columns.push((oid, old.name.clone()));
                continue;
            };
            if old.name != new.name {
                self.renamed_columns.push((oid, old.name.clone(), new.name.clone()));
            }
            if old.base != new.base {
                self.retyped.push((oid, new.name.clone(), old.r#type.clone(), new.r#type.clone()));
            }
        }
    }
}
