//! The schema at each version, for the function to check a baseline with.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use migrations::Project;
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use serde_json::{Value, json};

const FILE: &str = "function/snapshots.json";

/// Writes the file into a package, from the package before if the migrations are the same.
/// Returns a description.
///
/// # Errors
/// When a migration fails, or there is no server of PostgreSQL `major` for development.
pub(super) async fn write(project: &Project, major: u32, package: &Path) -> Result<&'static str> {
    let hash = project.migrations.verify()?;
    let before = fs::read(project.root.join("target/package").join(FILE)).unwrap_or_default();
    let before: Value = serde_json::from_slice(&before).unwrap_or_default();
    let (snapshots, description) = if before["hash"] == hash && before["major"] == major {
        (before, "the schema at each version, as before")
    } else {
        let versions = versions(project, major).await?;
        let snapshots = json!({ "hash": hash, "major": major, "versions": versions });
        (snapshots, "the schema at each version")
    };
    fs::write(package.join(FILE), snapshots.to_string())
        .with_context(|| format!("cannot write {FILE}"))?;
    Ok(description)
}

type Objects = BTreeMap<(String, String), String>;

/// For each version, the changed objects: kind, name, definition or null.
async fn versions(project: &Project, major: u32) -> Result<Vec<Value>> {
    let server = postgres::server_in(&project.root).await?;
    anyhow::ensure!(
        server.major() == major,
        "the server for development is PostgreSQL {}, and the stack has {major}",
        server.major()
    );
    let database = server.temporary_database("package").await?;
    let mut connection = server.connect_once(database.name()).await?;
    let (mut versions, mut before) = (Vec::new(), Objects::new());
    for file in project.migrations.files()? {
        replay::run(&mut connection, std::slice::from_ref(&file)).await?;
        let after = objects(&mut connection).await?;
        let changed = after.iter().filter(|(object, text)| before.get(object) != Some(text));
        let changed = changed.map(|((kind, name), text)| json!([kind, name, text]));
        let dropped = before.keys().filter(|object| !after.contains_key(object));
        let dropped = dropped.map(|(kind, name)| json!([kind, name, null]));
        versions.push(json!([file.version(), changed.chain(dropped).collect::<Vec<_>>()]));
        before = after;
    }
    connection.close().await?;
    database.drop_database().await?;
    Ok(versions)
}

async fn objects(connection: &mut PgConnection) -> Result<Objects> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(catalog::SETTINGS).execute(&mut *transaction).await?;
    let rows: Vec<(String, String, String)> =
        sqlx::query_as(catalog::QUERY).fetch_all(&mut *transaction).await?;
    transaction.rollback().await?;
    Ok(rows.into_iter().map(|(kind, name, text)| ((kind, name), text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn has_what_each_version_changes() {
        let root = postgres::project_root().unwrap();
        let server = postgres::server_in(&root).await.unwrap();
        let (directory, mut project) = crate::sample_project();
        for (name, sql) in [
            ("1_a.sql", "CREATE TABLE a (id int);"),
            ("2_b.sql", "DROP TABLE a; CREATE TYPE b AS ENUM ('x');"),
        ] {
            fs::write(project.migrations.path().join(name), sql).unwrap();
        }
        project.migrations.write_sum().unwrap();
        // The server is the one of this checkout.
        project.root = root;
        let package = directory.path().join("package");
        fs::create_dir_all(package.join("function")).unwrap();
        write(&project, server.major(), &package).await.unwrap();
        let json = fs::read(package.join(FILE)).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        let text = json["versions"].to_string();
        assert!(text.contains(r#"["1",[["column","public.a.id","integer"],"#), "{text}");
        assert!(text.contains(r#"["column","public.a.id",null]"#), "{text}");
        assert!(text.contains("'x'"), "{text}");
    }
}
