use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{aws::word, samconfig::StackEnvironment, stack::MIGRATIONS};

/// Refuses a stack that CloudFormation would not update, and says how to repair it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
///
/// # Errors
/// When the state of the stack does not allow an update.
pub(super) fn check(stack: &Option<Value>, environment: &StackEnvironment) -> Result<()> {
    let Some(stack) = stack else { return Ok(()) };
    let StackEnvironment { stack_name: name, region, .. } = environment;
    let command =
        |verb: &str| format!("`aws cloudformation {verb} --stack-name {name} --region {region}`");
    match status(stack) {
        "DELETE_FAILED" => bail!(
            "the stack {name} is DELETE_FAILED: a part of it could not be deleted. See which \
             (`just stack-status {}`), remove the cause, then {}. If it is the network interfaces \
             of a function, they go within an hour; to leave the migrations' part behind, add \
             `--retain-resources {MIGRATIONS}`",
            environment.name,
            command("delete-stack")
        ),
        state @ ("ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED") => {
            bail!(
                "the stack {name} is {state}: its creation failed, and it can only be deleted. The \
             database is not part of it, unless the stack created it. See why (`just \
             stack-status {}`), then {}, and deploy again",
                environment.name,
                command("delete-stack")
            )
        }
        "UPDATE_ROLLBACK_FAILED" => bail!(
            "the stack {name} is UPDATE_ROLLBACK_FAILED. Repair the cause (`just stack-status \
             {}`), then {}, and deploy again",
            environment.name,
            command("continue-update-rollback")
        ),
        // sam leaves this state when a change set is not executed.
        "REVIEW_IN_PROGRESS" => Ok(()),
        state if state.ends_with("_IN_PROGRESS") => bail!(
            "the stack {name} is {state}: somebody is deploying it now. Wait for the end, then \
             deploy again"
        ),
        _ => Ok(()),
    }
}

/// Refuses another name for a database that the stack created: RDS would replace the instance,
/// with all data.
///
/// # Errors
/// When the name differs from the deployed one.
pub(super) fn check_name(stack: &Option<Value>, environment: &StackEnvironment) -> Result<()> {
    let deployed = |name: &str| {
        let mut all = stack.iter().flat_map(|stack| stack["Parameters"].as_array()).flatten();
        let found = all.find(|parameter| parameter["ParameterKey"] == name)?;
        found["ParameterValue"].as_str()
    };
    let (old, new) = (deployed("DatabaseName"), environment.parameter("DatabaseName"));
    if deployed("Database") == Some("create") && old.is_some() && old != new {
        bail!(
            "the stack created its database with the name {}, and samconfig.toml has {}: RDS would \
             replace the database by an empty one. Keep the name, or deploy another stack",
            old.unwrap_or_default(),
            new.unwrap_or_default()
        );
    }
    Ok(())
}

/// State and outputs of a stack, for messages.
pub(super) fn describe(stack: &Value) -> String {
    let changed = [&stack["LastUpdatedTime"], &stack["CreationTime"]];
    let changed = changed.into_iter().find_map(Value::as_str);
    let mut text = format!(
        "{}: {} since {}\n",
        word(&stack["StackName"]),
        status(stack),
        changed.unwrap_or("?")
    );
    for output in stack["Outputs"].as_array().into_iter().flatten() {
        let (key, value) = (word(&output["OutputKey"]), word(&output["OutputValue"]));
        let _ = writeln!(text, "  {key:<20} {value}");
    }
    text
}

fn status(stack: &Value) -> &str {
    stack["StackStatus"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("CREATE_COMPLETE", None)]
    #[case("UPDATE_ROLLBACK_COMPLETE", None)]
    #[case("REVIEW_IN_PROGRESS", None)]
    #[case("ROLLBACK_COMPLETE", Some("delete-stack --stack-name s --region r"))]
    #[case("UPDATE_ROLLBACK_FAILED", Some("continue-update-rollback"))]
    #[case("DELETE_FAILED", Some("--retain-resources Migrations"))]
    #[case("UPDATE_IN_PROGRESS", Some("somebody is deploying"))]
    fn says_what_to_do_with_a_stack(#[case] state: &str, #[case] words: Option<&str>) {
        let stack = Some(json!({ "StackName": "s", "StackStatus": state }));
        let error = check(&stack, &StackEnvironment::of("")).err().map(|error| error.to_string());
        match (error, words) {
            (None, None) => {}
            (Some(error), Some(words)) => assert!(error.contains(words), "{error}"),
            (error, _) => panic!("{error:?}"),
        }
    }

    #[rstest]
    #[case("create", "app", None)]
    #[case("create", "other", Some("created its database with the name other"))]
    #[case("existing", "other", None)]
    fn a_created_database_keeps_its_name(
        #[case] database: &str,
        #[case] name: &str,
        #[case] words: Option<&str>,
    ) {
        let parameter = |key, value| json!({ "ParameterKey": key, "ParameterValue": value });
        let parameters = [parameter("Database", database), parameter("DatabaseName", name)];
        let stack = Some(json!({ "Parameters": parameters }));
        let error = check_name(&stack, &StackEnvironment::of("'DatabaseName=app'")).err();
        let error = error.map(|error| error.to_string());
        assert_eq!(error.is_some(), words.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().contains(words.unwrap_or_default()));
    }

    #[test]
    fn no_stack_can_be_created() {
        check(&None, &StackEnvironment::of("")).unwrap();
    }

    #[test]
    fn describes_the_outputs() {
        let stack = json!({
            "StackName": "s", "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-01-01",
            "Outputs": [{ "OutputKey": "CurrentVersion", "OutputValue": "7" }],
        });
        assert_eq!(
            describe(&stack),
            "s: CREATE_COMPLETE since 2026-01-01\n  CurrentVersion       7\n"
        );
    }
}
