//! Who may connect to the tests' server.

use super::postgres::{IAM_USER, PASSWORD, PLAIN_USER, USER};

/// Rules for connections. Tests connect as the superuser `postgres`; a proxy terminates TLS
/// for the role with IAM authentication.
pub const RULES: &str = "local all all trust
host all postgres all password
hostnossl all iam all password
hostnossl all plain all scram-sha-256
hostssl all plain all reject
hostssl all +app all scram-sha-256
";

pub fn roles() -> String {
    let password = PASSWORD.replace('\'', "''");
    format!(
        "CREATE ROLE {USER} LOGIN PASSWORD '{password}';
         CREATE ROLE {PLAIN_USER} LOGIN PASSWORD '{password}' IN ROLE {USER};
         CREATE ROLE {IAM_USER} LOGIN PASSWORD '{password}' IN ROLE {USER};\n"
    )
}

/// Returns a statement that writes a file in the server's data directory. The text must not
/// contain quotes.
pub fn write_file(name: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("'{line}'")).collect();
    format!(
        "COPY (SELECT unnest(ARRAY[{}])) TO PROGRAM 'umask 077; cat >{name}';\n",
        lines.join(",")
    )
}
