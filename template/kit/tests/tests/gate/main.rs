//! The gate on a real server.

mod found;
mod rows;
mod set;

use atlas::MigrationFile;
use gate::{Finding, Options, Report};

/// Migrations named 1.sql, 2.sql, ... after `first - 1` others.
fn files(first: usize, texts: &[&str]) -> Vec<MigrationFile> {
    let file = |(at, text): (usize, &&str)| MigrationFile {
        name: format!("{:03}.sql", first + at),
        contents: (*text).into(),
    };
    texts.iter().enumerate().map(file).collect()
}

/// Examines `new` after `base`.
async fn gate(base: &str, new: &[&str]) -> Report {
    gate_with(base, new, &Options::default()).await
}

async fn gate_with(base: &str, new: &[&str], options: &Options) -> Report {
    let server = postgres::server().await.unwrap();
    gate::run(&server, &files(1, &[base]), &files(2, new), options).await.unwrap()
}

fn errors(report: &Report) -> Vec<&str> {
    report.findings.iter().filter(|f| f.is_error()).map(|f| f.rule.as_str()).collect()
}

fn text(findings: &[Finding]) -> String {
    findings.iter().map(|finding| gate::output::terminal(finding, false)).collect()
}
