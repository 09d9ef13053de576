//! Renders the template into `./demo`, and walks through the main job there as a
//! user would, with nothing but the repository's own commands.

use std::{
    fs,
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use template_tests::{Project, checkout, create_untracked, install_cargo_generate, target};

/// The version that every edition of Atlas works with.
const ANSWERS: &[(&str, &str)] = &[("database_name", "demo"), ("postgres_major", "15")];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut demo = Demo {
        step: 0,
        project: Project::at(checkout().join("demo")),
    };
    demo.step("Get cargo-generate");
    let cargo_generate = install_cargo_generate()?;

    demo.step("Render the template into ./demo");
    demo.remove_an_earlier_one()?;
    let rendered = Project::render(&cargo_generate, &checkout(), "demo", ANSWERS).succeeded()?;
    print!("{}", rendered.output);
    demo.restore_target()?;
    create_untracked(&demo.project.root)?;
    fs::write(
        demo.project.root.join(".git/info/exclude"),
        "/CACHEDIR.TAG\n",
    )?;

    demo.step("Set it up: find or install Atlas");
    demo.just(&["setup"])?;
    demo.step("Print the schema that the entities describe");
    demo.just(&["print-schema"])?;
    demo.step("Plan the first migration");
    demo.just(&["create-migrations"])?;
    demo.step("Check it");
    demo.just(&["check-migrations"])?;
    demo.step("Run the tests, on a PostgreSQL that is thrown away");
    demo.just(&["test"])?;

    demo.step("Add a column to an entity, and plan the migration for it");
    const USER: &str = "crates/entity/src/user.rs";
    demo.project.edit(
        USER,
        "    pub name: String,\n",
        "    pub name: String,\n    pub phone: Option<String>,\n",
    )?;
    println!("{USER}: + pub phone: Option<String>,\n");
    demo.just(&["create-migrations", "add_user_phone"])?;
    demo.step("Check again");
    demo.just(&["check-migrations"])?;
    demo.just(&["db-down"])?;

    println!("\nDone. The repository is in ./demo. Try next:\n");
    println!("    cd demo");
    println!("    just                      # all commands");
    println!("    just db-up                # a PostgreSQL with the schema; then: just db-shell");
    println!("    $EDITOR crates/entity/src/user.rs && just create-migrations");
    Ok(())
}

struct Demo {
    step: usize,
    project: Project,
}

impl Demo {
    fn step(&mut self, what: &str) {
        self.step += 1;
        println!("\n\x1b[1m[{}/9] {what}\x1b[0m\n", self.step);
    }

    /// Runs a command of the repository where the user can watch it.
    fn just(&self, arguments: &[&str]) -> Result<()> {
        println!("$ just {}", arguments.join(" "));
        let start = Instant::now();
        let status = self
            .project
            .command("just")
            .args(arguments)
            .stdin(Stdio::null())
            .status()
            .context("cannot run just: cargo install --locked just")?;
        ensure!(
            status.success(),
            "just {} failed, see above",
            arguments.join(" ")
        );
        println!("({:.1} s)", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Removes what an earlier run rendered, but keeps what takes long to build.
    fn remove_an_earlier_one(&self) -> Result<()> {
        let root = &self.project.root;
        if !root.exists() {
            return Ok(());
        }
        ensure!(
            root.join(".template-answers.toml").is_file(),
            "{} is not from an earlier run: move it away first",
            root.display()
        );
        // Its server, if one was left running.
        let _ = self.project.just(&["db-down"]);
        let target = root.join("target");
        if target.exists() {
            fs::rename(target, kept_target())?;
        }
        fs::remove_dir_all(root)?;
        Ok(())
    }

    /// Puts back what was built for an earlier one.
    fn restore_target(&self) -> Result<()> {
        if kept_target().exists() {
            fs::rename(kept_target(), self.project.root.join("target"))?;
        }
        Ok(())
    }
}

/// cargo-generate renders only to where nothing is: builds wait here meanwhile.
fn kept_target() -> PathBuf {
    target().join("demo")
}
