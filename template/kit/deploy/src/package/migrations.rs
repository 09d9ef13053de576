use std::{fs, path::Path};

use anyhow::{Result, ensure};
use atlas::MigrationDirectory;
use migrations::{HashCopy, Project};

use super::{copy, make_directory};

/// Copies the migrations to `directory`; returns their number.
///
/// # Errors
/// When they are not those whose hash is in template.yaml.
pub(super) fn copy_migrations(project: &Project, directory: &Path) -> Result<usize> {
    let packaged = MigrationDirectory::new(directory);
    make_directory(directory)?;
    let files = project.migrations.files()?;
    for file in &files {
        let from = project.migrations.path().join(&file.name);
        copy(&from, &directory.join(&file.name), 0o644)?;
    }
    let sum = project.migrations.sum_path();
    if fs::exists(&sum)? {
        copy(&sum, &packaged.sum_path(), 0o644)?;
    }
    // The copy is what will be applied; the originals may have changed in the meantime.
    check(project, &packaged)?;
    Ok(files.len())
}

/// Checks that the migrations agree with their atlas.sum, and with the hash in template.yaml.
pub(super) fn check(project: &Project, migrations: &MigrationDirectory) -> Result<()> {
    let hash = migrations.verify()?;
    let copies = HashCopy::find_all(&project.root)?;
    ensure!(
        !copies.is_empty(),
        "template.yaml has no MigrationHash, which makes CloudFormation run the migrations: write \
         the line `MigrationHash: \"\"` among the parameters of the resource Migrations, then: \
         just hash-migrations"
    );
    for copy in copies {
        let (file, value) = (copy.file(), copy.value()?);
        ensure!(
            hash == value,
            "the migrations have the hash {hash}, but {file} has {value}, and the function would \
             refuse to apply them: just hash-migrations"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn project() -> (tempfile::TempDir, Project) {
        let (root, project) = crate::sample_project();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        fs::write(project.migrations.path().join(".gitkeep"), "").unwrap();
        let sum = project.migrations.write_sum().unwrap();
        let template = format!("R:\n  MigrationHash: {}\n", sum.hash());
        fs::write(root.path().join("template.yaml"), template).unwrap();
        (root, project)
    }

    fn pack(project: &Project) -> Result<usize> {
        copy_migrations(project, &project.root.join("packed"))
    }

    #[test]
    fn packs_the_files_that_the_hash_is_of() {
        let (root, project) = project();
        assert_eq!(pack(&project).unwrap(), 1);
        let mut names: Vec<_> = fs::read_dir(root.path().join("packed"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["1_a.sql", "atlas.sum"]);
        for name in names {
            let file = root.path().join("packed").join(name);
            let mode = fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644);
        }
    }

    #[test]
    fn packs_an_empty_directory() {
        let (root, project) = project();
        fs::remove_dir_all(project.migrations.path()).unwrap();
        fs::create_dir(project.migrations.path()).unwrap();
        let hash = project.migrations.verify().unwrap();
        let template = format!("R:\n  MigrationHash: {hash}\n");
        fs::write(root.path().join("template.yaml"), template).unwrap();
        assert_eq!(pack(&project).unwrap(), 0);
    }

    #[test]
    fn packs_nothing_whose_hash_is_not_in_the_stack() {
        let (root, project) = project();
        let template = "R:\n  MigrationHash: h1:other\n";
        fs::write(root.path().join("template.yaml"), template).unwrap();
        let error = format!("{:#}", pack(&project).unwrap_err());
        assert!(error.contains("template.yaml has h1:other"), "{error}");
        assert!(error.contains("just hash-migrations"), "{error}");
    }

    #[test]
    fn says_where_the_hash_belongs() {
        let (root, project) = project();
        fs::write(root.path().join("template.yaml"), "Resources: {}\n").unwrap();
        let error = format!("{:#}", pack(&project).unwrap_err());
        assert!(error.contains("has no MigrationHash"), "{error}");
    }

    #[test]
    fn packs_no_edited_migration() {
        let (_root, project) = project();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 2;").unwrap();
        let error = format!("{:#}", pack(&project).unwrap_err());
        assert!(error.contains("1_a.sql"), "{error}");
    }
}
