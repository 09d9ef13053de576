//! An exact snapshot of a database's schema, and the difference of two.
//!
//! The snapshot holds every object that a migration can make: schemas, extensions, tables,
//! columns, constraints, indexes, sequences, types, views, routines, triggers, rules,
//! policies, privileges, comments, and the rarer ones. Two databases have the same schema if
//! and only if their snapshots are equal; owners, the order of columns, and what belongs to
//! an extension do not count.
//!
//! This crate has no database client. A caller runs [`SETTINGS`] and [`QUERY`] in one
//! transaction, and passes the rows to [`Snapshot::from_rows`].

mod difference;
mod normal;

use std::collections::BTreeMap;

pub use difference::{Change, Difference};
pub use normal::normal_form;

/// Settings that decide how PostgreSQL prints definitions. They last for the transaction.
pub const SETTINGS: &str = "SET LOCAL search_path TO ''; SET LOCAL timezone TO 'UTC'; \
    SET LOCAL datestyle TO 'ISO'; SET LOCAL intervalstyle TO 'postgres'; \
    SET LOCAL extra_float_digits TO 1; SET LOCAL bytea_output TO 'hex'; SET LOCAL jit TO off";

/// Start of a query: names of all objects that a migration can make, as common table
/// expressions.
pub const OBJECTS: &str = include_str!("objects.sql");

/// Returns a row for each object, three columns of text: kind, name, definition. Works on
/// PostgreSQL 14 to 18.
pub const QUERY: &str = concat!(include_str!("objects.sql"), "\n", include_str!("snapshot.sql"));

/// The schema of a database at a moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Snapshot {
    /// Definitions by kind and qualified name.
    objects: BTreeMap<Object, String>,
}

/// An object of a database.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Object {
    /// For example `materialized view`.
    pub kind: String,
    /// Qualified and quoted where SQL needs it, for example `public.users.email`.
    pub name: String,
}

impl Snapshot {
    /// Makes a snapshot of the rows of [`QUERY`]: kind, name, definition.
    pub fn from_rows(rows: impl IntoIterator<Item = [String; 3]>) -> Self {
        let objects = rows
            .into_iter()
            .map(|[kind, name, definition]| (Object { kind, name }, normal_form(&definition)));
        Self { objects: objects.collect() }
    }

    /// Changes that would make `self` like `wanted`; none if both are equal.
    pub fn difference(&self, wanted: &Self) -> Difference {
        Difference::between(&self.objects, &wanted.objects)
    }
}
