//! What is dangerous about what was seen.

use std::collections::BTreeMap;

use serde::Serialize;
use squawk_syntax::ast::{self, AstNode as _, Stmt};

use super::{Mode, Seen, advice};
use crate::{
    Finding,
    source::{Source, Statement, text},
};

/// Names of the tables that existed before a file, by OID.
type Names = BTreeMap<i64, String>;

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
    let mut locks: BTreeMap<i64, Lock> = BTreeMap::new();
    let mut others = Vec::new();
    let is_whole = source.file.is_transactional();
    for (at, now) in seen.iter().enumerate() {
        let Some(statement) = source.statement(now.start) else { continue };
        let line = source.at(now.start, now.start).line;
        let lock = |table: &str, mode| Lock {
            file: source.path(),
            line,
            table: table.to_owned(),
            mode,
            statements: if is_whole { seen.len() - at } else { 1 },
            work: None,
        };
        if now.outside
            && let Some((table, mode)) = statement.parse().as_ref().and_then(mode_outside)
        {
            others.push(lock(&table, mode));
        }
        for (oid, &mode) in &now.held {
            let Some(table) = names.get(oid) else { continue };
            if locks.get(oid).is_none_or(|lock| lock.mode < mode) {
                let before = locks.insert(*oid, lock(table, mode)).and_then(|before| before.work);
                locks.entry(*oid).and_modify(|lock| lock.work = before);
            }
        }
        for (tables, work) in [(&now.scanned, "scan"), (&now.rewritten, "rewrite")] {
            for oid in tables {
                locks.entry(*oid).and_modify(|lock| lock.work = Some(work));
            }
        }
    }
    locks.into_values().chain(others).collect()
}

pub(super) fn findings(source: &Source, names: &Names, seen: &[Seen]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut gone = Vec::new();
    // Of each lock, the line that took it.
    let mut since: BTreeMap<i64, (Mode, usize)> = BTreeMap::new();
    for now in seen {
        let Some(statement) = source.statement(now.start) else { continue };
        let parsed = statement.parse();
        let line = source.at(now.start, now.start).line;
        gone.extend(&now.dropped);
        if !source.file.is_transactional() {
            since.clear();
        }
        let mut takes = false;
        for (&oid, &mode) in &now.held {
            if mode.blocks().is_some() && since.get(&oid).is_none_or(|(before, _)| *before < mode) {
                takes = true;
                since.insert(oid, (mode, line));
            }
        }
        let list = |oids: &[i64]| {
            let known: Vec<_> =
                oids.iter().filter_map(|oid| names.get(oid).map(|n| &**n)).collect();
            (!known.is_empty()).then(|| known.join(", "))
        };
        let mut add = |rule, message| {
            found.push(source.finding(rule, statement, message, advice::steps(rule, statement)));
        };
        let is_truncate = matches!(parsed, Some(Stmt::Truncate(_)));
        if let Some(tables) = list(&now.rewritten) {
            match is_truncate {
                true => add("truncate", format!("deletes all rows of {tables}")),
                false => add(
                    "blocking-rewrite",
                    format!("rewrites {tables}, while ACCESS EXCLUSIVE blocks reads and writes"),
                ),
            }
        } else if let Some(scanned) = list(&now.scanned) {
            let strongest = since.iter().filter(|(oid, _)| !gone.contains(*oid));
            let strongest = strongest.filter_map(|(oid, lock)| Some((names.get(oid)?, lock)));
            if let Some((table, (mode, taken))) = strongest.max_by_key(|(_, (mode, _))| *mode) {
                let blocked = mode.blocks().unwrap_or_default();
                let since = match *taken == line {
                    true => String::new(),
                    false => format!(", held since line {taken},"),
                };
                let lock = format!("{} on {table}{since} blocks {blocked}", mode.name());
                add("blocking-scan", format!("scans {scanned}, while {lock}"));
            }
        } else if let Some(message) = parsed.as_ref().and_then(scans_outside) {
            add("blocking-scan", message.into());
        }
        if let Some(tables) = list(&now.dropped) {
            add("drop-table", format!("drops {tables}"));
        }
        let name = |oid: &i64| names.get(oid).map_or("?", |name| name);
        let columns = |of: &[(i64, String)]| {
            let names = of.iter().map(|(oid, column)| format!("{}.{column}", name(oid)));
            names.collect::<Vec<_>>().join(", ")
        };
        if !now.dropped_columns.is_empty() {
            add("drop-column", format!("drops {}", columns(&now.dropped_columns)));
        }
        for (oid, new) in &now.renamed {
            add("rename-table", format!("{} becomes {new}", name(oid)));
        }
        for (oid, old, new) in &now.renamed_columns {
            add("rename-column", format!("{}.{old} becomes {new}", name(oid)));
        }
        for (oid, column, old, new) in &now.retyped {
            let is_text = |name: &str| name == "text" || name.starts_with("character varying");
            let is_known = now.rewritten.contains(oid) || is_text(old) && is_text(new);
            if !is_known {
                add("change-type", format!("{}.{column}: {old} becomes {new}", name(oid)));
            }
        }
        let blocks = !now.scanned.is_empty() && !since.is_empty();
        if let Some((rule, message)) = parsed.as_ref().and_then(|parsed| all_rows(parsed, names))
            && !(blocks && rule == "update-all-rows")
        {
            add(rule, message);
        }
        let is_blamed = found
            .iter()
            .any(|finding| finding.place.line == line || finding.rule == "lock-timeout");
        if takes && !now.lock_timeout && !is_blamed {
            found.extend(unlimited(source, statement, names, now));
        }
    }
    found
}

/// The first statement of a file that may wait for a lock forever.
fn unlimited(source: &Source, statement: &Statement, names: &Names, now: &Seen) -> Option<Finding> {
    let blocking = now.held.iter().filter(|(_, mode)| mode.blocks().is_some());
    let (table, mode) = blocking.filter_map(|(oid, mode)| Some((names.get(oid)?, mode))).next()?;
    let message = format!(
        "waits without a limit for {} on {table}, which blocks {}",
        mode.name(),
        mode.blocks()?
    );
    let steps = match source.file.is_transactional() {
        true => "-- at the head of the file:\nSET LOCAL lock_timeout = '2s';",
        false => "SET lock_timeout = '2s';\n-- ...\nRESET lock_timeout;",
    };
    Some(source.finding("lock-timeout", statement, message, steps.into()))
}

/// UPDATE and DELETE without WHERE, of a table that existed before.
fn all_rows(statement: &Stmt, names: &Names) -> Option<(&'static str, String)> {
    let whole = |node: squawk_syntax::SyntaxNode| {
        if let Some(update) = ast::Update::cast(node.clone()) {
            let is_all = update.where_clause_or_current_of().is_none();
            return update.relation_name().filter(|_| is_all).map(|t| ("update-all-rows", t));
        }
        let delete = ast::Delete::cast(node)?;
        let is_all = delete.where_clause_or_current_of().is_none();
        delete.relation_name().filter(|_| is_all).map(|table| ("delete-all-rows", table))
    };
    let plain = |name: &str| name.replace('"', "").trim_start_matches("public.").to_lowercase();
    statement.syntax().descendants().filter_map(whole).find_map(|(rule, relation)| {
        let table = text(&relation);
        let exists = names.values().any(|name| plain(name) == plain(&table));
        let verb = if rule == "update-all-rows" { "updates" } else { "deletes" };
        exists.then(|| (rule, format!("{verb} every row of {table}")))
    })
}

/// The lock of a statement that cannot run in a transaction.
fn mode_outside(statement: &Stmt) -> Option<(String, Mode)> {
    let (table, mode) = match statement {
        Stmt::CreateIndex(index) => {
            (text(&index.table_relation_name()?), Mode::ShareUpdateExclusive)
        }
        Stmt::AlterTable(table) => {
            (text(&table.table_relation_name()?), Mode::ShareUpdateExclusive)
        }
        Stmt::Vacuum(vacuum) => {
            let whole = vacuum.syntax().text().to_string().to_lowercase();
            let mode = if whole.contains("full") {
                Mode::AccessExclusive
            } else {
                Mode::ShareUpdateExclusive
            };
            (text(&vacuum.table_and_columns_list()?), mode)
        }
        _ => return None,
    };
    Some((table, mode))
}

/// Statements outside of transactions that lock tables while they read them.
fn scans_outside(statement: &Stmt) -> Option<&'static str> {
    let Stmt::Reindex(reindex) = statement else { return None };
    let concurrent = text(reindex).to_lowercase().contains("concurrently");
    let many = !matches!(
        reindex.reindex_target()?,
        ast::ReindexTarget::ReindexTargetIndex(_) | ast::ReindexTarget::ReindexTargetTable(_)
    );
    (many && !concurrent).then_some("rebuilds every index, while SHARE on its table blocks writes")
}
