//! The stack in the emulator: it is deployed, deleted and looked at as one in AWS would be.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use super::{
    account,
    database::Throwaway,
    emulator::Emulator,
    expected::{Call, Seen},
    logs::{Logs, SAM},
    scratch::Scratch,
};
use crate::{
    aws::{Aws, StackFailure, word},
    stack::{Environment, MIGRATION_FUNCTION, MIGRATION_LOG},
};
use process::text;

/// How long CloudFormation may take to delete the stack.
const DELETION: Duration = Duration::from_secs(60);

/// All that a rehearsal is played on. What was started ends when it is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) scratch: Scratch,
    pub(super) logs: Logs,
    aws: Aws,
    stack: String,
    region: String,
    parameters: BTreeMap<String, String>,
    /// The names that AWS gave to the migration function and its log.
    names: Option<(String, String)>,
    /// The hash of the function's package, when it was last looked at.
    package: Option<String>,
    /// What sam said the last time.
    pub(super) sam: String,
    _emulator: Emulator,
    database: Throwaway,
}

/// What is done with the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Deploy,
    Delete,
}

impl Stage {
    /// Sets the stack of an environment up to be deployed to the emulator and the
    /// database. The template's other parameters have the environment's values.
    pub(super) fn new(
        mut aws: Aws,
        environment: &Environment,
        emulator: Emulator,
        database: Throwaway,
        scratch: Scratch,
        logs: Logs,
        home: &Path,
    ) -> Result<Self> {
        account::sign_in(&mut aws, &emulator.url(), home)?;
        let address = database.address()?;
        let secret = account::make_secret(&aws, &address, home)?;
        let mut parameters: BTreeMap<_, _> = environment.parameters.iter().cloned().collect();
        parameters.extend(account::parameters(address, secret)?);
        Ok(Self {
            scratch,
            logs,
            aws,
            stack: environment.stack_name.clone(),
            region: environment.region.clone(),
            parameters,
            names: None,
            package: None,
            sam: String::new(),
            _emulator: emulator,
            database,
        })
    }

    /// Sets a parameter of the template.
    pub(super) fn set(&mut self, parameter: &str, value: &str) {
        self.parameters
            .insert(parameter.to_owned(), value.to_owned());
    }

    /// Does it, and looks at what came of it. The time is that of the action alone.
    ///
    /// # Errors
    /// When something cannot be done or looked at. That a deployment fails is none.
    pub(super) async fn play(&mut self, action: Action) -> Result<(Seen, Duration)> {
        let before = self.database.snapshot().await?;
        let package = self.package.clone();
        let (since, started) = (SystemTime::now(), Instant::now());
        let deployed = match action {
            Action::Deploy => self.deploy().await?,
            Action::Delete => self.delete().await.map(|()| true)?,
        };
        let took = started.elapsed();

        if deployed && self.names.is_none() {
            self.names = Some((
                self.aws.physical_id(&self.stack, MIGRATION_FUNCTION)?,
                self.aws.physical_id(&self.stack, MIGRATION_LOG)?,
            ));
        }
        // Each of these starts a program that takes its time.
        let (stack, package_after, log, failures) = thread::scope(|scope| {
            let stack = scope.spawn(|| self.aws.stack(&self.stack));
            let package = scope.spawn(|| self.package_of_function());
            let log = scope.spawn(|| self.log(since));
            let failures = match deployed {
                true => Ok(Vec::new()),
                false => self.failures(since),
            };
            (joined(stack), joined(package), joined(log), failures)
        });
        let (stack, log, failures) = (stack?, log?, failures?);
        self.package = match stack {
            Some(_) => package_after?,
            None => None,
        };
        let state = stack.map(|stack| word(&stack["StackStatus"]));
        let seen = Seen {
            // Deleted ones are remembered for a while.
            stack: state.filter(|state| state != "DELETE_COMPLETE"),
            calls: Call::all(&log),
            failures,
            packages: (package, self.package.clone()),
            databases: (before, self.database.snapshot().await?),
            log,
        };
        Ok((seen, took))
    }

    /// What the function of the example answers; `None` if there is none.
    pub(super) fn invoke(&self, output: &str) -> Result<Option<String>> {
        let stack = self.aws.stack(&self.stack)?.unwrap_or_default();
        let outputs = stack["Outputs"].as_array().cloned().unwrap_or_default();
        let found = outputs.iter().find(|found| found["OutputKey"] == output);
        let Some(function) = found.map(|found| word(&found["OutputValue"])) else {
            return Ok(None);
        };
        let file = self.scratch.root().join("answer.json");
        let path = file.display().to_string();
        let outcome = self.aws.json(&[
            "lambda",
            "invoke",
            "--function-name",
            &function,
            "--payload",
            "{}",
            &path,
        ])?;
        let answer = fs::read_to_string(&file).context("the function left no answer")?;
        ensure!(
            outcome.get("FunctionError").is_none(),
            "the function {function} failed: {answer}"
        );
        Ok(Some(answer))
    }

    /// Deploys as `just deploy` does; whether it went well.
    async fn deploy(&mut self) -> Result<bool> {
        let mut sam = self.aws.sam();
        sam.current_dir(self.scratch.root())
            .args(["deploy", "--template-file", "template.yaml"])
            .args(["--stack-name", &self.stack, "--region", &self.region])
            .args(["--resolve-s3", "--capabilities"])
            .args([
                "CAPABILITY_IAM",
                "CAPABILITY_NAMED_IAM",
                "CAPABILITY_AUTO_EXPAND",
            ])
            .args(["--no-confirm-changeset", "--no-fail-on-empty-changeset"])
            .arg("--parameter-overrides")
            // In quotes: sam takes no blank value without, and cuts others at a space.
            .args(
                self.parameters
                    .iter()
                    .map(|(name, value)| format!("{name}=\"{value}\"")),
            );
        let log = self.logs.open(SAM)?;
        let start = log.metadata()?.len();
        sam.stdout(log.try_clone()?).stderr(log);
        let succeeded = Running::start(sam)?.succeeded().await?;
        let log = fs::read(self.logs.path(SAM))?;
        let start = usize::try_from(start)?.min(log.len());
        self.sam = text(&log[start..]);
        Ok(succeeded)
    }

    async fn delete(&mut self) -> Result<()> {
        self.sam.clear();
        self.aws.json(&[
            "cloudformation",
            "delete-stack",
            "--stack-name",
            &self.stack,
        ])?;
        let started = Instant::now();
        while let Some(stack) = self.aws.stack(&self.stack)? {
            match &*word(&stack["StackStatus"]) {
                "DELETE_COMPLETE" | "DELETE_FAILED" => break,
                state if started.elapsed() > DELETION => bail!("the stack is still {state}"),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
        Ok(())
    }

    fn failures(&self, since: SystemTime) -> Result<Vec<StackFailure>> {
        match self.aws.failures(&self.stack, since) {
            // There may be no stack: sam found that the template is wrong, for example.
            Err(error) if error.to_string().contains("does not exist") => Ok(Vec::new()),
            other => other,
        }
    }

    /// The lines of the migration function, or of all functions while its log has no
    /// name, as after a creation that failed.
    fn log(&self, since: SystemTime) -> Result<Vec<String>> {
        if let Some((_, log)) = &self.names {
            return self.aws.log(log, since);
        }
        let answer = self.aws.json(&["logs", "describe-log-groups"])?;
        let mut lines = Vec::new();
        for group in answer["logGroups"].as_array().into_iter().flatten() {
            lines.extend(self.aws.log(&word(&group["logGroupName"]), since)?);
        }
        Ok(lines)
    }

    /// The hash of the function's package; `None` where no creation succeeded yet.
    fn package_of_function(&self) -> Result<Option<String>> {
        let Some((function, _)) = &self.names else {
            return Ok(None);
        };
        let answer = self.aws.json(&[
            "lambda",
            "get-function-configuration",
            "--function-name",
            function,
        ])?;
        Ok(Some(word(&answer["CodeSha256"])))
    }
}

/// What a thread came to.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
}

/// A program that ends when this is dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        Ok(Self(child.with_context(|| format!("cannot run {name}"))?))
    }

    async fn succeeded(mut self) -> Result<bool> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.success());
            }
            sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
