use anyhow::{Result, ensure};

use crate::samconfig::StackEnvironment;

/// Checks that an environment has the parameters that its choices need. CloudFormation
/// would report them one by one, and late.
///
/// # Errors
/// With all that are missing.
pub(super) fn check(environment: &StackEnvironment) -> Result<()> {
    let mut missing = needed(environment);
    missing.retain(|name| environment.parameter(name).is_none());
    ensure!(
        missing.is_empty(),
        "samconfig.toml is not filled in: nothing was deployed. Missing among the \
         parameter_overrides in [{}.deploy.parameters]: {}. DEPLOY.md says where they come from",
        environment.name,
        missing.join(", ")
    );
    Ok(())
}

fn needed(environment: &StackEnvironment) -> Vec<&'static str> {
    let is = |name: &str, value: &str| environment.parameter(name) == Some(value);
    let mut needed = vec!["DatabaseName"];
    if is("Runner", "task") {
        needed.push("TaskRepository");
    }
    // A created database provides the rest.
    if !is("Database", "create") {
        needed.extend(["DatabaseHost", "SubnetIds", "SecurityGroupIds"]);
        let secret = is("Authentication", "secret");
        needed.push(if secret { "SecretArn" } else { "DatabaseUser" });
        if !secret || environment.parameter("ServiceUser").is_some() {
            needed.push("DatabaseResourceId");
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::iam("Authentication=\"iam\"", &["DatabaseHost", "SubnetIds", "SecurityGroupIds", "DatabaseUser", "DatabaseResourceId"])]
    #[case::secret("Authentication=\"secret\"", &["DatabaseHost", "SubnetIds", "SecurityGroupIds", "SecretArn"])]
    #[case::created("Database=create", &[])]
    #[case::task("Database=create', 'Runner=task", &["TaskRepository"])]
    #[case::service("Authentication=secret', 'ServiceUser=app_service", &["DatabaseHost", "SubnetIds", "SecurityGroupIds", "SecretArn", "DatabaseResourceId"])]
    fn names_all_that_is_missing(#[case] choice: &str, #[case] expected: &[&str]) {
        let all = [
            "DatabaseHost",
            "SubnetIds",
            "SecurityGroupIds",
            "DatabaseUser",
            "DatabaseResourceId",
            "SecretArn",
            "TaskRepository",
        ];
        let blanks = all.map(|name| format!("'{name}=\"\"'")).join(", ");
        let environment =
            StackEnvironment::of(&format!("'DatabaseName=\"app\"', '{choice}', {blanks}"));
        let error = check(&environment).err().map(|error| error.to_string()).unwrap_or_default();
        for name in all {
            assert_eq!(
                error.contains(&format!(" {name}")),
                expected.contains(&name),
                "{name}: {error}"
            );
        }
        assert_eq!(error.contains("[dev.deploy.parameters]"), !expected.is_empty());
    }
}
