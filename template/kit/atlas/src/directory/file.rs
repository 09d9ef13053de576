use std::borrow::Cow;

use super::directive;
use crate::sql;

/// One SQL file of a migration directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MigrationFile {
    /// Name of the file, without its directory.
    pub name: String,
    /// The bytes on disk: the hash depends on each.
    pub contents: Vec<u8>,
}

impl MigrationFile {
    /// The version that Atlas records: the name up to the first `_`, or up to `.sql`.
    pub fn version(&self) -> &str {
        let stem = self.name.strip_suffix(".sql").unwrap_or(&self.name);
        stem.split_once('_').map_or(stem, |(version, _)| version)
    }

    /// The contents, with replacement characters for invalid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.contents)
    }

    /// Whether Atlas runs the file inside a transaction, its default.
    ///
    /// False if the file starts with `-- atlas:txmode none` and an **empty line**; without that
    /// line the comment belongs to the first statement, and Atlas ignores it. A directive that
    /// only some versions understand does not count.
    /// <https://atlasgo.io/versioned/apply#transaction-configuration>
    pub fn is_transactional(&self) -> bool {
        directive::of_file(&self.contents, "txmode") != [b"none"]
    }

    /// Returns the statements that must run outside of a transaction; see
    /// [`sql::Statement::is_concurrent`].
    pub fn concurrent_statements(&self) -> Vec<String> {
        sql::statements(&self.text())
            .into_iter()
            .filter(sql::Statement::is_concurrent)
            .map(|statement| statement.sql.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::MigrationFile;

    fn file(name: &str, contents: &str) -> MigrationFile {
        MigrationFile { name: name.to_owned(), contents: contents.into() }
    }

    #[rstest]
    #[case("20260102030405_add_users.sql", "20260102030405")]
    #[case("20260102030405.sql", "20260102030405")]
    #[case("1.2_a_b.sql", "1.2")]
    fn version_ends_at_the_first_underscore(#[case] name: &str, #[case] version: &str) {
        assert_eq!(file(name, "").version(), version);
    }

    #[rstest]
    #[case::plain("-- atlas:txmode none\n\nSELECT 1;", false)]
    #[case::after_other_comments("-- why\n--atlas:txmode none\n# so\n\nSELECT 1;", false)]
    #[case::windows_line("-- atlas:txmode none\r\n\nSELECT 1;", false)]
    #[case::no_empty_line("-- atlas:txmode none\nSELECT 1;", true)]
    #[case::windows_empty_line("-- atlas:txmode none\r\n\r\nSELECT 1;", true)]
    #[case::blank_not_empty("-- atlas:txmode none\n \nSELECT 1;", true)]
    #[case::not_at_the_top("\n-- atlas:txmode none\n\nSELECT 1;", true)]
    #[case::another_mode("-- atlas:txmode file\n\nSELECT 1;", true)]
    #[case::another_directive("-- atlas:nolint\n\nSELECT 1;", true)]
    #[case::contradiction("-- atlas:txmode none\n-- atlas:txmode file\n\nSELECT 1;", true)]
    #[case::in_a_statement("SELECT 1;\n-- atlas:txmode none\n\n", true)]
    fn txmode_none_must_head_the_file(#[case] contents: &str, #[case] transactional: bool) {
        assert_eq!(file("1.sql", contents).is_transactional(), transactional);
    }

    #[rstest]
    fn finds_concurrent_statements() {
        let found = file(
            "1.sql",
            "-- CREATE INDEX CONCURRENTLY x;\nSELECT 'DROP INDEX CONCURRENTLY x';\n\
             -- Index\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\n",
        )
        .concurrent_statements();
        assert_eq!(found, ["CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);"]);
    }
}
