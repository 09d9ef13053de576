use atlas::IntegrityError;
use rstest::rstest;

use super::*;

const COPY: &str = "any:\r\n  Migrations: # by hand\r\n    MigrationHash: 'h1:old'";

/// Creates a project with a migration, and another hash in any.yaml.
fn project() -> (tempfile::TempDir, Project) {
    let (root, project) = Project::sample();
    fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
    project.migrations.write_sum().unwrap();
    fs::write(root.path().join("any.yaml"), COPY).unwrap();
    (root, project)
}

fn planned(name: &str) -> MigrationFile {
    MigrationFile { name: name.into(), contents: "SELECT 2;".into() }
}

/// Returns the sum of the project's files and `planned`.
fn sum_with(project: &Project, planned: &[MigrationFile]) -> SumFile {
    let mut files = project.migrations.files().unwrap();
    files.extend_from_slice(planned);
    SumFile::compute(&files)
}

fn read(project: &Project, file: &str) -> String {
    fs::read_to_string(project.root.join(file)).unwrap()
}

/// Returns all files of the project with their contents.
fn snapshot(project: &Project) -> Vec<(PathBuf, Option<String>)> {
    let mut files = Vec::new();
    for directory in [&project.root, project.migrations.path()] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let contents = fs::read_to_string(&path).ok();
            files.push((path, contents));
        }
    }
    files.sort();
    files
}

#[test]
fn writes_the_migration_and_both_hashes() {
    let (_root, project) = project();
    let files = [planned("2_b.sql"), planned("3_c.sql")];
    let sum = sum_with(&project, &files);
    install(&project, &files, &sum).unwrap();
    assert_eq!(project.migrations.verify().unwrap(), sum.hash());
    assert_eq!(read(&project, "any.yaml"), COPY.replace("h1:old", sum.hash()));
}

#[test]
fn hashes_a_project_without_copies() {
    let (root, project) = project();
    fs::remove_file(root.path().join("any.yaml")).unwrap();
    fs::write(project.migrations.path().join("1_a.sql"), "SELECT 2;").unwrap();
    hash(&project).unwrap();
    project.migrations.verify().unwrap();
    assert!(!root.path().join("any.yaml").exists());
}

#[test]
fn updates_the_hashes_after_an_edit_and_a_merge() {
    let (_root, project) = project();
    let merged =
        "R:\n<<<<<<< HEAD\n  MigrationHash: a\n=======\n  MigrationHash: b\n>>>>>>> x\nO: 1\n";
    fs::write(project.root.join("any.yaml"), merged).unwrap();
    fs::write(project.migrations.sum_path(), "<<<<<<< HEAD\n").unwrap();
    hash(&project).unwrap();
    let sum = project.migrations.verify().unwrap();
    assert_eq!(read(&project, "any.yaml"), format!("R:\n  MigrationHash: {sum}\nO: 1\n"));
}

#[rstest]
#[case::twice("MigrationHash: a\nMigrationHash: b\n")]
#[case::reference("R:\n  MigrationHash: !Ref Hash\n")]
fn writes_nothing_if_the_hash_cannot_be_written(#[case] copy: &str) {
    let (_root, project) = project();
    fs::write(project.root.join("any.yaml"), copy).unwrap();
    fs::write(project.migrations.path().join("1_a.sql"), "SELECT 3;").unwrap();
    let before = snapshot(&project);
    let files = [planned("2_b.sql")];
    let sum = sum_with(&project, &files);
    let error = format!("{:#}", install(&project, &files, &sum).unwrap_err());
    assert!(error.contains("no file was changed"), "{error}");
    assert!(error.contains("any.yaml"), "{error}");
    assert_eq!(snapshot(&project), before);

    let error = format!("{:#}", hash(&project).unwrap_err());
    assert!(error.contains("any.yaml"), "{error}");
    assert_eq!(snapshot(&project), before);
    assert!(matches!(project.migrations.verify(), Err(IntegrityError::Edited { .. })));
}

#[test]
fn refuses_when_another_migration_was_added_in_the_meantime() {
    let (_root, project) = project();
    let files = [planned("3_c.sql")];
    let sum = sum_with(&project, &files);
    fs::write(project.migrations.path().join("2_b.sql"), "SELECT 9;").unwrap();
    let before = snapshot(&project);
    let error = format!("{:#}", install(&project, &files, &sum).unwrap_err());
    assert!(error.contains("try again"), "{error}");
    assert_eq!(snapshot(&project), before);
}

#[test]
fn overwrites_no_migration() {
    let (_root, project) = project();
    let files = [planned("2_b.sql"), planned("1_a.sql")];
    let before = snapshot(&project);
    let sum = sum_with(&project, &files);
    let error = format!("{:#}", install(&project, &files, &sum).unwrap_err());
    assert!(error.contains("1_a.sql"), "{error}");
    assert_eq!(snapshot(&project), before);
}
