//! What is dangerous about what was seen.

use std::collections::BTreeMap;

use serde::Serialize;
use squawk_syntax::ast::{self, AstNode as _, Stmt};

use super::{Mode, Seen, advice};
use crate::{
    Finding, files,
    source::{Source, text},
};

/// Names of the tables that existed before a file, by OID.
pub(super) type Names = BTreeMap<i64, String>;

/// A lock on a table that existed before the migration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Lock {
    /// Path of the migration.
    pub file: String,
    /// Of the statement that takes it, from 1.
    pub line: usize,
    pub table: String,
    pub mode: Mode,
    /// For how many statements of the file it is held.
    pub statements: usize,
    /// Whether all of the table is read or written anew meanwhile.
    pub work: Option<&'static str>,
}

/// The locks of a file: for each table the strongest.
pub(super) fn locks(source: &Source, names: &Names, seen: &[Seen]) -> Vec<Lock> {
    let mut locks: BTreeMap<&str, Lock> = BTreeMap::new();
    for (at, now) in seen.iter().enumerate() {
        let held = now.held.iter().map(|(oid, mode)| (*oid, *mode));
        let statement = source.statement(now.start).filter(|_| now.outside);
        let parsed = statement.and_then(|statement| statement.parse());
        let outside = parsed.and_then(|parsed| mode_outside(names, &parsed));
        for (oid, mode) in held.chain(outside) {
            let lock = Lock {
                file: source.path(),
                line: source.at(now.start, now.start).line,
                table: names[&oid].clone(),
                mode,
                statements: if source.file.is_transactional() { seen.len() - at } else { 1 },
                work: None,
            };
            let known = locks.entry(&names[&oid]).or_insert_with(|| lock.clone());
            if known.mode < mode {
                *known = Lock { work: known.work, ..lock };
            }
            if now.rewritten.contains(&oid) {
                known.work = Some("rewrite");
            } else if now.scanned.contains(&oid) {
                known.work = Some("scan");
            }
        }
    }
    let mut locks: Vec<_> = locks.into_values().collect();
    locks.sort_by_key(|lock| lock.line);
    locks
}

pub(super) fn findings(source: &Source, names: &Names, seen: &[Seen]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    // Of each lock that blocks others, the line that took it.
    let mut since: BTreeMap<i64, (Mode, usize)> = BTreeMap::new();
    for now in seen {
        let Some(statement) = source.statement(now.start) else { continue };
        let parsed = statement.parse();
        let line = source.at(now.start, now.start).line;
        if !source.file.is_transactional() {
            since.clear();
        }
        let mut taken = None;
        for (&oid, &mode) in now.held.iter().filter(|(_, mode)| mode.blocks().is_some()) {
            if since.get(&oid).is_none_or(|(before, _)| *before < mode) {
                taken = taken.or(Some((oid, mode)));
                since.insert(oid, (mode, line));
            }
        }
        since.retain(|oid, _| !now.dropped.contains(oid));
        let list =
            |oids: &[i64]| oids.iter().map(|oid| &*names[oid]).collect::<Vec<_>>().join(", ");
        let mut add = |rule, message: String| {
            found.push(source.finding(rule, statement, message, advice::steps(rule, statement)));
        };
        let strongest = since.iter().max_by_key(|(_, (mode, _))| *mode);
        match (&parsed, list(&now.rewritten), list(&now.scanned), strongest) {
            (_, none, scanned, Some((oid, (mode, taken))))
                if none.is_empty() && !scanned.is_empty() =>
            {
                let since = match *taken == line {
                    true => String::new(),
                    false => format!(", held since line {taken},"),
                };
                let lock = format!("{} on {}{since} blocks", mode.name(), names[oid]);
                let blocked = mode.blocks().unwrap_or_default();
                add("blocking-scan", format!("scans {scanned}, while {lock} {blocked}"));
            }
            (Some(Stmt::Reindex(reindex)), none, ..) if none.is_empty() => {
                let is_concurrent = text(reindex).to_lowercase().contains("concurrently");
                if files::rebuilds_many(reindex) && !is_concurrent {
                    let message = "rebuilds every index, while SHARE on its table blocks writes";
                    add("blocking-scan", message.into());
                }
            }
            (_, none, ..) if none.is_empty() => {}
            (Some(Stmt::Truncate(_)), rewritten, ..) => {
                add("truncate", format!("deletes all rows of {rewritten}"));
            }
            (_, rewritten, ..) => add(
                "blocking-rewrite",
                format!("rewrites {rewritten}, while ACCESS EXCLUSIVE blocks reads and writes"),
            ),
        }
        if !now.dropped.is_empty() {
            add("drop-table", format!("drops {}", list(&now.dropped)));
        }
        if !now.dropped_columns.is_empty() {
            add("drop-column", format!("drops {}", now.dropped_columns.join(", ")));
        }
        now.changed.iter().for_each(|(rule, message)| add(rule, message.clone()));
        let blocks = !now.scanned.is_empty() && !since.is_empty();
        if let Some((rule, message)) = parsed.as_ref().and_then(|parsed| all_rows(parsed, names))
            && !(blocks && rule == "update-all-rows")
        {
            add(rule, message);
        }
        let is_told = |found: &Finding| found.place.line == line || found.rule == "lock-timeout";
        if let Some((oid, mode)) = taken
            && !now.lock_timeout
            && !found.iter().any(is_told)
        {
            let (blocked, table) = (mode.blocks().unwrap_or_default(), &names[&oid]);
            let message = format!(
                "waits without a limit for {} on {table}, which blocks {blocked}",
                mode.name()
            );
            let steps = match source.file.is_transactional() {
                true => "-- at the head of the file:\nSET LOCAL lock_timeout = '2s';",
                false => "SET lock_timeout = '2s';\n-- ...\nRESET lock_timeout;",
            };
            found.push(source.finding("lock-timeout", statement, message, steps));
        }
    }
    found
}

/// The table that existed before, of this name as a statement has it.
fn existing(names: &Names, written: &impl ast::AstNode) -> Option<i64> {
    let plain = |name: &str| name.replace('"', "").trim_start_matches("public.").to_lowercase();
    let written = plain(&text(written));
    names.iter().find(|(_, name)| plain(name) == written).map(|(oid, _)| *oid)
}

/// UPDATE and DELETE without WHERE, of a table that existed before.
fn all_rows(statement: &Stmt, names: &Names) -> Option<(&'static str, String)> {
    statement.syntax().descendants().find_map(|node| {
        let (is_all, verb, relation) = if let Some(update) = ast::Update::cast(node.clone()) {
            (update.where_clause_or_current_of().is_none(), "update", update.relation_name()?)
        } else {
            let delete = ast::Delete::cast(node)?;
            (delete.where_clause_or_current_of().is_none(), "delete", delete.relation_name()?)
        };
        let rule = if verb == "update" { "update-all-rows" } else { "delete-all-rows" };
        existing(names, &relation).filter(|_| is_all)?;
        Some((rule, format!("{verb}s every row of {}", text(&relation))))
    })
}

/// The lock of a statement that cannot run in a transaction. PostgreSQL has few of those, and
/// documents the lock of each; it is gone before a session could look at it.
fn mode_outside(names: &Names, statement: &Stmt) -> Option<(i64, Mode)> {
    let (table, is_full) = match statement {
        Stmt::CreateIndex(index) => (existing(names, &index.table_relation_name()?)?, false),
        Stmt::AlterTable(table) => (existing(names, &table.table_relation_name()?)?, false),
        Stmt::Vacuum(vacuum) => {
            let is_full = text(vacuum).to_lowercase().contains("full");
            (existing(names, &vacuum.table_and_columns_list()?)?, is_full)
        }
        _ => return None,
    };
    Some((table, if is_full { Mode::ACCESS_EXCLUSIVE } else { Mode::SHARE_UPDATE_EXCLUSIVE }))
}
