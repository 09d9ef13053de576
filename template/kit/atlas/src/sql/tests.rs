use rstest::rstest;

use super::statements;

fn sqls(text: &str) -> Vec<&str> {
    statements(text).iter().map(|found| found.sql).collect()
}

#[rstest]
#[case::string("SELECT 'a;''b;';")]
#[case::name(r#"SELECT ";" FROM "a"";b";"#)]
#[case::standard_strings_keep_backslashes(r"SELECT '\';")]
#[case::escape_string(r"SELECT E'\';', e'''\';';")]
#[case::not_an_escape_string(r"SELECT typE '\';")]
#[case::dollar_quote("DO $$ BEGIN; END; $$;")]
#[case::tagged_dollar_quote("DO $a_1$ $$; $b$; $a_1$;")]
#[case::dollar_in_a_name("SELECT a$b$ FROM t$b$;")]
#[case::parameter("EXECUTE p($1, $2);")]
#[case::line_comment_inside("SELECT 1 -- ; '\n+ 1;")]
#[case::nested_comment_inside("SELECT /* ; /* ; */ ' ; */ 1;")]
#[case::rule("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b);")]
#[case::atomic_body(
    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;"
)]
#[case::beyond_ascii("SELECT 'é;', \"ü;\", 'ß' AS größe;")]
#[case::no_semicolon("SELECT 1")]
#[case::unclosed("SELECT 'a; SELECT 1;")]
fn is_one_statement_and_the_next_starts_after_it(#[case] sql: &str) {
    assert_eq!(sqls(sql), [sql]);
    if sql.ends_with(';') && !sql.contains("'a; S") {
        let two = format!("{sql} SELECT 'next';");
        assert_eq!(sqls(&two), [sql, "SELECT 'next';"]);
    }
}

#[rstest]
fn begin_and_end_are_statements_outside_functions() {
    assert_eq!(sqls("BEGIN; SELECT 1; END;"), ["BEGIN;", "SELECT 1;", "END;"]);
}

#[rstest]
#[case("")]
#[case(" \n;; \n")]
#[case("-- only a comment\n/* and; another */")]
fn blanks_and_comments_are_no_statement(#[case] sql: &str) {
    assert_eq!(statements(sql), []);
}

#[rstest]
fn every_comment_belongs_to_a_statement() {
    let inside = "SELECT 1 -- one\n+ /* two */ 2;";
    assert_eq!(statements(inside)[0].text, inside);
    let text = "\n-- heading\n\n-- Create \"a\"\nCREATE TABLE a ();  -- behind a\n\
                /* of b */ CREATE TABLE b ();\nSELECT 1;\n-- at\n;\n/* the end */\n";
    let texts: Vec<_> = statements(text).iter().map(|found| found.text).collect();
    assert_eq!(
        texts,
        [
            "-- heading\n\n-- Create \"a\"\nCREATE TABLE a ();  -- behind a",
            "/* of b */ CREATE TABLE b ();",
            "SELECT 1;\n-- at\n;\n/* the end */",
        ]
    );
    assert_eq!(sqls(text)[0], "CREATE TABLE a ();");
}

#[rstest]
#[case("CREATE INDEX CONCURRENTLY i ON t (a);", true)]
#[case("create unique /* ! */ index\nconcurrently if not exists i ON t (a);", true)]
#[case("DROP INDEX CONCURRENTLY IF EXISTS i;", true)]
#[case("REINDEX INDEX CONCURRENTLY i;", true)]
#[case("REINDEX (VERBOSE) TABLE CONCURRENTLY t;", true)]
#[case("REINDEX (CONCURRENTLY) TABLE t;", true)]
#[case("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;", true)]
#[case("ALTER TABLE t DETACH PARTITION p;", false)]
#[case("CREATE INDEX i ON t (a);", false)]
#[case("CREATE INDEX \"CONCURRENTLY\" ON t (a);", false)]
#[case("CREATE INDEX /* CONCURRENTLY */ i ON t (a);", false)]
#[case("CREATE INDEX -- CONCURRENTLY\n i ON t (a);", false)]
#[case("DO $$ BEGIN EXECUTE 'x'; END $$; -- REINDEX TABLE CONCURRENTLY", false)]
#[case("REFRESH MATERIALIZED VIEW CONCURRENTLY v;", false)]
fn finds_what_cannot_run_in_a_transaction(#[case] sql: &str, #[case] concurrent: bool) {
    assert_eq!(statements(sql)[0].is_concurrent(), concurrent);
}
