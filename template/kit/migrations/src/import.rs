//! `import-entities`: takes in a database that exists, as entities, SQL and a first migration.
//!
//! Three databases on the project's server do the work. One has what was chosen, made by a
//! plan; sea-orm-cli reads another, of plain tables, to write the entities; the third is made
//! by the entities, and the plan from there to the first is what entities cannot say.

mod entities;
mod mend;
mod names;
mod report;
mod source;
mod table;
mod workspace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use atlas::MigrationFile;
use catalog::Object;
use planner::{Schema, Step};
use postgres::Server;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use serde_json::Value;

use self::{
    entities::Described,
    report::{in_sql, report},
    source::Source,
    table::Table,
    workspace::{Workspace, add_sql},
};
use crate::{Project, Source as Origin, compare::Scratch, create, report::count, schema};

/// What to take.
#[derive(Debug, Default)]
pub struct Options {
    /// Only these tables, and what they need: names, in which `*` stands for any text.
    pub tables: Vec<String>,
    /// Only these schemas.
    pub schemas: Vec<String>,
    /// Tables and views to leave out, with what needs them.
    pub exclude: Vec<String>,
    /// Whether to remove the template's example without asking.
    pub replace_example: bool,
}

/// Name of the migration that makes what is there already.
const NAME: &str = "imported";

/// Writes entities, SQL and a migration that make the schema of the database at `url`, or
/// changes nothing. `install` returns the path of sea-orm-cli.
///
/// # Errors
/// When something is in the way, or the entities do not compile. Differences that remain are
/// listed, and make the exit code 1.
pub async fn run(
    project: &Project,
    url: &str,
    options: &Options,
    install: impl FnOnce() -> Result<PathBuf>,
) -> Result<ExitCode> {
    ensure!(
        project.source == Origin::Entities,
        "{} is the source of the schema, not entities (Cargo.toml)",
        project.source
    );
    project.migrations.verify()?;
    let workspace = Workspace::create(project, options)?;
    let copy = &workspace.project;
    let server = postgres::server_in(&project.root).await?;
    let source = Source::read(url, &server, options).await?;
    let program = install()?;

    let roles = roles(&source.roles);
    let mut admin = server.admin().await?;
    sqlx::raw_sql(AssertSqlSafe(roles.clone())).execute(&mut admin).await?;
    let (mut wanted, added, unplanned) = rebuild(&workspace, &server, &source).await?;
    let wanted_schema = Schema::read(wanted.connection()).await?;

    let mut tables: Vec<Table> =
        read(wanted.connection(), include_str!("import/tables.sql")).await?;
    let new: BTreeSet<&Object> = added.objects().collect();
    tables.retain(|table| new.contains(&object("table", &table.qualified)));
    ensure!(!tables.is_empty(), "no table to import that can be an entity and is not one yet");
    names::name(&mut tables)?;
    let values = values(wanted.connection()).await?;
    let (before, enums) = before(&added, &tables, &values);
    add_sql(&copy.root, "roles", &roles)?;
    let mut first = added.clone();
    first.retain(|object| before.contains(object));
    add_sql(&copy.root, "before", &text(&steps(&Schema::default(), &first, &server)?))?;
    let described = Described { tables: &tables, enums: &enums, values: &values };
    described.write(&server, &program, &copy.root.join("crates/entity/src")).await?;

    println!("compiling {}", count(tables.len(), "entity").replace("entitys", "entities"));
    let mut made = Scratch::described(copy, &server, &schema::print(copy)?).await?;
    let is = Schema::read(made.connection()).await?;
    let renames = planner::rename_followers(&is, &wanted_schema);
    let renames: String = renames.iter().map(|step| format!("{};\n", step.sql)).collect();
    let mut after = String::new();
    if !renames.is_empty() {
        after = format!(
            "-- Constraints and indexes whose names SeaORM would choose differently.\n{renames}"
        );
    }
    made.run(&[file("crates/entity/sql/after.sql", &after)]).await?;
    // What PostgreSQL changes along with a statement is seen only after it.
    for _ in 0..2 {
        let is = Schema::read(made.connection()).await?;
        let next = text(&steps(&is, &wanted_schema, &server)?);
        made.run(&[file("crates/entity/sql/after.sql", &next)]).await?;
        after += if after.is_empty() || next.is_empty() { "" } else { "\n" };
        after += &next;
    }
    add_sql(&copy.root, "after", &after)?;

    let name = Some(NAME.to_owned());
    let plan = create::Options { name, quiet: true, ..Default::default() };
    if create::run_on(&server, copy, &plan).await? != ExitCode::SUCCESS {
        bail!("no migration makes this schema; nothing was written");
    }
    let copied = wanted.snapshot().await?;
    let unlike = made.snapshot().await?.difference(&copied);
    let mut left: Vec<String> = unlike.changes.iter().map(ToString::to_string).collect();
    let missing = copied.difference(&source.snapshot);
    left.extend(missing.changes.iter().filter(|change| source.is_chosen(&change.object)).map(
        |change| {
            let reason = unplanned.iter().find(|(object, _)| *object == change.object);
            format!("{change}{}", reason.map(|(_, why)| format!(": {why}")).unwrap_or_default())
        },
    ));

    let version =
        copy.migrations.files()?.pop().context("no migration was written")?.version().to_owned();
    let in_sql = in_sql(wanted.connection(), &new).await?;
    workspace.install()?;
    report(&source, &tables, &in_sql, &version, &left)
}

/// Makes a database of the project's own schema with what was chosen; returns what was added.
async fn rebuild(
    workspace: &Workspace,
    server: &Server,
    source: &Source,
) -> Result<(Scratch, Schema, Vec<(Object, String)>)> {
    let project = &workspace.project;
    let mut wanted = match workspace.has_entities()? {
        true => Scratch::described(project, server, &schema::print(project)?).await?,
        false => Scratch::empty(server).await?,
    };
    let mut added = source.schema.clone();
    added.subtract(&Schema::read(wanted.connection()).await?);
    let plan = planner::plan(&Schema::default(), &added, &options(server)?);
    wanted.run(&[file("the copy of the schema", &text(&plan.steps))]).await.map_err(|error| {
        let statement = error.statement.as_deref().unwrap_or_default();
        anyhow::anyhow!(
            "{server} cannot have the same schema: {}\n  statement: {statement}\nInstall what it lacks there \
             (POSTGRES_IMAGE in .env may name an image that has it), or leave it out (--exclude)",
            error.message
        )
    })?;
    Ok((wanted, added, plan.unplanned))
}

/// What must be there before the tables, and the enums that entities say: names in the database
/// and in the entities.
fn before(
    schema: &Schema,
    tables: &[Table],
    values: &BTreeMap<String, Vec<String>>,
) -> (BTreeSet<Object>, BTreeMap<String, String>) {
    let entities: BTreeSet<_> =
        tables.iter().map(|table| object("table", &table.qualified)).collect();
    let serials = tables
        .iter()
        .flat_map(|table| table.columns.iter().filter_map(|column| column.serial.as_ref()));
    let serials: BTreeSet<_> = serials.map(|sequence| object("sequence", sequence)).collect();
    let parts = ["column", "constraint", "default", "identity", "not null"];
    let mut needed = schema.closure(entities.iter().cloned(), Some(&parts));
    needed.retain(|object| {
        !parts.contains(&&*object.kind)
            && object.kind != "schema"
            && !entities.contains(object)
            && !serials.contains(object)
    });
    let (types, others): (Vec<_>, Vec<_>) =
        needed.into_iter().partition(|object| object.kind == "enum type");
    // Without parts: those of a table are in its statement.
    let mut before = schema.closure(others, Some(&[]));
    let used: BTreeSet<_> = tables
        .iter()
        .flat_map(|table| table.columns.iter().filter_map(table::Column::direct_enum))
        .collect();
    let mut enums = BTreeMap::new();
    let mut sql = Vec::new();
    for kind in types {
        let name = kind
            .name
            .strip_prefix("public.")
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        match name {
            Some(name)
                if used.contains(&*kind.name)
                    && !before.contains(&kind)
                    && table::are_variants(&values[&kind.name]) =>
            {
                enums.insert(kind.name.clone(), name.to_owned());
            }
            _ => sql.push(kind),
        }
    }
    before.extend(schema.closure(sql, Some(&[])));
    before.retain(|object| !entities.contains(object));
    (before, enums)
}

async fn values(connection: &mut PgConnection) -> Result<BTreeMap<String, Vec<String>>> {
    const ENUMS: &str = "SELECT jsonb_build_array(name, (SELECT coalesce(jsonb_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_enum WHERE enumtypid = type.oid))
        FROM type WHERE typtype = 'e'";
    let enums: Vec<(String, Vec<String>)> = read(connection, ENUMS).await?;
    Ok(enums.into_iter().collect())
}

/// Reads a column of JSON. The query continues the common table expressions of catalog::OBJECTS.
async fn read<T: serde::de::DeserializeOwned>(
    connection: &mut PgConnection,
    query: &str,
) -> Result<Vec<T>> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(catalog::SETTINGS).execute(&mut *transaction).await?;
    let rows: Vec<Value> =
        sqlx::query_scalar(AssertSqlSafe(format!("{}\n{query}", catalog::OBJECTS)))
            .fetch_all(&mut *transaction)
            .await
            .context("cannot read the catalogs of the database")?;
    transaction.rollback().await?;
    rows.into_iter().map(|row| Ok(serde_json::from_value(row)?)).collect()
}

/// Statements that make roles where they are missing, for the file that development and test
/// servers run.
fn roles(names: &[String]) -> String {
    let mut sql = String::new();
    for name in names {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let _ = writeln!(
            sql,
            "-- Role {name}\nDO $$ BEGIN CREATE ROLE {quoted}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        );
    }
    sql
}

fn options(server: &Server) -> Result<planner::Options> {
    Ok(planner::Options {
        online: false,
        lock_timeout: None,
        server_major: u16::try_from(server.major())?,
    })
}

fn steps(before: &Schema, after: &Schema, server: &Server) -> Result<Vec<Step>> {
    Ok(planner::plan(before, after, &options(server)?).steps)
}

/// The statements, each below a comment that names the object.
fn text(steps: &[Step]) -> String {
    let texts =
        steps.iter().map(|step| format!("-- {}\n{};\n", step.why.replace('\n', "\n-- "), step.sql));
    texts.collect::<Vec<_>>().join("\n")
}

fn file(name: &str, sql: &str) -> MigrationFile {
    MigrationFile { name: name.to_owned(), contents: sql.into() }
}

fn object(kind: &str, name: &str) -> Object {
    Object { kind: kind.to_owned(), name: name.to_owned() }
}
