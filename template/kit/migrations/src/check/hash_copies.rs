use std::{fs, io::ErrorKind};

use anyhow::Result;
use atlas::SumFile;

use crate::{hash_copy::HashCopy, project::Project, report::Outcome};

/// Do the copies of the hash agree with `atlas.sum`? `None` where there are no copies.
pub(super) fn check(project: &Project) -> Result<Option<Outcome>> {
    let copies = HashCopy::find_all(&project.root)?;
    let mut values = Vec::new();
    for copy in &copies {
        values.push((copy.file(), copy.value()?));
    }
    if values.is_empty() {
        return Ok(None);
    }
    let Some(sum) = recorded(project)? else {
        return Ok(Some(Outcome::Skipped(
            "atlas.sum is missing or damaged, so there is nothing to compare with".into(),
        )));
    };
    let differing: String = values
        .iter()
        .filter(|(_, value)| *value != sum.hash())
        .map(|(file, value)| format!("\n{file:<23} {value}"))
        .collect();
    Ok(Some(if differing.is_empty() {
        let files: Vec<_> = values.into_iter().map(|(file, _)| file).collect();
        Outcome::Passed(format!("{} and atlas.sum agree: {}", files.join(", "), sum.hash()))
    } else {
        Outcome::Failed(format!(
            "another MigrationHash than in atlas.sum, so these migrations would not be applied\n\
             {:<23} {}{differing}\nto write it: just hash-migrations",
            "migrations/atlas.sum",
            sum.hash()
        ))
    }))
}

/// Contents of `atlas.sum`, or the sum of no files where there are no migrations. `None` if
/// it cannot be read, which the integrity check explains.
fn recorded(project: &Project) -> Result<Option<SumFile>> {
    match fs::read_to_string(project.migrations.sum_path()) {
        Ok(text) => Ok(SumFile::parse(&text).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let files = project.migrations.files()?;
            Ok(files.is_empty().then(|| SumFile::compute(&[])))
        }
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EMPTY: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn check(project: &Project, hash: &str) -> Outcome {
        let text = format!("any:\n  MigrationHash: {hash}\n");
        fs::write(project.root.join("any.yaml"), text).unwrap();
        super::check(project).unwrap().unwrap()
    }

    #[test]
    fn no_migrations_have_a_hash_too() {
        assert_eq!(SumFile::compute(&[]).hash(), EMPTY);
        let (_root, project) = Project::sample();
        assert!(matches!(check(&project, EMPTY), Outcome::Passed(_)));
    }

    #[test]
    fn names_both_hashes_and_the_remedy() {
        let (_root, project) = Project::sample();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        let sum = project.migrations.write_sum().unwrap();
        let Outcome::Failed(message) = check(&project, EMPTY) else { panic!("passed") };
        for words in [EMPTY, sum.hash(), "just hash-migrations"] {
            assert!(message.contains(words), "{message}");
        }
        assert!(matches!(check(&project, sum.hash()), Outcome::Passed(_)));
    }

    #[rstest]
    #[case::missing(None)]
    #[case::damaged(Some("<<<<<<< HEAD\n"))]
    fn leaves_a_bad_sum_to_the_check_of_the_directory(#[case] sum: Option<&str>) {
        let (_root, project) = Project::sample();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        if let Some(sum) = sum {
            fs::write(project.migrations.sum_path(), sum).unwrap();
        }
        let outcome = check(&project, EMPTY);
        assert!(matches!(outcome, Outcome::Skipped(_)), "{outcome:?}");
    }

    #[test]
    fn checks_nothing_where_there_are_no_copies() {
        let (_root, project) = Project::sample();
        assert!(super::check(&project).unwrap().is_none());
    }
}
