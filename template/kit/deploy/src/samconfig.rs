//! Environments in `samconfig.toml`.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use toml::{Table, Value};

use crate::architecture::Architecture;

const FILE: &str = "samconfig.toml";

/// An environment to deploy to: the section `[NAME.deploy.parameters]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StackEnvironment {
    pub(crate) name: String,
    pub(crate) stack_name: String,
    pub(crate) region: String,
    /// Whether sam shows the changes and asks before it deploys.
    pub(crate) confirms: bool,
    /// Parameters of the template with their values, without quotes and blank ones.
    pub(crate) parameters: Vec<(String, String)>,
}

impl StackEnvironment {
    /// # Errors
    /// When the file has no environment `name`, or no stack name or region in it.
    pub(crate) fn read(root: &Path, name: &str) -> Result<Self> {
        Self::parse(&text(root)?, name)
    }

    /// Names of all environments.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn names(root: &Path) -> Result<Vec<String>> {
        let config: Table =
            toml::from_str(&text(root)?).with_context(|| format!("{FILE} is not TOML"))?;
        let environments = config.into_iter().filter(|(_, value)| value.get("deploy").is_some());
        Ok(environments.map(|(name, _)| name).collect())
    }

    /// Value of a parameter of the template; `None` if it is blank.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Where the image of the container task is, if the stack has one.
    pub(crate) fn task_repository(&self) -> Option<&str> {
        self.parameter("Runner").filter(|runner| *runner == "task")?;
        self.parameter("TaskRepository")
    }

    /// Processor of the stack's functions.
    ///
    /// # Errors
    /// When it is missing, or Lambda does not have it.
    pub(crate) fn architecture(&self) -> Result<Architecture> {
        let name = &self.name;
        let value = self.parameter("Architecture").with_context(|| {
            format!(
                "{FILE} does not say which processor the functions run on: add \
                 \"Architecture=arm64\" (or x86_64) to parameter_overrides in \
                 [{name}.deploy.parameters], or name it with --architecture"
            )
        })?;
        Architecture::from_str(value, false).map_err(|_| {
            anyhow!(
                "{FILE}: Architecture={value} in the environment {name}: expected arm64 or x86_64"
            )
        })
    }

    fn parse(text: &str, name: &str) -> Result<Self> {
        let config: Table = toml::from_str(text).with_context(|| format!("{FILE} is not TOML"))?;
        let section = |name: &str| config.get(name)?.get("deploy")?.get("parameters");
        let Some(section) = section(name) else {
            let known = config.keys().filter(|name| section(name).is_some());
            let known: Vec<_> = known.map(String::as_str).collect();
            bail!(
                "{FILE} has no environment {name}, [{name}.deploy.parameters]; it has: {}",
                known.join(", ")
            );
        };
        let text = |key: &str| {
            let text = section.get(key).and_then(Value::as_str);
            text.map(str::to_owned)
                .with_context(|| format!("{FILE}: {key} is missing in [{name}.deploy.parameters]"))
        };
        Ok(Self {
            name: name.to_owned(),
            stack_name: text("stack_name")?,
            region: text("region")?,
            confirms: section.get("confirm_changeset").and_then(Value::as_bool) == Some(true),
            parameters: section.get("parameter_overrides").map_or_else(Vec::new, parameters),
        })
    }

    /// The environment dev with `overrides`, the TOML items of `parameter_overrides`.
    #[cfg(test)]
    pub(crate) fn of(overrides: &str) -> Self {
        let text = format!(
            "[dev.deploy.parameters]\nstack_name = \"s\"\nregion = \"r\"\n\
             parameter_overrides = [{overrides}]\n"
        );
        Self::parse(&text, "dev").expect("valid TOML")
    }
}

fn text(root: &Path) -> Result<String> {
    fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))
}

/// Parses a list of pairs or, in sam's older form, one string of them.
fn parameters(overrides: &Value) -> Vec<(String, String)> {
    let pairs: Vec<&str> = match overrides {
        Value::Array(pairs) => pairs.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().split_whitespace().collect(),
    };
    pairs
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim().trim_matches(['"', '\''])))
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::list(
        "parameter_overrides = [\"DatabaseName=app\", 'Architecture=\"x86_64\"', 'SubnetIds=\"\"']"
    )]
    #[case::string(
        "parameter_overrides = 'DatabaseName=app Architecture=\"x86_64\" SubnetIds=\"\"'"
    )]
    fn reads_an_environment(#[case] line: &str) {
        let config = format!(
            "version = 0.1\n[prod.deploy.parameters]\nstack_name = \"p\"\nregion = \"eu\"\n\
             confirm_changeset = true\n\
             [dev.deploy.parameters]\nstack_name = \"d\"\nregion = \"us\"\n{line}\n"
        );
        let dev = StackEnvironment::parse(&config, "dev").unwrap();
        assert_eq!((&*dev.stack_name, &*dev.region, dev.confirms), ("d", "us", false));
        assert_eq!(dev.architecture().unwrap(), Architecture::X86_64);
        assert_eq!(dev.parameter("DatabaseName"), Some("app"));
        assert_eq!(dev.parameter("SubnetIds"), None, "a blank value");
        assert!(StackEnvironment::parse(&config, "prod").unwrap().confirms);
    }

    #[rstest]
    #[case("version", "samconfig.toml is not TOML")]
    #[case(
        "[prod.deploy.parameters]\nstack_name = \"p\"\n",
        "has no environment dev, [dev.deploy.parameters]; it has: prod"
    )]
    #[case(
        "[dev.deploy.parameters]\nstack_name = \"p\"\n",
        "region is missing in [dev.deploy.parameters]"
    )]
    fn says_what_is_missing(#[case] config: &str, #[case] words: &str) {
        let error = format!("{:#}", StackEnvironment::parse(config, "dev").unwrap_err());
        assert!(error.contains(words), "{error}");
    }

    #[rstest]
    #[case("", "add \"Architecture=arm64\"")]
    #[case("\"Architecture=arm\"", "Architecture=arm in the environment dev")]
    fn says_what_is_wrong_with_the_processor(#[case] overrides: &str, #[case] words: &str) {
        let error = StackEnvironment::of(overrides).architecture().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
