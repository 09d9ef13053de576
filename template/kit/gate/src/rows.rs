//! Puts a few rows into every table, so that a migration meets rows before production.
//!
//! Each table gets four: one with plain values, one with NULL wherever it may be, and two
//! alike with other values, so that a nullable column has both states, and a column without a
//! unique index has duplicates.

mod values;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use atlas::sql;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, postgres::PgDatabaseError};
use serde::{Deserialize, Serialize};

use values::{Column, OTHER};

const TABLES: &str = include_str!("rows/tables.sql");
/// How often to try other values for a row.
const TRIES: usize = 200;
const ROWS: usize = 4;
/// The row with NULL wherever it may be.
const NULLS: usize = 1;

/// How a table was filled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Filled {
    /// Quoted where SQL needs it.
    pub table: String,
    /// At the start of the trial, at least.
    pub rows: i64,
    /// Why it has no rows.
    pub why_empty: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Table {
    oid: i64,
    name: String,
    columns: Vec<Column>,
    /// Those of most columns first.
    foreign_keys: Vec<ForeignKey>,
    constraints: Vec<Constraint>,
}

#[derive(Debug, Deserialize)]
struct ForeignKey {
    columns: Vec<i16>,
    table: i64,
    table_name: String,
    there: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Constraint {
    name: String,
    unique: bool,
    columns: Vec<i16>,
    definition: String,
}

/// Runs the project's own rows, and reports each statement that does not fit the schema.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn own(connection: &mut PgConnection, rows: &str) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for statement in sql::statements(rows) {
        if let Err(error) = execute(connection, statement.sql).await {
            error.as_database_error().context("the database does not answer")?;
            failed.push(format!("{}: {}", statement.sql, replay::message(&error)));
        }
    }
    Ok(failed)
}

/// Fills all tables, those that others refer to first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn fill(connection: &mut PgConnection) -> Result<Vec<Filled>> {
    let described: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *connection).await?;
    let tables = described.iter().map(|table| serde_json::from_str(table));
    let tables = in_order(tables.collect::<Result<Vec<Table>, _>>()?);
    let mut filled = Vec::new();
    for table in &tables {
        filled.push(fill_table(connection, table).await?);
    }
    // Once more, for tables that refer to each other.
    for (table, filled) in tables.iter().zip(&mut filled).filter(|(_, filled)| filled.rows == 0) {
        *filled = fill_table(connection, table).await?;
    }
    Ok(filled)
}

/// Sorts tables so that each comes after those that it refers to, as far as they form no
/// circle.
fn in_order(mut tables: Vec<Table>) -> Vec<Table> {
    let mut sorted: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let waits = |table: &Table| {
            let mut keys = table.foreign_keys.iter().filter(|key| key.table != table.oid);
            keys.any(|key| tables.iter().any(|other| other.oid == key.table))
        };
        let free = tables.iter().position(|table| !waits(table));
        sorted.push(tables.remove(free.unwrap_or_default()));
    }
    sorted
}

async fn fill_table(connection: &mut PgConnection, table: &Table) -> Result<Filled> {
    let filled = |rows, why_empty| Filled { table: table.name.clone(), rows, why_empty };
    let rows: Vec<Vec<Vec<String>>> = (0..ROWS).map(|row| table.row(row, row == NULLS)).collect();
    let first: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|values| &*values[0]).collect()).collect();
    // Rows that refer to others of the table need those first.
    let is_circle = table.foreign_keys.iter().any(|key| key.table == table.oid);
    if !is_circle && execute(connection, &table.insert(&first)).await.is_ok() {
        return Ok(filled(first.len() as i64, None));
    }
    let mut error = None;
    for row in rows {
        error = try_row(connection, table, row).await?;
    }
    // Each nullable column in both states, where they exclude each other.
    for (at, _) in table.inserted().enumerate().filter(|(_, column)| !column.required) {
        let mut row = table.row(at % ROWS, true);
        let full = table.row(at % ROWS, false);
        row[at] = full[at].clone();
        try_row(connection, table, row).await?;
    }
    let query = format!("SELECT count(*) FROM ONLY {}", table.name);
    let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await?;
    Ok(filled(rows, error.filter(|_| rows == 0)))
}

/// Inserts a row, trying other values in the columns of each constraint that refuses it.
/// Returns the last error.
async fn try_row(
    connection: &mut PgConnection,
    table: &Table,
    row: Vec<Vec<String>>,
) -> Result<Option<String>> {
    let mut tried: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    let mut choice = vec![0; row.len()];
    for _ in 0..TRIES {
        let values = row.iter().zip(&choice).map(|(values, &at)| &*values[at]).collect();
        let Err(error) = execute(connection, &table.insert(&[values])).await else {
            return Ok(None);
        };
        let refused = error.as_database_error().context("the database does not answer")?;
        let message = replay::message(&error);
        let columns = table.blamed(refused.downcast_ref());
        let tries = tried.entry(columns.clone()).or_default();
        *tries += 1;
        // The next combination of values, as the digits of a number.
        let mut rest = *tries;
        for column in &columns {
            choice[*column] = rest % row[*column].len();
            rest /= row[*column].len();
        }
        if columns.is_empty() || rest > 0 {
            return Ok(Some(message));
        }
    }
    Ok(Some(format!("no values satisfy its constraints in {TRIES} attempts")))
}

impl Table {
    /// Columns that get a value.
    fn inserted(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.automatic)
    }

    /// Values to try for each inserted column of a row.
    fn row(&self, row: usize, nulls: bool) -> Vec<Vec<String>> {
        let values = |column: &Column| {
            let mut values = self.values(column, row);
            if !column.required {
                values.insert(if nulls { 0 } else { values.len() }, "NULL".into());
            }
            values
        };
        self.inserted().map(values).collect()
    }

    fn values(&self, column: &Column, row: usize) -> Vec<String> {
        let on_column = |columns: &Vec<i16>| columns.contains(&column.number);
        let is_unique = self.constraints.iter().any(|c| c.unique && on_column(&c.columns));
        let key = self.foreign_keys.iter().find(|key| on_column(&key.columns));
        if let Some(key) = key {
            let at = key.columns.iter().position(|&number| number == column.number);
            let there = &key.there[at.unwrap_or_default()];
            let row = if is_unique { row } else { row / 2 };
            let nth = |n| {
                let table = &key.table_name;
                format!(
                    "(SELECT {there} FROM {table} WHERE {there} IS NOT NULL ORDER BY tableoid, ctid OFFSET {n} LIMIT 1)"
                )
            };
            return (row..ROWS).chain(0..row).map(nth).collect();
        }
        let on_this = self.constraints.iter().filter(|constraint| on_column(&constraint.columns));
        let definitions: Vec<&str> = on_this.map(|constraint| &*constraint.definition).collect();
        // A row that has NULL where it may be is like the first one otherwise.
        let n = if is_unique { row + 1 } else { [1, 1, OTHER, OTHER][row] };
        column.values(n, &definitions)
    }

    fn insert(&self, rows: &[Vec<&str>]) -> String {
        let names: Vec<&str> = self.inserted().map(|column| &*column.name).collect();
        if names.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", self.name);
        }
        let rows: Vec<String> = rows.iter().map(|row| format!("({})", row.join(", "))).collect();
        format!("INSERT INTO {} ({}) VALUES {}", self.name, names.join(", "), rows.join(", "))
    }

    /// Positions of the inserted columns to blame for an error.
    fn blamed(&self, error: &PgDatabaseError) -> Vec<usize> {
        let constraint = error.constraint().unwrap_or_default();
        let is_named = |column: &Column| match error.column() {
            Some(name) => column.name.trim_matches('"') == name,
            None => {
                let mut named = self.constraints.iter().filter(|it| it.name == constraint);
                named.any(|it| it.columns.contains(&column.number))
            }
        };
        let at = |is_blamed: &dyn Fn(&Column) -> bool| -> Vec<usize> {
            let columns = self.inserted().enumerate();
            columns.filter(|(_, column)| is_blamed(column)).map(|(at, _)| at).collect()
        };
        // A value of the wrong form names no column.
        Some(at(&is_named)).filter(|at| !at.is_empty()).unwrap_or_else(|| at(&|it| !it.is_known()))
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}
