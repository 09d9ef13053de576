//! `create-migrations` and `hash-migrations`: the commands that write migrations/ and the
//! copies of its hash.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile, SumFile};

use crate::{compare, concurrent, hash_copy::HashCopy, project::Project, schema, write::write_all};

/// Plans a migration from the difference between the migrations and the entities.
///
/// Works on a copy of the directory, and writes the new files only after the whole copy
/// was applied to an empty database.
pub async fn run(project: &Project, name: Option<&str>) -> Result<()> {
    project.migrations.verify()?;
    let existing = project.migrations.files()?;
    let name = name.unwrap_or(if existing.is_empty() { "initial" } else { "changes" });
    check_name(project, name)?;
    // Fail before the work if the hash could not be written after it.
    HashCopy::find_all(&project.root)?;
    let schema = schema::write(project)?;

    let planned = plan(project, &existing, name, &schema).await;
    let planned = planned.context("no migration was made; migrations/ is as it was")?;

    let Some((files, sum)) = planned else {
        println!("Nothing to do: the migrations already create the schema of the entities.");
        return Ok(());
    };
    install(project, &files, &sum)?;
    for file in &files {
        println!("migrations/{}\n", file.name);
        println!("{}\n", file.text().trim_end());
    }
    println!("Review the SQL above, then: just check-migrations");
    Ok(())
}

/// Updates atlas.sum and the copies of its hash after a deliberate edit or a merge.
pub fn hash(project: &Project) -> Result<()> {
    let sum = SumFile::compute(&project.migrations.files()?);
    let hashes = hashes(project, &sum)?;
    write_all(&hashes)?;
    for (file, _) in hashes {
        let file = file.strip_prefix(&project.root).unwrap_or(&file);
        println!("{}: {}", file.display(), sum.hash());
    }
    Ok(())
}

/// Returns the new contents of the files that hold the directory's hash.
fn hashes(project: &Project, sum: &SumFile) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = vec![(project.migrations.sum_path(), sum.to_string().into())];
    for copy in HashCopy::find_all(&project.root)? {
        files.push((copy.path.clone(), copy.with(sum.hash()).into()));
    }
    Ok(files)
}

fn check_name(project: &Project, name: &str) -> Result<()> {
    let file = format!("20000101000000_{name}.sql");
    ensure!(
        project.file_name.is_match(&file),
        "\"{name}\" is not a name for a migration: {file} would not match {} \
         (file-name in Cargo.toml). Use snake case, for example add_user_phone",
        project.file_name
    );
    Ok(())
}

/// Returns the files of the new migration and the sum of the directory with them, or
/// `None` if there is nothing to migrate.
async fn plan(
    project: &Project,
    existing: &[MigrationFile],
    name: &str,
    schema: &Path,
) -> Result<Option<(Vec<MigrationFile>, SumFile)>> {
    let copy = tempfile::tempdir_in(project.scratch("plan")?)?;
    let staging = MigrationDirectory::new(copy.path());
    for file in existing {
        write(copy.path(), &file.name, &file.contents)?;
    }
    staging.write_sum()?;

    let atlas = project.atlas()?;
    let server = postgres::server_in(&project.root).await?;
    atlas.supports_server(server.major())?;
    let dev = server.temporary_database("plan").await?;
    let Some(planned) = atlas.diff(&staging, name, schema, &dev.url())? else {
        return Ok(None);
    };

    fs::remove_file(copy.path().join(&planned.name))?;
    let files = concurrent::split(&planned, existing.last().map(MigrationFile::version))?;
    for file in &files {
        write(copy.path(), &file.name, &file.contents)?;
    }
    let sum = staging.write_sum()?;
    compare::migrated(&server, &staging.files()?)
        .await
        .context("the planned migration does not apply to an empty database")?;
    Ok(Some((files, sum)))
}

/// Writes the new files and the hashes, or nothing.
fn install(project: &Project, planned: &[MigrationFile], sum: &SumFile) -> Result<()> {
    let write = || {
        let directory = project.migrations.path();
        fs::create_dir_all(directory)?;
        let mut contents = hashes(project, sum)?;
        for file in planned {
            let path = directory.join(&file.name);
            ensure!(!path.exists(), "{} exists already", path.display());
            contents.push((path, file.contents.clone()));
        }
        let mut files = project.migrations.files()?;
        files.extend_from_slice(planned);
        files.sort_by(|a, b| a.name.cmp(&b.name));
        ensure!(
            SumFile::compute(&files) == *sum,
            "another migration was added or changed in the meantime: try again"
        );
        write_all(&contents)
    };
    write().context("cannot write the migration; no file was changed")
}

fn write(directory: &Path, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
