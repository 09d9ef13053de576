//! Checks values in `samconfig.toml` against the rules of the stack's own parameters, before AWS
//! does: AllowedPattern, AllowedValues, MinValue and MaxValue.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;

use crate::{samconfig::StackEnvironment, stack::TEMPLATE};

/// The templates with rules.
const TEMPLATES: [&str; 2] = [TEMPLATE, "kit/deploy/migrations.yaml"];

/// # Errors
/// When values break a rule; names all of them.
pub(crate) fn check(root: &Path, environment: &StackEnvironment) -> Result<()> {
    let mut wrong = Vec::new();
    for file in TEMPLATES {
        // A project may have no nested stack.
        let Ok(template) = fs::read_to_string(root.join(file)) else { continue };
        for (name, value) in &environment.parameters {
            if let Some(rule) = broken(&template, name, value)? {
                wrong.push(format!("\n  {name} is {value:?}, but {rule}"));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "samconfig.toml, [{}.deploy.parameters]: nothing was deployed.{}",
        environment.name,
        wrong.concat()
    );
    Ok(())
}

/// Returns the rule of a template that the value of a parameter breaks.
fn broken(template: &str, name: &str, value: &str) -> Result<Option<String>> {
    let parameters = template.split("\nParameters:\n").nth(1).unwrap_or_default();
    let parameters = parameters.split("\n\n").next().unwrap_or_default();
    let mut lines = parameters.lines().skip_while(|line| *line != format!("  {name}:")).skip(1);
    let lines: Vec<&str> = lines.by_ref().take_while(|line| line.starts_with("    ")).collect();
    let rule = |key: &str| {
        let mut found = lines.iter().filter_map(|line| line.trim().strip_prefix(key));
        found.find_map(|rest| rest.strip_prefix(": ")).map(|text| text.trim_matches('"'))
    };
    if let Some(pattern) = rule("AllowedPattern") {
        let pattern = Regex::new(pattern).with_context(|| format!("the pattern of {name}"))?;
        if !pattern.is_match(value) {
            let description = rule("ConstraintDescription").map(str::to_owned);
            return Ok(description.or_else(|| Some(format!("must match {}", pattern.as_str()))));
        }
    }
    if let Some(allowed) = rule("AllowedValues") {
        let mut values = allowed.trim_matches(['[', ']']).split(", ");
        if !values.any(|allowed| allowed.trim_matches('"') == value) {
            return Ok(Some(format!("must be one of {allowed}")));
        }
    }
    let bound = |key: &str| rule(key).and_then(|bound| bound.parse::<i64>().ok());
    let (least, most) = (bound("MinValue"), bound("MaxValue"));
    if least.is_some() || most.is_some() {
        let (least, most) = (least.unwrap_or(i64::MIN), most.unwrap_or(i64::MAX));
        if !value.parse().is_ok_and(|number: i64| (least..=most).contains(&number)) {
            return Ok(Some(format!("must be a number from {least} to {most}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("DatabaseHost", "db.c1.eu-west-1.rds.amazonaws.com", None)]
    #[case(
        "DatabaseHost",
        "https://db.example:5432",
        Some("must be a host name, without scheme and port")
    )]
    #[case("SecurityGroupIds", "banana", Some("must be security group ids, separated by commas"))]
    #[case("SubnetIds", "subnet-0a1, subnet-0b2", Some("must be subnet ids, separated by commas"))]
    #[case(
        "DatabaseResourceId",
        "prx-0123456789abcdef0",
        Some("not an RDS Proxy, which cannot migrate")
    )]
    #[case("DatabasePort", "five", Some("must be a number from 1 to 65535"))]
    #[case("ConnectTimeout", "900", Some("must be a number from 1 to 800"))]
    #[case("Authentication", "password", Some("must be one of [iam, secret]"))]
    #[case("PostgresMajor", "9.6", Some("must be one of"))]
    #[case("DryRun", "true", None)]
    #[case("MyOwn", "anything", None)]
    fn the_rules_are_those_of_the_stack(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: Option<&str>,
    ) {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let environment = StackEnvironment::of(&format!("'{name}=\"{value}\"'"));
        let error = check(root, &environment).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    /// The last attempt begins at MaximumEventAgeInSeconds and lasts for Timeout. Nothing may
    /// work behind a stack that gave up. A task computes its end from ServiceTimeout.
    #[test]
    fn the_time_limits_of_the_stack_fit() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let template = fs::read_to_string(root.join(TEMPLATES[1])).unwrap();
        let number = |key: &str| {
            let mut lines = template.lines().filter_map(|line| line.trim().strip_prefix(key));
            lines.find_map(|rest| rest.strip_prefix(": ")?.parse::<u32>().ok()).unwrap()
        };
        let attempt = number("MaximumEventAgeInSeconds") + number("Timeout");
        let waits = "ServiceTimeout: !If [UseTask, 3600, ";
        let (_, waits) = template.split_once(waits).unwrap();
        let waits: u32 = waits.split(']').next().unwrap().parse().unwrap();
        // The most that Lambda, and CloudFormation, allow.
        assert!(attempt < waits && number("Timeout") <= 900 && waits <= 3600);
    }
}
