//! `rebase-migrations`: after a merge, the migrations of this branch come last.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use atlas::{MigrationFile, SumFile};

use crate::{check, git, install, project::Project, report::count, write::write_all};

/// Gives the migrations that the base branch lacks later versions than all that it has, writes
/// the hashes and checks. Works in the middle of a merge or rebase, whose conflict in atlas.sum
/// it settles.
pub async fn run(project: &Project) -> Result<ExitCode> {
    let branch = &project.base_branch;
    let Some(base) = git::migrations_of(&project.root, branch)? else {
        bail!("git has no {branch} (base-branch in Cargo.toml): {}", git::fetch(branch, ""));
    };
    let files = project.migrations.files()?;
    let missing: Vec<_> =
        base.iter().filter(|name| files.iter().all(|file| file.name != **name)).cloned().collect();
    ensure!(
        missing.is_empty(),
        "{branch} has migrations that are not here: {}. First: git merge {branch}, or git rebase \
         {branch}",
        missing.join(", ")
    );
    let (theirs, own): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| base.contains(&file.name));
    let newest = theirs.last().map(|file| file.name.clone()).unwrap_or_default();
    if own.iter().all(|file| file.name > newest) {
        println!("{} of this branch, after those of {branch}", count(own.len(), "migration"));
    } else {
        rename(project, &theirs, &own)?;
    }
    install::hash(project)?;
    check::run(project, false).await
}

fn rename(project: &Project, theirs: &[MigrationFile], own: &[MigrationFile]) -> Result<()> {
    let directory = project.migrations.path();
    let versions = install::versions(theirs, own.len());
    let renamed = own.iter().zip(versions).map(|(file, version)| MigrationFile {
        name: version + &file.name[file.version().len()..],
        contents: file.contents.clone(),
    });
    let renamed: Vec<_> = renamed.collect();
    let sum = SumFile::compute(&[theirs, &renamed].concat()).to_string();
    let mut contents = vec![(project.migrations.sum_path(), sum.into())];
    for (old, new) in own.iter().zip(&renamed) {
        let path = directory.join(&new.name);
        ensure!(!path.exists(), "{} exists already: try again", path.display());
        contents.push((path, new.contents.clone()));
        println!("migrations/{} -> {}", old.name, new.name);
    }
    write_all(&contents)?;
    for file in own {
        let path = directory.join(&file.name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    println!("A database that has them under the old names needs to be made anew: just db-down");
    Ok(())
}
