use rstest::rstest;

use super::*;

const NONE: &str = "-- atlas:txmode none\n\n";

fn rules(text: &str) -> Vec<String> {
    let file = MigrationFile { name: "1_a.sql".into(), contents: text.into() };
    check(&file).into_iter().map(|finding| finding.rule).collect()
}

#[rstest]
#[case::begin("BEGIN;\nSELECT 1;\nCOMMIT;", &["own-transaction"])]
#[case::start("START TRANSACTION;", &["own-transaction"])]
#[case::end("END;", &["own-transaction"])]
#[case::savepoint("SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a;", &[])]
#[case::in_a_function("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;", &[])]
#[case::in_words("COMMENT ON TABLE t IS 'BEGIN; COMMIT;'; -- COMMIT;\n", &[])]
#[case::psql("\\set x 1\nSELECT 1;", &["psql-command"])]
#[case::psql_later("SELECT 1;\n  \\i other.sql\n", &["psql-command"])]
#[case::backslash_in_a_string("SELECT '\n\\i other.sql';", &[])]
#[case::copy("COPY t FROM STDIN;", &["copy-stdin"])]
#[case::copy_from_a_file("COPY t FROM '/tmp/x';", &[])]
#[case::role("CREATE ROLE r; ALTER ROLE r LOGIN; DROP ROLE r;", &["server-wide"; 3])]
#[case::user("CREATE USER u PASSWORD 'x';", &["server-wide"])]
#[case::membership("GRANT a TO b; REVOKE a FROM b;", &["server-wide"; 2])]
#[case::grant("GRANT SELECT ON t TO b; REVOKE ALL ON SCHEMA s FROM b;", &[])]
#[case::database("ALTER DATABASE d SET x = 1;", &["server-wide"])]
#[case::vacuum("VACUUM t;", &["needs-no-transaction"])]
#[case::reindex("REINDEX SCHEMA s; REINDEX TABLE CONCURRENTLY t; REINDEX TABLE t;", &["needs-no-transaction"; 2])]
#[case::detach("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;", &["needs-no-transaction"])]
#[case::detach_plainly("ALTER TABLE t DETACH PARTITION p;", &[])]
#[case::drop_index("DROP INDEX CONCURRENTLY i;", &["needs-no-transaction"])]
#[case::refresh("REFRESH MATERIALIZED VIEW CONCURRENTLY v;", &[])]
#[case::a_column_of_that_name("ALTER TABLE t ADD COLUMN concurrently int;", &[])]
#[case::byte_order_mark("\u{feff}SELECT 1;", &["byte-order-mark"])]
#[case::crlf("BEGIN;\r\nSELECT 1;\r\n", &["own-transaction"])]
fn finds_what_cannot_work(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(rules(text), expected);
}

#[rstest]
#[case("CREATE INDEX CONCURRENTLY i ON t (a);\nDROP INDEX CONCURRENTLY j;", &[])]
#[case("SET lock_timeout = '1s';\nCREATE INDEX CONCURRENTLY i ON t (a);\nRESET lock_timeout;", &[])]
#[case("ALTER TABLE t ADD a int;\nVACUUM t;", &["mixed-without-transaction"])]
#[case("UPDATE t SET a = 1;\nUPDATE t SET b = 1;", &[])]
fn without_a_transaction_only_what_needs_it(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(rules(&format!("{NONE}{text}")), expected);
}

#[rstest]
#[case::no_empty_line("-- atlas:txmode none\nVACUUM t;", "an empty line after it")]
#[case::windows("-- atlas:txmode none\r\n\r\nVACUUM t;\r\n", "LF, not in CRLF")]
fn a_directive_that_does_not_count_is_named(#[case] text: &str, #[case] why: &str) {
    let file = MigrationFile { name: "1_a.sql".into(), contents: text.into() };
    let [finding] = &check(&file)[..] else { panic!("one") };
    assert!(finding.message.contains(why), "{}", finding.message);
}

/// It would fail in production all the same.
#[test]
fn what_cannot_work_cannot_be_allowed() {
    let text = "-- atlas:nolint\n\nBEGIN;\n\\echo\nVACUUM t;";
    let file = MigrationFile { name: "1_a.sql".into(), contents: text.into() };
    let found = check(&file);
    assert!(found.len() == 3 && found.iter().all(Finding::is_error), "{found:#?}");
}

#[test]
fn what_nobody_reads_is_named() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["1_a.sql", "atlas.sum", ".gitkeep", "2_b.SQL", "3_c.sql.bak", "README.md"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    fs::create_dir(directory.path().join("old")).unwrap();
    fs::write(directory.path().join("old/4_d.sql"), "").unwrap();
    fs::create_dir(directory.path().join("docs")).unwrap();
    let found = unread(directory.path()).unwrap();
    let found: Vec<_> = found.iter().map(|f| (&*f.rule, &*f.place.file)).collect();
    assert_eq!(
        found,
        [
            ("unread-migration", "migrations/2_b.SQL"),
            ("unread-migration", "migrations/3_c.sql.bak"),
            ("unread-file", "migrations/README.md"),
            ("unread-file", "migrations/docs"),
            ("unread-migration", "migrations/old"),
        ]
    );
}
