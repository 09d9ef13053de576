//! Runs Atlas within the time that is left.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};
use tracing::Instrument as _;

use crate::redact::scrub;

/// Bytes of output to keep; Atlas' report lists every statement that it ran.
const KEPT: usize = 4 << 20;
/// Lines to log for one run, and bytes of each: logs cost money.
const LOGGED_LINES: usize = 1000;
const LOGGED_BYTES: usize = 4 << 10;
/// Bytes of a line to read at a time.
const PIECE: u64 = 64 << 10;

/// A running Atlas process, killed on drop.
pub struct AtlasProcess {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl AtlasProcess {
    /// Starts a command with only the environment that the command itself sets. Its output
    /// is logged as it arrives, except for the JSON report.
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
            stdout: tokio::spawn(collect(stdout).in_current_span()),
            stderr: tokio::spawn(collect(stderr).in_current_span()),
        })
    }

    /// Waits until the process ends, or returns `None` at `stop`. Long output is cut at its
    /// end.
    ///
    /// # Errors
    /// When the exit status cannot be read.
    pub async fn output(&mut self, stop: Instant) -> Result<Option<Output>> {
        let Ok(status) = timeout_at(stop.into(), self.child.wait()).await else {
            return Ok(None);
        };
        // A process that Atlas left behind could hold the other end open.
        let drained = async { tokio::join!(&mut self.stdout, &mut self.stderr) };
        let (stdout, stderr) = timeout_at(stop.into(), drained)
            .await
            .context("Atlas has ended, but its output has not")?;
        Ok(Some(Output {
            status: status.context("cannot wait for Atlas")?,
            stdout: stdout?,
            stderr: stderr?,
        }))
    }

    /// Stops the process with SIGTERM, and after `grace` with SIGKILL.
    pub async fn stop(mut self, grace: Duration) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid {
            // Fails only if the process has ended.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!("Atlas does not stop: killing it");
            let _ = self.child.kill().await;
        }
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

/// Collects output, and logs it line by line, up to the limits.
async fn collect(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut full) = (Vec::new(), false);
    let Some(stream) = stream else { return kept };
    let mut reader = BufReader::new(stream);
    let (mut piece, mut lines, mut at_start) = (Vec::new(), 0, true);
    loop {
        piece.clear();
        let read = (&mut reader)
            .take(PIECE)
            .read_until(b'\n', &mut piece)
            .await;
        if !read.is_ok_and(|read| read > 0) {
            return kept;
        }
        full |= kept.len() + piece.len() > KEPT;
        if !full {
            kept.extend(&piece);
        }
        let is_report = kept.first() == Some(&b'{');
        // Scrubbed before it is cut: half a secret would not be recognized. The rest of a
        // line this long is not logged.
        let text = scrub(&String::from_utf8_lossy(&piece));
        let text = text.trim_end();
        if at_start && !is_report && !text.is_empty() && lines <= LOGGED_LINES {
            match lines {
                LOGGED_LINES => tracing::warn!("Atlas writes more than is logged"),
                _ => tracing::info!("atlas: {}", &text[..text.floor_char_boundary(LOGGED_BYTES)]),
            }
            lines += 1;
        }
        at_start = piece.ends_with(b"\n");
    }
}
