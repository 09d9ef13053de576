use anyhow::{Result, ensure};

use crate::samconfig::StackEnvironment;

/// Checks that an environment has the parameters that its choices need. CloudFormation
/// would report them one by one, and late.
///
/// # Errors
/// With all that are missing.
pub(super) fn check(environment: &StackEnvironment) -> Result<()> {
    let missing: Vec<String> = needed(environment)
        .into_iter()
        .filter(|(name, _)| environment.parameter(name).is_none())
        .map(|(name, meaning)| format!("\n  {name:<20} {meaning}"))
        .collect();
    ensure!(
        missing.is_empty(),
        "samconfig.toml is not filled in: nothing was deployed. Missing among the \
         parameter_overrides in [{}.deploy.parameters]:{}",
        environment.name,
        missing.concat()
    );
    Ok(())
}

/// Parameters of template.yaml with their meanings.
fn needed(environment: &StackEnvironment) -> Vec<(&'static str, &'static str)> {
    let is = |name: &str, value: &str| environment.parameter(name) == Some(value);
    let mut needed = vec![("DatabaseName", "the database's name")];
    if is("Runner", "task") {
        needed.push(("TaskRepository", "the repository in ECR for the image of the task"));
    }
    let resource =
        ("DatabaseResourceId", "cluster-... or db-..., as `aws rds describe-db-clusters` shows it");
    // A created database provides the rest.
    if !is("Database", "create") {
        needed.extend([
            ("DatabaseHost", "host name of the database, for a cluster that of the writer"),
            ("SubnetIds", "subnets that reach it, with commas between them"),
            (
                "SecurityGroupIds",
                "security groups of the function, which that of the database lets in",
            ),
        ]);
        if is("Authentication", "secret") {
            needed.push(("SecretArn", "the secret with user name and password"));
            needed.extend(environment.parameter("ServiceUser").map(|_| resource));
        } else {
            needed.extend([("DatabaseUser", "the user, who was granted rds_iam"), resource]);
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
                error.contains(&format!("  {name} ")),
                expected.contains(&name),
                "{name}: {error}"
            );
        }
        assert_eq!(error.contains("[dev.deploy.parameters]"), !expected.is_empty());
    }
}
