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
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE))
            .with_context(|| format!("cannot read {FILE}, which says what this was made from"))?;
        Self::parse(&text).with_context(|| format!("{FILE} is damaged"))
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Table = toml::from_str(text)?;
        let of_template = |key: &str| {
            let value = table
                .get("template")
                .and_then(|template| template.get(key)?.as_str());
            value
                .map(str::to_owned)
                .with_context(|| format!("[template] has no {key}"))
        };
        let values = table
            .get("values")
            .and_then(Value::as_table)
            .context("no [values]")?;
        Ok(Self {
            source: of_template("source")?,
            version: of_template("version")?,
            values: values.clone(),
        })
    }

    /// The answers with some changed or added, and another source.
    pub(crate) fn with(&self, define: &[(String, String)], source: &str) -> Self {
        let mut new = self.clone();
        source.clone_into(&mut new.source);
        for (key, value) in define {
            new.values.insert(key.clone(), Value::String(value.clone()));
        }
        new
    }
}
