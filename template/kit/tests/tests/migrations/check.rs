use rstest::rstest;

use crate::project::{Project, says};

const FIRST: &str = "20260101000000_first.sql";
const SECOND: &str = "20260102000000_second.sql";
const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, name text CHECK (length(name) > 1));\n";

/// Every object counts: also those that no table shows.
#[rstest]
#[case::check("CREATE TABLE t (id bigint PRIMARY KEY, name text CHECK (length(name) > 3));",
    &["~ constraint t_name_check on public.t: CHECK ((length(name) > 1)) -> CHECK ((length(name) > 3))"])]
#[case::view("CREATE VIEW v AS SELECT id FROM t;", &["+ view public.v"])]
#[case::comment("COMMENT ON COLUMN t.name IS 'Why';", &["+ comment table column public.t.name"])]
#[case::not_null("ALTER TABLE t ALTER name SET NOT NULL;", &["~ column public.t.name: text -> text NOT NULL"])]
#[case::table("DROP TABLE t; CREATE TYPE mood AS ENUM ('good');", &["+ enum type public.mood", "- table public.t"])]
#[tokio::test]
async fn drift_is_any_difference(#[case] change: &str, #[case] lines: &[&str]) {
    let project = Project::new(TABLE).await;
    project.migration(FIRST, TABLE);
    let passed = project.run(&["check-migrations"]).succeeded();
    says(
        &passed,
        &[
            "- history      skipped: without a git repository changes",
            "✓ replay       1 new migration",
            "✓ drift        the migrations create",
            "sql/",
        ],
    );

    match change.contains("CREATE TABLE") {
        true => project.write("sql/schema.sql", change),
        false => project.write("sql/then.sql", change),
    }
    let failed = project.run(&["check-migrations"]).failed();
    let words = [&["✗ drift"], lines, &["just create-migrations"]].concat();
    says(&failed, &words);
    let changes = failed.lines().filter(|line| {
        line.trim_start().starts_with(['+', '-', '~']) && !line.trim_start().starts_with("- ✗")
    });
    // The line that explains history is skipped, and each difference has a line.
    let changes = changes.filter(|line| !line.starts_with("- ")).count();
    assert_eq!(changes, lines.len(), "{failed}");
}

#[tokio::test]
async fn objects_of_migrations_alone_are_listed_with_a_reason() {
    let project = Project::new(TABLE).await;
    let partition = format!(
        "{TABLE}CREATE TABLE events_2026 (id bigint);\nCREATE INDEX i ON events_2026 (id);\n"
    );
    project.migration(FIRST, &partition);
    let failed = project.run(&["check-migrations"]).failed();
    says(&failed, &["- index public.i", "- table public.events_2026", "unmanaged"]);

    project.metadata(
        "unmanaged = [{ object = '* public.events_*', reason = 'a job makes them' }, { object = 'index public.i', reason = '' }]\n",
    );
    says(&project.run(&["check-migrations"]).failed(), &["\"index public.i\"", "needs a reason"]);
    project.metadata(
        "unmanaged = [{ object = '* public.events_*', reason = 'a job makes them' }, { object = 'index public.i', reason = 'so' }]\n",
    );
    says(&project.run(&["check-migrations"]).succeeded(), &["✓ drift"]);
}

#[tokio::test]
async fn a_migration_that_does_not_apply_is_told_once() {
    let project = Project::new(TABLE).await;
    project.migration(FIRST, TABLE);
    project.migration(SECOND, "-- twice\nINSERT INTO t VALUES (7);\nINSERT INTO t VALUES (7);\n");
    let failed = project.run(&["check-migrations"]).failed();
    says(
        &failed,
        &[
            "✗ replay       1 error; 0 new migrations after 1, with rows in 1 of 1 table",
            "error[replay]: duplicate key value violates",
            "detail: Key (id)=(7) already exists.",
            "--> migrations/20260102000000_second.sql:3:1",
            "- locks        skipped: not all migrations were applied",
            "- rules        skipped",
            "- drift        skipped",
            "1 of the checks failed",
        ],
    );
    assert_eq!(failed.matches("duplicate key").count(), 1, "{failed}");
}

#[tokio::test]
async fn sql_that_does_not_load_is_found_in_its_file() {
    let project = Project::new(TABLE).await;
    project.migration(FIRST, TABLE);
    project
        .write("sql/then.sql", "-- A view\nSELECT 1;\nCREATE VIEW v AS SELECT nothing FROM t;\n");
    let failed = project.run(&["check-migrations"]).failed();
    says(
        &failed,
        &[
            "✗ drift        sql/then.sql, line 3: column \"nothing\" does not exist",
            "statement: CREATE VIEW v",
        ],
    );
}
