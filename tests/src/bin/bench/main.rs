//! Measures what a user waits for. Each figure stands beside a floor: the least
//! that could be waited for, measured in the same run.

mod history;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use template_tests::{Project, Tools, checkout, run, target};

const ANSWERS: &[(&str, &str)] = &[("database_name", "bench"), ("postgres_major", "15")];

fn main() -> Result<()> {
    let directory = tempfile::tempdir_in(target())?;
    let mut figures = Vec::new();
    render_to_green(directory.path(), &mut figures)?;
    check(directory.path(), &mut figures)?;
    history::measure(&project(directory.path())?, directory.path(), &mut figures)?;
    for entities in [10, 100] {
        print_schema(directory.path(), entities, &mut figures)?;
    }

    lambda(&mut figures)?;

    println!(
        "\n{:<20}{:>10}      {:>10}      floor or peer",
        "", "value", "beside"
    );
    for figure in &figures {
        println!("{figure}");
    }
    let file = target().join("bench.json");
    fs::write(
        &file,
        serde_json::to_string_pretty(&figures.iter().map(Figure::json).collect::<Vec<_>>())?,
    )?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

#[derive(Deserialize)]
struct Figure {
    name: String,
    unit: String,
    value: f64,
    peer: String,
    peer_value: f64,
}

impl Figure {
    fn json(&self) -> Value {
        json!({
            "name": self.name, "value": self.value, "unit": self.unit,
            "peer": self.peer, "peer_value": self.peer_value,
        })
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            unit,
            value,
            peer,
            peer_value,
        } = self;
        write!(
            f,
            "{name:<20}{value:>10.1} {unit:<4} {peer_value:>10.1} {unit:<4} {peer}"
        )
    }
}

/// From a fresh render to the first green test, with an empty target directory.
fn render_to_green(directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    println!("render_to_green: a render, built from nothing");
    let start = Instant::now();
    let project = project(directory)?;
    let mut steps = format!("  render {:.1} s", start.elapsed().as_secs_f64());
    for recipe in ["setup", "create-migrations", "test"] {
        let step = Instant::now();
        project.just(&[recipe]).succeeded()?;
        let _ = write!(steps, ", {recipe} {:.1} s", step.elapsed().as_secs_f64());
    }
    let value = start.elapsed().as_secs_f64();
    println!("{steps}");

    println!("its floor: SeaORM alone, with the same features");
    let floor = directory.join("floor");
    fs::create_dir_all(floor.join("src"))?;
    fs::write(floor.join("src/lib.rs"), "pub use sea_orm;\n")?;
    let workspace = project.read("Cargo.toml")?;
    let from = workspace
        .find("\nsea-orm = ")
        .expect("the workspace has sea-orm");
    let to = from + workspace[from..].find("] }").expect("with features") + 3;
    fs::write(
        floor.join("Cargo.toml"),
        format!(
            "[package]\nname = \"floor\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]{}\n\n[profile.dev.package.\"*\"]\ndebug = false\n",
            &workspace[from..to]
        ),
    )?;
    fs::copy(project.root.join("Cargo.lock"), floor.join("Cargo.lock"))?;
    let start = Instant::now();
    run(Command::new("cargo")
        .args(["build", "--quiet"])
        .current_dir(&floor))
    .succeeded()?;
    figures.push(Figure {
        name: "render_to_green".into(),
        unit: "s".into(),
        value,
        peer: "cargo build of SeaORM alone".into(),
        peer_value: start.elapsed().as_secs_f64(),
    });
    Ok(())
}

/// `check-migrations`, when nothing changed and when all has to be done.
fn check(directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    println!("check_unchanged, check_changed");
    let project = project(directory)?;
    project.just(&["check-migrations"]).succeeded()?;
    let start = project.root.join("kit/run");
    let floor = median(
        20,
        project.command(&start).args(["--bin=xtask", "--version"]),
    )?;
    for (name, arguments) in [
        ("check_unchanged", &["check-migrations"][..]),
        ("check_changed", &["check-migrations", "--force"]),
    ] {
        figures.push(Figure {
            name: name.into(),
            unit: "ms".into(),
            value: median(
                20,
                project.command(&start).arg("--bin=xtask").args(arguments),
            )?,
            peer: "starting the same program for nothing".into(),
            peer_value: floor,
        });
    }
    project.just(&["db-down"]).succeeded()?;
    Ok(())
}

/// The release build of `print-schema` for so many entities.
fn print_schema(directory: &Path, entities: usize, figures: &mut Vec<Figure>) -> Result<()> {
    println!("print_schema_{entities}");
    let project = project(directory)?;
    let sources = project.root.join("crates/entity/src");
    for entry in fs::read_dir(&sources)? {
        let path = entry?.path();
        if !path.ends_with("lib.rs") {
            fs::remove_file(path)?;
        }
    }
    for number in 0..entities {
        fs::write(sources.join(format!("t{number}.rs")), entity(number))?;
    }
    run(project
        .command("cargo")
        .args(["build", "--quiet", "--release", "--bin", "print-schema"]))
    .succeeded()?;
    let program = project.root.join("target/release/print-schema");
    let printed = run(&mut Command::new(&program)).succeeded()?.output;
    ensure!(
        printed.matches("CREATE TABLE").count() == entities,
        "not every entity was printed"
    );
    figures.push(Figure {
        name: format!("print_schema_{entities}"),
        unit: "ms".into(),
        value: median(100, &mut Command::new(&program))?,
        peer: "starting a program that does nothing".into(),
        peer_value: median(100, &mut Command::new("true"))?,
    });
    Ok(())
}

/// What the migration function costs: its own benchmark, the size of its build for the
/// other architecture, and the start of a custom resource in Python beside its own.
fn lambda(figures: &mut Vec<Figure>) -> Result<()> {
    println!("lambda_size, lambda_init, lambda_memory, lambda_noop");
    let template = checkout().join("template");
    let output = run(Command::new("cargo")
        .args(["bench", "--quiet", "--package", "kit-tests"])
        .env("ATLAS", Tools::find()?.atlas)
        .current_dir(&template))
    .succeeded()?
    .output;
    let lines = output.lines().filter(|line| line.starts_with('{'));
    let measured: Vec<Figure> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(
        measured.len() == 4,
        "the function's benchmark printed:\n{output}"
    );
    let init = measured.iter().find(|figure| figure.name == "lambda_init");
    let init = init.map_or(0.0, |figure| figure.value);
    figures.extend(measured);

    run(Command::new("just")
        .args(["build-lambda", "--architecture", "arm64"])
        .current_dir(&template))
    .succeeded()?;
    let built = template.join("target/xtask/lambda/arm64/migration-lambda/bootstrap");
    figures.push(Figure {
        name: "lambda_size_arm64".into(),
        unit: "MB".into(),
        value: megabytes(&built)?,
        peer: "Atlas beside it".into(),
        peer_value: megabytes(&Tools::find()?.atlas)?,
    });

    let python = checkout().join(".tools/bench-python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&python)).succeeded()?;
        run(Command::new(python.join("bin/pip")).args([
            "install",
            "--quiet",
            "boto3==1.43.108",
            "crhelper==2.0.12",
        ]))
        .succeeded()?;
    }
    figures.push(Figure {
        name: "lambda_init_python".into(),
        unit: "ms".into(),
        value: median(
            10,
            Command::new(python.join("bin/python")).args(["-c", "import boto3, crhelper"]),
        )?,
        peer: "lambda_init".into(),
        peer_value: init,
    });
    Ok(())
}

fn megabytes(file: &Path) -> Result<f64> {
    Ok(fs::metadata(file)?.len() as f64 / 1e6)
}

/// A table that refers to the one before it.
fn entity(number: usize) -> String {
    let before = number.saturating_sub(1);
    format!(
        "use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = \"t{number}\")]
pub struct Model {{
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub code: String,
    pub name: Option<String>,
    pub data: Json,
    pub made: DateTimeUtc,
    #[sea_orm(indexed)]
    pub before_id: i64,
    #[sea_orm(belongs_to, from = \"before_id\", to = \"id\")]
    pub before: HasOne<super::t{before}::Entity>,
}}

impl ActiveModelBehavior for ActiveModel {{}}
"
    )
}

/// The project, rendered on the first call; its target directory is its own.
fn project(directory: &Path) -> Result<Project> {
    let root = directory.join("bench");
    let mut project = if root.exists() {
        Project::with_tools(root)?
    } else {
        Project::new(directory, "bench", ANSWERS)?
    };
    project.set("CARGO_TARGET_DIR", project.root.join("target").display());
    Ok(project)
}

/// Milliseconds that the command takes.
fn median(runs: usize, command: &mut Command) -> Result<f64> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        run(command).succeeded()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times.get(runs / 2).map_or(0.0, Duration::as_secs_f64) * 1000.0)
}
