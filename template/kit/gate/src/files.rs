//! What the files alone tell: what nobody reads, and what cannot work as it reads.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use atlas::{MigrationFile, sql::lexer};
use squawk_syntax::ast::{self, AstNode as _, Stmt};

use crate::{
    Finding,
    finding::Place,
    rules::known,
    source::{Source, Statement, text},
};

const TXMODE_NONE: &str = "-- atlas:txmode none\n\n";

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
        let holds_sql = |path: &Path| {
            let sql = path.extension().map(|end| end.to_string_lossy().to_lowercase());
            sql.is_some_and(|end| end.contains("sql"))
        };
        let is_folder = entry.path().is_dir();
        let is_migration = if is_folder {
            fs::read_dir(entry.path())?.flatten().any(|inner| holds_sql(&inner.path()))
        } else {
            holds_sql(Path::new(&name)) || name.to_lowercase().contains(".sql.")
        };
        let rule = known(if is_migration { "unread-migration" } else { "unread-file" });
        let message = match is_folder {
            true => format!("nobody reads the folder {name}: move its migrations up, or remove it"),
            false => format!("nobody reads {name}: rename it to VERSION_NAME.sql, or remove it"),
        };
        let place = Place::file(format!("migrations/{name}"));
        found.push(Finding::new(rule, place, message, String::new()));
    }
    Ok(found)
}

/// Finds what cannot work, or does not work as it reads, by the grammar.
pub fn check(file: &MigrationFile) -> Vec<Finding> {
    let source = Source::new(file);
    let mut found = source.incomplete();
    if source.text.starts_with('\u{feff}') {
        let message = "the file begins with a byte order mark: save it as UTF-8 without one";
        let place = source.at(0, '\u{feff}'.len_utf8());
        found.push(Finding::new(known("byte-order-mark"), place, message.into(), String::new()));
    }
    found.extend(psql_command(&source));
    let outside = |statement: &Statement| {
        statement.parse().as_ref().and_then(refused_in_transaction).is_some()
    };
    let has_outside = !file.is_transactional() && source.statements.iter().any(outside);
    for statement in &source.statements {
        let Some(parsed) = statement.parse() else { continue };
        let of_statement = transaction(&parsed, file)
            .or_else(|| server_wide(&parsed))
            .or_else(|| copy(&parsed))
            .or_else(|| outside_of_transaction(&parsed, statement, file))
            .or_else(|| (has_outside && is_mixed(&parsed)).then(mixed));
        found.extend(
            of_statement
                .map(|(rule, message, steps)| source.finding(rule, statement, message, steps)),
        );
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
                let rule = known("psql-command");
                let place = source.at(token.start, end);
                return Some(source.allowed(rule, place, token.start, message, String::new()));
            }
            _ => starts_line = false,
        }
    }
    None
}

fn transaction(statement: &Stmt, file: &MigrationFile) -> Option<Found> {
    let word = match statement {
        Stmt::Begin(_) => "BEGIN",
        Stmt::Commit(_) => "COMMIT",
        Stmt::Rollback(ast::Rollback::RollbackToSavepoint(_)) => return None,
        Stmt::Rollback(_) => "ROLLBACK",
        Stmt::PrepareTransaction(_) => "PREPARE TRANSACTION",
        _ => return None,
    };
    let message = match file.is_transactional() {
        true => format!("{word} in a file that runs in a transaction of its own"),
        false => format!("{word} in a file that runs without a transaction"),
    };
    let steps = "-- remove BEGIN and COMMIT; where two parts must be committed one after the other, \
                 write two migrations";
    Some(("own-transaction", message, steps.into()))
}

/// Names what belongs to the whole server.
fn server_wide(statement: &Stmt) -> Option<Found> {
    let what = match statement {
        Stmt::CreateRole(_) | Stmt::CreateUser(_) | Stmt::CreateGroup(_) => "creates a role",
        Stmt::AlterRole(_) | Stmt::AlterUser(_) | Stmt::AlterGroup(_) => "changes a role",
        Stmt::DropRole(_) | Stmt::DropUser(_) | Stmt::DropGroup(_) => "drops a role",
        Stmt::Grant(grant) if grant.on_privilege_objects_clause().is_none() => {
            "makes a role a member of another"
        }
        Stmt::Revoke(revoke) if revoke.on_privilege_objects_clause().is_none() => {
            "takes a role out of another"
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
    let steps = format!(
        "-- in crates/entity/sql/roles.sql, which prepares development and test servers, and which \
         you run by hand in production:\nDO $$ BEGIN\n    {sql};\nEXCEPTION WHEN duplicate_object \
         THEN NULL;\nEND $$;"
    );
    let steps = if what.contains("role") { steps } else { format!("-- by hand, once:\n{sql};") };
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

fn outside_of_transaction(
    parsed: &Stmt,
    statement: &Statement,
    file: &MigrationFile,
) -> Option<Found> {
    let what = refused_in_transaction(parsed).filter(|_| file.is_transactional())?;
    let head = "in a file of its own that begins with these two lines, the second one empty";
    let message = if file.text().contains("atlas:txmode none") {
        format!(
            "{what} cannot run in a transaction, and `-- atlas:txmode none` counts only at the \
             head of the file, with an empty line after it"
        )
    } else {
        format!("{what} cannot run in a transaction, and this file runs in one")
    };
    let steps = format!("-- {head}:\n{TXMODE_NONE}{}", statement.sql);
    Some(("needs-no-transaction", message, steps))
}

/// Whether a statement should not stand beside those that need to be outside of transactions.
fn is_mixed(statement: &Stmt) -> bool {
    let is_setting = matches!(statement, Stmt::Set(_) | Stmt::Reset(_) | Stmt::Show(_));
    !is_setting && refused_in_transaction(statement).is_none()
}

fn mixed() -> Found {
    let message = "the file runs without a transaction, which this statement does not need";
    ("mixed-without-transaction", message.into(), "-- move it to a file of its own".into())
}

/// Names the statement if PostgreSQL refuses it in a transaction:
/// `PreventInTransactionBlock` in the sources of PostgreSQL.
fn refused_in_transaction(statement: &Stmt) -> Option<&'static str> {
    match statement {
        Stmt::CreateIndex(index) => index.concurrently_token().map(|_| "CREATE INDEX CONCURRENTLY"),
        Stmt::DropIndex(index) => index.concurrently_token().map(|_| "DROP INDEX CONCURRENTLY"),
        Stmt::Reindex(reindex) => {
            let target = reindex.reindex_target()?;
            let one = matches!(
                target,
                ast::ReindexTarget::ReindexTargetIndex(_)
                    | ast::ReindexTarget::ReindexTargetTable(_)
            );
            let concurrent = reindex.syntax().text().to_string().to_lowercase();
            (!one || concurrent.contains("concurrently")).then_some("this REINDEX")
        }
        Stmt::AlterTable(table) => table.actions().find_map(|action| match action {
            ast::AlterTableAction::DetachPartition(detach) => {
                match detach.detach_partition_option()? {
                    ast::DetachPartitionOption::DetachConcurrently(_) => {
                        Some("DETACH PARTITION CONCURRENTLY")
                    }
                    ast::DetachPartitionOption::DetachFinalize(_) => None,
                }
            }
            _ => None,
        }),
        Stmt::Vacuum(_) => Some("VACUUM"),
        Stmt::Cluster(cluster) if cluster.table_name_ref().is_none() => {
            cluster.cluster_legacy().is_none().then_some("CLUSTER of all tables")
        }
        Stmt::AlterSystem(_) => Some("ALTER SYSTEM"),
        Stmt::CreateDatabase(_) => Some("CREATE DATABASE"),
        Stmt::DropDatabase(_) => Some("DROP DATABASE"),
        Stmt::CreateTablespace(_) => Some("CREATE TABLESPACE"),
        Stmt::DropTablespace(_) => Some("DROP TABLESPACE"),
        Stmt::CreateSubscription(_) => Some("CREATE SUBSCRIPTION"),
        Stmt::DropSubscription(_) => Some("DROP SUBSCRIPTION"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
