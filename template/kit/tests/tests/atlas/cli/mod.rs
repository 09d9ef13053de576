//! Atlas itself, on a PostgreSQL server. `ATLAS=/path/to/atlas` selects the program; without
//! Atlas these tests fail.

mod apply;
mod hash;
mod secrets;

use std::fs;

use atlas::{Atlas, MigrationDirectory};
use rstest::fixture;
use tempfile::TempDir;

/// The block for use by hand, whose `external_schema` the community edition refuses, and a
/// policy.
const ATLAS_HCL: &str = r#"
data "external_schema" "entities" {
  program = ["false"]
}
env "local" {
  src = data.external_schema.entities.url
  dev = getenv("ATLAS_DEV_URL")
}
diff {
  concurrent_index {
    add = true
  }
}
lint {
  destructive {
    error = false
  }
}
"#;

const FIRST: &str = "20260101000000_first.sql";
const SECOND: &str = "20260102000000_second.sql";

/// A project without migrations.
struct Project {
    root: TempDir,
    migrations: MigrationDirectory,
    atlas: Atlas,
}

#[fixture]
fn project() -> Project {
    // These characters are special in URLs, which Atlas uses for paths.
    let root = tempfile::Builder::new().prefix("a 50%25#1?").tempdir();
    let root = root.unwrap();
    let config = root.path().join("atlas.hcl");
    fs::write(&config, format!("{}{ATLAS_HCL}", atlas::cli::MINIMAL_CONFIG)).unwrap();
    let migrations = MigrationDirectory::new(root.path().join("migrations"));
    fs::create_dir(migrations.path()).unwrap();
    Project { root, migrations, atlas: kit_tests::atlas().config(config) }
}

impl Project {
    /// Writes a migration and updates `atlas.sum`.
    fn migration(&self, name: &str, sql: &str) {
        fs::write(self.migrations.path().join(name), sql).unwrap();
        self.migrations.write_sum().unwrap();
    }
}

/// A database for one test. Its URL contains a password if that of the server does.
#[fixture]
async fn database() -> postgres::TemporaryDatabase {
    let server = postgres::server().await.expect("a PostgreSQL server");
    kit_tests::atlas().supports_server(server.major()).unwrap_or_else(|error| panic!("{error}"));
    server.temporary_database("atlas").await.expect("a database for this test")
}
