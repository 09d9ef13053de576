use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use catalog::Object;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgRow,
};
use serde_json::Value;

/// All objects of a database, with what a plan needs to know of them.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(crate) objects: BTreeMap<Object, Entry>,
    /// What each object needs; true where it goes without a word when that goes.
    pub(crate) needs: BTreeMap<Object, BTreeMap<Object, bool>>,
    needed_by: BTreeMap<Object, Vec<(Object, bool)>>,
    parts: BTreeMap<Object, Vec<Object>>,
}

/// An object, or a part of one that can be changed alone.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The object that this is a part of, and goes with.
    pub parent: Option<Object>,
    /// Whether the statement that creates the parent creates this.
    pub inline: bool,
    /// Differs between two objects of the same name if and only if something must be done.
    pub state: String,
    /// Statements; `create` is missing for what has to be made by hand, `change` where there is
    /// no statement that makes this of any other object with the same `key`.
    pub create: Option<String>,
    pub drop: String,
    pub change: Option<String>,
    pub key: String,
    /// More, by kind: see `tables.sql` and `others.sql`.
    pub detail: Value,
}

impl Entry {
    /// Returns a field of the detail as text, or an empty text if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.detail[name].as_str().unwrap_or_default()
    }
}

impl Schema {
    /// Reads the catalogs of the database that `connection` is open to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read(connection: &mut PgConnection) -> Result<Self> {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(catalog::SETTINGS).execute(&mut *transaction).await?;
        let read = |part: &str| {
            AssertSqlSafe(format!("{}\n{}\n{part}", catalog::OBJECTS, include_str!("objects.sql")))
        };
        let objects =
            sqlx::query(read(concat!(include_str!("tables.sql"), include_str!("others.sql"))))
                .fetch_all(&mut *transaction)
                .await;
        let objects = objects.context("cannot read the catalogs of the database")?;
        let needs = sqlx::query(read(include_str!("dependencies.sql")));
        let needs = needs.fetch_all(&mut *transaction).await.context("cannot read pg_depend")?;
        transaction.rollback().await?;

        let mut schema = Self::default();
        for row in objects {
            let (object, entry) = (object(&row, "kind", "name")?.context("no name")?, entry(&row)?);
            if let Some(parent) = &entry.parent {
                schema.parts.entry(parent.clone()).or_default().push(object.clone());
            }
            schema.objects.insert(object, entry);
        }
        for row in needs {
            let needed = object(&row, "on_kind", "on_name")?.context("no name")?;
            let needing = object(&row, "kind", "name")?.context("no name")?;
            let auto = row.try_get("auto")?;
            schema.needed_by.entry(needed.clone()).or_default().push((needing.clone(), auto));
            schema.needs.entry(needing).or_default().insert(needed, auto);
        }
        Ok(schema)
    }

    /// Keeps objects of which `is_kept` is true, with their parts, and forgets the others.
    pub fn retain(&mut self, is_kept: impl Fn(&Object) -> bool) {
        let mut forgotten: Vec<_> =
            self.objects.keys().filter(|object| !is_kept(object)).cloned().collect();
        while let Some(object) = forgotten.pop() {
            self.objects.remove(&object);
            forgotten.extend(self.parts.remove(&object).unwrap_or_default());
        }
    }

    /// Every object, and every part of one that can be changed alone.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.keys()
    }

    /// Forgets objects with their parts, what needs them, and the sequences of their columns.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Object) -> bool) {
        let mut forgotten: Vec<_> =
            self.objects.keys().filter(|object| is_forgotten(object)).cloned().collect();
        while let Some(object) = forgotten.pop() {
            if self.objects.remove(&object).is_none() {
                continue;
            }
            forgotten.extend(self.parts(&object).iter().cloned());
            forgotten.extend(self.dependents(&object).iter().map(|(of, _)| of.clone()));
            let owned = self
                .objects
                .iter()
                .filter(|(of, entry)| of.kind == "sequence" && entry.text("column") == object.name);
            forgotten.extend(owned.map(|(sequence, _)| sequence.clone()));
        }
    }

    /// Forgets what `other` has too, with its parts, but for those of schemas.
    pub fn subtract(&mut self, other: &Self) {
        let has = |object: &Object| other.objects.contains_key(object);
        self.objects.retain(|object, entry| {
            !has(object) && !entry.parent.as_ref().is_some_and(|of| of.kind != "schema" && has(of))
        });
    }

    /// Returns `roots` and all that they need, with their parts: of the given kinds and
    /// without foreign keys, or all of them.
    pub fn closure(
        &self,
        roots: impl IntoIterator<Item = Object>,
        kinds: Option<&[&str]>,
    ) -> BTreeSet<Object> {
        let mut found = BTreeSet::new();
        let mut open: Vec<_> = roots.into_iter().collect();
        while let Some(object) = open.pop() {
            let Some(entry) = self.objects.get(&object) else { continue };
            let foreign_key = object.kind == "constraint" && entry.text("type") == "f";
            if kinds.is_some() && foreign_key || !found.insert(object.clone()) {
                continue;
            }
            let parts = self.parts(&object).iter();
            let is_wanted = |part: &&Object| kinds.is_none_or(|kinds| kinds.contains(&&*part.kind));
            open.extend(parts.filter(is_wanted).cloned());
            if let Some(needs) = self.needs.get(&object) {
                open.extend(needs.keys().cloned());
            }
        }
        found
    }

    /// Objects that are parts of `object`, directly.
    pub(crate) fn parts(&self, object: &Object) -> &[Object] {
        self.parts.get(object).map_or(&[], Vec::as_slice)
    }

    /// Objects that need `object`, and whether they go without a word when it goes.
    pub(crate) fn dependents(&self, object: &Object) -> &[(Object, bool)] {
        self.needed_by.get(object).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn detail(&self, object: &Object) -> &Value {
        self.objects.get(object).map_or(&Value::Null, |entry| &entry.detail)
    }
}

fn object(row: &PgRow, kind: &str, name: &str) -> Result<Option<Object>> {
    let kind: Option<String> = row.try_get(kind)?;
    let name: Option<String> = row.try_get(name)?;
    Ok(kind.zip(name).map(|(kind, name)| Object { kind, name }))
}

fn entry(row: &PgRow) -> Result<Entry> {
    Ok(Entry {
        parent: object(row, "parent_kind", "parent")?,
        inline: row.try_get("inline")?,
        state: catalog::normal_form(row.try_get("state")?),
        create: row.try_get("create")?,
        drop: row.try_get("drop")?,
        change: row.try_get("change")?,
        key: row.try_get("key")?,
        detail: row.try_get("detail")?,
    })
}
