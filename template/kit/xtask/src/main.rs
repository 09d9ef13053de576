//! The daily commands behind the justfile.

mod coverage;
mod database;
mod pre_commit;
mod setup;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use migrations::{Project, Rename, check, create, import, install, rebase, schema};

#[derive(Debug, Parser)]
#[command(name = "xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find or install Atlas, turn the git hook on, make .env
    Setup {
        /// Set up Docker first, and pull the image of this project's PostgreSQL
        #[arg(long)]
        docker: bool,
    },
    /// Plan a migration from what changed in the entities
    CreateMigrations {
        /// What the migration does, in snake case
        name: Option<String>,
        /// What was renamed: `users.name=full_name`, `categories=topics`, `status.old=new`
        #[arg(long, value_name = "OLD=NEW")]
        rename: Vec<Rename>,
        /// Nothing else was renamed: drop and add
        #[arg(long)]
        no_rename: bool,
    },
    /// Take in a database that exists: entities, SQL, and a migration that makes it
    ImportEntities {
        /// The database; DATABASE_URL, in the environment or .env, shows in no process list
        url: Option<String>,
        /// Only these tables, and what they need: `users,audit.*`
        #[arg(long, value_name = "TABLES", value_delimiter = ',')]
        tables: Vec<String>,
        /// Only these schemas
        #[arg(long, value_name = "SCHEMAS", value_delimiter = ',')]
        schema: Vec<String>,
        /// Leave these tables and views out: `*_old`
        #[arg(long, value_name = "TABLES", value_delimiter = ',')]
        exclude: Vec<String>,
        /// Remove the template's example without asking
        #[arg(long)]
        replace_example: bool,
    },
    /// Add an empty migration, for SQL written by hand
    NewMigration {
        /// What the migration does, in snake case
        name: String,
    },
    /// After a merge: put the migrations of this branch after those of the base branch
    RebaseMigrations,
    /// Check that the migrations are safe to merge
    CheckMigrations {
        /// Check even if nothing changed since the last pass
        #[arg(long)]
        force: bool,
        /// The branch that they are merged into, instead of base-branch in Cargo.toml
        #[arg(long, value_name = "BRANCH")]
        base: Option<String>,
        /// Print JSON instead of lines
        #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
        format: Option<String>,
        /// Write what was found to this file, as Markdown
        #[arg(long, value_name = "FILE")]
        summary: Option<PathBuf>,
    },
    /// Rewrite atlas.sum after an edit or a merge
    HashMigrations,
    /// Check what is about to be committed, as the git hook
    PreCommit,
    /// Print the schema that the entities describe, as SQL
    PrintSchema,
    /// Run the tests, and print the share of your lines that they run
    Coverage {
        /// Do nothing if Cargo.toml sets no floor
        #[arg(long)]
        if_floor: bool,
        /// For `cargo llvm-cov`: --open, --lcov, ...
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Apply the pending migrations to a database
    Apply {
        /// Apply nothing: the database has what the migrations up to this one make
        #[arg(long, value_name = "VERSION")]
        baseline: Option<String>,
        /// The database; DATABASE_URL, in the environment or .env, shows in no process list
        url: Option<String>,
    },
    /// Show which migrations a database has and which are pending
    Status {
        /// The database; DATABASE_URL, in the environment or .env, shows in no process list
        url: Option<String>,
    },
    /// Start a PostgreSQL server with this project's database in it
    DbUp,
    /// Stop the servers of this project and remove their data
    DbDown,
    /// Open psql on the database that `db-up` made, or on another one of its server
    DbShell {
        /// Name of the database, as a failed test prints it
        database: Option<String>,
    },
    /// Merge a newer version of the template into this repository
    UpdateTemplate(update::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::exit_code(run(Arguments::parse().command).await)
}

async fn run(command: Command) -> Result<ExitCode> {
    let project = Project::find()?;
    match command {
        Command::Setup { docker } => {
            if docker {
                postgres::install_docker(&project.root, std::env::consts::OS)?;
            }
            setup::run(&project)?;
            println!("✓ {}", postgres::describe(&project.root).await?);
        }
        Command::CreateMigrations { name, rename: renames, no_rename } => {
            let options = create::Options { name, renames, no_rename, quiet: false };
            return create::run(&project, &options).await;
        }
        Command::ImportEntities { url, tables, schema, exclude, replace_example } => {
            let url = database::target(&project, url)?;
            let options = import::Options { tables, schemas: schema, exclude, replace_example };
            let features = "codegen,sqlx-postgres,runtime-tokio";
            let install = || {
                let build = ["--debug", "--no-default-features", "--features", features];
                tools::cargo::install(&project.root, "sea-orm-cli", &build)
            };
            return import::run(&project, &url, &options, install).await;
        }
        Command::NewMigration { name } => install::new_migration(&project, &name)?,
        Command::RebaseMigrations => return rebase::run(&project).await,
        Command::CheckMigrations { force, base, format, summary } => {
            let options = check::Options { force, json: format.is_some(), summary };
            let mut project = project;
            project.base_branch = base.unwrap_or(project.base_branch);
            return check::run_with(&project, &options).await;
        }
        Command::HashMigrations => install::hash(&project)?,
        Command::Coverage { if_floor, options } => {
            coverage::run(&project.root, if_floor, &options)?;
        }
        Command::PreCommit => pre_commit::run(&project).await?,
        Command::PrintSchema => print!("{}", schema::print(&project)?),
        Command::Apply { baseline, url } => {
            let url = database::target(&project, url)?;
            match baseline {
                Some(version) => migrations::apply::baseline(&project, &url, &version).await?,
                None => database::apply(&project, &url).await?,
            }
        }
        Command::Status { url } => database::status(&project, &database::target(&project, url)?)?,
        Command::DbUp => database::up(&project).await?,
        Command::DbDown => database::down(&project).await?,
        Command::DbShell { database } => database::shell(&project, database).await?,
        Command::UpdateTemplate(options) => return update::run(&project.root, &options),
    }
    Ok(ExitCode::SUCCESS)
}
