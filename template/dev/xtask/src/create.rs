//! `create-migrations` and `hash-migrations`: the commands that write migrations/.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use atlas::{MigrationDirectory, MigrationFile};

use crate::{
    concurrent::{self, Planned},
    database::Scratch,
    project::Project,
    schema,
};

/// Plans a migration from the difference between the migrations and the entities.
///
/// All work is done on a copy; the files move over only after the whole directory
/// has been applied to an empty database.
pub(crate) async fn run(project: &Project, name: Option<&str>) -> Result<()> {
    project.migrations.verify()?;
    let existing = project.migrations.files()?;
    let name = name.unwrap_or(if existing.is_empty() {
        "initial"
    } else {
        "changes"
    });
    check_name(project, name)?;
    let schema = schema::print(project)?;

    let mut scratch = Scratch::open(project).await?;
    let planned = plan(project, &mut scratch, &existing, name, &schema).await;
    scratch.close().await?;
    let planned = planned.context("no migration was made; migrations/ is as it was")?;

    if planned.is_empty() {
        println!(
            "Nothing to do: the migrations already make the schema that the entities describe."
        );
        return Ok(());
    }
    install(&project.migrations, &planned)?;
    for file in &planned {
        println!("migrations/{}\n", file.name);
        println!("{}\n", file.contents.trim_end());
    }
    println!("Review the SQL above, then: just check-migrations");
    Ok(())
}

/// Writes atlas.sum anew, after a deliberate edit or a merge.
pub(crate) fn hash(project: &Project) -> Result<()> {
    let sum = project.migrations.write_sum()?;
    println!("migrations/atlas.sum: {}", sum.hash());
    Ok(())
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

/// The files of the new migration, none if there is nothing to migrate.
async fn plan(
    project: &Project,
    scratch: &mut Scratch,
    existing: &[MigrationFile],
    name: &str,
    schema: &Path,
) -> Result<Vec<Planned>> {
    let copy = tempfile::tempdir_in(project.scratch("plan")?)?;
    let staging = MigrationDirectory::new(copy.path());
    for file in existing {
        write(copy.path(), &file.name, &file.contents)?;
    }
    staging.write_sum()?;

    let dev = scratch.new_database("plan").await?;
    let Some(planned) = scratch.atlas.diff(&staging, name, schema, &dev)? else {
        return Ok(Vec::new());
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
    staging.write_sum()?;
    scratch
        .replay(&staging)
        .await
        .context("the planned migration does not apply to an empty database")?;
    Ok(files)
}

/// Puts new files and their atlas.sum into the directory, or leaves it as it was.
fn install(migrations: &MigrationDirectory, files: &[Planned]) -> Result<()> {
    fs::create_dir_all(migrations.path())?;
    let installed = files
        .iter()
        .try_for_each(|file| write(migrations.path(), &file.name, &file.contents))
        .and_then(|()| Ok(migrations.write_sum()?));
    if installed.is_err() {
        // atlas.sum is replaced last and in one step: without it the files are not there.
        for file in files {
            let _ = fs::remove_file(migrations.path().join(&file.name));
        }
    }
    installed
        .map(drop)
        .context("the migration could not be written; migrations/ is as it was")
}

fn write(directory: &Path, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
}
