//! Steps that keep tables in use usable: each takes a lock that stops others for as long as
//! it takes to change the catalogs, and no longer.
//!
//! Source: <https://www.postgresql.org/docs/current/explicit-locking.html> and the notes of
//! ALTER TABLE and CREATE INDEX.

use catalog::Object;

use crate::{Class, Step, changes::Changes, schema::Entry, types::identifier};

const WITHOUT_LOCK: &str = "without a lock that stops writes";

/// `CREATE INDEX` as `CREATE INDEX CONCURRENTLY`, by another name if there is one.
fn concurrently(definition: &str, name: &str) -> String {
    let (head, rest) = definition.split_once("INDEX ON ").unwrap_or_default();
    format!("{head}INDEX CONCURRENTLY {name} ON {rest}")
}

pub(crate) fn create_index(object: &Object, new: &Entry) -> Step {
    let sql = concurrently(new.text("definition"), new.text("name"));
    Step::new(sql, format!("Build index {} {WITHOUT_LOCK}", object.name)).class(Class::Concurrent)
}

/// `CREATE INDEX` of a partitioned table, which cannot run concurrently: for each partition
/// alone, then as one.
pub(crate) fn create_partitioned_index(
    changes: &Changes<'_>,
    object: &Object,
    new: &Entry,
) -> Vec<Step> {
    let (head, rest) = new.text("definition").split_once("INDEX ON ").unwrap_or_default();
    let begin = format!("{head}INDEX {} ON ONLY {rest}", new.text("name"));
    let why =
        format!("Begin index {}, which is not valid until all partitions have it", object.name);
    let mut steps = vec![Step::new(begin, why).locks()];
    // Writers lock the tables first, and a partition's index before the whole table's.
    // ATTACH locks them the other way round.
    let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", new.text("table"));
    let why = "Let running writes end: ATTACH could deadlock with them";
    let mut attach = vec![Step::new(lock, why).locks()];
    for part in changes.after.parts(object).iter().filter(|part| part.kind == "index") {
        let entry = &changes.after.objects[part];
        if entry.detail["partitioned"] == true {
            steps.extend(create_partitioned_index(changes, part, entry));
        } else {
            steps.push(create_index(part, entry));
        }
        let sql = format!("ALTER INDEX {} ATTACH PARTITION {}", object.name, part.name);
        attach.push(Step::new(sql, format!("{} is a part of {}", part.name, object.name)));
    }
    steps.append(&mut attach);
    steps
}

pub(crate) fn drop_index(object: &Object) -> Step {
    let sql = format!("DROP INDEX CONCURRENTLY {}", object.name);
    Step::new(sql, format!("Drop index {} {WITHOUT_LOCK}", object.name)).class(Class::Concurrent)
}

/// Builds the new index before the old one goes, so that queries have one all the while.
pub(crate) fn change_index(object: &Object, new: &Entry) -> Vec<Step> {
    let plain = new.text("name").trim_matches('"').replace("\"\"", "\"");
    let temporary = identifier(&format!("{}_new", &plain[..plain.floor_char_boundary(59)]));
    let build = concurrently(new.text("definition"), &temporary);
    let rename =
        format!("ALTER INDEX {}.{temporary} RENAME TO {}", new.text("schema"), new.text("name"));
    vec![
        Step::new(build, format!("Build index {} anew, beside the old one", object.name))
            .class(Class::Concurrent),
        drop_index(object),
        Step::new(rename, "The new index takes the name of the old one"),
    ]
}

/// A primary key, or a unique constraint.
pub(crate) fn create_unique(object: &Object, new: &Entry, index: Option<&str>) -> Vec<Step> {
    let (table, name) = (new.text("table"), new.text("name"));
    let kind = if new.text("type") == "p" { "PRIMARY KEY" } else { "UNIQUE" };
    let suffix = new.text("suffix");
    let attach = |index: &str| {
        let sql =
            format!("ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {index}{suffix}");
        Step::new(sql, format!("The index becomes the constraint {name}")).locks()
    };
    if let Some(index) = index {
        return vec![attach(index)];
    }
    let build = concurrently(new.text("index"), name);
    let build = Step::new(build, format!("Build the index of {} {WITHOUT_LOCK}", object.name));
    vec![build.class(Class::Concurrent), attach(name)]
}

/// A foreign key or a check, that new rows obey at once and old ones after a scan.
pub(crate) fn create_validated(object: &Object, new: &Entry) -> Vec<Step> {
    let (table, name) = (new.text("table"), new.text("name"));
    let add =
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} {} NOT VALID", new.text("definition"));
    vec![
        Step::new(add, format!("Add {}, for new rows first: it reads none", object.name)).locks(),
        validate(object, new),
    ]
}

pub(crate) fn validate(object: &Object, new: &Entry) -> Step {
    let sql = format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", new.text("table"), new.text("name"));
    let why = format!("Check {} on all rows, while others read and write them", object.name);
    Step::new(sql, why).class(Class::Validate)
}

/// A dropped index that the constraint can take over.
pub(crate) fn adoptable<'a>(changes: &'a Changes<'_>, new: &Entry) -> Option<&'a Object> {
    changes.dropped.iter().find(|object| {
        object.kind == "index"
            && changes.before.detail(object)["definition"]
                .as_str()
                .is_some_and(|definition| definition == new.text("index"))
    })
}
