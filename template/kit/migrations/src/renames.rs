//! Which changes are renames: what is dropped and added loses its data.

use std::io::{BufRead, Write, stdout};

use anyhow::{Result, bail};
use atlas::MigrationFile;
use planner::{Rename, Schema, Step};

use crate::{compare::Scratch, project::Project};

/// What the user says, or is asked.
pub(crate) struct Renames<'a> {
    pub(crate) given: &'a [Rename],
    /// Whether nothing but `given` is a rename.
    pub(crate) no_others: bool,
    /// Answers on a terminal.
    pub(crate) answers: Option<&'a mut dyn BufRead>,
}

impl Renames<'_> {
    /// Returns statements for the renames and for what follows their names, and applies them to
    /// `migrated`, whose schema is `before`. Returns its new schema too: what remains is planned
    /// from there.
    ///
    /// # Errors
    /// When something may be a rename and nobody can be asked.
    pub(crate) async fn apply(
        &mut self,
        project: &Project,
        migrated: &mut Scratch,
        mut before: Schema,
        described: &Schema,
    ) -> Result<(Vec<Step>, Schema)> {
        let mut steps = Vec::new();
        let mut declined = Vec::new();
        let mut given = self.given.iter();
        loop {
            let rename = match given.next() {
                Some(rename) => Some(rename.clone()),
                None => {
                    let mut candidates = planner::candidates(&before, described);
                    candidates.retain(|candidate| !declined.contains(candidate));
                    self.choose(candidates, &mut declined)?
                }
            };
            let more = match &rename {
                Some(rename) => vec![planner::rename(&before, rename)?],
                None => planner::rename_followers(&before, described),
            };
            if !more.is_empty() {
                let sql: Vec<_> = more.iter().map(|step| step.sql.as_str()).collect();
                let contents = sql.join(";\n").into_bytes();
                migrated.run(&[MigrationFile { name: "renames".into(), contents }]).await?;
                before = migrated.schema(project).await?;
                steps.extend(more);
            }
            if rename.is_none() {
                return Ok((steps, before));
            }
        }
    }

    /// Returns the first of the candidates that is a rename.
    fn choose(
        &mut self,
        candidates: Vec<Rename>,
        declined: &mut Vec<Rename>,
    ) -> Result<Option<Rename>> {
        if self.no_others || candidates.is_empty() {
            return Ok(None);
        }
        let Some(answers) = &mut self.answers else {
            let list: String =
                candidates.iter().map(|rename| format!("  --rename {rename}\n")).collect();
            bail!(
                "a rename keeps data that dropping and adding loses. These may be renames:\n{list}\
                 add those that are to the command, and --no-rename if no others are; \
                 migrations/ is as it was"
            );
        };
        for candidate in candidates {
            let Rename { from, to } = &candidate;
            print!("Was {from} renamed to {to}? Otherwise its data is lost. [y/N] ");
            stdout().flush()?;
            let mut answer = String::new();
            if answers.read_line(&mut answer)? == 0 {
                bail!("no answer; migrations/ is as it was");
            }
            if answer.trim_start().starts_with(['y', 'Y']) {
                return Ok(Some(candidate));
            }
            declined.push(candidate);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(text: &str) -> Rename {
        text.parse().unwrap()
    }

    #[test]
    fn asks_one_by_one_until_a_yes() {
        let mut input = "n\n\nYes\n".as_bytes();
        let mut renames = Renames { given: &[], no_others: false, answers: Some(&mut input) };
        let candidates = ["t.a=b", "t.a=c", "t.d=e", "t.d=f"].map(rename).to_vec();
        let mut declined = Vec::new();
        let chosen = renames.choose(candidates, &mut declined).unwrap();
        assert_eq!(chosen, Some(rename("t.d=e")));
        assert_eq!(declined, [rename("t.a=b"), rename("t.a=c")]);
        // The input has ended: no answer is not a no.
        renames.choose(vec![rename("t.d=f")], &mut declined).unwrap_err();
    }

    #[test]
    fn stops_where_nobody_can_be_asked() {
        let mut renames = Renames { given: &[], no_others: false, answers: None };
        let candidates = || vec![rename("users.name=full_name")];
        let error = renames.choose(candidates(), &mut Vec::new()).unwrap_err().to_string();
        for words in ["--rename users.name=full_name\n", "--no-rename"] {
            assert!(error.contains(words), "{error}");
        }
        renames.no_others = true;
        assert_eq!(renames.choose(candidates(), &mut Vec::new()).unwrap(), None);
    }
}
