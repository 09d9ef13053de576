//! Measures what a user waits for. Each figure stands beside a floor: the least
//! that could be waited for, measured in the same run. An argument names one topic:
//! `commands`, `fixtures`, `gate` or `function`.

mod commands;
mod fixtures;
mod function;
mod gate;
mod history;
mod render;

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use template_tests::{Project, run, target};

const ANSWERS: &[(&str, &str)] = &[("database_name", "bench"), ("postgres_major", "15")];

fn main() -> Result<()> {
    let directory = tempfile::tempdir_in(target())?;
    let mut figures = Vec::new();
    let topic = env::args().nth(1);
    let is_wanted = |name| topic.as_deref().is_none_or(|topic| topic == name);
    if is_wanted("commands") {
        render::render_to_green(directory.path(), &mut figures)?;
        commands::check(directory.path(), &mut figures)?;
        history::measure(&project(directory.path())?, directory.path(), &mut figures)?;
        for entities in [10, 100] {
            commands::print_schema(directory.path(), entities, &mut figures)?;
        }
    }
    if is_wanted("fixtures") {
        fixtures::measure(directory.path(), &mut figures)?;
    }
    if is_wanted("gate") {
        gate::measure(&mut figures)?;
    }
    if is_wanted("function") {
        function::lambda(&mut figures)?;
    }

    println!(
        "\n{:<30}{:>10}      {:>10}      floor or peer",
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
            "{name:<30}{value:>10.1} {unit:<4} {peer_value:>10.1} {unit:<4} {peer}"
        )
    }
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
