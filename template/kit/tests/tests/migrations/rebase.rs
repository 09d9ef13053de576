use crate::project::{Project, says};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY);\n";

/// `main` and `feature`, each with migrations that the other lacks; those of `feature` are
/// older. On `feature`.
async fn two_branches() -> Project {
    let project = Project::new(TABLE).await;
    project.write(".gitignore", "/target\n");
    project.write("stack.yaml", "Resources:\n  Migrations:\n    MigrationHash: none\n");
    project.git(&["init", "--quiet", "--initial-branch=main"]).succeeded();
    project.migration("20260101000000_first.sql", TABLE);
    commit(&project, "First");
    project.git(&["checkout", "--quiet", "-b", "feature"]).succeeded();
    project.write("sql/a.sql", "CREATE TABLE a (id bigint);\nCREATE TABLE b (id bigint);\n");
    project.migration("20260102000000_a.sql", "CREATE TABLE a (id bigint);\n");
    project.migration("20260104000000_b.sql", "CREATE TABLE b (id bigint);\n");
    commit(&project, "Feature");
    project.git(&["checkout", "--quiet", "main"]).succeeded();
    project.write("sql/c.sql", "CREATE TABLE c (id bigint);\n");
    project.migration("20260103000000_c.sql", "CREATE TABLE c (id bigint);\n");
    commit(&project, "Main");
    project.git(&["checkout", "--quiet", "feature"]).succeeded();
    project
}

fn commit(project: &Project, message: &str) {
    project.git(&["add", "--all"]).succeeded();
    project.git(&["commit", "--quiet", "--message", message]).succeeded();
}

#[tokio::test]
async fn a_merge_puts_the_own_migrations_last() {
    let project = two_branches().await;
    let early = project.run(&["rebase-migrations"]).failed();
    says(&early, &["20260103000000_c.sql", "git merge main"]);

    says(&project.git(&["merge", "main"]).failed(), &["CONFLICT"]);
    let rebased = project.run(&["rebase-migrations"]).succeeded();
    says(&rebased, &["20260102000000_a.sql -> ", "20260104000000_b.sql -> ", "✓ hash copy"]);
    says(&rebased, &["✓ integrity", "4 files", "✓ names", "✓ replay", "✓ drift"]);
    let files = project.migrations();
    assert_eq!(files[..2], ["20260101000000_first.sql", "20260103000000_c.sql"]);
    assert!(files[2].ends_with("_a.sql") && files[3].ends_with("_b.sql"), "{files:?}");
    assert!(files[2] > files[1] && files[3] > files[2]);
    commit(&project, "Merge");
    // Twice is as good as once.
    let again = project.run(&["rebase-migrations"]).succeeded();
    says(&again, &["2 migrations of this branch", "after those of main"]);
    assert_eq!(project.migrations(), files);
}

#[tokio::test]
async fn works_in_the_middle_of_a_git_rebase() {
    let project = two_branches().await;
    says(&project.git(&["rebase", "main"]).failed(), &["CONFLICT"]);
    project.run(&["rebase-migrations"]).succeeded();
    project.git(&["add", "--all"]).succeeded();
    project.git(&["-c", "core.editor=true", "rebase", "--continue"]).succeeded();
    let files = project.migrations();
    assert_eq!(files.len(), 4);
    assert!(files[2].ends_with("_a.sql") && files[3].ends_with("_b.sql"), "{files:?}");
    says(
        &project.run(&["check-migrations", "--force"]).succeeded(),
        &["✓ history      same as on main"],
    );
}

#[tokio::test]
async fn needs_the_base_branch() {
    let project = Project::new(TABLE).await;
    says(&project.run(&["rebase-migrations"]).failed(), &["git has no main", "git fetch"]);
}
