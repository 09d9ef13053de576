//! `create-migrations` and `hash-migrations`: the commands that write migrations/, and
//! the copies of its hash.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile, SumFile};

use crate::{
    change::Change,
    concurrent::{self, Planned},
    hash_copy::HashCopy,
    project::Project,
    schema,
    scratch::Scratch,
};

/// Plans a migration from the difference between the migrations and the entities.
///
/// All work is done on a copy; the files move over only after the whole directory
/// has been applied to an empty database.
pub async fn run(project: &Project, name: Option<&str>) -> Result<()> {
    project.migrations.verify()?;
    let existing = project.migrations.files()?;
    let name = name.unwrap_or(if existing.is_empty() {
        "initial"
    } else {
        "changes"
    });
    check_name(project, name)?;
    // Fail before the work if the hash cannot be written.
    HashCopy::find_all(&project.root)?;
    let schema = schema::print(project)?;

    let mut scratch = Scratch::open(project).await?;
    let planned = plan(project, &mut scratch, &existing, name, &schema).await;
    scratch.close().await;
    let planned = planned.context("no migration was made; migrations/ is as it was")?;

    let Some((files, sum)) = planned else {
        println!(
            "Nothing to do: the migrations already make the schema that the entities describe."
        );
        return Ok(());
    };
    install(project, &files, &sum)?;
    for file in &files {
        println!("migrations/{}\n", file.name);
        println!("{}\n", file.contents.trim_end());
    }
    println!("Review the SQL above, then: just check-migrations");
    Ok(())
}

/// Rewrites atlas.sum and the copies of its hash, after a deliberate edit or a merge.
pub fn hash(project: &Project) -> Result<()> {
    let sum = SumFile::compute(&project.migrations.files()?);
    let hashes = hashes(project, &sum)?;
    let mut change = Change::default();
    change.replace(&hashes)?;
    change.keep();
    for (file, _) in hashes {
        let file = file.strip_prefix(&project.root).unwrap_or(&file);
        println!("{}: {}", file.display(), sum.hash());
    }
    Ok(())
}

/// The files that hold the directory's hash, as `sum` makes them.
fn hashes(project: &Project, sum: &SumFile) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![(project.migrations.sum_path(), sum.to_string())];
    for copy in HashCopy::find_all(&project.root)? {
        files.push((copy.path.clone(), copy.with(sum.hash())));
    }
    Ok(files)
}

fn check_name(project: &Project, name: &str) -> Result<()> {
    let file = format!("20000101000000_{name}.sql");
    ensure!(
        project.file_name.is_match(&file),
        "a migration cannot be called \"{name}\": {file} would not match {} \
         (file-name in Cargo.toml); write it in snake case, for example add_user_phone",
        project.file_name
    );
    Ok(())
}

/// The files of the new migration, and the sum of the directory with them. `None` if
/// there is nothing to migrate.
async fn plan(
    project: &Project,
    scratch: &mut Scratch,
    existing: &[MigrationFile],
    name: &str,
    schema: &Path,
) -> Result<Option<(Vec<Planned>, SumFile)>> {
    let copy = tempfile::tempdir_in(project.scratch("plan")?)?;
    let staging = MigrationDirectory::new(copy.path());
    for file in existing {
        write(copy.path(), &file.name, &file.contents)?;
    }
    staging.write_sum()?;

    let dev = scratch.new_database("plan").await?;
    let Some(planned) = scratch.atlas.diff(&staging, name, schema, &dev)? else {
        return Ok(None);
    };

    fs::remove_file(copy.path().join(&planned.name))?;
    let planned = Planned {
        contents: planned.text().into_owned(),
        name: planned.name,
    };
    let files = concurrent::arrange(planned, existing.last().map(MigrationFile::version))?;
    for file in &files {
        write(copy.path(), &file.name, &file.contents)?;
    }
    let sum = staging.write_sum()?;
    scratch
        .replay(&staging)
        .await
        .context("the planned migration does not apply to an empty database")?;
    Ok(Some((files, sum)))
}

/// Puts new files into the directory and their hash where it belongs, or leaves all as
/// it was.
fn install(project: &Project, files: &[Planned], sum: &SumFile) -> Result<()> {
    let write = || {
        let migrations = &project.migrations;
        fs::create_dir_all(migrations.path())?;
        let mut change = Change::default();
        for file in files {
            let path = migrations.path().join(&file.name);
            change.create(&path, file.contents.as_bytes())?;
        }
        ensure!(
            SumFile::compute(&migrations.files()?) == *sum,
            "another migration was added or changed while this one was planned: try again"
        );
        change.replace(&hashes(project, sum)?)?;
        change.keep();
        Ok(())
    };
    write().context("the migration could not be written; all files are as they were")
}

fn write(directory: &Path, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
