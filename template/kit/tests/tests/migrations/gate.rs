//! `check-migrations` as a whole: which check catches which defect, and what it prints.

use std::fs;

use crate::project::{Outcome, Project, says};

pub(crate) const FIRST: &str = "20260101000000_first.sql";
pub(crate) const SECOND: &str = "20260102000000_second.sql";
pub(crate) const THIRD: &str = "20260103000000_third.sql";
pub(crate) const TABLE: &str =
    "CREATE TABLE t (id bigint PRIMARY KEY, name text, kind text NOT NULL);\n";
pub(crate) const COLUMN: &str =
    "SET LOCAL lock_timeout = '2s';\nALTER TABLE t ADD COLUMN note text;\n";

/// A branch with a second migration, all of which passes.
pub(crate) async fn branch() -> Project {
    let project = Project::new(&TABLE.replace(");", ", note text);")).await;
    project.write(".gitignore", "/target\n");
    project.migration(FIRST, TABLE);
    project.git(&["init", "--quiet", "--initial-branch=main"]).succeeded();
    project.git(&["add", "--all"]).succeeded();
    project.git(&["commit", "--quiet", "--message", "first"]).succeeded();
    project.git(&["checkout", "--quiet", "-b", "feature"]).succeeded();
    project.migration(SECOND, COLUMN);
    project
}

impl Project {
    pub fn check(&self) -> Outcome {
        self.run(&["check-migrations", "--force"])
    }

    /// Puts `more` into the second migration.
    pub fn second(&self, more: &str) {
        self.migration(SECOND, &format!("{COLUMN}{more}"));
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.root.path().join(file)).unwrap();
    }

    pub fn hash(&self) {
        self.run(&["hash-migrations"]).succeeded();
    }
}

/// A defect: the check that catches it, and how to make it.
type Defect = (&'static str, fn(&Project));

const DEFECTS: &[Defect] = &[
    ("hash copy", |p| {
        p.write("stack.yaml", "MigrationHash: h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    }),
    ("integrity", |p| p.write(&format!("migrations/{SECOND}"), "SELECT 1;")),
    ("integrity", |p| p.write(&format!("migrations/{FIRST}"), "SELECT 1;")),
    ("integrity", |p| p.write("migrations/20260103000000_x.sql", "SELECT 1;")),
    ("integrity", |p| p.remove(&format!("migrations/{SECOND}"))),
    ("integrity", |p| p.remove("migrations/atlas.sum")),
    ("integrity", |p| p.write("migrations/atlas.sum", "<<<<<<< HEAD\n")),
    ("history", |p| p.migration(FIRST, &format!("-- Why\n{TABLE}"))),
    ("names", |p| p.migration("20260104000000_Upper.sql", "SELECT 1;")),
    ("names", |p| p.migration("20250101000000_early.sql", "SELECT 1;")),
    ("names", |p| p.migration("20990101000000_late.sql", "SELECT 1;")),
    ("integrity", |p| p.migration("20260102000000_twin.sql", "SELECT 1;")),
    ("files", |p| p.write("migrations/20260104000000_x.SQL", "SELECT 1;")),
    ("files", |p| p.write("migrations/old/20260104000000_x.sql", "SELECT 1;")),
    ("files", |p| p.migration(SECOND, &format!("\u{feff}{COLUMN}"))),
    ("files", |p| p.migration(SECOND, &format!("BEGIN;\n{COLUMN}COMMIT;\n"))),
    ("files", |p| p.second("\\echo done\n")),
    ("files", |p| p.second("COPY t FROM stdin;\n")),
    ("files", |p| p.second("CREATE INDEX CONCURRENTLY i ON t (id);\n")),
    ("files", |p| p.second("VACUUM t;\n")),
    ("files", |p| p.second("CREATE ROLE never_made;\n")),
    ("files", |p| p.second("-- allow: drop-table\nSELECT 1;\n")),
    ("replay", |p| p.second("SELEC 1;\n")),
    ("replay", |p| p.migration(SECOND, &format!("-- atlas:nolint\n\n{COLUMN}SELEC 1;\n"))),
    ("replay", |p| p.second("SET search_path TO pg_catalog;\n")),
    ("replay", |p| {
        p.second("ALTER TABLE t ADD COLUMN must text NOT NULL; ALTER TABLE t DROP COLUMN must;\n")
    }),
    ("locks", |p| p.second("CREATE INDEX i ON t (name); DROP INDEX i;\n")),
    ("locks", |p| {
        p.second("ALTER TABLE t ADD CHECK (id > 0); ALTER TABLE t DROP CONSTRAINT t_id_check;\n")
    }),
    ("locks", |p| {
        p.second("VALUES (1); LOCK TABLE t; UPDATE t SET name = 'x' WHERE name = 'y';\n")
    }),
    ("locks", |p| p.migration(THIRD, "UPDATE t SET name = kind;\n")),
    ("rules", |p| p.migration(THIRD, "DELETE FROM t;\n")),
    ("rules", |p| p.migration(THIRD, "TRUNCATE t;\n")),
    ("drift", |p| p.migration(THIRD, "CREATE VIEW v AS SELECT 1 AS one;\n")),
    ("drift", |p| p.write("sql/schema.sql", TABLE)),
];

/// Each defect, alone, fails the check that it belongs to, and no other.
#[tokio::test]
async fn each_defect_is_caught_by_its_check_alone() {
    let project = branch().await;
    project.check().succeeded();
    let keep = |name: &str| project.root.path().join(name);
    project.git(&["add", "--all"]).succeeded();
    project.git(&["commit", "--quiet", "--message", "second"]).succeeded();
    for (at, (check, make)) in DEFECTS.iter().enumerate() {
        make(&project);
        let failed = project.check().failed();
        let crosses: Vec<_> = failed
            .lines()
            .filter_map(|line| Some(line.strip_prefix("✗ ")?[..12].trim_end()))
            .collect();
        assert_eq!(crosses, [*check], "defect {at}:\n{failed}");
        project.git(&["reset", "--quiet", "--hard"]).succeeded();
        project.git(&["clean", "--quiet", "-d", "--force"]).succeeded();
        assert!(keep("migrations").join(SECOND).exists());
    }
    project.check().succeeded();
}

#[tokio::test]
async fn integrity_advice_fits_the_file() {
    let project = branch().await;
    project.write(&format!("migrations/{FIRST}"), "SELECT 1;");
    says(
        &project.check().failed(),
        &[
            "edited, but main has it",
            FIRST,
            "git checkout main -- migrations/20260101000000_first.sql",
        ],
    );
    project.git(&["checkout", "main", "--", "migrations/20260101000000_first.sql"]).succeeded();
    project.write(&format!("migrations/{SECOND}"), COLUMN.trim_end());
    says(&project.check().failed(), &["edited", "not on main yet", SECOND, "just hash-migrations"]);
    project.hash();
    project.check().succeeded();
}

#[tokio::test]
async fn a_run_prints_a_line_for_each_check() {
    let project = branch().await;
    let passed = project.check().succeeded();
    let lines: Vec<_> = passed.lines().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "✓ integrity    atlas.sum agrees with 2 files",
            "✓ history      same as on main: 1 file",
            "✓ names        match the pattern, in order: 2 files",
            "✓ files        1 new file",
            "✓ replay       1 new migration after 1, with rows in 1 of 1 table",
            "✓ locks        ACCESS EXCLUSIVE on t for 1 statement",
            "✓ rules        no remarks",
            "✓ drift        the migrations create the schema of sql/",
        ],
        "{passed}"
    );
    says(&project.run(&["check-migrations"]).succeeded(), &["✓ nothing changed"]);
}

#[tokio::test]
async fn json_summary_and_annotations_hold_the_findings() {
    let project = branch().await;
    let more =
        "-- allow: drop-column replaced by kind\nALTER TABLE t DROP COLUMN name;\nTRUNCATE t;\n";
    project.second(more);
    let json = project.run(&["check-migrations", "--format", "json", "--summary", "found.md"]);
    let json = json.failed();
    let json: serde_json::Value =
        serde_json::from_str(json.rsplit_once("error: ").unwrap().0).unwrap();
    assert_eq!(json["exit_code"], 1);
    let named: Vec<_> = json["checks"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(
        named,
        ["integrity", "history", "names", "files", "replay", "locks", "rules", "drift"]
    );
    let findings = json["findings"].as_array().unwrap();
    let found: Vec<_> = findings.iter().map(|f| (&f["rule"], &f["line"], &f["allowed"])).collect();
    let (drop, truncate) = ("drop-column".into(), "truncate".into());
    assert_eq!(
        found,
        [
            (&drop, &4.into(), &"replaced by kind".into()),
            (&truncate, &5.into(), &serde_json::Value::Null)
        ]
    );
    let summary = fs::read_to_string(project.root.path().join("found.md")).unwrap();
    says(
        &summary,
        &[
            "## check-migrations",
            "| ✗ | rules | 1 error, 1 allowed finding |",
            "### Errors",
            "**truncate**: deletes all rows of t",
            "### Allowed",
            "Allowed: replaced by kind",
            "### Locks on existing tables",
            "| migrations/20260102000000_second.sql | 2 | t | ACCESS EXCLUSIVE | 3 statements | rewrite |",
            "Tried with rows in 1 of 1 tables.",
            "<details><summary>20260102000000_second.sql</summary>",
            "ALTER TABLE t ADD COLUMN note text;",
        ],
    );
    let annotated = project.run_with(&["check-migrations"], &[("GITHUB_ACTIONS", "true")]).failed();
    says(
        &annotated,
        &[
            "::notice file=migrations/20260102000000_second.sql,line=4,col=1,title=drop-column::",
            "::error file=migrations/20260102000000_second.sql,line=5,col=1,title=truncate::",
            "::error title=drift::",
        ],
    );
}

/// 1 is for the migrations, 2 for everything else.
#[tokio::test]
async fn exit_codes_tell_a_danger_from_a_failure() {
    let project = branch().await;
    project.second(
        "ALTER TABLE t RENAME COLUMN name TO label;\nALTER TABLE t RENAME COLUMN label TO name;\n",
    );
    let warned = project.check();
    assert_eq!(warned.code, Some(0));
    says(
        &warned.output,
        &["✓ rules        2 warnings", "warning[rename-column]: t.name becomes label"],
    );
    project.second("TRUNCATE t;\n");
    assert_eq!(project.check().code, Some(1));
    let url = [("TEST_DATABASE_URL", "postgres://nobody@127.0.0.1:1/postgres")];
    let unreachable = project.run_with(&["check-migrations", "--force"], &url);
    assert_eq!(unreachable.code, Some(2), "{}", unreachable.output);
    says(&unreachable.output, &["✓ files", "✗ database"]);
}

#[tokio::test]
async fn roles_of_the_project_are_there() {
    let project = branch().await;
    let role = format!("gate_reader_{}", std::process::id());
    let grant = format!("GRANT SELECT ON t TO {role};\n");
    project.second(&grant);
    says(&project.check().failed(), &[&format!("role \"{role}\" does not exist")]);
    let create = format!(
        "DO $$ BEGIN CREATE ROLE {role};\nEXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    );
    project.write("crates/entity/sql/roles.sql", &create);
    project.write("sql/schema.sql", &(TABLE.replace(");", ", note text);") + &grant));
    project.check().succeeded();
    project.write("crates/entity/sql/roles.sql", &format!("CREATE ROLE {role};"));
    let again = project.check();
    assert_eq!(again.code, Some(2));
    says(&again.output, &["crates/entity/sql/roles.sql must run again and again"]);
    project.write("crates/entity/sql/roles.sql", &format!("DROP ROLE {role};"));
    project.run(&["check-migrations", "--force"]).failed();
}
