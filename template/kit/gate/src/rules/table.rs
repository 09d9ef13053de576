//! The table.

use super::Rule;
use crate::Severity::{self, Error, Warning};

const fn rule(
    name: &'static str,
    severity: Severity,
    finds: &'static str,
    why: &'static str,
    aliases: &'static [&'static str],
) -> Rule {
    Rule { name, severity, finds, why, aliases }
}

/// All rules, in the order in which a file meets them.
pub const RULES: &[Rule] = &[
    rule(
        "allow-without-reason",
        Error,
        "`-- allow:` without a known rule or without a reason",
        "A reviewer, and whoever reads the file in a year, must know why the danger was accepted.",
        &[],
    ),
    rule(
        "unread-migration",
        Error,
        "a migration that nobody reads: `x.SQL`, or one in a folder",
        "Atlas applies only files of migrations/ itself whose names end in `.sql`, in lower case.",
        &[],
    ),
    rule(
        "unread-file",
        Warning,
        "another file in migrations/",
        "Atlas applies only files of migrations/ itself whose names end in `.sql`.",
        &[],
    ),
    rule(
        "byte-order-mark",
        Error,
        "a byte order mark at the head",
        "PostgreSQL takes the invisible character for a part of the first statement.",
        &[],
    ),
    rule(
        "own-transaction",
        Error,
        "BEGIN, COMMIT or ROLLBACK",
        "The file already runs in a transaction; ending it early makes Atlas fail, and record the \
         file as applied.",
        &["transaction-nesting", "ban-uncommitted-transaction"],
    ),
    rule(
        "psql-command",
        Error,
        "a command of psql, such as `\\connect`",
        "Only psql knows commands with a backslash; the server refuses them.",
        &[],
    ),
    rule(
        "copy-stdin",
        Error,
        "COPY ... FROM stdin",
        "The data would have to come from a client like psql; Atlas sends only statements.",
        &[],
    ),
    rule(
        "needs-no-transaction",
        Error,
        "a statement that PostgreSQL refuses in a transaction, in a file that runs in one",
        "The migration fails whenever it is applied.",
        &["ban-concurrent-index-creation-in-transaction", "concurrent_index"],
    ),
    rule(
        "mixed-without-transaction",
        Error,
        "other statements beside such a one in a file without a transaction",
        "If a later statement fails, the earlier ones stay applied, and the file cannot be \
         repeated.",
        &[],
    ),
    rule(
        "server-wide",
        Error,
        "CREATE ROLE and what else belongs to the whole server",
        "It outlives the database: applied to a second database of the same server, as every test \
         and check does, it fails, or changes what others rely on.",
        &["ban-drop-database", "ban-alter-role-options", "ban-alter-system-options"],
    ),
    rule(
        "session-setting",
        Error,
        "a setting that outlives the file",
        "The next file sees it if both are applied in one run, and does not otherwise, so the \
         schema depends on when somebody deployed.",
        &[],
    ),
    rule(
        "own-rows",
        Warning,
        "a statement of crates/entity/sql/rows.sql that fails on the base branch's schema",
        "The migrations were tried without those rows.",
        &[],
    ),
    rule(
        "replay",
        Error,
        "a migration that fails, whatever rows there are",
        "It fails in production, too.",
        &[],
    ),
    rule(
        "fails-with-rows",
        Error,
        "a statement that fails on every table that has rows",
        "It works on an empty database and fails in production.",
        &["adding-required-field", "data_depend", "MF103"],
    ),
    rule(
        "depends-on-rows",
        Warning,
        "a statement that fails if certain rows exist",
        "Whether it works in production depends on rows that nobody looked at.",
        &["data_depend", "MF101", "MF102", "MF104"],
    ),
    rule(
        "blocking-rewrite",
        Error,
        "a table written anew while nobody can read it",
        "An ACCESS EXCLUSIVE lock stops all reads and writes for as long as it takes to copy \
         every row and to build every index.",
        &[
            "adding-field-with-default",
            "changing-column-type",
            "adding-serial-primary-key-field",
            "prefer-repack",
            "data_depend",
        ],
    ),
    rule(
        "blocking-scan",
        Error,
        "a table read from start to end while a lock stops writes, or reads too",
        "The lock lasts as long as the scan, which grows with the table; everything that needs the \
         locked table waits.",
        &[
            "require-concurrent-index-creation",
            "require-concurrent-reindex",
            "constraint-missing-not-valid",
            "adding-foreign-key-constraint",
            "adding-not-nullable-field",
            "disallowed-unique-constraint",
            "concurrent_index",
            "PG101",
        ],
    ),
    rule(
        "lock-timeout",
        Warning,
        "a short lock that stops others, without a lock_timeout",
        "While it waits for a long query to end, everything that comes after it waits, too.",
        &[
            "require-lock-timeout",
            "require-concurrent-index-deletion",
            "require-concurrent-partition-detach",
        ],
    ),
    rule(
        "drop-table",
        Error,
        "a table dropped with its rows",
        "The rows are gone for good, and the code that is still running fails.",
        &["ban-drop-table", "destructive", "DS102", "ban-drop-schema", "DS101"],
    ),
    rule(
        "drop-column",
        Error,
        "a column dropped with its values",
        "The values are gone for good, and the code that is still running fails.",
        &["ban-drop-column", "destructive", "DS103"],
    ),
    rule(
        "truncate",
        Error,
        "TRUNCATE of a table",
        "All rows are gone for good, while an ACCESS EXCLUSIVE lock stops even reads.",
        &["ban-truncate-cascade", "destructive"],
    ),
    rule(
        "delete-all-rows",
        Error,
        "DELETE without WHERE",
        "All rows are gone for good.",
        &["destructive"],
    ),
    rule(
        "update-all-rows",
        Error,
        "UPDATE without WHERE",
        "Every row stays locked until the file ends, and the table doubles in size.",
        &[],
    ),
    rule(
        "rename-table",
        Warning,
        "a table renamed or moved to another schema",
        "The code that is running while you deploy knows only the old name.",
        &["renaming-table", "ban-set-schema", "incompatible", "BC101"],
    ),
    rule(
        "rename-column",
        Warning,
        "a column renamed",
        "The code that is running while you deploy knows only the old name.",
        &["renaming-column", "incompatible", "BC102"],
    ),
    rule(
        "change-type",
        Warning,
        "a column's type changed without a rewrite",
        "The code that is running while you deploy expects the old type, and a time zone or digits \
         may be lost.",
        &["changing-column-type", "incompatible"],
    ),
    rule(
        "ban-alter-domain-with-add-constraint",
        Warning,
        "squawk: a constraint added to a domain",
        "PostgreSQL checks every column of that domain under a lock.",
        &[],
    ),
    rule(
        "ban-char-field",
        Warning,
        "squawk: a column of type char(n)",
        "PostgreSQL pads the values with blanks; text or varchar does not.",
        &[],
    ),
    rule(
        "ban-create-domain-with-constraint",
        Warning,
        "squawk: a domain with a constraint",
        "The constraint cannot be changed later without a lock on every table that uses it.",
        &[],
    ),
    rule(
        "ban-drop-extension",
        Warning,
        "squawk: an extension dropped",
        "Everything that it provides is dropped with it.",
        &[],
    ),
    rule(
        "ban-drop-not-null",
        Warning,
        "squawk: NOT NULL dropped",
        "The code that is running may not expect NULL in the column.",
        &[],
    ),
    rule(
        "identifier-too-long",
        Warning,
        "squawk: a name of more than 63 bytes",
        "PostgreSQL cuts it off, and two names may become one.",
        &[],
    ),
    rule(
        "prefer-identity",
        Warning,
        "squawk: serial instead of an identity column",
        "The sequence of a serial column has permissions and an owner of its own.",
        &[],
    ),
    rule(
        "prefer-timestamp-tz",
        Warning,
        "squawk: timestamp without time zone",
        "It does not say which moment it means.",
        &["prefer-timestamptz"],
    ),
];
