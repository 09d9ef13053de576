use rstest::rstest;

use super::*;

const REASON: &str =
    "Received response status [FAILED] from custom resource. Message returned: 3_c.sql failed";

/// A migration that failed and was rolled back, as it is to be.
fn rolled_back() -> (Expected, Seen) {
    let database = Snapshot {
        current: Some("2".to_owned()),
        migrations: 2,
        tables: 1,
        details: vec!["relation public.t (r)".to_owned()],
        ..Snapshot::default()
    };
    let expected = Expected {
        stack: Some("UPDATE_ROLLBACK_COMPLETE"),
        calls: vec![
            Call::new("Update", "FAILED", 0, "3_c.sql"),
            Call::new("Update", "SUCCESS", 0, ""),
        ],
        new_package: false,
        database: After::AsBefore,
        reason: Some("3_c.sql".to_owned()),
    };
    let seen = Seen {
        stack: Some("UPDATE_ROLLBACK_COMPLETE".to_owned()),
        calls: vec![
            Call::new("Update", "FAILED", 0, "FAILED: migration 3_c.sql failed"),
            Call::new("Update", "SUCCESS", 0, "SUCCESS: nothing to apply"),
        ],
        failures: vec![StackFailure {
            resource: "Migrations".to_owned(),
            kind: "Custom::DatabaseMigrations".to_owned(),
            reason: REASON.to_owned(),
        }],
        packages: (Some("old".to_owned()), Some("old".to_owned())),
        databases: (database.clone(), database),
        log: Vec::new(),
    };
    (expected, seen)
}

/// A new migration that was applied, as it is to be.
fn applied() -> (Expected, Seen) {
    let (_, seen) = rolled_back();
    let (before, _) = seen.databases;
    let expected = Expected {
        stack: Some("UPDATE_COMPLETE"),
        calls: vec![Call::new("Update", "SUCCESS", 1, "")],
        new_package: true,
        database: After::At {
            version: "3".to_owned(),
            more: 1,
        },
        reason: None,
    };
    let seen = Seen {
        stack: Some("UPDATE_COMPLETE".to_owned()),
        calls: vec![Call::new("Update", "SUCCESS", 1, "SUCCESS: applied 1")],
        packages: (Some("old".to_owned()), Some("new".to_owned())),
        databases: (
            before.clone(),
            Snapshot {
                current: Some("3".to_owned()),
                migrations: 3,
                ..before
            },
        ),
        ..Seen::default()
    };
    (expected, seen)
}

#[rstest]
#[case(rolled_back())]
#[case(applied())]
fn finds_nothing_where_all_is_as_it_should_be(#[case] (expected, seen): (Expected, Seen)) {
    assert_eq!(seen.judge(&expected), Vec::<String>::new());
}

#[rstest]
#[case::stack(|seen: &mut Seen| seen.stack = Some("UPDATE_ROLLBACK_FAILED".into()), "the stack is UPDATE_ROLLBACK_FAILED, expected UPDATE_ROLLBACK_COMPLETE")]
#[case::no_stack(|seen: &mut Seen| seen.stack = None, "the stack is no stack, expected UPDATE_ROLLBACK_COMPLETE")]
#[case::no_second_call(|seen: &mut Seen| drop(seen.calls.pop()), "got Update FAILED (0 applied)")]
#[case::one_call_more(|seen: &mut Seen| seen.calls.push(Call::new("Update", "SUCCESS", 0, "")), "then Update SUCCESS (0 applied); expected")]
#[case::order(|seen: &mut Seen| seen.calls.reverse(), "got Update SUCCESS")]
#[case::request(|seen: &mut Seen| seen.calls[1].request = "Delete".into(), "then Delete SUCCESS")]
#[case::rollback_fails(|seen: &mut Seen| seen.calls[1].outcome = "FAILED".into(), "then Update FAILED")]
#[case::applied(|seen: &mut Seen| seen.calls[1].applied = 1, "(1 applied)")]
#[case::answer(|seen: &mut Seen| seen.calls[0].answer = "FAILED: no connection".into(), "no connection")]
#[case::new_package(|seen: &mut Seen| seen.packages.1 = Some("new".into()), "another package than before: new, it was old")]
#[case::history(|seen: &mut Seen| seen.databases.1.migrations = 3, "the database has changed")]
#[case::schema(|seen: &mut Seen| seen.databases.1.details.push("relation public.u (r)".into()), "+ relation public.u (r)")]
#[case::no_failure(|seen: &mut Seen| seen.failures.clear(), "tells of no failure")]
#[case::failure_of_another(|seen: &mut Seen| seen.failures[0].kind = "AWS::IAM::Role".into(), "tells of no failure")]
#[case::reason(|seen: &mut Seen| seen.failures[0].reason = "timed out".into(), "does not say \"3_c.sql\": timed out")]
fn finds_what_is_wrong_with_a_rollback(#[case] spoil: fn(&mut Seen), #[case] words: &str) {
    let (expected, mut seen) = rolled_back();
    spoil(&mut seen);
    let problems = seen.judge(&expected);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(words), "{problems:?}");
}

#[rstest]
#[case::not_called(|seen: &mut Seen| seen.calls.clear(), "got no call; expected Update SUCCESS (1 applied)")]
#[case::old_package(|seen: &mut Seen| seen.packages.1 = Some("old".into()), "still has the package of before")]
#[case::version(|seen: &mut Seen| seen.databases.1.current = Some("2".into()), "the database is at 2, 3 migrations")]
#[case::one_too_many(|seen: &mut Seen| seen.databases.1.migrations = 4, "expected 3, 3 migrations")]
#[case::half(|seen: &mut Seen| seen.databases.1.broken_off = true, "and a part of the last")]
#[case::failure(|seen: &mut Seen| seen.failures = rolled_back().1.failures, "the custom resource failed: Received")]
fn finds_what_is_wrong_with_an_update(#[case] spoil: fn(&mut Seen), #[case] words: &str) {
    let (expected, mut seen) = applied();
    spoil(&mut seen);
    let problems = seen.judge(&expected);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(words), "{problems:?}");
}

#[test]
fn a_part_of_a_migration_is_expected_where_it_breaks_off() {
    let (expected, mut seen) = applied();
    let expected = Expected {
        database: After::BrokenOff {
            version: "3".to_owned(),
        },
        ..expected
    };
    assert_eq!(seen.judge(&expected).len(), 1);
    seen.databases.1.broken_off = true;
    seen.databases.1.migrations = 2;
    assert_eq!(seen.judge(&expected), Vec::<String>::new());
}

#[test]
fn tells_the_calls_from_the_log() {
    let metrics = |id: &str, outcome: &str, applied: u8| {
        format!(
            "{{\"_aws\":{{}},\"RequestType\":\"Update\",\"Outcome\":\"{outcome}\",\
             \"AppliedMigrations\":{applied},\"requestId\":\"{id}\"}}"
        )
    };
    let line =
        |id: &str, message: &str| format!("{{\"message\":\"{message}\",\"requestId\":\"{id}\"}}");
    let log = [
        "START RequestId: 1 Version: $LATEST".to_owned(),
        line("1", "begin"),
        line("1", "FAILED: no"),
        metrics("1", "FAILED", 0),
        // Another function's.
        "{\"_aws\":{}}".to_owned(),
        line("2", "SUCCESS: yes"),
        metrics("2", "SUCCESS", 2),
        line("3", "begin"),
    ];
    assert_eq!(
        Call::all(&log),
        [
            Call::new("Update", "FAILED", 0, "FAILED: no"),
            Call::new("Update", "SUCCESS", 2, "SUCCESS: yes"),
        ]
    );
}
