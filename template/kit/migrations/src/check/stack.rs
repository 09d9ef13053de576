use std::{fs, io::ErrorKind};

use anyhow::Result;
use atlas::SumFile;

use crate::{project::Project, report::Outcome, stack_hash::StackHash};

/// Does `template.yaml` name the hash in `atlas.sum`? A deployment with another one
/// runs no migrations, or is refused by the function.
pub(super) fn hash(project: &Project) -> Result<Outcome> {
    let Some(stack) = StackHash::read(&project.root)? else {
        return Ok(Outcome::Skipped("no template.yaml".into()));
    };
    let deployed = stack.value()?;
    let Some(sum) = recorded(project)? else {
        return Ok(Outcome::Skipped(
            "atlas.sum is missing or damaged, so there is nothing to compare with".into(),
        ));
    };
    if deployed == sum.hash() {
        return Ok(Outcome::Passed(format!(
            "template.yaml and atlas.sum agree: {deployed}"
        )));
    }
    Ok(Outcome::Failed(format!(
        "template.yaml names another hash than atlas.sum, so these migrations would not be applied\n\
         MigrationHash in template.yaml  {deployed}\n\
         migrations/atlas.sum            {}\n\
         to write it: just hash-migrations",
        sum.hash()
    )))
}

/// What `atlas.sum` says: the sum of nothing where there are no migrations. `None` if
/// it says nothing, which the check of the directory explains.
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
        let text = format!("Resources:\n  MigrationHash: {hash}\n");
        fs::write(project.root.join("template.yaml"), text).unwrap();
        super::hash(project).unwrap()
    }

    #[test]
    fn the_hash_that_the_template_is_shipped_with_is_that_of_no_migrations() {
        assert_eq!(SumFile::compute(&[]).hash(), EMPTY);
        let (_root, project) = Project::sample();
        assert!(matches!(check(&project, EMPTY), Outcome::Passed(_)));
    }

    #[test]
    fn names_both_hashes_and_the_remedy() {
        let (_root, project) = Project::sample();
        fs::write(project.migrations.path().join("1_a.sql"), "SELECT 1;").unwrap();
        let sum = project.migrations.write_sum().unwrap();
        let Outcome::Failed(message) = check(&project, EMPTY) else {
            panic!("passed")
        };
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
    fn says_that_there_is_no_template() {
        let (_root, project) = Project::sample();
        let Outcome::Skipped(message) = super::hash(&project).unwrap() else {
            panic!("not skipped")
        };
        assert_eq!(message, "no template.yaml");
    }
}
