//! The safe way to do what a statement does, as SQL.

use sea_orm::sqlx::postgres::PgDatabaseError;
use squawk_syntax::ast::{self, AlterColumnOption, AlterTableAction, Constraint, Stmt};

use crate::source::{Statement, quoted, text};

const OUTSIDE: &str =
    "-- in a file of its own, whose second line is empty:\n-- atlas:txmode none\n\n";
const LATER: &str = "\n-- in a later file:\n";
const BATCHES: &str = "-- in batches, by the application or a script, until no row is left:\n";

/// Safe steps for a statement that breaks a rule; empty where there is nothing to write.
pub(super) fn steps(rule: &str, statement: &Statement) -> String {
    let sql = statement.sql.trim_end_matches(';');
    match rule {
        "drop-table" | "drop-column" => {
            return format!(
                "-- deploy code that no longer uses it, then:\n-- allow: {rule} REASON\n{sql};"
            );
        }
        "truncate" | "delete-all-rows" => {
            return format!("-- if all rows may go:\n-- allow: {rule} REASON\n{sql};");
        }
        "rename-table" => {
            return "-- to deploy without an interruption, leave a view with the old name until no \
                    code uses it:\nCREATE VIEW /* old name */ AS SELECT * FROM /* new name */;"
                .into();
        }
        "rename-column" => {
            return "-- to deploy without an interruption: add a column with the new name, write \
                    both, copy the values, read the new one, drop the old one"
                .into();
        }
        _ => {}
    }
    let Some(parsed) = statement.parse() else { return String::new() };
    let steps = match parsed {
        Stmt::AlterTable(alter) => {
            let Some(table) = alter.table_relation_name().map(|table| text(&table)) else {
                return String::new();
            };
            let steps =
                alter.actions().filter_map(|action| alter_table(rule, &table, &action, sql));
            steps.collect::<Vec<_>>().join("\n")
        }
        Stmt::CreateIndex(index) => {
            let after = index.index_token().map(|token| usize::from(token.text_range().end()));
            let (head, tail) = sql.split_at(after.unwrap_or_default());
            format!("{OUTSIDE}{head} CONCURRENTLY{tail};")
        }
        Stmt::Reindex(_) => {
            let mut words = sql.split_whitespace();
            let head: Vec<_> = words.by_ref().take(2).collect();
            let tail: Vec<_> = words.collect();
            format!("{OUTSIDE}{} CONCURRENTLY {};", head.join(" "), tail.join(" "))
        }
        Stmt::Refresh(refresh) => {
            let view = refresh.view_ref().map(|view| text(&view)).unwrap_or_default();
            format!(
                "-- needs a unique index on the view:\nREFRESH MATERIALIZED VIEW CONCURRENTLY {view};"
            )
        }
        Stmt::Vacuum(_) | Stmt::Cluster(_) => {
            "-- the extension pg_repack does the same with short locks; a plain VACUUM lets \
             PostgreSQL use the space again"
                .into()
        }
        Stmt::Update(update) if rule == "update-all-rows" => {
            let table = update.relation_name().map(|table| text(&table)).unwrap_or_default();
            let set = update.set_clause().map(|set| text(&set)).unwrap_or_default();
            format!(
                "{BATCHES}UPDATE {table} {set}\nWHERE ctid IN (SELECT ctid FROM {table} WHERE /* not \
                 done yet */ LIMIT 1000);"
            )
        }
        Stmt::CreateTable(_) => format!(
            "-- a validated CHECK on the default partition that excludes these rows saves the scan:\n\
             ALTER TABLE /* default */ ADD CONSTRAINT not_here CHECK (/* ... */) NOT VALID;{LATER}ALTER \
             TABLE /* default */ VALIDATE CONSTRAINT not_here;{LATER}{sql};"
        ),
        Stmt::Do(_) | Stmt::Call(_) | Stmt::Select(_) => {
            "-- write the statements of the block or the function into migrations".into()
        }
        _ => later(sql),
    };
    if steps.is_empty() && rule.starts_with("blocking-") {
        return format!(
            "-- PostgreSQL has no way to do this without the lock; at a time when nobody needs the \
             table:\n-- allow: {rule} REASON\n{sql};"
        );
    }
    steps
}

/// For what is safe on its own, but not under the lock of an earlier statement.
fn later(sql: &str) -> String {
    format!(
        "-- the lock that the file already holds ends with it, so put this into a later one:\n{sql};"
    )
}

fn alter_table(rule: &str, table: &str, action: &AlterTableAction, sql: &str) -> Option<String> {
    let bare = table.rsplit('.').next().unwrap_or(table).trim_matches('"').to_owned();
    match action {
        AlterTableAction::AddConstraint(add) => constraint(table, &bare, &add.constraint()?, None),
        AlterTableAction::AlterColumn(alter) => {
            let column = text(&alter.column_name_ref()?);
            match alter.option()? {
                AlterColumnOption::SetNotNull(_) => Some(not_null(table, &bare, &column)),
                AlterColumnOption::SetType(set) => {
                    let new = set.ty().map(|ty| text(&ty)).unwrap_or_default();
                    let name = quoted(&format!("{}_new", column.trim_matches('"')));
                    Some(format!(
                        "ALTER TABLE {table} ADD COLUMN {name} {new};\n-- let the code write both columns, \
                         and copy the old values {}UPDATE {table} SET {name} = {column}::{new}\nWHERE ctid \
                         IN (SELECT ctid FROM {table} WHERE {name} IS NULL AND {column} IS NOT NULL LIMIT \
                         1000);\n-- let the code read {name}, then drop {column}",
                        BATCHES.trim_start_matches("-- ")
                    ))
                }
                _ => None,
            }
        }
        AlterTableAction::AddColumn(add) => add_column(rule, table, &bare, add),
        AlterTableAction::ValidateConstraint(_) => Some(later(sql)),
        AlterTableAction::AttachPartition(attach) => {
            let partition = text(&attach.table_name_ref()?);
            Some(format!(
                "-- a validated CHECK that says what the partition may hold saves the scan:\nALTER TABLE \
                 {partition} ADD CONSTRAINT partition_bound CHECK (/* the bound */) NOT VALID;{LATER}ALTER \
                 TABLE {partition} VALIDATE CONSTRAINT partition_bound;{LATER}{sql};"
            ))
        }
        _ => None,
    }
}

/// `None` for a column that does not break the rule.
fn add_column(rule: &str, table: &str, bare: &str, add: &ast::AddColumn) -> Option<String> {
    let column = text(&add.column_name()?);
    let mut ty = text(&add.ty()?);
    let (mut default, mut required, mut generated) = (None, false, false);
    let mut later = Vec::new();
    for constraint in add.constraints() {
        match &constraint {
            Constraint::DefaultConstraint(given) => default = Some(text(&given.expr()?)),
            Constraint::NotNullConstraint(_) => required = true,
            Constraint::GeneratedConstraint(_) => generated = true,
            other => later.extend(self::constraint(table, bare, other, Some(&column))),
        }
    }
    let mut steps = String::new();
    let serial = [("bigserial", "bigint"), ("smallserial", "smallint"), ("serial", "integer")];
    if let Some((_, integer)) = serial.iter().find(|(serial, _)| ty.eq_ignore_ascii_case(serial)) {
        let sequence = quoted(&format!("{bare}_{}_seq", column.trim_matches('"')));
        steps += &format!("CREATE SEQUENCE {sequence};\n");
        default = Some(format!("nextval('{sequence}')"));
        ty = (*integer).to_owned();
    } else if generated {
        steps += "-- a plain column, which the code or a trigger fills:\n";
    }
    let is_copied = default.is_some() || generated;
    let is_checked = !later.is_empty() || required && default.is_none();
    let breaks = if rule == "blocking-rewrite" { is_copied } else { is_checked };
    if !breaks {
        return None;
    }
    steps += &format!("ALTER TABLE {table} ADD COLUMN {column} {ty};");
    if let Some(default) = &default {
        steps += &format!("\nALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default};");
    }
    if is_copied || required {
        let value = default.as_deref().unwrap_or("/* a value */");
        steps += &format!(
            "\n{BATCHES}UPDATE {table} SET {column} = {value}\nWHERE ctid IN (SELECT ctid FROM {table} WHERE \
             {column} IS NULL LIMIT 1000);"
        );
    }
    later.extend(required.then(|| not_null(table, bare, &column)));
    for more in later {
        steps += &format!("{LATER}{more}");
    }
    Some(steps)
}

/// Steps for a constraint of a table, or of a new `column`.
fn constraint(
    table: &str,
    bare: &str,
    constraint: &Constraint,
    column: Option<&str>,
) -> Option<String> {
    let sql = text(constraint);
    // As PostgreSQL names what has no name.
    let name = |given: Option<ast::ConstraintNameClause>, columns: &str, suffix: &str| {
        let given = given.and_then(|clause| clause.constraint_name()).map(|name| text(&name));
        let columns = columns.replace(['(', ')', '"', ' '], "").replace(',', "_");
        let parts = [bare, &columns, suffix].into_iter().filter(|part| !part.is_empty());
        given.unwrap_or_else(|| quoted(&parts.collect::<Vec<_>>().join("_")))
    };
    let unchecked = |name: String, given: bool, sql: String| {
        let prefix = if given { String::new() } else { format!("CONSTRAINT {name} ") };
        format!(
            "ALTER TABLE {table} ADD {prefix}{sql} NOT VALID;{LATER}ALTER TABLE {table} VALIDATE \
             CONSTRAINT {name};"
        )
    };
    let indexed = |name: String, kind: &str, columns: String| {
        format!(
            "{OUTSIDE}CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {columns};{LATER}ALTER TABLE \
             {table} ADD CONSTRAINT {name} {kind} USING INDEX {name};"
        )
    };
    let own = column.map(|column| format!("({column})"));
    let of_index = |parameters: Option<ast::IndexParameters>| {
        parameters
            .and_then(|index| index.column_list())
            .map(|columns| text(&columns))
            .or(own.clone())
    };
    Some(match constraint {
        Constraint::ForeignKeyConstraint(key) => {
            let clause = key.constraint_name_clause();
            let columns = text(&key.from_columns()?);
            unchecked(name(clause.clone(), &columns, "fkey"), clause.is_some(), sql)
        }
        Constraint::ReferencesConstraint(_) => {
            let columns = own?;
            let sql = format!("FOREIGN KEY {columns} {sql}");
            unchecked(name(None, &columns, "fkey"), false, sql)
        }
        Constraint::CheckConstraint(check) => {
            let clause = check.constraint_name_clause();
            let columns = column.unwrap_or_default();
            unchecked(name(clause.clone(), columns, "check"), clause.is_some(), sql)
        }
        Constraint::UniqueConstraint(unique) => {
            let columns = of_index(unique.index_parameters())?;
            indexed(name(unique.constraint_name_clause(), &columns, "key"), "UNIQUE", columns)
        }
        Constraint::PrimaryKeyConstraint(key) => {
            let columns = of_index(key.index_parameters())?;
            indexed(name(key.constraint_name_clause(), "", "pkey"), "PRIMARY KEY", columns)
        }
        _ => return None,
    })
}

fn not_null(table: &str, bare: &str, column: &str) -> String {
    let name = quoted(&format!("{bare}_{}_not_null", column.trim_matches('"')));
    format!(
        "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID;{LATER}ALTER \
         TABLE {table} VALIDATE CONSTRAINT {name};{LATER}ALTER TABLE {table} ALTER COLUMN {column} SET \
         NOT NULL;\nALTER TABLE {table} DROP CONSTRAINT {name};"
    )
}

/// How to see and mend rows that break a condition.
pub(super) fn backfill(table: &str, condition: &str, column: Option<&str>, count: &str) -> String {
    let set =
        column.map_or("/* ... */".into(), |column| format!("{} = /* a value */", quoted(column)));
    format!(
        "-- before it is applied:\n{count}\n-- if that is not 0:\nUPDATE {table} SET {set} WHERE {condition};"
    )
}

/// How to look for rows on which a statement fails.
pub(super) fn look(table: Option<&str>, statement: &Statement, error: &PgDatabaseError) -> String {
    if let Some(Stmt::Insert(insert)) = statement.parse() {
        return format!("{} ON CONFLICT DO NOTHING;", text(&insert).trim_end_matches(';'));
    }
    let key = error.detail().and_then(|detail| detail.strip_prefix("Key (")?.split_once(")="));
    let table = table.map(str::to_owned).or_else(|| match statement.parse()? {
        Stmt::CreateIndex(index) => index.table_relation_name().map(|table| text(&table)),
        Stmt::AlterTable(alter) => alter.table_relation_name().map(|table| text(&table)),
        _ => None,
    });
    let (Some(table), Some((columns, _))) = (table, key) else { return String::new() };
    match error.code() {
        "23505" => format!(
            "-- before it is applied, look for duplicates:\nSELECT {columns}, count(*) FROM {table} GROUP BY \
             {columns} HAVING count(*) > 1;"
        ),
        "23503" => {
            let there = error.detail().and_then(|detail| detail.rsplit('"').nth(1)).unwrap_or("?");
            format!(
                "-- before it is applied, look for rows that lead nowhere:\nSELECT {columns} FROM {table} EXCEPT \
                 SELECT /* its key */ FROM {there};"
            )
        }
        _ => String::new(),
    }
}
