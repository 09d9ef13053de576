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

fn install_now(project: &Project, added: &[MigrationFile]) -> Result<()> {
    install(project, &project.migrations.files().unwrap(), added)
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
    install_now(&project, &files).unwrap();
    let sum = project.migrations.verify().unwrap();
    assert_eq!(project.migrations.files().unwrap().len(), 3);
    assert_eq!(read(&project, "any.yaml"), COPY.replace("h1:old", &sum));
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
    let error = format!("{:#}", install_now(&project, &files).unwrap_err());
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
    let existing = project.migrations.files().unwrap();
    fs::write(project.migrations.path().join("2_b.sql"), "SELECT 9;").unwrap();
    let before = snapshot(&project);
    let error = format!("{:#}", install(&project, &existing, &[planned("3_c.sql")]).unwrap_err());
    assert!(error.contains("try again"), "{error}");
    assert_eq!(snapshot(&project), before);
}

#[test]
fn overwrites_no_migration() {
    let (_root, project) = project();
    let files = [planned("2_b.sql"), planned("1_a.sql")];
    let before = snapshot(&project);
    let error = format!("{:#}", install_now(&project, &files).unwrap_err());
    assert!(error.contains("1_a.sql"), "{error}");
    assert_eq!(snapshot(&project), before);
}

#[rstest]
#[case::past("20200101000000_a.sql", false)]
#[case::future("20990101000000_a.sql", true)]
#[case::another_form("0001_a.sql", false)]
fn new_versions_are_now_but_after_all_others(#[case] last: &str, #[case] in_future: bool) {
    let existing = [planned("20190101000000_z.sql"), planned(last)];
    let versions = versions(&existing, 2);
    assert!(versions[0] < versions[1]);
    assert_eq!(versions[0] == "20990101000001", in_future, "{versions:?}");
    assert!(versions[0].as_str() > "20260101000000");
    assert_eq!(super::in_future(&[&existing[1]], None).len(), usize::from(in_future));
    // A file after one that others have cannot be earlier.
    let next = planned("20990101000001_b.sql");
    assert_eq!(super::in_future(&[&next], Some(&existing[1])).is_empty(), in_future);
}
