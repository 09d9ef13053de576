//! The commands behind the justfile: `cargo xtask COMMAND`.

mod atlas_install;
mod aws;
mod change;
mod check;
mod concurrent;
mod create;
mod database;
mod deploy;
mod deploy_tools;
mod download;
mod fingerprint;
mod git;
mod lint_stack;
mod package;
mod process;
mod project;
mod rehearse;
mod report;
mod schema;
mod setup;
mod stack;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{
    project::Project,
    stack::{Architecture, Environment},
};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find or install Atlas, turn the git hook on, make .env
    Setup {
        /// Install what deploying takes, too: the AWS SAM CLI, cargo-lambda, cfn-lint
        #[arg(long)]
        deploy: bool,
    },
    /// Plan a migration from what changed in the entities
    CreateMigrations {
        /// What the migration does, in snake case
        name: Option<String>,
    },
    /// Check that the migrations are safe to merge
    CheckMigrations {
        /// Check even if nothing changed since the last pass
        #[arg(long)]
        force: bool,
    },
    /// Write atlas.sum, and its hash in template.yaml, anew after an edit or a merge
    HashMigrations,
    /// Build the stack's functions for AWS Lambda
    BuildLambda(Processor),
    /// Pack the stack's functions and the Atlas layer into target/package
    ///
    /// RDS_CA_BUNDLE, in the environment or .env, names a file with the certificates to verify
    /// the database server with, instead of those of Amazon RDS. ATLAS_LAMBDA names an Atlas
    /// for the layer, instead of the pinned release.
    Package(Processor),
    /// Lint the stack with cfn-lint and sam, where they are installed
    LintStack,
    /// Check, build, pack and deploy the stack of an environment in samconfig.toml
    Deploy {
        #[arg(default_value = "dev")]
        environment: String,
        /// Do not ask, where samconfig.toml says to
        #[arg(long)]
        yes: bool,
    },
    /// Rehearse deployments, failing ones too, on an emulator of AWS
    RehearseDeploy {
        #[arg(default_value = "dev")]
        environment: String,
    },
    /// Tell the state of a deployed stack, its outputs and its last failure
    StackStatus {
        #[arg(default_value = "dev")]
        environment: String,
    },
    /// Print the log of the function that applies the migrations
    Logs {
        #[arg(default_value = "dev")]
        environment: String,
        /// For `sam logs`, after `--`: --tail, --start-time '10min ago'
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Apply the pending migrations to a database
    Apply {
        /// The database; DATABASE_URL, in the environment or .env, shows in no process list
        url: Option<String>,
    },
    /// Tell which migrations a database has and which are pending
    Status {
        /// The database; DATABASE_URL, in the environment or .env, shows in no process list
        url: Option<String>,
    },
    /// Start a PostgreSQL server with this project's database in it
    DbUp,
    /// Stop that server and remove its data
    DbDown,
    /// Open psql on the database that `db-up` made
    DbShell,
}

/// Which processor the functions are for.
#[derive(Debug, Args)]
struct Processor {
    /// The processor [default: Architecture in samconfig.toml]
    #[arg(long)]
    architecture: Option<Architecture>,
    /// The environment in samconfig.toml that names the processor
    #[arg(long, default_value = "dev")]
    environment: String,
}

impl Processor {
    fn architecture(&self, project: &Project) -> Result<Architecture> {
        match self.architecture {
            Some(architecture) => Ok(architecture),
            None => Environment::read(&project.root, &self.environment)?.architecture(),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let project = Project::find()?;
    match arguments.command {
        Command::Setup { deploy } => setup::run(&project, deploy)?,
        Command::CreateMigrations { name } => create::run(&project, name.as_deref()).await?,
        Command::CheckMigrations { force } => return check::run(&project, force).await,
        Command::HashMigrations => create::hash(&project)?,
        Command::BuildLambda(processor) => {
            for (_, program) in package::build(&project, processor.architecture(&project)?)? {
                println!("✓ {}", program.display());
            }
        }
        Command::Package(processor) => {
            let major = package::postgres_major(&project)?;
            package::run(&project, processor.architecture(&project)?, major)?;
        }
        Command::LintStack => lint_stack::run(&project)?,
        Command::Deploy { environment, yes } => {
            return deploy::run(&project, &environment, yes).await;
        }
        Command::RehearseDeploy { environment } => rehearse::run(&project, &environment).await?,
        Command::StackStatus { environment } => deploy::status(&project, &environment)?,
        Command::Logs {
            environment,
            options,
        } => return deploy::logs(&project, &environment, &options),
        Command::Apply { url } => database::apply(&project, &database::target(&project, url)?)?,
        Command::Status { url } => database::status(&project, &database::target(&project, url)?)?,
        Command::DbUp => database::up(&project).await?,
        Command::DbDown => database::down(&project).await?,
        Command::DbShell => database::shell(&project).await?,
    }
    Ok(ExitCode::SUCCESS)
}
