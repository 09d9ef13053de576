//! What the files alone tell: what nobody reads, and what cannot work as it reads.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use atlas::{MigrationFile, sql::lexer};
use squawk_syntax::ast::{self, Stmt};

use crate::{
    Finding,
    finding::Place,
    source::{Source, Statement, text},
};

/// Finds what the migration directory holds and nobody reads.
///
/// # Errors
/// When the directory cannot be read.
pub fn unread(migrations: &Path) -> Result<Vec<Finding>> {
    let mut entries = fs::read_dir(migrations)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("cannot read {}", migrations.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Dotfiles are settings of git and editors.
        if name.ends_with(".sql") || name == atlas::directory::SUM_FILE || name.starts_with('.') {
            continue;
        }
        let is_folder = entry.path().is_dir();
        let mut names = vec![entry.file_name()];
        if is_folder {
            names = fs::read_dir(entry.path())?.flatten().map(|inner| inner.file_name()).collect();
        }
        let is_sql = names.iter().any(|name| {
            let name = name.to_string_lossy().to_lowercase();
            name.contains(".sql.") || name.rsplit('.').next().is_some_and(|it| it.contains("sql"))
        });
        let (what, advice) = match is_folder {
            true => ("the folder ", "move its migrations up"),
            false => ("", "rename it to VERSION_NAME.sql"),
        };
        let rule = if is_sql { "unread-migration" } else { "unread-file" };
        let message = format!("nobody reads {what}{name}: {advice}, or remove it");
        found.push(Finding::new(rule, Place::file(format!("migrations/{name}")), message));
    }
    Ok(found)
}

/// Finds what cannot work, or does not work as it reads, by the grammar.
pub fn check(file: &MigrationFile) -> Vec<Finding> {
    let source = Source::new(file);
    let mut found = source.incomplete();
    if source.text.starts_with('\u{feff}') {
        let message = "the file begins with a byte order mark: save it as UTF-8 without one";
        found.push(Finding::new("byte-order-mark", source.at(0, '\u{feff}'.len_utf8()), message));
    }
    found.extend(psql_command(&source));
    let parsed = source.statements.iter().filter_map(|it| Some((it, it.parse()?)));
    let parsed: Vec<(&Statement, Stmt)> = parsed.collect();
    let has_outside = parsed.iter().any(|(_, parsed)| refused_in_transaction(parsed).is_some());
    let is_whole = file.is_transactional();
    for (statement, parsed) in &parsed {
        let of_statement = transaction(parsed, is_whole)
            .or_else(|| server_wide(parsed))
            .or_else(|| copy(parsed))
            .or_else(|| match is_whole {
                true => outside_of_transaction(parsed, statement, &source),
                false => mixed(parsed).filter(|_| has_outside),
            });
        // BEGIN and COMMIT are one mistake.
        let is_told = |rule| rule == "own-transaction" && found.iter().any(|it| it.rule == rule);
        if let Some((rule, message, steps)) = of_statement.filter(|(rule, ..)| !is_told(*rule)) {
            found.push(source.finding(rule, statement, message, steps));
        }
    }
    found
}

/// Rule, message and steps.
type Found = (&'static str, String, String);

fn psql_command(source: &Source) -> Option<Finding> {
    let text = &source.text;
    let mut starts_line = true;
    for token in lexer::tokens(text) {
        match token.kind {
            lexer::Kind::Space => starts_line |= token.text(text).contains('\n'),
            lexer::Kind::Comment => {}
            _ if starts_line && token.text(text) == "\\" => {
                let end = text[token.start..].find('\n').map_or(text.len(), |at| token.start + at);
                let message = format!("{} is a command of psql", text[token.start..end].trim());
                return Some(Finding::new("psql-command", source.at(token.start, end), message));
            }
            _ => starts_line = false,
        }
    }
    None
}

fn transaction(statement: &Stmt, is_whole: bool) -> Option<Found> {
    let word = match statement {
        Stmt::Begin(_) => "BEGIN",
        Stmt::Commit(_) => "COMMIT",
        Stmt::Rollback(ast::Rollback::RollbackToSavepoint(_)) => return None,
        Stmt::Rollback(_) => "ROLLBACK",
        Stmt::PrepareTransaction(_) => "PREPARE TRANSACTION",
        _ => return None,
    };
    let runs = if is_whole { "in a transaction of its own" } else { "without a transaction" };
    let steps = "-- remove BEGIN and COMMIT; where two parts must be committed one after the other, \
                 write two migrations";
    Some(("own-transaction", format!("{word} in a file that runs {runs}"), steps.into()))
}

/// Names what belongs to the whole server.
fn server_wide(statement: &Stmt) -> Option<Found> {
    let what = match statement {
        Stmt::CreateRole(_) | Stmt::CreateUser(_) | Stmt::CreateGroup(_) => "creates a role",
        Stmt::AlterRole(_) | Stmt::AlterUser(_) | Stmt::AlterGroup(_) => "changes a role",
        Stmt::DropRole(_) | Stmt::DropUser(_) | Stmt::DropGroup(_) => "drops a role",
        Stmt::Grant(it) if it.on_privilege_objects_clause().is_none() => "makes a role a member",
        Stmt::Revoke(it) if it.on_privilege_objects_clause().is_none() => {
            "takes a role's member out"
        }
        Stmt::CreateDatabase(_) | Stmt::DropDatabase(_) | Stmt::AlterDatabase(_) => {
            "is about a database, which a migration does not choose"
        }
        Stmt::CreateTablespace(_) | Stmt::DropTablespace(_) | Stmt::AlterTablespace(_) => {
            "is about a tablespace"
        }
        Stmt::AlterSystem(_) => "changes the settings of the server",
        _ => return None,
    };
    let sql = text(statement);
    let sql = sql.trim_end_matches(';');
    let steps = match what.contains("role") {
        true => format!(
            "-- in crates/entity/sql/roles.sql, which prepares development and test servers, and which \
             you run by hand in production:\nDO $$ BEGIN\n    {sql};\nEXCEPTION WHEN \
             duplicate_object THEN NULL;\nEND $$;"
        ),
        false => format!("-- by hand, once:\n{sql};"),
    };
    Some(("server-wide", format!("the statement {what}"), steps))
}

fn copy(statement: &Stmt) -> Option<Found> {
    let Stmt::Copy(copy) = statement else { return None };
    let Some(ast::CopyDirection::CopyFrom(from)) = copy.copy_direction() else { return None };
    let Some(ast::CopySource::CopyStdin(_)) = from.copy_source() else { return None };
    let table = copy.copy_table().map(|table| text(&table)).unwrap_or_default();
    let steps = format!("INSERT INTO {table} VALUES (...), (...);");
    Some(("copy-stdin", "COPY ... FROM stdin needs psql".into(), steps))
}

fn outside_of_transaction(parsed: &Stmt, statement: &Statement, source: &Source) -> Option<Found> {
    let what = refused_in_transaction(parsed)?;
    let directive = "`-- atlas:txmode none` counts only at the head of the file, with an empty line \
                     after it";
    let why = match source.text.split_once("atlas:txmode none") {
        None => "this file runs in one",
        Some((_, rest)) if rest.starts_with("\r\n\r\n") => {
            "Atlas sees `-- atlas:txmode none` only if lines end in LF, not in CRLF"
        }
        Some(_) => directive,
    };
    let message = format!("{what} cannot run in a transaction, and {why}");
    let steps = format!(
        "-- in a file of its own that begins with these two lines, the second one empty:\n\
         -- atlas:txmode none\n\n{}",
        statement.sql
    );
    Some(("needs-no-transaction", message, steps))
}

/// A statement that should not stand beside those that need to be outside of transactions.
fn mixed(statement: &Stmt) -> Option<Found> {
    let is_setting = matches!(statement, Stmt::Set(_) | Stmt::Reset(_) | Stmt::Show(_));
    let message = "the file runs without a transaction, which this statement does not need";
    (!is_setting && refused_in_transaction(statement).is_none()).then(|| {
        ("mixed-without-transaction", message.into(), "-- move it to a file of its own".into())
    })
}

/// Names the statement if PostgreSQL refuses it in a transaction, as its sources have it
/// (`PreventInTransactionBlock`); without those of [`server_wide`].
pub(crate) fn refused_in_transaction(statement: &Stmt) -> Option<&'static str> {
    match statement {
        Stmt::CreateIndex(index) => index.concurrently_token().map(|_| "CREATE INDEX CONCURRENTLY"),
        Stmt::DropIndex(index) => index.concurrently_token().map(|_| "DROP INDEX CONCURRENTLY"),
        Stmt::Reindex(reindex) => {
            let is_concurrent = text(reindex).to_lowercase().contains("concurrently");
            (is_concurrent || rebuilds_many(reindex)).then_some("this REINDEX")
        }
        Stmt::AlterTable(table) => table.actions().find_map(|action| {
            let ast::AlterTableAction::DetachPartition(detach) = action else { return None };
            let option = detach.detach_partition_option()?;
            let is_concurrent = matches!(option, ast::DetachPartitionOption::DetachConcurrently(_));
            is_concurrent.then_some("DETACH PARTITION CONCURRENTLY")
        }),
        Stmt::Vacuum(_) => Some("VACUUM"),
        Stmt::Cluster(cluster) => {
            let names_none =
                cluster.table_name_ref().is_none() && cluster.cluster_legacy().is_none();
            names_none.then_some("CLUSTER of all tables")
        }
        Stmt::CreateSubscription(_) => Some("CREATE SUBSCRIPTION"),
        Stmt::DropSubscription(_) => Some("DROP SUBSCRIPTION"),
        _ => None,
    }
}

/// Whether it rebuilds the indexes of several tables.
pub(crate) fn rebuilds_many(reindex: &ast::Reindex) -> bool {
    let target = reindex.reindex_target();
    target.is_some_and(|target| {
        !matches!(
            target,
            ast::ReindexTarget::ReindexTargetIndex(_) | ast::ReindexTarget::ReindexTargetTable(_)
        )
    })
}

#[cfg(test)]
mod tests;
