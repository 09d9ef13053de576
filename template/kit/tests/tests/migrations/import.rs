//! `import-entities`, with sea-orm-cli and the compiler. The tests that compile entities are one,
//! because cargo takes the entities of two projects for the same.

#[path = "../catalog/changes.rs"]
mod changes;

use std::fs;

use postgres::TemporaryDatabase;
use rstest::rstest;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

use crate::project::{Outcome, Project, says};

const CHINOOK: &str = include_str!("import/chinook.sql");
const ODD: &str = include_str!("import/odd.sql");

/// Statements of the catalog's tests that cannot follow the others.
const SKIPPED: [&str; 4] = ["DROP", "RENAME", "DETACH", "UPDATE pg_index"];
/// Those that make what no plan makes.
const BY_HAND: [&str; 5] =
    ["COLLATION", "CREATE CAST", "CREATE OPERATOR", "TEXT SEARCH", "PUBLICATION"];

/// A database to import, and a connection to it.
struct Source {
    database: TemporaryDatabase,
    connection: DatabaseConnection,
}

impl Source {
    async fn new(sql: &str) -> Self {
        let server = postgres::server().await.unwrap();
        let database = server.temporary_database("source").await.unwrap();
        let connection = database.connect().await.unwrap();
        let source = Self { database, connection };
        source.execute(sql).await;
        source
    }

    async fn execute(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    fn import(&self, project: &Project, options: &[&str]) -> Outcome {
        let arguments = [&["import-entities"], options].concat();
        let url = self.database.url();
        let outcome = project.run_with(&arguments, &[("DATABASE_URL", &url)]);
        let password =
            url::Url::parse(&url).unwrap().password().unwrap_or("no password").to_owned();
        assert!(!outcome.output.contains(&password), "{}", outcome.output);
        outcome
    }
}

/// Edits an entity.
fn edit(project: &Project, module: &str, old: &str, new: &str) {
    let file = format!("crates/entity/src/{module}.rs");
    let text = fs::read_to_string(project.root.path().join(&file)).unwrap();
    assert!(text.contains(old), "{text}");
    project.write(&file, &text.replacen(old, new, 1));
}

#[tokio::test]
async fn takes_in_a_database_and_goes_on_from_there() {
    let source = Source::new(&[changes::SCHEMA, CHINOOK, ODD].concat()).await;
    let skipped = |sql: &str| SKIPPED.iter().chain(&BY_HAND).any(|part| sql.contains(part));
    for (sql, _) in changes::CHANGES.iter().filter(|(sql, _)| !skipped(sql)) {
        source.execute(sql).await;
    }
    let project = Project::rendered().await;
    let imported = source.import(&project, &["--replace-example"]).succeeded();
    says(&imported, &["29 tables", "4 enums", "23 tables more", "_imported.sql"]);
    says(
        &imported,
        &["public.log (no primary key", "public.other (no", "public.parted (partitioned)"],
    );
    says(&imported, &["Left out:\n  table public.alembic_version\n", "just apply --baseline"]);
    for (module, parts) in [
        (
            "orders",
            &["schema_name = \"sales\"", "Decimal(Some((12, 4)))", "GENERATED ALWAYS AS"][..],
        ),
        (
            "users",
            &[
                "pub owner: BelongsTo<Option<super::user",
                "pub boss: BelongsTo<Option<Entity>>",
                "skip_fk",
            ],
        ),
        ("playlist", &["has_many, via = \"playlist_track\"", "pub tracks: HasMany<"]),
        ("customer", &["column_name = \"Email\"", "unique", "pub email: String"]),
        ("lines", &["indexed", "from = \"(order_number, order_region)\""]),
        ("lib_table", &["custom(\\\"bigserial\\\")"]),
        ("enums", &["enum_name = \"mood\"", "enum_name = \"state\""]),
    ] {
        let text =
            fs::read_to_string(project.root.path().join(format!("crates/entity/src/{module}.rs")));
        says(&text.unwrap(), parts);
    }
    // The example is gone, and what used it.
    assert!(!project.root.path().join("crates/app/tests/users.rs").exists());
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
    project.commit_all();

    // The database learns that it has the migration, if it has what that makes.
    let (file, url) = (project.migrations().remove(0), source.database.url());
    let version = file.split('_').next().unwrap();
    source.execute("ALTER TABLE lib DROP parent").await;
    let baseline = ["apply", "--baseline", version, &url];
    says(&project.run(&baseline).failed(), &["nothing was recorded", "+ column public.lib.parent"]);
    source.execute("ALTER TABLE lib ADD parent bigint").await;
    says(&project.run(&baseline).succeeded(), &["recorded as applied"]);
    says(&project.run(&["apply", &url]).succeeded(), &["Nothing to do"]);

    // Everyday changes: a column more, a rename, a table less.
    edit(
        &project,
        "artist",
        "    #[sea_orm(has_many)]",
        "    pub country: Option<String>,\n    #[sea_orm(has_many)]",
    );
    edit(&project, "genre", "column_name = \"Name\"", "column_name = \"Title\"");
    fs::remove_file(project.root.path().join("crates/entity/src/invoice_line.rs")).unwrap();
    for (module, field) in [("invoice", "invoice_lines"), ("track", "invoice_lines")] {
        edit(
            &project,
            module,
            &format!(
                "    #[sea_orm(has_many)]\n    pub {field}: HasMany<super::invoice_line::Entity>,\n"
            ),
            "",
        );
    }
    let sql = fs::read_to_string(project.root.path().join("crates/entity/sql/after.sql")).unwrap();
    let sql: Vec<_> = sql.lines().filter(|line| !line.contains("InvoiceLine")).collect();
    project.write("crates/entity/sql/after.sql", &sql.join("\n"));
    let rename =
        ["create-migrations", "daily", "--rename", "\"Genre\".\"Name\"=\"Title\"", "--no-rename"];
    let planned = project.run(&rename).succeeded();
    says(&planned, &["RENAME COLUMN \"Name\" TO \"Title\""]);
    says(&planned, &["DROP TABLE public.\"InvoiceLine\"", "ADD COLUMN country", "This loses data"]);
    says(&project.run(&["apply", &url]).succeeded(), &["applied"]);
    project.commit_all();

    // A table more, with a key to one that is there, and nothing else.
    source.execute("CREATE TABLE late (id int PRIMARY KEY, mood mood, genre int REFERENCES \"Genre\"); CREATE TABLE later (id int)").await;
    let added = source.import(&project, &["--tables", "late,Genre"]).succeeded();
    says(&added, &["1 table more"]);
    let changed = project.git(&["status", "--porcelain", "crates/entity/src"]).succeeded();
    assert_eq!(changed, "?? crates/entity/src/late.rs\n");
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
    let file = project.migrations().remove(2);
    let text = fs::read_to_string(project.root.path().join("migrations").join(&file)).unwrap();
    says(&text, &["CREATE TABLE public.late", "REFERENCES public.\"Genre\""]);
    let baseline = ["apply", "--baseline", file.split('_').next().unwrap(), &url];
    says(&project.run(&baseline).succeeded(), &["recorded as applied"]);
    says(&project.run(&["apply", &url]).succeeded(), &["Nothing to do"]);

    // What no plan makes is listed, and the rest is there.
    let project = Project::rendered().await;
    let source = Source::new("CREATE TABLE sole (id int PRIMARY KEY); CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)").await;
    let partly = source.import(&project, &["--replace-example"]).failed();
    says(
        &partly,
        &["1 table more", "neither entities nor a plan", "+ operator public.===(integer,integer)"],
    );
    assert!(project.root.path().join("crates/entity/src/sole.rs").exists());
}

#[rstest]
#[case::no_such_table(&["--tables", "missing"], "no table missing")]
#[case::no_such_schema(&["--schema", "missing"], "no schema missing")]
#[case::one_module(&[], "both become crates/entity/src/users.rs")]
#[case::nothing_left(&["--exclude", "*sers"], "no table to import")]
#[tokio::test]
async fn refuses_and_changes_nothing(#[case] options: &[&str], #[case] reason: &str) {
    let project = Project::rendered().await;
    let source = Source::new(
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE \"Users\" (id int PRIMARY KEY)",
    )
    .await;
    let options = [&["--replace-example"], options].concat();
    says(&source.import(&project, &options).failed(), &[reason]);
    assert_eq!(project.git(&["status", "--porcelain"]).succeeded(), "");
}

#[tokio::test]
async fn refuses_where_something_is_in_the_way() {
    let project = Project::rendered().await;
    let source = Source::new("CREATE TABLE items (id int PRIMARY KEY)").await;
    says(
        &source.import(&project, &[]).failed(),
        &["entities or migrations already", "--replace-example"],
    );
    project.write("crates/app/src/lib.rs", "//! Mine.\n");
    says(&source.import(&project, &["--replace-example"]).failed(), &["git has changes", "lib.rs"]);
    project.commit_all();
    says(
        &source.import(&project, &["--replace-example"]).failed(),
        &["remove them, or name the tables"],
    );
}
