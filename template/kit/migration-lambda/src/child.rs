//! Runs Atlas within the time that is left.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};

use crate::redact::scrub;

/// Bytes of output to keep; Atlas' report lists every statement that it ran.
const KEPT: u64 = 4 << 20;
/// Lines to log for one run, and bytes of each: logs cost money.
const LOGGED_LINES: usize = 1000;
const LOGGED_BYTES: usize = 4 << 10;

/// A running Atlas process, killed on drop.
pub struct AtlasProcess {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl AtlasProcess {
    /// Starts a command with only the environment that the command itself sets.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: Command) -> Result<Self> {
        let program = command.get_program().to_owned();
        let mut child = tokio::process::Command::from(only_own_environment(command))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run Atlas, {}", program.display()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        Ok(Self {
            child,
            stdout: tokio::spawn(collect(stdout)),
            stderr: tokio::spawn(collect(stderr)),
        })
    }

    /// Waits until the process ends, and logs its output; returns `None` at `stop`. Long output
    /// is cut at its end.
    ///
    /// # Errors
    /// When the exit status cannot be read.
    pub async fn output(&mut self, stop: Instant) -> Result<Option<Output>> {
        let Ok(status) = timeout_at(stop.into(), self.child.wait()).await else {
            return Ok(None);
        };
        // A process that Atlas left behind could hold the other end open.
        let (stdout, stderr) = timeout_at(stop.into(), self.logged())
            .await
            .context("Atlas has ended, but its output has not")??;
        Ok(Some(Output { status: status.context("cannot wait for Atlas")?, stdout, stderr }))
    }

    /// Stops the process with SIGTERM, and after `grace` with SIGKILL. Logs its output.
    pub async fn stop(mut self, grace: Duration) {
        let pid = self.child.id().and_then(|pid| pid.try_into().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // Fails only if the process has ended.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!("Atlas does not stop: killing it");
            let _ = self.child.kill().await;
        }
        let _ = timeout(grace, self.logged()).await;
    }

    /// Returns and logs the output, once it has ended.
    async fn logged(&mut self) -> Result<(Vec<u8>, Vec<u8>)> {
        let output = tokio::try_join!(&mut self.stdout, &mut self.stderr)?;
        log(&output.0);
        log(&output.1);
        Ok(output)
    }
}

/// Removes the function's credentials from the environment of the child.
fn only_own_environment(command: Command) -> Command {
    let own: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let mut command = command;
    command
        .env_clear()
        .envs(own)
        // Some versions read a configuration file there; no other directory is writable.
        .env("HOME", std::env::temp_dir());
    command
}

/// Reads output to its end, and keeps the first lines.
async fn collect(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else {
        return kept;
    };
    // What follows a read error is lost, as what follows the end.
    let _ = (&mut stream).take(KEPT).read_to_end(&mut kept).await;
    if tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.is_ok_and(|rest| rest > 0) {
        // Half a secret at the end would not be recognized.
        kept.truncate(kept.iter().rposition(|&byte| byte == b'\n').unwrap_or(0));
    }
    kept
}

/// Logs output line by line, except for the JSON report.
fn log(output: &[u8]) {
    if output.starts_with(b"{") {
        return;
    }
    // Scrubbed before it is cut, for the same reason.
    let text = scrub(&String::from_utf8_lossy(output));
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    for line in lines.by_ref().take(LOGGED_LINES) {
        tracing::info!("atlas: {}", &line[..line.floor_char_boundary(LOGGED_BYTES)]);
    }
    if lines.next().is_some() {
        tracing::warn!("Atlas writes more than is logged");
    }
}
