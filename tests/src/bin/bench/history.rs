//! Planning and checking after 1,000 migrations. The project has no entities, so that nothing
//! but the commands themselves counts.

use std::{fmt::Write as _, fs, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result};
use template_tests::{Project, run};

use crate::{Figure, median};

const COUNT: usize = 1_000;

pub fn measure(project: &Project, directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    println!("replay_1000, create_1000, create_changed_1000, check_1000");
    let xtask = project.root.join("target/debug/xtask");
    let root = directory.join("history");
    settings(&root)?;
    let xtask = |arguments: &[&str]| {
        let mut command = project.command(&xtask);
        command.current_dir(&root).args(arguments);
        command
    };
    let mut add = |name: &str, value: f64, (peer, peer_value): (&str, f64)| {
        figures.push(Figure {
            name: name.into(),
            unit: "ms".into(),
            value,
            peer: peer.into(),
            peer_value,
        });
    };
    let start = (
        "starting the same program for nothing",
        median(20, &mut xtask(&["--version"]))?,
    );
    let url = run(&mut xtask(&["db-up"])).succeeded()?.output;
    let url = url
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="));
    let url = url.context("db-up prints a URL")?.to_owned();
    let schema = migrations(&root)?;
    let psql = psql(&root, &url)?;
    run(&mut xtask(&["hash-migrations"])).succeeded()?;
    // Without a kept template.
    let first = Instant::now();
    run(&mut xtask(&["check-migrations", "--force"])).succeeded()?;
    let first = first.elapsed().as_secs_f64() * 1e3;
    add("replay_1000", first, ("psql, the same files", psql));

    let create = &["create-migrations", "more"];
    add("create_1000", median(10, &mut xtask(create))?, start);
    add(
        "check_1000",
        median(10, &mut xtask(&["check-migrations", "--force"]))?,
        start,
    );
    let mut times = Vec::new();
    for number in 0..5 {
        let view = format!("CREATE VIEW v AS SELECT {number} AS number;\n");
        fs::write(root.join("sql/schema.sql"), format!("{schema}{view}"))?;
        times.push(median(1, &mut xtask(create))?);
    }
    times.sort_by(f64::total_cmp);
    add("create_changed_1000", times[2], start);
    run(&mut xtask(&["db-down"])).succeeded()?;
    Ok(())
}

/// Writes a project without migrations.
fn settings(root: &Path) -> Result<()> {
    fs::create_dir_all(root.join("migrations"))?;
    fs::create_dir_all(root.join("sql"))?;
    fs::write(root.join("Cargo.lock"), "")?;
    fs::write(root.join(".env"), "DATABASE_NAME=history\n")?;
    let settings =
        "[workspace.metadata.migrations]\nfile-name = '.*'\nbase-branch = 'main'\nsource = 'sql'\n";
    Ok(fs::write(root.join("Cargo.toml"), settings)?)
}

/// Writes the migrations, and returns the SQL of all of them.
fn migrations(root: &Path) -> Result<String> {
    let mut schema = String::new();
    for number in 0..COUNT {
        let (table, column) = (number / 5, number % 5);
        let sql = match column {
            0 => format!("CREATE TABLE t{table} (id bigint PRIMARY KEY, data text);\n"),
            1 => format!("CREATE INDEX i{table} ON t{table} (data);\n"),
            _ => format!("ALTER TABLE t{table} ADD COLUMN c{column} integer;\n"),
        };
        fs::write(
            root.join(format!("migrations/20200101{number:06}_step.sql")),
            &sql,
        )?;
        schema += &sql;
    }
    fs::write(root.join("sql/schema.sql"), &schema)?;
    Ok(schema)
}

/// Milliseconds that psql takes to apply the files to an empty database, in one session.
fn psql(root: &Path, url: &str) -> Result<f64> {
    let mut files = String::new();
    for number in 0..COUNT {
        let _ = writeln!(files, "\\i migrations/20200101{number:06}_step.sql");
    }
    fs::write(root.join("all.psql"), files)?;
    let options = ["-X", "--quiet", "--set=ON_ERROR_STOP=1"];
    let mut psql = Command::new("psql");
    psql.current_dir(root)
        .arg(url)
        .args(options)
        .arg("--file=all.psql");
    median(1, &mut psql)
}
