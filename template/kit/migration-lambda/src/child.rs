//! Runs Atlas, with an eye on the clock.

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

/// How much output is kept; Atlas' report lists every statement that it ran.
const KEPT: usize = 4 << 20;
/// Lines logged of one run, and bytes of each: logs cost money.
const LOGGED_LINES: usize = 1000;
const LOGGED_BYTES: usize = 4 << 10;
/// Bytes read of a line at a time.
const PIECE: u64 = 64 << 10;

/// A running Atlas. It is killed when this value goes.
pub struct AtlasProcess {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl AtlasProcess {
    /// Starts a command. It sees nothing of this process' environment but what the
    /// command sets by itself. Its output goes to the log as it comes, but for the
    /// report in JSON.
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

    /// Waits for it to end by itself; none when `stop` comes first. Of long output
    /// only the beginning is there.
    ///
    /// # Errors
    /// When the system cannot tell how it ended.
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

    /// Stops it: SIGTERM, and after `grace` SIGKILL.
    pub async fn stop(mut self, grace: Duration) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid {
            // It fails only where there is nothing left to stop.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!("Atlas does not stop: killing it");
            let _ = self.child.kill().await;
        }
    }
}

/// The child needs its URLs, not the function's credentials.
fn only_own_environment(command: Command) -> Command {
    let own: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let mut command = command;
    command
        .env_clear()
        .envs(own)
        // Some versions look for a file of theirs there; nothing else is writable.
        .env("HOME", std::env::temp_dir());
    command
}

/// Keeps what comes, and logs it a line at a time, for as long as there is room.
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
        // Scrubbed before it is cut: half a secret would not be known for one. The rest
        // of a line this long is not logged.
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
