//! Packs, deploys and rehearses the stack: the commands in `deploy.just`.

mod architecture;
mod aws;
mod certificates;
mod deploy;
mod deploy_tools;
mod image;
mod lint_stack;
mod package;
mod parameters;
mod rehearse;
mod run_task;
mod samconfig;
mod stack;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use migrations::Project;

use crate::{architecture::Architecture, samconfig::StackEnvironment};

#[derive(Debug, Parser)]
#[command(name = "deploy", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the tools for deployment: the AWS CLI and SAM CLI, cargo-lambda, cfn-lint, an emulator
    Setup,
    /// Build the stack's functions for AWS Lambda
    Build(Processor),
    /// Pack the stack's functions and the Atlas layer into target/package
    ///
    /// RDS_CA_BUNDLE, in the environment or .env, names a file with the certificates to verify
    /// the database server with, instead of those of Amazon RDS. ATLAS_LAMBDA names an Atlas
    /// for the layer, instead of the pinned release. TASK_BASE_IMAGE names another base for the
    /// image of the task, which is built with Runner "task" and where Docker runs.
    Package(Processor),
    /// Lint the stack with cfn-lint and sam, if they are installed
    Lint,
    /// Check, build, pack and deploy the stack of an environment in samconfig.toml
    Deploy {
        #[arg(default_value = "dev")]
        environment: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Rehearse this branch's deployment and its rollback on an emulator of AWS
    ///
    /// REHEARSAL_ROWS, in the environment or .env, names a file of SQL that fills the tables of
    /// the base branch before this branch's migrations run.
    Rehearse {
        #[arg(default_value = "dev")]
        environment: String,
        /// Also rehearse migrations that fail, half-way too, and their repair
        #[arg(long)]
        all: bool,
    },
    /// Apply this checkout's migrations in the container task of a deployed stack
    ///
    /// For what takes longer than the stack waits: the deployment then finds it done.
    RunTask {
        #[arg(default_value = "dev")]
        environment: String,
    },
    /// Remove what a killed rehearsal left on the server
    #[command(hide = true)]
    Sweep,
    /// Show the state of a deployed stack, its outputs and its last failure
    Status {
        #[arg(default_value = "dev")]
        environment: String,
    },
    /// Print the log of the function that applies the migrations
    Logs {
        #[arg(default_value = "dev")]
        environment: String,
        /// Options of `sam logs`, after `--`: --tail, --start-time '10min ago'
        #[arg(last = true)]
        options: Vec<String>,
    },
}

/// The processor that the functions are built for.
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
            None => StackEnvironment::read(&project.root, &self.environment)?.architecture(),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::exit_code(run(Arguments::parse().command).await)
}

async fn run(command: Command) -> Result<ExitCode> {
    let project = Project::find()?;
    match command {
        Command::Setup => deploy_tools::install(&project.root)?,
        Command::Build(processor) => {
            for (_, program) in package::build(&project, processor.architecture(&project)?)? {
                println!("✓ {}", program.display());
            }
        }
        Command::Package(processor) => {
            let major = package::postgres_major(&project)?;
            let architecture = processor.architecture(&project)?;
            package::run(&project, architecture, major).await?;
            let environment = StackEnvironment::read(&project.root, &processor.environment);
            if environment.is_ok_and(|it| it.task_repository().is_some()) {
                image::build(&project.root, architecture)?;
            }
        }
        Command::Lint => lint_stack::run(&project)?,
        Command::Deploy { environment, yes } => {
            return deploy::run(&project, &environment, yes).await;
        }
        Command::Rehearse { environment, all } => {
            rehearse::run(&project, &environment, all).await?
        }
        Command::RunTask { environment } => return run_task::run(&project, &environment).await,
        Command::Sweep => {
            // Whoever creates a temporary database drops those of processes that are gone.
            let server = postgres::server_in(&project.root).await?;
            server.temporary_database("sweep").await?.drop_database().await?;
        }
        Command::Status { environment } => deploy::status(&project, &environment).await?,
        Command::Logs { environment, options } => {
            return deploy::logs(&project, &environment, &options).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A project in a temporary directory, without migrations or a stack.
#[cfg(test)]
fn sample_project() -> (tempfile::TempDir, Project) {
    let root = tempfile::tempdir().unwrap();
    let manifest = "[workspace.metadata.migrations]\nfile-name = '\\.sql$'\nbase-branch = 'main'\n";
    std::fs::write(root.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(root.path().join("migrations")).unwrap();
    let project = Project::at(root.path().to_owned()).unwrap();
    (root, project)
}
