//! Runs a process of the function as AWS Lambda does: with only Lambda's environment variables
//! and the Runtime API, one event after the other, each until its deadline.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::log::Log;
use super::runtime_api::{Call, RuntimeApi};

pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/s3cretAccessKey";
pub const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjE+s3ssionT0ken/////////wEaCXVzLWVhc3QtMQ==";

/// How long a process may take to ask for its first event, and for the next one.
const PATIENCE: Duration = Duration::from_secs(60);

/// The environment variables of a function.
#[derive(Clone, Debug)]
pub struct FunctionEnv(BTreeMap<String, String>);

/// A running process of the function, cold until its first invocation.
pub struct Function {
    process: Child,
    api: RuntimeApi,
    directory: TempDir,
    /// Whether the process has asked for the next event.
    waiting: bool,
    invocations: usize,
    log_read: usize,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Response(Value),
    Error(Value),
    /// Not finished at the deadline, when Lambda kills the process.
    TimedOut,
    /// The process ended by itself.
    Died(ExitStatus),
}

/// A finished invocation.
#[derive(Debug)]
pub struct Invocation {
    pub outcome: Outcome,
    pub took: Duration,
    /// The output of the invocation, checked by [`Log::check`].
    pub log: Log,
}

impl FunctionEnv {
    /// The variables that Lambda sets, with the function's package in `task_root`.
    pub fn new(task_root: &str) -> Self {
        let variables = [
            ("AWS_LAMBDA_FUNCTION_NAME", "migrations"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/migrations"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]5b3c8a10"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ("LAMBDA_TASK_ROOT", task_root),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("TZ", ":UTC"),
            ("LANG", "en_US.UTF-8"),
        ];
        let owned = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self(owned.into())
    }

    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    pub fn unset(&mut self, key: &str) -> &mut Self {
        self.0.remove(key);
        self
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl Function {
    pub fn start(env: &FunctionEnv) -> Self {
        let api = RuntimeApi::start();
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        // Unlike a pipe, a file contains everything that was written before a call arrived.
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(directory.path().join("log"))
            .unwrap();
        let process = Command::new(binary())
            .env_clear()
            .env("TMPDIR", directory.path().join("tmp"))
            .envs(&env.0)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .current_dir(env.get("LAMBDA_TASK_ROOT").unwrap_or("/"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the function's binary runs");
        Self { process, api, directory, waiting: false, invocations: 0, log_read: 0 }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Names of the files in the temporary directory of the process.
    pub fn temporary_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("tmp")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Waits until the process asks for its first event.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_until_ready(&mut self) {
        if let Err(outcome) = self.until_it_waits() {
            panic!("it did not start: {outcome:?}; log: {}", self.whole_log());
        }
    }

    /// Handles an event like [`Self::invoke_as`], with a new request id.
    pub fn invoke(&mut self, event: &Value, limit: Duration) -> Invocation {
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012x}", fastrand::u64(..1 << 48));
        self.invoke_as(&request_id, event, limit)
    }

    /// Handles an event, which is JSON, as Lambda guarantees. The process is killed if it has
    /// not finished after `limit`.
    ///
    /// # Panics
    /// When the log fails a check.
    pub fn invoke_as(&mut self, request_id: &str, event: &Value, limit: Duration) -> Invocation {
        self.invocations += 1;
        let started = Instant::now();
        if let Err(outcome) = self.until_it_waits() {
            return self.ended(request_id, outcome, started);
        }
        self.waiting = false;
        let started = Instant::now();
        self.api.invoke(request_id, event, limit);
        let outcome = match self.call_before(started + limit) {
            Ok(Call::Response(id, value)) if id == request_id => Outcome::Response(value),
            Ok(Call::Error(id, value)) if id == request_id => Outcome::Error(value),
            Ok(other) => panic!("{request_id} was invoked, but the function says {other:?}"),
            Err(outcome) => outcome,
        };
        self.ended(request_id, outcome, started)
    }

    fn ended(&mut self, request_id: &str, outcome: Outcome, started: Instant) -> Invocation {
        let took = started.elapsed();
        match outcome {
            // Then the log is complete.
            Outcome::Response(_) | Outcome::Error(_) => drop(self.until_it_waits()),
            Outcome::TimedOut | Outcome::Died(_) => drop(self.process.kill()),
        }
        let text = self.whole_log();
        let log = Log::new(request_id, &text[self.log_read..]);
        self.log_read = text.len();
        if matches!(outcome, Outcome::Response(_) | Outcome::Error(_)) {
            log.check(self.invocations == 1);
        }
        Invocation { outcome, took, log }
    }

    /// Everything that was written since the start.
    pub fn whole_log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap();
        String::from_utf8(bytes).expect("the log is UTF-8")
    }

    fn until_it_waits(&mut self) -> Result<(), Outcome> {
        if !self.waiting {
            let call = self.call_before(Instant::now() + PATIENCE)?;
            assert_eq!(call, Call::Next, "in the log: {}", self.whole_log());
            self.waiting = true;
        }
        Ok(())
    }

    fn call_before(&mut self, deadline: Instant) -> Result<Call, Outcome> {
        loop {
            if let Some(call) = self.api.call(Duration::from_millis(20)) {
                return Ok(call);
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                return Err(Outcome::Died(status));
            }
            if Instant::now() > deadline {
                return Err(Outcome::TimedOut);
            }
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Fails if the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Invocation {
    /// Returns the error of a failed invocation, as text.
    ///
    /// # Panics
    /// When the invocation succeeded.
    pub fn error(&self) -> String {
        match &self.outcome {
            Outcome::Error(error) => error.to_string(),
            other => panic!("no error but {other:?}; log: {}", self.log.text),
        }
    }

    /// # Panics
    /// When the invocation failed: Lambda would repeat it.
    pub fn assert_succeeded(&self) {
        let Self { outcome, log, .. } = self;
        assert!(matches!(outcome, Outcome::Response(_)), "{outcome:?}; log: {}", log.text);
    }
}

/// Path of the program: `MIGRATION_LAMBDA`, else the one of a development build. Lambda's is the
/// same code, optimized for size, which takes minutes to build.
pub fn binary() -> &'static Path {
    BINARY.get_or_init(|| match std::env::var_os("MIGRATION_LAMBDA") {
        Some(named) if !named.is_empty() => named.into(),
        _ => kit_tests::program("migration-lambda"),
    })
}

/// What [`binary`] returns; the benchmark sets it.
pub static BINARY: OnceLock<PathBuf> = OnceLock::new();
