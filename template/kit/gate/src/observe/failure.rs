//! Statements that fail because of the rows.

use std::collections::{BTreeMap, btree_map::Entry};

use anyhow::Result;
use sea_orm::sqlx::{
    self, AssertSqlSafe, PgConnection,
    postgres::{PgDatabaseError, PgErrorPosition},
};
use squawk_syntax::ast::{AstNode as _, CheckConstraint, Stmt};

use super::advice::{self, fill};
use crate::{
    Finding,
    source::{Source, Statement, quoted, text},
};

/// Drops what a failed CREATE INDEX CONCURRENTLY leaves.
const DROP_INVALID_INDEXES: &str = "DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE NOT indisvalid AND relkind = 'i'
    LOOP EXECUTE 'DROP INDEX ' || name; END LOOP;
END $$";

/// What failed so far.
pub(super) struct Failures {
    /// All filled tables.
    tables: Vec<String>,
    /// How often a statement, by its offset in the current file, failed on a table.
    times: BTreeMap<(usize, Option<String>), usize>,
    /// Rule, message and steps, by the statement's offset in the current file.
    found: BTreeMap<usize, (&'static str, String, String)>,
}

impl Failures {
    pub fn new(tables: Vec<String>) -> Self {
        Self { tables, times: BTreeMap::new(), found: BTreeMap::new() }
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
        // Class 22 is data exceptions, 23 is violated constraints.
        let refused = of_server(error).filter(|e| ["22", "23"].contains(&&e.code()[..2]));
        let (Some(refused), Some(statement)) = (refused, statement) else { return Ok(false) };
        let table = self.table(refused);
        let times = self.times.entry((statement.start, table.clone())).or_default();
        *times += 1;
        let times = *times;
        if !source.file.is_transactional() {
            sqlx::raw_sql(DROP_INVALID_INDEXES).execute(&mut *connection).await?;
        }
        let condition = match &table {
            Some(table) => condition(connection, table, statement, refused).await,
            None => None,
        };
        let rows = table.as_deref().zip(condition.as_deref());
        if let Entry::Vacant(entry) = self.found.entry(statement.start) {
            entry.insert(explain(connection, rows, statement, refused, error).await);
        }
        if times > 3 {
            // Not because of the rows, then.
            self.found.remove(&statement.start);
            return Ok(false);
        }
        // First only the rows that are in the way, for the sake of what comes later; then all
        // but one, then all.
        let kept = if times < 3 { 1 } else { 0 };
        let rest = |table: &str| {
            format!("ctid NOT IN (SELECT ctid FROM ONLY {table} ORDER BY ctid LIMIT {kept})")
        };
        if let Some(table) = &table {
            let these = condition.filter(|_| times == 1).unwrap_or_else(|| rest(table));
            if delete(connection, table, &these).await.is_ok() {
                return Ok(true);
            }
        }
        // Triggers may forbid it. Only a superuser can turn them off.
        let triggers = "SET session_replication_role = replica";
        let _ = sqlx::raw_sql(triggers).execute(&mut *connection).await;
        // Of all tables, so that no row refers to one that is gone.
        for table in self.tables.iter().rev() {
            // It may have been dropped or renamed.
            let _ = delete(connection, table, &rest(table)).await;
        }
        let _ = sqlx::raw_sql("RESET session_replication_role").execute(connection).await;
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
        self.times.clear();
        for (start, (rule, message, steps)) in std::mem::take(&mut self.found) {
            let Some(statement) = source.statement(start) else { continue };
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

fn of_server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// The columns and the rest of `Key (a, b)=(1, 2) ...`.
fn key(refused: &PgDatabaseError) -> Option<(&str, &str)> {
    refused.detail()?.strip_prefix("Key (")?.split_once(")=(")
}

/// What is true of the rows that are in the way.
async fn condition(
    connection: &mut PgConnection,
    table: &str,
    statement: &Statement,
    refused: &PgDatabaseError,
) -> Option<String> {
    match refused.code() {
        "23502" => Some(format!("{} IS NULL", quoted(refused.column()?))),
        "23514" => {
            let parsed = statement.parse()?;
            let check = parsed.syntax().descendants().find_map(CheckConstraint::cast);
            if let Some(check) = check {
                return Some(format!("NOT ({})", text(&check.expr()?)));
            }
            let query = "SELECT 'NOT ' || pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2";
            let stored = sqlx::query_scalar(query).bind(table).bind(refused.constraint());
            stored.fetch_optional(connection).await.ok()?
        }
        "23505" => {
            let (columns, _) = key(refused)?;
            Some(format!("ctid NOT IN (SELECT min(ctid) FROM ONLY {table} GROUP BY {columns})"))
        }
        "23503" => {
            let (column, rest) = key(refused)?;
            let value = rest.split_once(") is not present")?.0.replace('\'', "''");
            Some(format!("{column}::text = '{value}'"))
        }
        _ => None,
    }
}

/// Rule, message and steps; `rows` is the table and the condition of those in the way.
async fn explain(
    connection: &mut PgConnection,
    rows: Option<(&str, &str)>,
    statement: &Statement,
    refused: &PgDatabaseError,
    error: &sqlx::Error,
) -> (&'static str, String, String) {
    let message = replay::message(error);
    if let (Some((table, condition)), "23502" | "23514") = (rows, refused.code()) {
        let query = format!(
            "SELECT to_jsonb(\"the row\")::text FROM {table} \"the row\" WHERE {condition} LIMIT 1"
        );
        let row = sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch_optional(connection);
        match row.await {
            Ok(Some(row)) => {
                let set = refused.column().map(|it| format!("{} = /* a value */", quoted(it)));
                let set = set.unwrap_or("/* ... */".into());
                let values = [("table", table), ("set", &set), ("condition", condition)];
                let message = format!("fails on rows like {row}: {message}");
                return ("depends-on-rows", message, fill("backfill", &values));
            }
            Ok(None) => {}
            // The column is new.
            Err(_) => {
                let steps = advice::steps("fails-with-rows", statement);
                let message = format!("fails if {table} has any row: {message}");
                return ("fails-with-rows", message, steps);
            }
        }
    }
    let steps = match (statement.parse(), rows.zip(key(refused)), refused.code()) {
        (Some(Stmt::Insert(insert)), ..) => {
            format!("{} ON CONFLICT DO NOTHING;", text(&insert).trim_end_matches(';'))
        }
        (_, Some(((table, _), (columns, _))), "23505") => {
            fill("duplicates", &[("table", table), ("columns", columns)])
        }
        (_, Some(((table, _), (columns, _))), "23503") => {
            let there = refused.detail().and_then(|detail| detail.rsplit('"').nth(1));
            let there = there.unwrap_or_default();
            fill("dangling", &[("table", table), ("columns", columns), ("there", there)])
        }
        _ => String::new(),
    };
    ("depends-on-rows", format!("fails on some rows: {message}"), steps)
}

async fn delete(
    connection: &mut PgConnection,
    table: &str,
    condition: &str,
) -> Result<(), sqlx::Error> {
    let delete = format!("DELETE FROM ONLY {table} WHERE {condition}");
    sqlx::raw_sql(AssertSqlSafe(delete)).execute(connection).await.map(drop)
}

/// A migration that fails whatever rows there are.
pub(super) fn broken(
    source: &Source,
    statement: Option<&Statement>,
    error: &sqlx::Error,
) -> Finding {
    let message = replay::message(error);
    let Some(statement) = statement else {
        return Finding::new("replay", crate::Place::file(source.path()), message);
    };
    let finding = source.finding("replay", statement, message, "");
    // In characters of the statement, from 1.
    let Some(PgErrorPosition::Original(position)) = of_server(error).and_then(|e| e.position())
    else {
        return finding;
    };
    let before: String = statement.sql.chars().take(position - 1).collect();
    let start = statement.start + before.len();
    let word = source.text[start..].find(|c: char| !c.is_alphanumeric() && c != '_');
    let end = start + word.unwrap_or(source.text.len() - start).max(1);
    Finding { place: source.at(start, end), ..finding }
}
