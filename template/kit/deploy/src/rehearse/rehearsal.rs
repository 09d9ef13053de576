//! The stack in the emulator, deployed, deleted and observed as one in AWS would be.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use process::text;
use tokio::time::sleep;

use super::{
    database::{Address, Throwaway},
    emulator::Emulator,
    logs::{FUNCTION, Logs, SAM},
    outcome::{Call, Observed},
    project_copy::ProjectCopy,
};
use crate::{
    architecture::Architecture,
    aws::{Aws, StackFailure, word},
    samconfig::StackEnvironment,
    stack::TEMPLATE,
};

/// How long CloudFormation may take to delete the stack.
const DELETION_TIMEOUT: Duration = Duration::from_secs(60);

/// A rehearsal in progress. Dropping it stops everything that it started.
#[derive(Debug)]
pub(super) struct Rehearsal {
    pub(super) copy: ProjectCopy,
    pub(super) logs: Logs,
    aws: Aws,
    stack: String,
    region: String,
    parameters: BTreeMap<String, String>,
    /// Number of lines of the function's log that were seen.
    seen: usize,
    /// What sam wrote in the last deployment.
    pub(super) sam_output: String,
    _emulator: Emulator,
    pub(super) database: Throwaway,
}

/// What to do with the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Deploy,
    Delete,
}

impl Rehearsal {
    /// Prepares the stack of an environment for the emulator and the database. Parameters
    /// that do not concern the database keep the environment's values.
    pub(super) async fn new(
        mut aws: Aws,
        environment: &StackEnvironment,
        emulator: Emulator,
        database: Throwaway,
        copy: ProjectCopy,
        logs: Logs,
        home: &Path,
    ) -> Result<Self> {
        sign_in(&mut aws, &emulator.url(), home);
        let address = database.address()?;
        let secret = create_secret(&aws, &address, home).await?;
        let mut parameters: BTreeMap<_, _> = environment.parameters.iter().cloned().collect();
        parameters.extend(database_parameters(address, secret)?);
        Ok(Self {
            copy,
            logs,
            aws,
            stack: environment.stack_name.clone(),
            region: environment.region.clone(),
            parameters,
            seen: 0,
            sam_output: String::new(),
            _emulator: emulator,
            database,
        })
    }

    /// Sets a parameter of the template.
    pub(super) fn set(&mut self, parameter: &str, value: &str) {
        self.parameters.insert(parameter.into(), value.into());
    }

    /// Performs the action, and observes its effects. The time is that of the action alone.
    ///
    /// # Errors
    /// When something cannot be done or observed. A failed deployment is not an error.
    pub(super) async fn play(&mut self, action: Action) -> Result<(Observed, Duration)> {
        let before = self.database.snapshot().await?;
        let (since, started) = (SystemTime::now(), Instant::now());
        let deployed = match action {
            Action::Deploy => self.deploy().await?,
            Action::Delete => self.delete().await.map(|()| true)?,
        };
        let took = started.elapsed();

        // Each of these starts a program that takes a second.
        let (stack, failures) =
            tokio::try_join!(self.aws.stack(&self.stack), self.failures(deployed, since))?;
        let log = self.logs.lines(FUNCTION)?.split_off(self.seen);
        self.seen += log.len();
        let state = stack.map(|stack| word(&stack["StackStatus"]));
        let observed = Observed {
            // Deleted stacks remain visible for a while.
            stack: state.filter(|state| state != "DELETE_COMPLETE"),
            calls: Call::all(&log),
            failures,
            databases: (before, self.database.snapshot().await?),
            log,
        };
        Ok((observed, took))
    }

    /// Invokes the function that an output of the stack names; returns its answer, `None` if
    /// there is no such output.
    pub(super) async fn invoke(&self, output: &str) -> Result<Option<String>> {
        let stack = self.aws.stack(&self.stack).await?.unwrap_or_default();
        let mut outputs = stack["Outputs"].as_array().into_iter().flatten();
        let found = outputs.find(|found| found["OutputKey"] == output);
        let Some(function) = found.map(|found| word(&found["OutputValue"])) else {
            return Ok(None);
        };
        let file = self.copy.root().join("answer.json");
        let path = file.display().to_string();
        let command = "lambda invoke --payload {} --function-name";
        let outcome = self.aws.json(command, &[&function, &path]).await?;
        let answer = fs::read_to_string(&file).context("the function left no answer")?;
        ensure!(outcome.get("FunctionError").is_none(), "the function {function} failed: {answer}");
        Ok(Some(answer))
    }

    /// Deploys as `just deploy` does; returns whether it succeeded.
    async fn deploy(&mut self) -> Result<bool> {
        let mut sam = self.aws.sam();
        sam.current_dir(self.copy.root())
            .args(["deploy", "--template-file", TEMPLATE, "--resolve-s3"])
            .args(["--stack-name", &self.stack, "--region", &self.region])
            .args(["--no-confirm-changeset", "--no-fail-on-empty-changeset"])
            .args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"])
            .args(["CAPABILITY_AUTO_EXPAND", "--parameter-overrides"]);
        for (name, value) in &self.parameters {
            // In quotes: sam accepts no blank value without, and cuts others at a space.
            sam.arg(format!("{name}=\"{value}\""));
        }
        let output = sam.output().await.context("cannot run sam")?;
        self.sam_output = text(&output.stdout) + &text(&output.stderr);
        self.logs.add(SAM, &self.sam_output)?;
        Ok(output.status.success())
    }

    async fn delete(&mut self) -> Result<()> {
        self.sam_output.clear();
        let command = "cloudformation delete-stack --stack-name";
        self.aws.json(command, &[&self.stack]).await?;
        let started = Instant::now();
        while let Some(stack) = self.aws.stack(&self.stack).await? {
            match &*word(&stack["StackStatus"]) {
                "DELETE_COMPLETE" | "DELETE_FAILED" => break,
                state if started.elapsed() > DELETION_TIMEOUT => {
                    bail!("the stack is still {state}")
                }
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
        Ok(())
    }

    async fn failures(&self, deployed: bool, since: SystemTime) -> Result<Vec<StackFailure>> {
        if deployed {
            return Ok(Vec::new());
        }
        match self.aws.failures(&self.stack, since).await {
            // There may be no stack: sam found a mistake in the template, for example.
            Err(error) if error.to_string().contains("does not exist") => Ok(Vec::new()),
            other => other,
        }
    }
}

/// Makes `aws` and `sam` talk to the emulator, with credentials that are valid nowhere else.
fn sign_in(aws: &mut Aws, url: &str, home: &Path) {
    let home = home.display().to_string();
    aws.isolate(&[
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        // sam keeps files in them.
        ("HOME", &home),
        ("TMPDIR", &home),
        ("LANG", "C.UTF-8"),
        // Seconds between two looks; the default suits AWS.
        ("SAM_CLI_POLL_DELAY", "0.3"),
    ]);
}

/// Stores the database's user and password where the function finds them; returns the ARN.
async fn create_secret(aws: &Aws, address: &Address, home: &Path) -> Result<String> {
    let file = home.join("secret.json");
    let secret = serde_json::json!({ "username": address.user, "password": address.password });
    fs::write(&file, secret.to_string())?;
    // By a file, because everybody can read a command line.
    let secret = format!("file://{}", file.display());
    let command = "secretsmanager create-secret --name rehearsal --secret-string";
    let created = aws.json(command, &[&secret]).await;
    fs::remove_file(&file)?;
    let created = created.context("the emulator did not store the secret")?;
    let arn = created["ARN"].as_str().context("the secret has no ARN")?;
    Ok(arn.to_owned())
}

/// The parameters of the template that differ from the environment's.
fn database_parameters(address: Address, secret: String) -> Result<Vec<(String, String)>> {
    let architecture = Architecture::of_this_machine()?.to_string();
    let values = [
        ("Architecture", architecture),
        ("Database", "existing".into()),
        ("DatabaseHost", address.host),
        ("DatabasePort", address.port.to_string()),
        ("DatabaseName", address.name),
        // The secret has the user.
        ("DatabaseUser", String::new()),
        ("Authentication", "secret".into()),
        ("DatabaseResourceId", String::new()),
        ("SecretArn", secret),
        ("SecretKeyArn", String::new()),
        // The emulator has no IAM tokens, and runs no tasks.
        ("ServiceUser", String::new()),
        ("Runner", "function".into()),
        // The emulator does not check that they exist.
        ("SubnetIds", "subnet-12345678".into()),
        ("SecurityGroupIds", "sg-12345678".into()),
        // With "fail", a rollback after a half-applied migration would fail.
        ("OnDatabaseAhead", "succeed".into()),
        ("DryRun", "false".into()),
        ("BaselineVersion", String::new()),
        ("ForceUpdate", String::new()),
    ];
    Ok(values.map(|(name, value)| (name.to_owned(), value)).into())
}
