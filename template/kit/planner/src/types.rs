use catalog::Object;
use serde_json::Value;

use crate::{Class, Step, changes::Changes, schema::Entry};

fn labels(entry: &Entry) -> Vec<&str> {
    entry.detail["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether values go or change their order, which PostgreSQL cannot do to an enum.
pub(crate) fn is_made_anew(old: &Entry, new: &Entry) -> bool {
    let (old, new) = (labels(old), labels(new));
    let kept: Vec<_> = new.iter().filter(|label| old.contains(label)).collect();
    old.iter().ne(kept)
}

pub(crate) fn change_enum(changes: &Changes<'_>, object: &Object) -> Vec<Step> {
    let (old, new) = (&changes.before.objects[object], &changes.after.objects[object]);
    if is_made_anew(old, new) {
        let kept = labels(new);
        let gone: Vec<_> = labels(old).into_iter().filter(|label| !kept.contains(label)).collect();
        return make_anew(changes, object, &gone);
    }
    let mut known = labels(old);
    let all = labels(new);
    let mut steps = Vec::new();
    for (position, label) in
        all.iter().enumerate().filter(|(_, label)| !labels(old).contains(label))
    {
        // The labels before it are there by now.
        let place = match position.checked_sub(1) {
            Some(previous) => format!("AFTER {}", quoted(all[previous])),
            None => format!("BEFORE {}", quoted(known[0])),
        };
        known.insert(position, label);
        let place = if position + 1 == known.len() { String::new() } else { format!(" {place}") };
        let sql = format!("ALTER TYPE {} ADD VALUE {}{place}", object.name, quoted(label));
        steps.push(
            Step::new(sql, format!("Add {} to {}", quoted(label), object.name)).class(Class::Value),
        );
    }
    steps
}

/// Replaces a type by a new one of the same name, and converts the columns that have it.
pub(crate) fn make_anew(changes: &Changes<'_>, object: &Object, gone: &[&str]) -> Vec<Step> {
    let new = &changes.after.objects[object];
    let text = |name: &str| new.text(name);
    let old_name = identifier(&format!("{}_old", text("identifier").trim_matches('"')));
    let old = format!("{}.{old_name}", text("schema"));
    let kind = if object.kind == "domain" { "DOMAIN" } else { "TYPE" };
    let mut why = format!(
        "Make {} anew, as PostgreSQL cannot change it in place. Its columns are rewritten",
        object.name
    );
    if !gone.is_empty() {
        let gone: Vec<_> = gone.iter().map(|label| quoted(label)).collect();
        why += &format!(
            ".\nRows that still have {} make this fail, and nothing is changed then. Give them another\n\
             value before:\nUPDATE ... SET ... = ... WHERE ... IN ({});",
            gone.join(", "),
            gone.join(", ")
        );
    }
    let mut steps = vec![
        Step::new(format!("ALTER {kind} {} RENAME TO {old_name}", object.name), why).locks(),
        Step::new(new.create.clone().unwrap_or_default(), format!("The new {}", object.name)),
    ];
    let mut columns: Vec<_> =
        changes.before.dependents(object).iter().map(|(user, _)| user).collect();
    columns.retain(|user| user.kind == "column" && changes.stays(user));
    columns.dedup();
    for column in columns {
        let [before, after] = [changes.before, changes.after].map(|schema| schema.detail(column));
        // A change to another type has a step of its own.
        if before["type"] != after["type"] {
            continue;
        }
        let text = |name: &str| after[name].as_str().unwrap_or_default();
        let alter = format!("ALTER TABLE {} ALTER COLUMN {}", text("table"), text("name"));
        let default = before["default"].as_str();
        if default.is_some() {
            steps.push(
                Step::new(
                    format!("{alter} DROP DEFAULT"),
                    "A default is not converted with its column",
                )
                .locks(),
            );
        }
        let (kind, array) = (text("type"), if text("type").ends_with("[]") { "[]" } else { "" });
        let sql = format!("{alter} TYPE {kind} USING {}::text{array}::{kind}", text("name"));
        steps.push(Step::new(sql, format!("Convert {}", column.name)).locks().blocks());
        if let Some(default) = after["default"].as_str().filter(|_| default.is_some()) {
            steps.push(Step::new(format!("{alter} SET DEFAULT {default}"), "Its default").locks());
        }
    }
    steps.push(Step::new(format!("DROP {kind} {old}"), "The old one has no users left"));
    steps
}

pub(crate) fn change_domain(changes: &Changes<'_>, object: &Object) -> Vec<Step> {
    let [old, new] = [changes.before, changes.after].map(|schema| schema.detail(object));
    if old["base"] != new["base"] {
        return make_anew(changes, object, &[]);
    }
    let name = &object.name;
    let mut steps = Vec::new();
    let mut alter = |what: String| {
        steps.push(Step::new(
            format!("ALTER DOMAIN {name} {what}"),
            format!("Change domain {name}"),
        ));
    };
    let empty = serde_json::Map::new();
    let [was, is] = [old, new].map(|of| of["constraints"].as_object().unwrap_or(&empty));
    for (constraint, _) in was.iter().filter(|(constraint, text)| is.get(*constraint) != Some(text))
    {
        alter(format!("DROP CONSTRAINT {constraint}"));
    }
    for (constraint, text) in
        is.iter().filter(|(constraint, text)| was.get(*constraint) != Some(text))
    {
        alter(format!("ADD CONSTRAINT {constraint} {}", text.as_str().unwrap_or_default()));
    }
    if old["default"] != new["default"] {
        alter(match new["default"].as_str() {
            Some(default) => format!("SET DEFAULT {default}"),
            None => "DROP DEFAULT".to_owned(),
        });
    }
    if old["not_null"] != new["not_null"] {
        alter(format!("{} NOT NULL", if new["not_null"] == true { "SET" } else { "DROP" }));
    }
    steps
}

/// The column for which PostgreSQL refuses to change the type of an attribute, if any changes.
pub(crate) fn column_that_blocks(changes: &Changes<'_>, object: &Object) -> Option<String> {
    let [old, new] =
        [changes.before, changes.after].map(|schema| &schema.detail(object)["attributes"]);
    let changed =
        new.as_object()?.iter().any(|(name, kind)| old.get(name).is_some_and(|old| old != kind));
    let mut users = changes.before.dependents(object).iter().map(|(user, _)| user);
    users.find(|user| changed && user.kind == "column").map(|column| column.name.clone())
}

pub(crate) fn change_composite(changes: &Changes<'_>, object: &Object) -> Vec<Step> {
    let [old, new] = [changes.before, changes.after].map(|schema| schema.detail(object));
    let empty = serde_json::Map::new();
    let [was, is] = [old, new].map(|of| of["attributes"].as_object().unwrap_or(&empty));
    if column_that_blocks(changes, object).is_some() {
        return Vec::new();
    }
    let alter = |what: String| {
        let sql = format!("ALTER TYPE {} {what} CASCADE", object.name);
        Step::new(sql, format!("Change type {}", object.name)).locks()
    };
    let mut steps = Vec::new();
    for (attribute, _) in was.iter().filter(|(attribute, _)| !is.contains_key(*attribute)) {
        let loses = format!("attribute {attribute} of all values of type {}", object.name);
        steps.push(alter(format!("DROP ATTRIBUTE {attribute}")).loses(loses));
    }
    for (attribute, kind) in is {
        let kind = kind.as_str().unwrap_or_default();
        match was.get(attribute) {
            None => steps.push(alter(format!("ADD ATTRIBUTE {attribute} {kind}"))),
            Some(before) if before.as_str() != Some(kind) => {
                steps.push(alter(format!("ALTER ATTRIBUTE {attribute} TYPE {kind}")));
            }
            Some(_) => {}
        }
    }
    steps
}

pub(crate) fn quoted(label: &str) -> String {
    format!("'{}'", label.replace('\'', "''"))
}

/// A name as SQL has it, cut to what PostgreSQL keeps.
pub(crate) fn identifier(name: &str) -> String {
    let name = &name[..name.floor_char_boundary(63)];
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
