//! The database that is taken in, and the part of it that was chosen.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use catalog::{Object, Snapshot};
use planner::Schema;
use postgres::Server;
use regex_lite::Regex;
use sea_orm::sqlx::{self, Connection as _};

use super::Options;
use crate::{
    compare::{connect, ensure_same_major},
    project::pattern,
    report::count,
};

/// Tables in which other tools, and Atlas, record what they have applied.
const HISTORIES: [&str; 15] = [
    "__diesel_schema_migrations",
    "__efmigrationshistory",
    "_prisma_migrations",
    "_sqlx_migrations",
    "alembic_version",
    "atlas_schema_revisions",
    "databasechangelog",
    "databasechangeloglock",
    "django_migrations",
    "flyway_schema_history",
    "goose_db_version",
    "knex_migrations",
    "schema_migrations",
    "schema_version",
    "seaql_migrations",
];

/// Roles, but for the owner, that privileges and policies name.
const ROLES: &str =
    "SELECT DISTINCT rolname::text FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid
    WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('a', 'r') AND rolname !~ '^pg_'
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND r.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database())
    ORDER BY 1";

#[derive(Debug)]
pub(super) struct Source {
    /// The chosen objects, and whether there are others.
    pub schema: Schema,
    pub is_part: bool,
    pub snapshot: Snapshot,
    pub roles: Vec<String>,
    /// Tables and views that are left out, and foreign keys that refer to them.
    pub left_out: Vec<Object>,
    all: Vec<Object>,
}

impl Source {
    /// Reads the database, and changes nothing in it. Prints what it has.
    ///
    /// # Errors
    /// When it cannot be read, or the project's server has another major version, which prints
    /// definitions in another way; when what was chosen is not there.
    pub async fn read(url: &str, server: &Server, options: &Options) -> Result<Self> {
        let mut connection = connect(url).await.context(
            "if its server insists on TLS, which this command does not speak, load a copy of the \
             schema into a database on this machine (pg_dump --schema-only), and import that",
        )?;
        sqlx::raw_sql("SET default_transaction_read_only TO on").execute(&mut connection).await?;
        ensure_same_major(&mut connection, server).await?;
        let (version, database): (String, String) =
            sqlx::query_as("SELECT current_setting('server_version'), current_database()::text")
                .fetch_one(&mut connection)
                .await?;
        let snapshot = replay::snapshot(&mut connection).await?;
        let schema = Schema::read(&mut connection).await?;
        let roles = sqlx::query_scalar(ROLES).fetch_all(&mut connection).await?;
        connection.close().await?;
        println!("{database} on PostgreSQL {version}: {}", summary(&schema));
        let mut source = Self {
            all: schema.objects().cloned().collect(),
            is_part: !options.tables.is_empty() || !options.schemas.is_empty(),
            left_out: Vec::new(),
            schema,
            snapshot,
            roles,
        };
        source.choose(options)?;
        Ok(source)
    }

    fn choose(&mut self, options: &Options) -> Result<()> {
        let names = |pattern: &Regex, name: &str| {
            let plain = name.replace('"', "");
            let short = plain.strip_prefix("public.").unwrap_or(&plain);
            [name, &plain, short].iter().any(|name| pattern.is_match(name))
        };
        let patterns = |texts: &[String]| -> Result<Vec<Regex>> {
            let read = |text: &String| {
                let found = pattern(text)?;
                let mut relations = self.all.iter().filter(|object| is_relation(object));
                let is_there = relations.any(|object| names(&found, &object.name));
                ensure!(is_there, "the database has no table {text}");
                Ok(found)
            };
            texts.iter().map(read).collect()
        };
        let (tables, exclude) = (patterns(&options.tables)?, patterns(&options.exclude)?);
        let is_named = |patterns: &[Regex], object: &Object| {
            patterns.iter().any(|pattern| names(pattern, &object.name))
        };
        for schema in &options.schemas {
            let is_there = |object: &Object| object.kind == "schema" && object.name == *schema;
            ensure!(self.all.iter().any(is_there), "the database has no schema {schema}");
        }
        self.schema.forget(|object| {
            let last = object.name.rsplit('.').next().unwrap_or_default().trim_matches('"');
            let of_schema = |schema: &String| object.name.starts_with(&format!("{schema}."));
            let is_table = matches!(&*object.kind, "table" | "foreign table");
            match &*object.kind {
                "schema" => {
                    let is_kept = object.name == "public" || options.schemas.contains(&object.name);
                    !options.schemas.is_empty() && !is_kept
                }
                _ if !is_relation(object) && !is_free(object) => false,
                _ => {
                    is_table && HISTORIES.contains(&&*last.to_lowercase())
                        || is_relation(object) && is_named(&exclude, object)
                        || is_table && !tables.is_empty() && !is_named(&tables, object)
                        || !options.schemas.is_empty() && !options.schemas.iter().any(of_schema)
                }
            }
        });
        if !options.tables.is_empty() {
            let tables = self.schema.objects().filter(|object| object.kind.ends_with("table"));
            let kept = self.schema.closure(tables.cloned().collect::<Vec<_>>(), None);
            self.schema.retain(|object| kept.contains(object));
        }
        let kept: Vec<&Object> = self.schema.objects().collect();
        let is_kept = |object: &Object| kept.binary_search(&object).is_ok();
        let on_kept_table = |object: &Object| {
            let table = object.name.split_once(" on ").map(|(_, table)| table.to_owned());
            let table = table.map(|name| Object { kind: "table".into(), name });
            object.kind == "constraint" && table.is_some_and(|table| is_kept(&table))
        };
        let left_out =
            self.all.iter().filter(|of| !is_kept(of) && (is_relation(of) || on_kept_table(of)));
        self.left_out = left_out.cloned().collect();
        Ok(())
    }

    /// Whether a difference in the object counts: it was chosen.
    pub fn is_chosen(&self, object: &Object) -> bool {
        let mut chosen = self.schema.objects();
        let is_chosen = chosen.any(|other| other == object);
        is_chosen || !self.is_part && self.all.binary_search(object).is_err()
    }
}

fn is_relation(object: &Object) -> bool {
    matches!(&*object.kind, "table" | "foreign table" | "view" | "materialized view")
}

/// Whether the object is in a schema, and a part of no other one.
fn is_free(object: &Object) -> bool {
    let kinds = ["sequence", "function", "procedure", "aggregate", "domain", "statistics"];
    kinds.contains(&&*object.kind) || object.kind.ends_with(" type")
}

/// For example "2 tables, 1 view".
fn summary(schema: &Schema) -> String {
    let nouns = [
        ("table", "table"),
        ("foreign table", "table"),
        ("view", "view"),
        ("materialized view", "view"),
        ("enum type", "enum"),
        ("function", "function"),
        ("procedure", "function"),
        ("aggregate", "function"),
        ("trigger", "trigger"),
        ("extension", "extension"),
        ("schema", "schema"),
    ];
    let mut numbers: BTreeMap<usize, (&str, usize)> = BTreeMap::new();
    for object in schema.objects() {
        if let Some((_, noun)) = nouns.iter().find(|(kind, _)| *kind == object.kind) {
            let place = nouns.iter().position(|(_, other)| other == noun).unwrap_or_default();
            numbers.entry(place).or_insert((noun, 0)).1 += 1;
        }
    }
    let parts: Vec<_> = numbers.values().map(|(noun, number)| count(*number, noun)).collect();
    parts.join(", ")
}
