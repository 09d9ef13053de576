//! The properties of the custom resource.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rds::DatabaseOverrides;
use serde_json::{Map, Value};

/// The baseline of a database that contains other things, but nothing of the migrations.
pub const NOTHING: &str = "none";
/// How long to keep trying what may come back. A paused Aurora takes up to a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);
/// How long to wait for another deployment to the same database.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long CloudFormation waits where the stack does not say: as long as it allows.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>
const SERVICE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The properties of the custom resource. CloudFormation passes all values as strings; an
/// empty one counts as missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Properties {
    /// Hash of the migration directory that the stack was deployed with, `h1:...`.
    pub migration_hash: Option<String>,
    /// Values that take precedence over the environment.
    pub database: DatabaseOverrides,
    /// Role that the migrations run as; `None` means the user.
    pub owner_role: Option<String>,
    /// Reports what would be applied, and applies nothing.
    pub dry_run: bool,
    /// Version that a database without history is assumed to have, or [`NOTHING`].
    pub baseline_version: Option<String>,
    /// How long to keep trying while the database, Secrets Manager or a lock is not available.
    pub connect_timeout: Duration,
    /// How long to wait for another deployment to the same database.
    pub lock_timeout: Duration,
    /// Whether a database that has more migrations than the package is an error.
    pub fail_when_ahead: bool,
    /// How long CloudFormation waits for the answer.
    pub service_timeout: Duration,
}

impl Properties {
    /// # Errors
    /// When a property is unknown, malformed or missing; names it.
    pub fn read(properties: Map<String, Value>) -> Result<Self> {
        let mut given = BTreeMap::new();
        for (name, value) in properties {
            let text = match value {
                Value::Null => continue,
                Value::String(text) if text.trim().is_empty() => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    bail!("the property {name} is {value}, but must be a text")
                }
            };
            given.insert(name, text);
        }
        // Meant for CloudFormation, which passes them on; a change of the second makes it run an
        // update.
        for name in ["ServiceToken", "ForceUpdate"] {
            given.remove(name);
        }
        let mut take = |name| given.remove(name);
        let ahead = take("OnDatabaseAhead");
        let properties = Self {
            migration_hash: take("MigrationHash").map(|hash| hash.trim().to_owned()),
            database: DatabaseOverrides {
                name: take("DatabaseName"),
                host: take("DatabaseHost"),
                port: number("DatabasePort", take("DatabasePort"), "a number up to 65535")?,
                user: take("DatabaseUser"),
            },
            owner_role: take("DatabaseOwnerRole"),
            dry_run: choice("DryRun", take("DryRun"), ["false", "true"])?,
            baseline_version: take("BaselineVersion"),
            connect_timeout: seconds("ConnectTimeout", take("ConnectTimeout"), CONNECT_TIMEOUT)?,
            lock_timeout: seconds("LockTimeout", take("LockTimeout"), LOCK_TIMEOUT)?,
            fail_when_ahead: choice("OnDatabaseAhead", ahead, ["succeed", "fail"])?,
            service_timeout: seconds("ServiceTimeout", take("ServiceTimeout"), SERVICE_TIMEOUT)?,
        };
        // A mistyped `DryRun` would apply.
        let unknown: Vec<String> = given.into_keys().collect();
        ensure!(unknown.is_empty(), "there is no property {}", unknown.join(", "));
        Ok(properties)
    }
}

/// Returns whether the second of two values is given; the first is the default.
fn choice(name: &str, value: Option<String>, [no, yes]: [&str; 2]) -> Result<bool> {
    let value = value.unwrap_or_else(|| no.to_owned());
    ensure!(
        [no, yes].contains(&value.as_str()),
        "the property {name} is {value:?}, but must be {no} or {yes}"
    );
    Ok(value == yes)
}

fn seconds(name: &str, value: Option<String>, default: Duration) -> Result<Duration> {
    let seconds = number::<u32>(name, value, "a number of seconds")?;
    Ok(seconds.map_or(default, |seconds| Duration::from_secs(seconds.into())))
}

fn number<T: FromStr>(name: &str, value: Option<String>, expected: &str) -> Result<Option<T>> {
    let wrong = |value| format!("the property {name} is {value:?}, but must be {expected}");
    let number = value.map(|value| value.parse().ok().with_context(|| wrong(value)));
    number.transpose()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read(properties: Value) -> Result<Properties> {
        let Value::Object(properties) = properties else { panic!("no object") };
        Properties::read(properties)
    }

    #[test]
    fn blanks_are_defaults_and_types_do_not_matter() {
        let short = read(json!({"MigrationHash": "h1:x"})).unwrap();
        let long = read(json!({
            "ServiceToken": "arn", "ServiceTimeout": 3600, "ForceUpdate": 7,
            "MigrationHash": " h1:x ", "DatabaseName": "", "DryRun": false,
            "LockTimeout": 60, "OnDatabaseAhead": "succeed", "BaselineVersion": null,
        }))
        .unwrap();
        assert_eq!(short, long);
        assert!(!short.dry_run && !short.fail_when_ahead);
    }

    #[rstest]
    #[case(json!({"MigrationHash": "h1:x", "Dryrun": "true"}), "there is no property Dryrun")]
    #[case(json!({"MigrationHash": "h1:x", "DryRun": "yes"}), "DryRun is \"yes\", but must be false or true")]
    #[case(json!({"MigrationHash": "h1:x", "LockTimeout": "1m"}), "LockTimeout is \"1m\", but must be a number")]
    #[case(json!({"MigrationHash": "h1:x", "OnDatabaseAhead": "no"}), "must be succeed or fail")]
    #[case(json!({"MigrationHash": ["h1:x"]}), "MigrationHash is [\"h1:x\"], but must be a text")]
    #[case(json!({"MigrationHash": "h1:x", "DatabasePort": "x"}), "DatabasePort is \"x\"")]
    fn says_what_is_wrong(#[case] properties: Value, #[case] expected: &str) {
        let error = format!("{:#}", read(properties).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}
