//! Everything that one test needs, set up so that a Create succeeds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use atlas::MigrationDirectory;
use rstest::fixture;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answer::{assert_answer, failure, success};
use super::event;
use super::function::{Function, FunctionEnv, Invocation};
use super::postgres::{Cluster, Database, HOST, PASSWORD, USER};
use super::s3::S3;

pub const FIRST: &str = "20260101000000_users.sql";
pub const SECOND: &str = "20260102000000_orders.sql";
pub const THIRD: &str = "20260103000000_index.sql";

/// Contents of [`FIRST`] and [`SECOND`], unless a test replaces them.
const SQL: [(&str, &str); 2] = [
    (FIRST, "CREATE TABLE users (id bigint PRIMARY KEY);\n"),
    (SECOND, "CREATE TABLE orders (id bigint PRIMARY KEY);\n"),
];

/// Reason of the answer when both were applied.
pub const BOTH_APPLIED: &str =
    "Applied 2: 20260101000000_users.sql, 20260102000000_orders.sql. … at 20260102000000.";

/// Time-out of a function with plenty of time.
pub const LONG: Duration = Duration::from_secs(100);

/// A function's package with two migrations, an empty database, a bucket for answers, and the
/// environment variables for all of them.
pub struct TestBed {
    package: TempDir,
    pub migrations: MigrationDirectory,
    pub database: Database,
    pub s3: S3,
    pub env: FunctionEnv,
}

#[fixture]
pub fn bed() -> TestBed {
    TestBed::on(&Cluster::shared())
}

impl TestBed {
    pub fn on(cluster: &Arc<Cluster>) -> Self {
        let package = tempfile::tempdir().unwrap();
        let migrations = MigrationDirectory::new(package.path().join("migrations"));
        fs::create_dir(migrations.path()).unwrap();
        fs::write(package.path().join("rds-ca.pem"), &cluster.ca).unwrap();
        let database = cluster.database();
        let mut env = FunctionEnv::new(package.path().to_str().unwrap());
        env.set("ATLAS", super::atlas().binary().to_str().unwrap())
            .set("DB_AUTH", "password")
            .set("DB_HOST", HOST)
            .set("DB_PORT", cluster.port.to_string())
            .set("DB_NAME", &*database.name)
            .set("DB_USER", USER)
            .set("DB_PASSWORD", PASSWORD);
        let bed = Self { package, migrations, database, s3: S3::start(), env };
        for (name, sql) in SQL {
            bed.migration(name, sql);
        }
        bed
    }

    /// Path of a file in the function's package.
    pub fn path(&self, name: &str) -> PathBuf {
        self.package.path().join(name)
    }

    /// Writes a migration and updates `atlas.sum`.
    pub fn migration(&self, name: &str, sql: &str) {
        fs::write(self.migrations.path().join(name), sql).unwrap();
        self.migrations.write_sum().unwrap();
    }

    /// Writes the schema of [`FIRST`] and [`SECOND`], as `just package` does.
    pub fn snapshots(&self, major: u32) {
        let table = |name: &str| {
            json!([
                ["table", format!("public.{name}"), ""],
                ["column", format!("public.{name}.id"), "bigint NOT NULL"],
            ])
        };
        let versions =
            json!([["20260101000000", table("users")], ["20260102000000", table("orders")]]);
        let snapshots = json!({ "major": major, "versions": versions });
        fs::write(self.path("snapshots.json"), snapshots.to_string()).unwrap();
    }

    /// Removes a migration and updates `atlas.sum`.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.migrations.path().join(name)).unwrap();
        self.migrations.write_sum().unwrap();
    }

    /// Replaces Atlas by a shell script, which gets the same arguments.
    pub fn script(&mut self, script: &str) {
        let path = self.path("atlas-script");
        write_program(&path, script);
        self.env.set("ATLAS", path.to_str().unwrap());
    }

    /// Returns the required properties of a Create or Update, and `more`.
    pub fn properties(&self, more: Value) -> Value {
        let sum = fs::read_to_string(self.migrations.sum_path()).unwrap();
        let mut properties = json!({ "MigrationHash": sum.lines().next().unwrap() });
        for (name, value) in more.as_object().expect("an object") {
            properties[name] = value.clone();
        }
        properties
    }

    pub fn create(&self) -> Value {
        self.create_with(json!({}))
    }

    pub fn create_with(&self, properties: Value) -> Value {
        event::create(&self.s3.response_url(), self.properties(properties))
    }

    pub fn update_with(&self, properties: Value) -> Value {
        event::update(&self.s3.response_url(), self.properties(properties))
    }

    /// Starts a process of the function.
    pub fn function(&self) -> Function {
        Function::start(&self.env)
    }

    /// Handles the event in a new process, and returns the answer. The invocation must
    /// succeed, because the answer is delivered.
    pub fn answer(&self, event: &Value) -> Value {
        self.invoke(event).assert_succeeded();
        self.s3.answer()
    }

    /// Handles the event in a new process, and expects the answer [`success`].
    pub fn assert_succeeds(&self, event: &Value, reason: &str, data: Value) {
        assert_answer(self.answer(event), success(event, reason, data));
    }

    /// Handles the event in a new process, and expects the answer [`failure`].
    pub fn assert_fails(&self, event: &Value, reason: &str) {
        assert_answer(self.answer(event), failure(event, reason));
    }

    /// Applies the package in a new process, which must succeed, and forgets the answer.
    pub fn deploy(&mut self) {
        let answer = self.answer(&self.create());
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        self.forget_answers();
    }

    /// Handles the event in a new process.
    pub fn invoke(&self, event: &Value) -> Invocation {
        self.function().invoke(event, LONG)
    }

    /// Replaces the bucket by an empty one.
    pub fn forget_answers(&mut self) {
        self.s3 = S3::start();
    }

    /// Returns the tables of the database, sorted and joined by commas.
    pub fn tables(&self) -> String {
        self.database.query(
            "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables \
             WHERE schemaname = 'public' AND tablename NOT LIKE 'atlas%'",
        )
    }
}

/// The `Data` of an answer when the database is not ahead of the package.
pub fn data(version: &str, applied: u32) -> Value {
    json!({
        "CurrentVersion": version,
        "AppliedCount": applied.to_string(),
        "DatabaseAhead": "false",
        "AheadVersions": "",
    })
}

/// Written by a shell: a file that this process has open for writing cannot be run while
/// another test forks.
fn write_program(path: &Path, text: &str) {
    let written = Command::new("sh")
        .args(["-c", "printf %s \"$1\" >\"$2\"", "sh"])
        .args([Path::new(text), path])
        .status();
    assert!(written.unwrap().success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
