use std::collections::BTreeSet;

use catalog::Object;
use serde_json::Value;

use crate::{Schema, column, schema::Entry, types};

/// What has to go, come and change, with all that depends on it.
pub(crate) struct Changes<'a> {
    pub before: &'a Schema,
    pub after: &'a Schema,
    /// Objects of `before`. One that is in `created` too is made anew.
    pub dropped: BTreeSet<Object>,
    /// Objects of `after`.
    pub created: BTreeSet<Object>,
    /// Objects of both that change in place.
    pub changed: BTreeSet<Object>,
    /// Objects that are made anew because something that they need goes or changes.
    pub in_the_way: BTreeSet<Object>,
}

impl<'a> Changes<'a> {
    pub fn between(before: &'a Schema, after: &'a Schema) -> Self {
        let mut changes = Self {
            before,
            after,
            dropped: missing_in(after, before),
            created: missing_in(before, after),
            changed: BTreeSet::new(),
            in_the_way: BTreeSet::new(),
        };
        for (object, old) in &before.objects {
            if let Some(new) = after.objects.get(object)
                && (old.state != new.state || old.key != new.key)
            {
                if is_changed_in_place(object, old, new) {
                    changes.changed.insert(object.clone());
                } else {
                    changes.remake(object);
                }
            }
        }
        changes.close();
        changes
    }

    /// Drops an object, and creates it anew if it is to stay.
    fn remake(&mut self, object: &Object) {
        if self.dropped.insert(object.clone()) {
            self.changed.remove(object);
            if self.after.objects.contains_key(object) {
                self.created.insert(object.clone());
            }
        }
    }

    fn move_away(&mut self, object: &Object) {
        self.in_the_way.insert(object.clone());
        self.remake(object);
    }

    /// Adds what depends on what goes or changes, until nothing more does.
    fn close(&mut self) {
        let mut size = None;
        while size != Some(self.dropped.len() + self.created.len()) {
            size = Some(self.dropped.len() + self.created.len());
            for object in self.dropped.clone() {
                for part in self.before.parts(&object).to_vec() {
                    self.move_away(&part);
                }
                for (dependent, auto) in self.before.dependents(&object).to_vec() {
                    // A column that had the type has another one, or goes too.
                    let survives = matches!(&*dependent.kind, "column" | "table");
                    if auto || !survives {
                        self.move_away(&dependent);
                    }
                }
            }
            for object in self.created.clone() {
                let parts = self.after.parts(&object).iter().cloned();
                self.created.extend(parts);
            }
            for object in self.changed.clone() {
                let old = &self.before.objects[&object];
                let new = &self.after.objects[&object];
                if !is_in_the_way(&object, old, new) {
                    continue;
                }
                for (dependent, _) in self.before.dependents(&object).to_vec() {
                    if blocks(&object, &dependent) {
                        self.move_away(&dependent);
                    }
                }
                // PostgreSQL does not cast a default with its column.
                if object.kind == "column" && column::needs_using(old, new) {
                    self.move_away(&Object { kind: "default".into(), name: object.name.clone() });
                }
            }
        }
        self.dropped.retain(|object| self.before.objects.contains_key(object));
        self.created.retain(|object| self.after.objects.contains_key(object));
    }

    /// Whether the object exists before and after, and is not made anew.
    pub fn stays(&self, object: &Object) -> bool {
        self.before.objects.contains_key(object)
            && self.after.objects.contains_key(object)
            && !self.dropped.contains(object)
    }

    /// Whether the table, or materialized view, by this name stays, and may have rows.
    pub fn is_in_use(&self, table: &str) -> bool {
        ["table", "materialized view"]
            .iter()
            .any(|kind| self.stays(&Object { kind: (*kind).into(), name: table.into() }))
    }

    /// Whether a change of the object takes a lock on a table that may have rows: its own, or
    /// the one that it is a part of.
    pub fn locks_table_in_use(&self, object: &Object, schema: &Schema) -> bool {
        let part = !matches!(&*object.kind, "comment" | "privilege" | "statistics");
        let parent = schema.objects.get(object).and_then(|entry| entry.parent.as_ref());
        part && (object.kind.ends_with("table") || object.kind == "materialized view")
            && self.stays(object)
            || part && parent.is_some_and(|parent| self.locks_table_in_use(parent, schema))
    }

    /// The object whose statement drops or creates this one as well: itself, if it has a
    /// statement of its own.
    pub fn maker<'b>(&'b self, object: &'b Object, schema: &'b Schema) -> Option<&'b Object> {
        let set = if std::ptr::eq(schema, self.before) { &self.dropped } else { &self.created };
        if !set.contains(object) {
            return None;
        }
        let entry = schema.objects.get(object)?;
        let dropping = std::ptr::eq(schema, self.before);
        let mut covering =
            entry.parent.iter().filter(|_| dropping || entry.inline).collect::<Vec<_>>();
        if dropping && self.is_in_circle(object) {
            return Some(object);
        }
        if dropping && let Some(needs) = schema.needs.get(object) {
            covering.extend(needs.iter().filter(|(_, auto)| **auto).map(|(needed, _)| needed));
        }
        // The indexes of a partition come with it.
        let table = &entry.detail["table"];
        let table = table.as_str().filter(|_| !dropping && entry.detail["partition"] == true);
        let table = table.map(|name| Object { kind: "table".into(), name: name.to_owned() });
        covering
            .extend(table.as_ref().and_then(|table| Some(schema.objects.get_key_value(table)?.0)));
        for cover in covering {
            if let Some(maker) = self.maker(cover, schema) {
                return Some(maker);
            }
        }
        if let Some(column) = owning_column(object, schema, dropping)
            && let Some((column, _)) = schema.objects.get_key_value(&column)
            && let Some(maker) = self.maker(column, schema)
        {
            return Some(maker);
        }
        Some(object)
    }

    /// Whether this is a foreign key between tables that are dropped and refer to each other.
    fn is_in_circle(&self, object: &Object) -> bool {
        let target = |key: &Object| {
            let name = self.before.detail(key)["referenced"].as_str()?;
            Some(Object { kind: "table".into(), name: name.to_owned() })
        };
        let own = self.before.objects.get(object).and_then(|entry| entry.parent.clone());
        let mut reached: Vec<Object> =
            target(object).into_iter().filter(|to| Some(to) != own.as_ref()).collect();
        let mut next = 0;
        while let Some(table) = reached.get(next).cloned() {
            next += 1;
            if !self.dropped.contains(&table) {
                continue;
            }
            for to in self.before.parts(&table).iter().filter_map(target) {
                if Some(&to) == own.as_ref() {
                    return true;
                }
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        false
    }

    /// Whether the change of a table that this one inherits from makes this change too.
    pub fn follows_parent(&self, object: &Object, dropping: bool) -> bool {
        let schema = if dropping { self.before } else { self.after };
        let detail = schema.detail(object);
        let (table, own) = match &*object.kind {
            "default" => {
                let column =
                    schema.detail(&Object { kind: "column".into(), name: object.name.clone() });
                (&column["table"], &column["own"])
            }
            _ => (&detail["table"], &detail["own"]),
        };
        let (Some(table), Some(false)) = (table.as_str(), own.as_bool()) else { return false };
        let table = Object { kind: "table".into(), name: table.to_owned() };
        let Some(needs) = schema.needs.get(&table) else { return false };
        needs.keys().filter(|parent| parent.kind == "table").any(|parent| {
            let name = object.name.replace(&table.name, &parent.name);
            let same = Object { kind: object.kind.clone(), name };
            let set = if dropping { &self.dropped } else { &self.created };
            set.contains(&same) || self.changed.contains(&same)
        })
    }

    /// What PostgreSQL cannot change, and what to do instead.
    pub fn unplanned(&self) -> Vec<(Object, String)> {
        let reason =
            |object: &Object| {
                let [old, new] = [self.before, self.after].map(|schema| &schema.objects[object]);
                let why = match &*object.kind {
                "table" | "foreign table" => format!(
                    "PostgreSQL cannot change how a table is partitioned or inherits ({} -> {}): \
                     create a new table, copy the rows, and rename it",
                    old.state, new.state
                ),
                "composite type" => types::column_that_blocks(self, object).map(|column| format!(
                    "PostgreSQL cannot change the type of an attribute while {column} uses it: \
                     create a new type, convert the column, and drop the old type"
                ))?,
                _ => return None,
            };
                Some((object.clone(), why))
            };
        self.changed.iter().filter_map(reason).collect()
    }
}

/// The column that a sequence belongs to, or that creates it, being `serial`.
fn owning_column(object: &Object, schema: &Schema, dropping: bool) -> Option<Object> {
    let sequence = object.name.strip_suffix(": owner").unwrap_or(&object.name);
    let sequence = Object { kind: "sequence".into(), name: sequence.to_owned() };
    let name = if dropping {
        let owner = Object { kind: "setting".into(), name: format!("{}: owner", sequence.name) };
        schema.detail(&owner)["column"].as_str()
    } else {
        schema.detail(&sequence)["serial"].as_str()
    };
    Some(Object { kind: "column".into(), name: name?.to_owned() })
}

fn missing_in(other: &Schema, schema: &Schema) -> BTreeSet<Object> {
    let missing = schema.objects.keys().filter(|object| !other.objects.contains_key(object));
    missing.cloned().collect()
}

fn is_changed_in_place(object: &Object, old: &Entry, new: &Entry) -> bool {
    match &*object.kind {
        "table" | "foreign table" => true,
        "column" => column::is_changed_in_place(old, new),
        "enum type" | "domain" | "composite type" => true,
        // Columns may be added at the end.
        "view" => {
            let columns =
                |entry: &'_ Entry| entry.detail["columns"].as_array().cloned().unwrap_or_default();
            columns(new).starts_with(&columns(old))
        }
        "constraint" => is_only_validated(old, new),
        "extension" => old.key == new.key,
        _ => new.change.is_some() && old.key == new.key,
    }
}

/// Whether nothing but the validation of a constraint is missing.
fn is_only_validated(old: &Entry, new: &Entry) -> bool {
    let is = |entry: &Entry, valid| entry.detail["validated"] == Value::Bool(valid);
    is(old, false) && is(new, true) && old.state == format!("{} NOT VALID", new.state)
}

/// Whether objects that depend on this one must go before it can change.
fn is_in_the_way(object: &Object, old: &Entry, new: &Entry) -> bool {
    match &*object.kind {
        "column" => old.detail["type"] != new.detail["type"],
        "enum type" => types::is_made_anew(old, new),
        "domain" => old.detail["base"] != new.detail["base"],
        _ => false,
    }
}

/// Whether the dependent must go before the type of a column, or a type, can change.
fn blocks(object: &Object, dependent: &Object) -> bool {
    match &*dependent.kind {
        "view" | "materialized view" | "rule" | "policy" | "trigger" | "statistics" => true,
        "column" => object.kind == "column",
        "function" | "procedure" | "aggregate" => true,
        "index" | "constraint" => object.kind != "column",
        _ => false,
    }
}
