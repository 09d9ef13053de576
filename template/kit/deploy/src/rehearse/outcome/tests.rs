use rstest::rstest;

use super::*;

const REASON: &str =
    "Received response status [FAILED] from custom resource. Message returned: 3_c.sql failed";

/// A migration that failed and was rolled back, as expected.
fn rolled_back() -> (Expected, Observed) {
    let database = Snapshot {
        current: Some("2".to_owned()),
        migrations: 2,
        tables: 1,
        rows: vec!["rows in public.t: 1".to_owned()],
        ..Snapshot::default()
    };
    let expected = Expected {
        stack: Some("UPDATE_ROLLBACK_COMPLETE"),
        calls: vec![
            Call::new("Update", "FAILED", 0, "3_c.sql"),
            Call::new("Update", "SUCCESS", 0, ""),
        ],
        database: Database::Unchanged,
    };
    let observed = Observed {
        stack: Some("UPDATE_ROLLBACK_COMPLETE".to_owned()),
        calls: vec![
            Call::new("Update", "FAILED", 0, "FAILED: migration 3_c.sql failed"),
            Call::new("Update", "SUCCESS", 0, "SUCCESS: nothing to apply"),
        ],
        failures: vec![StackFailure {
            resource: "AppliedMigrations".to_owned(),
            kind: "Custom::DatabaseMigrations".to_owned(),
            reason: REASON.to_owned(),
        }],
        databases: (database.clone(), database),
        log: Vec::new(),
    };
    (expected, observed)
}

/// A new migration that was applied, as expected.
fn applied() -> (Expected, Observed) {
    let (_, observed) = rolled_back();
    let (before, _) = observed.databases;
    let expected = Expected {
        stack: Some("UPDATE_COMPLETE"),
        calls: vec![Call::new("Update", "SUCCESS", 1, "")],
        database: Database::At { version: "3".to_owned(), more: 1 },
    };
    let observed = Observed {
        stack: Some("UPDATE_COMPLETE".to_owned()),
        calls: vec![Call::new("Update", "SUCCESS", 1, "SUCCESS: applied 1")],
        databases: (
            before.clone(),
            Snapshot { current: Some("3".to_owned()), migrations: 3, ..before },
        ),
        ..Observed::default()
    };
    (expected, observed)
}

#[rstest]
#[case(rolled_back())]
#[case(applied())]
fn finds_no_problem_in_the_expected_outcome(#[case] (expected, observed): (Expected, Observed)) {
    assert_eq!(observed.problems(&expected), Vec::<String>::new());
}

#[rstest]
#[case::stack(|observed: &mut Observed| observed.stack = Some("UPDATE_ROLLBACK_FAILED".into()), "the stack is UPDATE_ROLLBACK_FAILED, expected UPDATE_ROLLBACK_COMPLETE")]
#[case::no_stack(|observed: &mut Observed| observed.stack = None, "the stack is missing, expected UPDATE_ROLLBACK_COMPLETE")]
#[case::no_second_call(|observed: &mut Observed| drop(observed.calls.pop()), "answer: \"FAILED: migration 3_c.sql failed\" }]; expected")]
#[case::one_call_more(|observed: &mut Observed| observed.calls.push(Call::new("Update", "SUCCESS", 0, "")), "answer: \"\" }]; expected")]
#[case::order(|observed: &mut Observed| observed.calls.reverse(), "got [Call { request: \"Update\", outcome: \"SUCCESS\"")]
#[case::request(|observed: &mut Observed| observed.calls[1].request = "Delete".into(), "request: \"Delete\"")]
#[case::rollback_fails(|observed: &mut Observed| observed.calls[1].outcome = "FAILED".into(), "outcome: \"FAILED\", applied: 0, answer: \"SUCCESS: nothing to apply\"")]
#[case::applied(|observed: &mut Observed| observed.calls[1].applied = 1, "applied: 1")]
#[case::answer(|observed: &mut Observed| observed.calls[0].answer = "FAILED: no connection".into(), "no connection")]
#[case::history(|observed: &mut Observed| observed.databases.1.migrations = 3, "the database has changed")]
#[case::schema(|observed: &mut Observed| observed.databases.1.rows.push("rows in public.u: 1".into()), "+ rows in public.u: 1")]
#[case::no_failure(|observed: &mut Observed| observed.failures.clear(), "reports no failure")]
#[case::failure_of_another(|observed: &mut Observed| observed.failures[0].resource = "MigrationRole".into(), "reports no failure")]
#[case::reason(|observed: &mut Observed| observed.failures[0].reason = "timed out".into(), "does not contain \"3_c.sql\": timed out")]
fn finds_what_is_wrong_with_a_rollback(#[case] spoil: fn(&mut Observed), #[case] words: &str) {
    let (expected, mut observed) = rolled_back();
    spoil(&mut observed);
    let problems = observed.problems(&expected);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(words), "{problems:?}");
}

#[rstest]
#[case::not_called(|observed: &mut Observed| observed.calls.clear(), "got []; expected [Call { request: \"Update\", outcome: \"SUCCESS\", applied: 1")]
#[case::version(|observed: &mut Observed| observed.databases.1.current = Some("2".into()), "the database is at 2, 3 migrations")]
#[case::one_too_many(|observed: &mut Observed| observed.databases.1.migrations = 4, "expected 3, 3 migrations")]
#[case::half(|observed: &mut Observed| observed.databases.1.broken_off = true, "and a part of the last")]
#[case::failure(|observed: &mut Observed| observed.failures = rolled_back().1.failures, "the migrations failed: Received")]
fn finds_what_is_wrong_with_an_update(#[case] spoil: fn(&mut Observed), #[case] words: &str) {
    let (expected, mut observed) = applied();
    spoil(&mut observed);
    let problems = observed.problems(&expected);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(words), "{problems:?}");
}

#[test]
fn accepts_a_part_of_a_migration_where_it_is_expected() {
    let (expected, mut observed) = applied();
    let expected = Expected { database: Database::PartlyAt("3".to_owned()), ..expected };
    assert_eq!(observed.problems(&expected).len(), 1);
    observed.databases.1.broken_off = true;
    observed.databases.1.migrations = 2;
    assert_eq!(observed.problems(&expected), Vec::<String>::new());
}

#[test]
fn reads_the_calls_from_the_log() {
    let line = |message: &str, applied: u8| {
        format!("{{\"message\":\"{message}\",\"request_type\":\"Update\",\"applied\":{applied}}}")
    };
    let log = [
        "no JSON".to_owned(),
        "{\"message\":\"begin\",\"request_type\":\"Update\"}".to_owned(),
        line("FAILED: no", 0),
        "{\"_aws\":{},\"RequestType\":\"Update\"}".to_owned(),
        line("SUCCESS: yes", 2),
    ];
    assert_eq!(
        Call::all(&log),
        [
            Call::new("Update", "FAILED", 0, "FAILED: no"),
            Call::new("Update", "SUCCESS", 2, "SUCCESS: yes"),
        ]
    );
}
