use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use toml::{Table, Value};

/// File that records what a repository was rendered from.
pub(crate) const FILE: &str = ".template-answers.toml";

/// Contents of [`FILE`].
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Answers {
    pub(crate) template: Template,
    pub(crate) values: Table,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Template {
    /// Git URL, `gh:owner/name`, or directory.
    pub(crate) source: String,
    pub(crate) version: String,
}

impl Answers {
    /// # Errors
    /// When the file is missing from `root`, or lacks something.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE))
            .with_context(|| format!("cannot read {FILE}, the record of the template"))?;
        toml::from_str(&text).with_context(|| format!("{FILE} is damaged; restore it with git"))
    }

    /// Name of the project, and of the directory that cargo-generate renders into.
    pub(crate) fn project_name(&self) -> Result<&str> {
        let name = self.values.get("project-name").and_then(Value::as_str);
        name.with_context(|| format!("{FILE} has no project-name"))
    }

    /// These answers with some changed or added, and another source.
    pub(crate) fn with(&self, define: &[(String, String)], source: &str) -> Self {
        let mut new = self.clone();
        source.clone_into(&mut new.template.source);
        let define = define.iter().cloned();
        new.values.extend(define.map(|(key, value)| (key, value.into())));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_adds_answers() {
        let text = "[template]\nversion = \"1.0.0\"\nsource = \"gh:a/b\"\n[values]\n\
                    project-name = \"shop\"\naws = \"no\"\n";
        let old: Answers = toml::from_str(text).unwrap();
        let define = [("aws", "yes"), ("motto", "onward")].map(|(k, v)| (k.into(), v.into()));
        let new = old.with(&define, "/template");
        assert_eq!(new.project_name().unwrap(), "shop");
        assert_eq!(new.template.source, "/template");
        assert_eq!(new.values["aws"].as_str(), Some("yes"));
        assert_eq!(new.values["motto"].as_str(), Some("onward"));
    }
}
