use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

/// File that records what a repository was rendered from.
pub(crate) const FILE: &str = ".template-answers.toml";

/// Contents of [`FILE`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answers {
    pub(crate) source: String,
    pub(crate) version: String,
    pub(crate) values: Table,
}

impl Answers {
    /// # Errors
    /// When the file is missing from `root`, or lacks something.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE))
            .with_context(|| format!("cannot read {FILE}, the record of the template"))?;
        Self::parse(&text).with_context(|| format!("{FILE} is damaged; restore it with git"))
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Table = toml::from_str(text)?;
        let entry = |section: &str, key: &str| {
            let value = table
                .get(section)
                .and_then(|section| section.get(key)?.as_str());
            let value = value.with_context(|| format!("[{section}] has no {key}"));
            value.map(str::to_owned)
        };
        entry("values", "project-name")?;
        let values = table.get("values").and_then(Value::as_table);
        Ok(Self {
            source: entry("template", "source")?,
            version: entry("template", "version")?,
            values: values.cloned().unwrap_or_default(),
        })
    }

    /// Name of the project, and of the directory that cargo-generate renders into.
    pub(crate) fn project_name(&self) -> &str {
        self.values["project-name"].as_str().unwrap_or_default()
    }

    /// These answers with some changed or added, and another source.
    pub(crate) fn with(&self, define: &[(String, String)], source: &str) -> Self {
        let mut new = self.clone();
        source.clone_into(&mut new.source);
        for (key, value) in define {
            new.values.insert(key.clone(), Value::String(value.clone()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_file_lacks() {
        let error = |text: &str| Answers::parse(text).unwrap_err().to_string();
        assert_eq!(error(""), "[values] has no project-name");
        let text = "[template]\nversion = \"1.0.0\"\n[values]\nproject-name = \"shop\"\n";
        assert_eq!(error(text), "[template] has no source");
    }

    #[test]
    fn changes_and_adds_answers() {
        let text = "[template]\nversion = \"1.0.0\"\nsource = \"gh:a/b\"\n[values]\n\
                    project-name = \"shop\"\naws = \"no\"\n";
        let define = [("aws", "yes"), ("motto", "onward")].map(|(k, v)| (k.into(), v.into()));
        let new = Answers::parse(text).unwrap().with(&define, "/template");
        assert_eq!((new.project_name(), &*new.source), ("shop", "/template"));
        assert_eq!(new.values["aws"].as_str(), Some("yes"));
        assert_eq!(new.values["motto"].as_str(), Some("onward"));
    }
}
