//! The fixtures, beside `#[sqlx::test]` on the same server: tests that insert a row and count.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use anyhow::{Context, Result};
use serde_json::Value;
use template_tests::{Project, checkout, run};

use crate::{Figure, project};

/// Number of tests in a program.
const TESTS: usize = 200;

const TABLES: &str = "CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE TABLE addresses (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id));
";

const INSERT: &str = "INSERT INTO users (email) VALUES ('ada@example.com')";
const COUNT: &str = "SELECT count(*) FROM users";

/// Test programs, by name.
struct Programs(HashMap<String, PathBuf>, Vec<(&'static str, String)>);

pub(crate) fn measure(directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    println!("own_database, transaction, sqlx_test, nextest, first_test");
    let project = project(directory)?;
    let up = project.just(&["db-up"]).succeeded()?.output;
    let url = up
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="));
    let url = url.context("db-up prints a URL")?.to_owned();
    let programs = build(directory, &project, &url)?;

    let mut values = HashMap::new();
    for (name, program, threads) in [
        ("sqlx_test_1", "sqlx_test", 1),
        ("own_database_1", "own_database", 1),
        ("transaction_1", "transaction", 1),
        ("sqlx_test_4", "sqlx_test", 4),
        ("own_database_4", "own_database", 4),
        ("transaction_4", "transaction", 4),
        ("same_statements", "floor", 1),
    ] {
        migrate(&project, &[TABLES.to_owned()])?;
        values.insert(name, programs.in_one_process(program, threads)?);
    }
    for (name, program) in [
        ("nextest_sqlx_test", "sqlx_test"),
        ("nextest_own_database", "own_database"),
        ("nextest_transaction", "transaction"),
    ] {
        values.insert(name, programs.in_a_process_each(program)?);
    }
    let many = (0..98).map(|number| {
        format!("CREATE TABLE t{number} (id bigserial PRIMARY KEY, user_id bigint REFERENCES users (id), name text UNIQUE);\n")
    });
    migrate(&project, &[TABLES.to_owned() + &many.collect::<String>()])?;
    values.insert(
        "own_database_100_tables_1",
        programs.in_one_process("own_database", 1)?,
    );

    let mut history = vec![TABLES.to_owned()];
    history.extend((1..1000).map(|number| format!("CREATE TABLE t{number} (id int);\n")));
    migrate(&project, &history[..999])?;
    programs.one("own_database", 0)?;
    migrate(&project, &history)?;
    values.insert(
        "first_test_1000_migrations",
        programs.one("own_database", 0)?,
    );
    values.insert("the same test again", programs.one("own_database", 0)?);
    project.just(&["db-down"]).succeeded()?;

    let first = figures.len();
    for (name, peer) in [
        ("own_database_1", "sqlx_test_1"),
        ("own_database_4", "sqlx_test_4"),
        ("own_database_100_tables_1", "own_database_1"),
        ("transaction_1", "same_statements"),
        ("transaction_4", "sqlx_test_4"),
        ("nextest_own_database", "nextest_sqlx_test"),
        ("nextest_transaction", "nextest_sqlx_test"),
        ("first_test_1000_migrations", "the same test again"),
    ] {
        figures.push(Figure {
            name: name.into(),
            unit: "ms".into(),
            value: values[name],
            peer: peer.into(),
            peer_value: values[peer],
        });
    }
    document(&figures[first..])
}

/// Replaces the migrations of the project.
fn migrate(project: &Project, files: &[String]) -> Result<()> {
    let migrations = project.root.join("migrations");
    fs::remove_dir_all(&migrations)?;
    fs::create_dir(&migrations)?;
    for (number, sql) in files.iter().enumerate() {
        fs::write(
            migrations.join(format!("{}_t.sql", 20_260_101_000_000 + number)),
            sql,
        )?;
    }
    project.just(&["hash-migrations"]).succeeded().map(drop)
}

/// Builds a crate that uses the project's fixtures and sqlx' own.
fn build(directory: &Path, project: &Project, url: &str) -> Result<Programs> {
    let root = directory.join("fixtures-bench");
    fs::create_dir_all(root.join("src"))?;
    fs::create_dir_all(root.join("tests"))?;
    fs::create_dir_all(root.join("migrations"))?;
    fs::write(root.join("src/lib.rs"), "")?;
    fs::write(root.join("migrations/1_t.sql"), TABLES)?;
    fs::copy(project.root.join("Cargo.lock"), root.join("Cargo.lock"))?;
    let manifest = format!(
        "[package]\nname = \"fixtures-bench\"\nedition = \"2024\"\n\n[workspace]\n\n[dev-dependencies]\n\
         fixtures = {{ path = {:?} }}\nrstest = {{ version = \"0.28.0\", default-features = false }}\n\
         sea-orm = {{ version = \"2.0.4\", default-features = false, features = [\"runtime-tokio\", \"sqlx-postgres\"] }}\n\
         sqlx = {{ version = \"0.9.0\", default-features = false, features = [\"macros\", \"migrate\", \"postgres\", \"runtime-tokio\"] }}\n\
         tokio = {{ version = \"1.54.1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n\
         [profile.dev.package.\"*\"]\ndebug = false\n",
        project.root.join("kit/fixtures")
    );
    fs::write(root.join("Cargo.toml"), manifest)?;
    let ours = "use fixtures::*; use rstest::rstest; use sea_orm::*;\n";
    for (name, head, signature, body) in [
        (
            "own_database",
            ours,
            "#[future(awt)] db: TestDatabase",
            sea_orm("db"),
        ),
        (
            "transaction",
            ours,
            "#[future(awt)] tx: TestTransaction",
            sea_orm("tx"),
        ),
        ("sqlx_test", "", "pool: sqlx::PgPool", sqlx()),
    ] {
        let attributes = if head.is_empty() {
            "#[sqlx::test]"
        } else {
            "#[rstest] #[tokio::test]"
        };
        let test = |number| format!("{attributes} async fn t{number}({signature}) {{ {body} }}\n");
        let tests: String = (0..TESTS).map(test).collect();
        fs::write(
            root.join(format!("tests/{name}.rs")),
            head.to_owned() + &tests,
        )?;
    }
    fs::write(root.join("tests/floor.rs"), floor())?;
    let messages = run(project
        .command("cargo")
        .args(["test", "--quiet", "--no-run", "--message-format", "json"])
        .current_dir(&root))
    .succeeded()?
    .output;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter_map(|message| {
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, PathBuf::from(message["executable"].as_str()?)))
    });
    let root = project.root.display().to_string();
    let environment = vec![
        ("CARGO_MANIFEST_DIR", root),
        ("TEST_DATABASE_URL", url.into()),
        ("DATABASE_URL", url.into()),
    ];
    Ok(Programs(programs.collect(), environment))
}

fn sea_orm(connection: &str) -> String {
    format!(
        "{connection}.execute_unprepared({INSERT:?}).await.unwrap();
         let count = Statement::from_string(DbBackend::Postgres, {COUNT:?});
         let row = {connection}.query_one_raw(count).await.unwrap().unwrap();
         assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 1);"
    )
}

fn sqlx() -> String {
    format!(
        "sqlx::query({INSERT:?}).execute(&pool).await.unwrap();
         let count: i64 = sqlx::query_scalar({COUNT:?}).fetch_one(&pool).await.unwrap();
         assert_eq!(count, 1);"
    )
}

/// One test for all: a connection, and what the others send for each test.
fn floor() -> String {
    format!(
        "use sea_orm::*;
         #[tokio::test]
         async fn t0() {{
             let mut options = ConnectOptions::new(std::env::var(\"DATABASE_URL\").unwrap());
             options.max_connections(1).test_before_acquire(false);
             let pool = Database::connect(options).await.unwrap();
             for _ in 0..{TESTS} {{
                 let tx = pool.begin().await.unwrap();
                 {}
                 tx.rollback().await.unwrap();
             }}
         }}",
        sea_orm("tx")
    )
}

impl Programs {
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.0.get(program).context("a program was not built")?);
        command.envs(self.1.iter().map(|(key, value)| (key, value)));
        Ok(command)
    }

    /// Milliseconds for each test; the second run of two, for the first may make databases.
    fn in_one_process(&self, program: &str, threads: usize) -> Result<f64> {
        let mut elapsed = 0.0;
        for _ in 0..2 {
            let start = Instant::now();
            run(self
                .command(program)?
                .args(["--test-threads", &threads.to_string()]))
            .succeeded()?;
            elapsed = start.elapsed().as_secs_f64();
        }
        Ok(elapsed * 1000.0 / TESTS as f64)
    }

    /// The same with a process for each test and as many at a time as there are processors,
    /// as nextest does.
    fn in_a_process_each(&self, program: &str) -> Result<f64> {
        let processes = thread::available_parallelism()?.get();
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..processes)
                .map(|first| {
                    scope.spawn(move || {
                        (first..TESTS)
                            .step_by(processes)
                            .try_for_each(|number| self.one(program, number).map(drop))
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no panic"))
        })?;
        Ok(start.elapsed().as_secs_f64() * 1000.0 / TESTS as f64)
    }

    /// Milliseconds of a process with one test.
    fn one(&self, program: &str, number: usize) -> Result<f64> {
        let start = Instant::now();
        run(self
            .command(program)?
            .args(["--exact", &format!("t{number}")]))
        .succeeded()?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }
}

/// Writes the figures into the documentation of the fixtures.
fn document(figures: &[Figure]) -> Result<()> {
    const MARKS: [&str; 2] = ["<!-- measured by `just bench` -->\n", "<!-- end -->"];
    let file = checkout().join("template/kit/fixtures/README.md");
    let text = fs::read_to_string(&file)?;
    let (head, rest) = text
        .split_once(MARKS[0])
        .context("a mark in kit/fixtures/README.md")?;
    let (_, tail) = rest
        .split_once(MARKS[1])
        .context("a mark in kit/fixtures/README.md")?;
    let mut table = "\n| | ms | beside |\n|---|---|---|\n".to_owned();
    for Figure {
        name,
        value,
        peer,
        peer_value,
        ..
    } in figures
    {
        table += &format!("| `{name}` | {value:.1} | {peer_value:.1} (`{peer}`) |\n");
    }
    Ok(fs::write(
        &file,
        format!("{head}{}{table}\n{}{tail}", MARKS[0], MARKS[1]),
    )?)
}
