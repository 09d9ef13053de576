//! Renders the template into `./demo` and does the main job there, with the rendered
//! repository's own commands.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};
use template_tests::{Project, checkout, create_untracked, install_cargo_generate, run, target};

/// The newest PostgreSQL that every Atlas works with.
const ANSWERS: &[(&str, &str)] = &[("database_name", "demo"), ("postgres_major", "15")];

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let mut demo = Demo {
        step: 0,
        project: Project::at(checkout().join("demo")),
    };
    demo.remove_an_earlier_one()?;
    demo.step("Get cargo-generate and Atlas, and compile the dependencies, all at once");
    let (cargo_generate, atlas) = prepare()?;

    demo.step("Render the template into ./demo");
    let rendered = Project::render(&cargo_generate, &checkout(), "demo", ANSWERS).succeeded()?;
    print!("{}", rendered.output);
    demo.restore_target()?;
    create_untracked(&demo.project.root)?;
    fs::write(
        demo.project.root.join(".git/info/exclude"),
        "/CACHEDIR.TAG\n",
    )?;

    if let Some(program) = atlas {
        let tools = demo.project.root.join(".tools");
        create_untracked(&tools)?;
        fs::copy(
            &program,
            tools.join(program.file_name().unwrap_or_default()),
        )?;
    }

    demo.step("Set it up");
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

/// Does what the demo waits for and what does not depend on each other at once. Returns the
/// paths of cargo-generate and, unless this machine has one already, of Atlas.
fn prepare() -> Result<(PathBuf, Option<PathBuf>)> {
    let template = checkout().join("template");
    thread::scope(|scope| {
        let atlas = scope.spawn(|| {
            let named = env::var_os("ATLAS").is_some_and(|path| !path.is_empty());
            if named || Command::new("atlas").arg("version").output().is_ok() {
                return Ok(None);
            }
            create_untracked(&tools::directory(&template))?;
            tools::atlas::install(&template).map(|installed| Some(installed.program))
        });
        let dependencies = scope.spawn(|| {
            // Those of an earlier demo are as good.
            if kept_target().join("debug").exists() {
                return Ok(());
            }
            println!("  compiling what the template depends on");
            let mut cargo = Command::new("cargo");
            cargo
                .args(["build", "--bin", "xtask", "--bin", "print-schema"])
                .current_dir(&template)
                .env("CARGO_TARGET_DIR", kept_target());
            run(&mut cargo).succeeded().map(drop)
        });
        let cargo_generate = install_cargo_generate(false)?;
        let panicked = |_| anyhow!("a thread panicked: see above");
        dependencies.join().map_err(panicked)??;
        Ok((cargo_generate, atlas.join().map_err(panicked)??))
    })
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

    /// Runs a recipe of the repository, and shows its output.
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

    /// Removes an earlier demo, but keeps its build.
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
        // Its server may still run.
        let _ = self.project.just(&["db-down"]);
        let target = root.join("target");
        if target.exists() {
            fs::rename(target, kept_target())?;
        }
        fs::remove_dir_all(root)?;
        Ok(())
    }

    /// Moves the build of [`prepare`] or of an earlier demo into this one.
    fn restore_target(&self) -> Result<()> {
        if kept_target().exists() {
            fs::rename(kept_target(), self.project.root.join("target"))?;
        }
        Ok(())
    }
}

/// Holds the build while there is no demo: cargo-generate renders only into a new directory.
fn kept_target() -> PathBuf {
    target().join("demo")
}
