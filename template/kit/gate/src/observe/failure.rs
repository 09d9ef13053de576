//! Statements that fail because of the rows.

use std::collections::{BTreeMap, btree_map::Entry};

use anyhow::Result;
use sea_orm::sqlx::{
    self, AssertSqlSafe, PgConnection,
    postgres::{PgDatabaseError, PgErrorPosition},
};
use squawk_syntax::ast::{AstNode as _, CheckConstraint};

use super::advice;
use crate::{
    Finding,
    rules::known,
    source::{Source, Statement, quoted},
};

/// Rows that a table keeps after its first, second failure.
const KEPT: [i64; 2] = [1, 0];

/// What failed so far, and how many rows are left for that.
pub(super) struct Failures {
    /// All filled tables.
    tables: Vec<String>,
    /// How often a table was emptied; the name is empty for all of them.
    emptied: BTreeMap<String, usize>,
    /// By the statement's offset in the current file.
    found: BTreeMap<usize, Failure>,
}

struct Failure {
    rule: &'static str,
    message: String,
    steps: String,
}

impl Failures {
    pub fn new(tables: Vec<String>) -> Self {
        Self { tables, emptied: BTreeMap::new(), found: BTreeMap::new() }
    }

    /// Takes rows away if the statement may succeed without them. Returns whether to run it
    /// again.
    pub async fn retry(
        &mut self,
        connection: &mut PgConnection,
        source: &Source,
        statement: Option<&Statement>,
        error: &sqlx::Error,
    ) -> Result<bool> {
        let refused =
            error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
        // Class 22 is data exceptions, 23 is violated constraints.
        let refused = refused.filter(|e| e.code().starts_with("22") || e.code().starts_with("23"));
        let (Some(refused), Some(statement)) = (refused, statement) else { return Ok(false) };
        let table = self.table(refused);
        let times = self.emptied.entry(table.clone().unwrap_or_default()).or_default();
        let Some(&kept) = KEPT.get(*times) else {
            // Not because of the rows, then.
            self.found.remove(&statement.start);
            return Ok(false);
        };
        *times += 1;
        if let Entry::Vacant(entry) = self.found.entry(statement.start) {
            let failure = explain(connection, table.as_deref(), statement, refused, error).await;
            entry.insert(failure);
        }
        if !source.file.is_transactional() {
            drop_invalid_indexes(connection).await?;
        }
        match table {
            Some(table) if keep(connection, &table, kept).await.is_ok() => {}
            _ => {
                // Triggers may forbid it. Only a superuser can turn them off.
                let triggers = "SET session_replication_role = replica";
                let _ = sqlx::raw_sql(triggers).execute(&mut *connection).await;
                // Of all tables, so that no row refers to one that is gone.
                for table in self.tables.iter().rev() {
                    // It may have been dropped or renamed.
                    let _ = keep(connection, table, kept).await;
                }
                let _ = sqlx::raw_sql("RESET session_replication_role").execute(connection).await;
            }
        }
        Ok(true)
    }

    /// The filled table that an error names.
    fn table(&self, error: &PgDatabaseError) -> Option<String> {
        let plain = |name: &str| name.trim_start_matches("public.").replace('"', "");
        let named = format!("{}.{}", error.schema()?, error.table()?);
        self.tables.iter().find(|table| plain(table) == plain(&named)).cloned()
    }

    /// Adds the failures of the file to what was found about the same statements.
    pub fn report(&mut self, source: &Source, found: &mut Vec<Finding>) {
        for (start, failure) in std::mem::take(&mut self.found) {
            let Some(statement) = source.statement(start) else { continue };
            let Failure { rule, message, steps } = failure;
            let new = source.finding(rule, statement, message, steps);
            let same = |finding: &&mut Finding| {
                finding.place == new.place && finding.rule.starts_with("blocking-")
            };
            match found.iter_mut().find(same) {
                // A lock that it never gets to hold is no second problem.
                Some(blocking) if rule == "fails-with-rows" => *blocking = new,
                Some(blocking) => blocking.message += &format!("; it also {}", new.message),
                None => found.push(new),
            }
        }
    }
}

async fn explain(
    connection: &mut PgConnection,
    table: Option<&str>,
    statement: &Statement,
    refused: &PgDatabaseError,
    error: &sqlx::Error,
) -> Failure {
    let message = replay::message(error);
    let condition = match (refused.code(), refused.column()) {
        ("23502", Some(column)) => Some(format!("{} IS NULL", quoted(column))),
        ("23514", _) => match check(statement) {
            Some(check) => Some(format!("NOT ({check})")),
            None => {
                let check = stored_check(connection, table, refused.constraint()).await;
                check.map(|check| format!("NOT {check}"))
            }
        },
        _ => None,
    };
    if let (Some(table), Some(condition)) = (table, condition) {
        let query = format!(
            "SELECT to_jsonb(\"the row\")::text FROM {table} \"the row\" WHERE {condition} LIMIT 1"
        );
        let row = sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch_optional(connection);
        let count = format!("SELECT count(*) FROM {table} WHERE {condition};");
        match row.await {
            Ok(Some(row)) => {
                let steps = advice::backfill(table, &condition, refused.column(), &count);
                let message = format!("fails on rows like {row}: {message}");
                return Failure { rule: "depends-on-rows", message, steps };
            }
            Ok(None) => {}
            // The column is new.
            Err(_) => {
                let steps = advice::steps("fails-with-rows", statement);
                let message = format!("fails if {table} has any row: {message}");
                return Failure { rule: "fails-with-rows", message, steps };
            }
        }
    }
    let steps = advice::look(table, statement, refused);
    Failure { rule: "depends-on-rows", message: format!("fails on some rows: {message}"), steps }
}

/// The condition of a CHECK in the statement.
fn check(statement: &Statement) -> Option<String> {
    let parsed = statement.parse()?;
    let mut nodes = parsed.syntax().descendants();
    let check = nodes.find_map(CheckConstraint::cast)?;
    Some(check.expr()?.syntax().text().to_string())
}

/// The condition of a CHECK that exists.
async fn stored_check(
    connection: &mut PgConnection,
    table: Option<&str>,
    constraint: Option<&str>,
) -> Option<String> {
    let query = "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2";
    sqlx::query_scalar(query).bind(table).bind(constraint).fetch_optional(connection).await.ok()?
}

/// Deletes all rows but the first, or all.
async fn keep(connection: &mut PgConnection, table: &str, rows: i64) -> Result<(), sqlx::Error> {
    let delete = format!(
        "DELETE FROM ONLY {table} WHERE ctid NOT IN (SELECT ctid FROM ONLY {table} ORDER BY ctid LIMIT {rows})"
    );
    sqlx::raw_sql(AssertSqlSafe(delete)).execute(connection).await.map(drop)
}

/// A failed CREATE INDEX CONCURRENTLY leaves an index that is invalid.
async fn drop_invalid_indexes(connection: &mut PgConnection) -> Result<()> {
    let invalid: Vec<String> = sqlx::query_scalar(
        "SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
         WHERE NOT indisvalid AND relkind = 'i'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for index in invalid {
        let drop = format!("DROP INDEX {index}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A migration that fails whatever rows there are.
pub(super) fn broken(
    source: &Source,
    statement: Option<&Statement>,
    error: &sqlx::Error,
) -> Finding {
    let message = replay::message(error);
    let Some(statement) = statement else {
        let place = crate::Place::file(source.path());
        return Finding::new(known("replay"), place, message, String::new());
    };
    let finding = source.finding("replay", statement, message, String::new());
    let server = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    // In characters of the statement, from 1.
    let Some(PgErrorPosition::Original(position)) = server.and_then(PgDatabaseError::position)
    else {
        return finding;
    };
    let before: String = statement.sql.chars().take(position - 1).collect();
    let start = statement.start + before.len();
    let word = source.text[start..].find(|c: char| !c.is_alphanumeric() && c != '_');
    let end = start + word.unwrap_or(source.text.len() - start).max(1);
    Finding { place: source.at(start, end), ..finding }
}
