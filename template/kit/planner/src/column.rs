use crate::{Class, Options, Step, schema::Entry, types::identifier};

/// A column that was generated can keep its values; one that is to be generated cannot.
pub(crate) fn is_changed_in_place(old: &Entry, new: &Entry) -> bool {
    let [old, new] = [old, new].map(|entry| entry.text("generated"));
    old == new || new.is_empty()
}

/// Whether PostgreSQL casts values of the old type only when asked to.
pub(crate) fn needs_using(old: &Entry, new: &Entry) -> bool {
    let [old, new] = [old, new].map(|entry| entry.text("base"));
    old != new && !(is_text(old) && is_text(new)) && !is_widened_number(old, new)
}

fn is_text(base: &str) -> bool {
    matches!(base, "text" | "character varying" | "character")
}

fn is_widened_number(old: &str, new: &str) -> bool {
    const NUMBERS: [&str; 6] =
        ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    let rank = |base| NUMBERS.iter().position(|number| *number == base);
    matches!((rank(old), rank(new)), (Some(old), Some(new)) if old < new)
}

/// Changes the type of a column in place, or makes a generated column an ordinary one.
pub(crate) fn change(old: &Entry, new: &Entry, options: &Options) -> Vec<Step> {
    let text = |name: &str| new.text(name);
    let (table, column, kind) = (text("table"), text("name"), text("type"));
    let before = |name: &str| old.text(name);
    let mut steps = Vec::new();
    if before("generated") != text("generated") {
        let sql = format!("ALTER TABLE {table} ALTER COLUMN {column} DROP EXPRESSION");
        steps.push(
            Step::new(sql, format!("Keep the values of {table}.{column}, generated no more"))
                .locks(),
        );
    }
    if before("type") == kind {
        return steps;
    }
    let mut sql = format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}");
    if needs_using(old, new) {
        let through =
            if old.detail["enum"] == true || new.detail["enum"] == true { "::text" } else { "" };
        let array = if through.is_empty() || !kind.ends_with("[]") { "" } else { "[]" };
        let base = kind.split(" COLLATE ").next().unwrap_or(kind);
        sql += &format!(" USING {column}{through}{array}::{base}");
    }
    let mut why = format!("Change {table}.{column} from {} to {kind}", before("type"));
    let rewrites = !keeps_rows(before("type"), kind);
    if rewrites && options.online {
        why += &format!(
            ".\nThis rewrites the table, and nobody reads or writes it meanwhile. If it is large:\n\
             add a column of the new type, have the application write both, copy the rows in\n\
             batches, read the new column, and drop {column} in a later migration."
        );
    }
    let step = Step { blocks: rewrites, ..Step::new(sql, why).locks() };
    steps.push(match loss(before("type"), kind) {
        Some(loss) => {
            step.loses(format!("{loss} of {table}.{column} ({} -> {kind})", before("type")))
        }
        None => step,
    });
    steps
}

/// Whether a change of type leaves the rows as they are on disk.
/// Source: <https://www.postgresql.org/docs/current/sql-altertable.html>, Notes.
fn keeps_rows(old: &str, new: &str) -> bool {
    let ((old, from), (new, to)) = (parts(old), parts(new));
    let grows = |from: &[u32], to: &[u32]| to.is_empty() || !from.is_empty() && from <= to;
    match (old.as_str(), new.as_str()) {
        ("character varying" | "text", "text") => true,
        ("character varying", "character varying") | ("bit varying", "bit varying") => {
            grows(&from, &to)
        }
        ("text", "character varying") => to.is_empty(),
        ("numeric", "numeric") => {
            to.is_empty()
                || from.len() == 2 && to.len() == 2 && from[1] == to[1] && from[0] <= to[0]
        }
        (old, new) => {
            old == new && (old.starts_with("time") || old == "interval") && grows(&from, &to)
        }
    }
}

/// What a change of type may lose without an error.
fn loss(old: &str, new: &str) -> Option<&'static str> {
    let ((old_base, from), (new_base, to)) = (parts(old), parts(new));
    match (old_base.as_str(), new_base.as_str()) {
        ("numeric", "numeric") => {
            let scale = |of: &[u32]| of.get(1).copied().unwrap_or(0);
            (!to.is_empty() && (from.is_empty() || scale(&to) < scale(&from)))
                .then_some("decimal places")
        }
        ("numeric" | "real" | "double precision", "smallint" | "integer" | "bigint") => {
            Some("decimal places")
        }
        ("numeric" | "double precision", "real") | ("numeric" | "bigint", "double precision") => {
            Some("precision")
        }
        ("timestamp with time zone", "timestamp without time zone")
        | ("time with time zone", "time without time zone") => Some("the time zone"),
        ("timestamp with time zone" | "timestamp without time zone", "date") => {
            Some("the time of day")
        }
        (old, new) if old.starts_with("time") && old == new => {
            (!to.is_empty() && (from.is_empty() || to < from)).then_some("fractions of seconds")
        }
        ("json", "jsonb") => Some("order and duplicates of keys"),
        ("character varying" | "text", "character") => Some("trailing spaces"),
        _ => None,
    }
}

/// A type's name without numbers, and the numbers: `numeric(10,2)` is `numeric` and 10, 2.
fn parts(kind: &str) -> (String, Vec<u32>) {
    let Some((head, rest)) = kind.split_once('(') else { return (kind.to_owned(), Vec::new()) };
    let (numbers, tail) = rest.split_once(')').unwrap_or((rest, ""));
    let numbers = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    (format!("{head}{tail}"), numbers)
}

/// Makes a column of a table in use NOT NULL without a scan under its lock.
/// `value` is for rows that have none.
pub(crate) fn not_null(entry: &Entry, value: &str, options: &Options) -> Vec<Step> {
    let text = |name: &str| entry.text(name);
    let (table, column) = (text("table"), text("column"));
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).trim_matches('"').to_owned();
    let name = format!("{}_{}", bare(table), bare(column));
    let name = identifier(&format!("{}_not_null", &name[..name.floor_char_boundary(54)]));
    let native = options.server_major >= 18;
    let check =
        if native { format!("NOT NULL {column}") } else { format!("CHECK ({column} IS NOT NULL)") };
    let mut steps = vec![
        backfill(table, column, value),
        Step::new(
            format!("ALTER TABLE {table} ADD CONSTRAINT {name} {check} NOT VALID"),
            format!("{table}.{column} becomes NOT NULL, for rows that are written from here on"),
        )
        .locks(),
        Step::new(
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
            format!("Check the rows of {table}, while others read and write them"),
        )
        .class(Class::Validate),
    ];
    if !native {
        steps.push(
            Step::new(
                format!("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
                "PostgreSQL takes the validated constraint as proof, and reads no row",
            )
            .locks()
            .class(Class::Finish),
        );
        let sql = format!("ALTER TABLE {table} DROP CONSTRAINT {name}");
        steps.push(Step::new(sql, "The column says it now").locks().class(Class::Finish));
    }
    steps
}

/// The place for an update, in a file that holds no lock on the table: in a transaction with
/// ALTER TABLE, it would stop those who write, and may deadlock with them.
pub(crate) fn backfill(table: &str, column: &str, value: &str) -> Step {
    let why = format!(
        "Give rows of {table} that have no {column} one, here or by a job:\n\
         UPDATE {table} SET {column} = {value} WHERE {column} IS NULL;"
    );
    Step::new("", why).class(Class::Backfill)
}
