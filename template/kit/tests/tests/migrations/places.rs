//! `check-migrations` where things are not as usual: git, lines, names, and a plain user.

use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _};

use crate::{
    gate::{COLUMN, SECOND, THIRD, branch},
    project::{Project, says},
};

impl Project {
    fn commit(&self) {
        self.git(&["add", "--all"]).succeeded();
        self.git(&["commit", "--quiet", "--message", "more"]).succeeded();
    }
}

#[tokio::test]
async fn lines_of_windows() {
    let project = branch().await;
    let windows =
        format!("{COLUMN}CREATE INDEX i ON t (name);\nDROP INDEX i;\n").replace('\n', "\r\n");
    project.migration(SECOND, &windows);
    let line = ":3:1\n3 | CREATE INDEX i ON t (name);\n";
    says(&project.check().failed(), &["error[blocking-scan]", line]);
}

#[tokio::test]
async fn odd_names_of_migrations() {
    let project = branch().await;
    let settings =
        "[workspace.metadata.migrations]\nfile-name = '.*'\nbase-branch = 'main'\nsource = 'sql'\n";
    project.write("Cargo.toml", settings);
    let name = "20260102000001_Größe's 2.sql";
    project.migration(name, "SET LOCAL lock_timeout = '2s';\nALTER TABLE t DROP COLUMN name;\n");
    project.write(
        "sql/schema.sql",
        "CREATE TABLE t (id bigint, kind text NOT NULL, note text, PRIMARY KEY (id));",
    );
    let failed = project.run_with(&["check-migrations"], &[("GITHUB_ACTIONS", "true")]).failed();
    let places = [format!("--> migrations/{name}:2:1"), format!("file=migrations/{name},line=2")];
    says(&failed, &[&places[0], &places[1]]);
    project.commit();
    project.git(&["checkout", "--quiet", "main"]).succeeded();
    project.git(&["merge", "--quiet", "feature"]).succeeded();
    project.write(&format!("migrations/{name}"), "SELECT 1;\n");
    let failed = project.check().failed();
    // What the advice says works in a shell.
    let advice = failed.lines().find_map(|line| line.trim().strip_prefix("put it back: "));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", advice.unwrap()]).current_dir(project.root.path());
    assert!(shell.status().unwrap().success(), "{failed}");
    says(&project.check().succeeded(), &["✓ history      same as on main: 3 files"]);
}

#[tokio::test]
async fn a_detached_head_and_another_base() {
    let project = branch().await;
    project.commit();
    project.git(&["checkout", "--quiet", "--detach"]).succeeded();
    says(&project.check().succeeded(), &["✓ history      same as on main: 1 file"]);
    let other = project.run(&["check-migrations", "--force", "--base", "feature"]).succeeded();
    says(&other, &["✓ history      same as on feature: 2 files"]);
}

/// What the base branch has got meanwhile is not examined as if this branch added it.
#[tokio::test]
async fn a_merge_in_progress() {
    let project = branch().await;
    project.commit();
    project.git(&["checkout", "--quiet", "main"]).succeeded();
    project.migration("20260101120000_between.sql", "DELETE FROM t;\n");
    project.commit();
    project.git(&["checkout", "--quiet", "feature"]).succeeded();
    says(&project.check().succeeded(), &["✓ replay       1 new migration after 1"]);
    // Both branches changed atlas.sum.
    project.git(&["merge", "--quiet", "--no-commit", "main"]).failed();
    project.hash();
    let passed = project.check().succeeded();
    says(&passed, &["same as on main: 2 files", "✓ replay       1 new migration after 2"]);
}

#[tokio::test]
async fn a_migration_that_the_base_branch_has_overtaken() {
    let project = branch().await;
    project.commit();
    project.git(&["checkout", "--quiet", "main"]).succeeded();
    project.migration(THIRD, "SELECT 1;\n");
    project.commit();
    project.git(&["checkout", "--quiet", "feature"]).succeeded();
    says(
        &project.check().failed(),
        &[
            "✗ names        new, but sorts before",
            THIRD,
            SECOND,
            "git merge main, then: just rebase",
        ],
    );
}

/// A shallow clone is told the command that gets what it lacks.
#[tokio::test]
async fn shallow_clones() {
    let project = branch().await;
    project.commit();
    let check = &["check-migrations", "--force", "--base", "origin/main"];
    for (options, says_why) in [
        (&["--depth=1"][..], "this shallow clone has no origin/main: "),
        (&["--depth=1", "--no-single-branch"], "ends before the commit shared with origin/main: "),
    ] {
        let clone = project.clone(options);
        let stopped = clone.run(check);
        assert_eq!(stopped.code, Some(2), "{}", stopped.output);
        says(&stopped.output, &["✓ integrity", "✗ history", says_why]);
        let json = clone.run(&[check, &["--format", "json"][..]].concat()).failed();
        says(&json, &[says_why, "could_not_run", "\"exit_code\": 2"]);
        let command = stopped.output.split_once(says_why).unwrap().1.split(" (").next().unwrap();
        let words: Vec<_> = command.split_whitespace().skip(1).collect();
        clone.git(&words).succeeded();
        says(&clone.run(check).succeeded(), &["✓ history      same as on origin/main: 1 file"]);
    }
    let single = project.clone(&["--single-branch"]);
    let skipped = single.run(check).succeeded();
    says(&skipped, &["skipped: git has no origin/main", "git fetch origin main:refs/remotes/"]);
}

/// Rows in the way are found, and triggers that forbid to take them away are in the way.
#[tokio::test]
async fn a_user_who_is_no_superuser() {
    let server = postgres::server().await.unwrap();
    let mut admin = server.admin().await.unwrap();
    let role = format!("gate_plain_{}", std::process::id());
    let project = branch().await;
    let create = format!("CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'plain'");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
    let url = server.url("postgres");
    let url = format!("postgres://{role}:plain@{}", url.rsplit_once('@').unwrap().1);
    let url = [("TEST_DATABASE_URL", &*url)];
    let passed = project.run_with(&["check-migrations", "--force"], &url);
    project.second("ALTER TABLE t ALTER COLUMN name SET NOT NULL;\n");
    let failed = project.run_with(&["check-migrations", "--force"], &url);
    let owned = format!("SELECT datname::text FROM pg_database WHERE datdba = '{role}'::regrole");
    let owned: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(owned)).fetch_all(&mut admin).await.unwrap();
    let drop = owned.iter().map(|name| format!("DROP DATABASE {name} WITH (FORCE)"));
    for drop in drop.chain([format!("DROP ROLE {role}")]) {
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    }
    admin.close().await.unwrap();
    says(&passed.succeeded(), &["✓ replay       1 new migration after 1, with rows in 1 of 1"]);
    says(&failed.failed(), &["error[blocking-scan]", "it also fails on rows like {\"id\": 2"]);
}
