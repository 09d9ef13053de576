//! From a render to a green test.

use std::{fmt::Write as _, fs, path::Path, process::Command, time::Instant};

use anyhow::Result;
use template_tests::run;

use crate::{Figure, project};

/// From a fresh render to the first green test, with an empty target directory.
pub(crate) fn render_to_green(directory: &Path, figures: &mut Vec<Figure>) -> Result<()> {
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
