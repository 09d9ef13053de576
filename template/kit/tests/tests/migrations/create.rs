use std::fs;

use rstest::rstest;

use crate::project::{Project, says};

const TABLE: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);\n\
    CREATE UNIQUE INDEX users_name ON users (name);\n";

/// A project whose migrations create `sql`.
async fn planned(sql: &str) -> Project {
    let project = Project::new(sql).await;
    project.run(&["create-migrations"]).succeeded();
    project
}

#[tokio::test]
async fn plans_what_is_missing_and_then_nothing() {
    let project = Project::new(TABLE).await;
    let created = project.run(&["create-migrations"]).succeeded();
    let files = project.migrations();
    assert_eq!(files.len(), 1);
    says(&created, &["migrations/", "_initial.sql\n", "CREATE TABLE", "Review the SQL above"]);
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do", "sql/"]);

    project.write("sql/views.sql", "CREATE VIEW names AS SELECT name FROM users;\n");
    let created = project.run(&["create-migrations", "add_names"]).succeeded();
    says(&created, &["_add_names.sql\n", "CREATE VIEW"]);
    let files = project.migrations();
    assert!(files.is_sorted() && files.len() == 2, "{files:?}");
    says(&project.run(&["check-migrations"]).succeeded(), &["✓ replay", "✓ drift"]);
}

#[tokio::test]
async fn names_what_is_lost() {
    let project = planned(TABLE).await;
    project.write("sql/schema.sql", "CREATE TABLE users (id bigint PRIMARY KEY);\n");
    let created = project.run(&["create-migrations", "drop_name"]).succeeded();
    let allow = "-- allow: drop-column\n";
    says(&created, &[allow, "DROP COLUMN name", "This loses data:\n", "users.name", "a reason"]);

    // Nothing is lost before somebody says why.
    let refused = project.run(&["check-migrations"]).failed();
    says(&refused, &["the comment gives no reason"]);
    let file = format!("migrations/{}", project.migrations()[1]);
    let text = fs::read_to_string(project.root.path().join(&file)).unwrap();
    project.write(&file, &text.replace(allow, "-- allow: drop-column nobody uses it\n"));
    project.run(&["hash-migrations"]).succeeded();
    project.run(&["check-migrations"]).succeeded();
}

#[tokio::test]
async fn a_plan_that_blocks_others_leaves_room_for_a_reason() {
    let project = planned(TABLE).await;
    project.write("sql/schema.sql", &TABLE.replace("name text", "name varchar(20)"));
    let created = project.run(&["create-migrations", "shorter"]).succeeded();
    says(&created, &["rewrites the table", "-- allow: ", "a reason"]);
    says(&project.run(&["check-migrations"]).failed(), &["the comment gives no reason"]);
}

#[tokio::test]
async fn a_rename_is_decided_by_the_user() {
    let project = planned(TABLE).await;
    project.write("sql/schema.sql", &TABLE.replace("name", "full_name"));
    let before = project.migrations();
    let stopped = project.run(&["create-migrations", "rename"]).failed();
    says(&stopped, &["--rename users.name=full_name", "--no-rename", "as it was"]);
    assert!(!stopped.contains("Review"), "{stopped}");
    assert_eq!(project.migrations(), before);

    let wrong = project.run(&["create-migrations", "--rename", "users.nam=full_name"]).failed();
    says(&wrong, &["users.nam"]);
    let rename = ["create-migrations", "rename", "--rename", "users.name=full_name"];
    let renamed = project.run(&rename).succeeded();
    says(&renamed, &["RENAME COLUMN name TO full_name"]);
    assert!(!renamed.contains("DROP") && !renamed.contains("loses data"), "{renamed}");
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_rename_is_asked_on_a_terminal() {
    let project = planned(TABLE).await;
    project.write("sql/schema.sql", &TABLE.replace("users", "people"));
    let planned = project.type_in(&["create-migrations", "rename"], "y\n").succeeded();
    says(&planned, &["Was users renamed to people?", "RENAME TO people"]);
    assert!(!planned.contains("DROP"), "{planned}");
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
}

#[tokio::test]
async fn a_drop_and_an_add_are_planned_if_nothing_is_renamed() {
    let project = planned(TABLE).await;
    project.write("sql/schema.sql", &TABLE.replace("name text NOT NULL", "name text, nick text"));
    project.run(&["create-migrations", "nick"]).succeeded();
    project.write("sql/schema.sql", &TABLE.replace("name text NOT NULL", "name text, handle text"));
    let planned = project.run(&["create-migrations", "--no-rename"]).succeeded();
    says(&planned, &["DROP COLUMN nick", "This loses data:"]);
    says(&planned, &["ADD COLUMN handle"]);
}

/// The plan is good, but a migration by hand stands in its way.
#[tokio::test]
async fn a_plan_that_does_not_apply_is_kept_aside() {
    let project = planned(TABLE).await;
    project.write("sql/views.sql", "CREATE VIEW names AS SELECT name FROM users;\n");
    let guard = "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS \
        $$BEGIN RAISE 'no views' USING HINT = 'ask the DBA'; END$$;\n\
        CREATE EVENT TRIGGER no_views ON ddl_command_start WHEN TAG IN ('CREATE VIEW') \
        EXECUTE FUNCTION refuse();\n";
    project.migration("20200101000001_guard.sql", guard);
    project.metadata(
        "unmanaged = [{ object = '* no_views', reason = 'x' }, { object = '* public.refuse()', reason = 'x' }]\n",
    );
    let before = project.migrations();
    let failed = project.run(&["create-migrations", "add_names"]).failed();
    says(
        &failed,
        &[
            "target/xtask/plan/",
            "_add_names.sql\n",
            "CREATE VIEW",
            "does not apply: target/",
            ", line 2: no views",
        ],
    );
    says(&failed, &["hint: ask the DBA", "migrations/ is as it was", "target/xtask/plan"]);
    assert!(!failed.contains("Review"), "{failed}");
    assert_eq!(project.migrations(), before);
    let kept = fs::read_dir(project.root.path().join("target/xtask/plan")).unwrap();
    let kept: Vec<_> =
        kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(kept.len() == 1 && kept[0].ends_with("_add_names.sql"), "{kept:?}");
}

#[tokio::test]
async fn what_only_migrations_make_is_not_dropped() {
    let project = planned(TABLE).await;
    project.migration("20200101000001_more.sql", "CREATE TABLE events_1 (id bigint);\n");
    project.metadata("unmanaged = [{ object = '* public.events_*', reason = 'a job' }]\n");
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
    project.write("sql/views.sql", "CREATE VIEW names AS SELECT name FROM users;\n");
    let created = project.run(&["create-migrations"]).succeeded();
    assert!(!created.contains("events_1"), "{created}");
}

#[tokio::test]
async fn new_files_come_after_one_that_is_dated_in_the_future() {
    let project = planned(TABLE).await;
    project.migration("20990101000000_late.sql", "CREATE TABLE late (id bigint);\n");
    says(&project.run(&["check-migrations"]).failed(), &["✗ names", "dated in the future"]);
    let created = project.run(&["new-migration", "by_hand"]).succeeded();
    says(&created, &["20990101000000_late.sql is dated in the future"]);
    says(&created, &["migrations/20990101000001_by_hand.sql", "just hash-migrations"]);
    let path = project.root.path().join("migrations/20990101000001_by_hand.sql");
    assert_eq!(fs::read_to_string(path).unwrap(), "");
    // The hash has the empty file too.
    says(&project.run(&["check-migrations"]).failed(), &["✓ integrity", "3 files"]);
    says(&project.run(&["new-migration", "By-Hand"]).failed(), &["snake case"]);
}

/// Each change is planned, and leaves no difference.
#[rstest]
#[case::identity_dropped(
    "CREATE TABLE t (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);",
    "CREATE TABLE t (id bigint PRIMARY KEY);",
    "DROP IDENTITY"
)]
#[case::schema(
    "SELECT 1;",
    "CREATE SCHEMA billing; CREATE TABLE billing.t (id bigint);",
    "CREATE SCHEMA billing"
)]
#[case::check(
    "CREATE TABLE t (name varchar CHECK (length(name) > 1));",
    "CREATE TABLE t (name varchar CHECK (length(name) > 3));",
    "length((name)::text) > 3"
)]
#[case::function_with_trigger(
    "CREATE TABLE t (id bigint);",
    "CREATE TABLE t (id bigint);
     CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END;$$;
     CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();",
    "CREATE TRIGGER g"
)]
#[case::value_added_and_used(
    "CREATE TYPE s AS ENUM ('a'); CREATE TABLE t (s s DEFAULT 'a');",
    "CREATE TYPE s AS ENUM ('a', 'b'); CREATE TABLE t (s s DEFAULT 'b');",
    "ADD VALUE 'b'"
)]
#[case::extension_and_its_type(
    "SELECT 1;",
    "CREATE EXTENSION citext; CREATE TABLE t (name citext);",
    "CREATE EXTENSION"
)]
#[case::index_predicate(
    "CREATE TABLE t (id bigint); CREATE INDEX i ON t (id) WHERE id > 1;",
    "CREATE TABLE t (id bigint); CREATE INDEX i ON t (id) WHERE id > 2;",
    "CREATE INDEX CONCURRENTLY"
)]
#[tokio::test]
async fn plans(#[case] before: &str, #[case] after: &str, #[case] statement: &str) {
    let project = Project::new(before).await;
    project.run(&["create-migrations"]).succeeded();
    project.write("sql/schema.sql", after);
    says(&project.run(&["create-migrations"]).succeeded(), &[statement, "Review the SQL above"]);
    says(&project.run(&["create-migrations"]).succeeded(), &["Nothing to do"]);
}

#[tokio::test]
async fn settings_turn_online_steps_and_the_lock_timeout_off() {
    let project = planned("CREATE TABLE t (id bigint);").await;
    project.metadata("online = false\nlock-timeout = 0\n");
    project
        .write("sql/schema.sql", "CREATE TABLE t (id bigint, a text); CREATE INDEX i ON t (id);");
    let created = project.run(&["create-migrations"]).succeeded();
    says(&created, &["ADD COLUMN a", "CREATE INDEX i"]);
    assert!(!created.contains("CONCURRENTLY") && !created.contains("lock_timeout"), "{created}");
    project.metadata("lock-timeout = 7\n");
    project
        .write("sql/schema.sql", "CREATE TABLE t (id bigint, b text); CREATE INDEX i ON t (id);");
    let created = project.run(&["create-migrations", "--no-rename"]).succeeded();
    says(&created, &["SET LOCAL lock_timeout = '7"]);
}

#[tokio::test]
async fn the_source_must_be_there() {
    let project = Project::new("SELECT 1;").await;
    fs::remove_file(project.root.path().join("sql/schema.sql")).unwrap();
    says(
        &project.run(&["create-migrations"]).failed(),
        &["source in [workspace", "no file in sql ends in .sql"],
    );
    fs::remove_dir(project.root.path().join("sql")).unwrap();
    says(
        &project.run(&["create-migrations"]).failed(),
        &["source in", "cannot read sql", "No such file"],
    );
}
