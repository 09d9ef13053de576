//! The processes of a local cluster.
//!
//! They are found by what they run, never by a process id that was written down:
//! after a crash or a reboot that id belongs to somebody else.

use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How long a server may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stops every process of the cluster that is called `name`, at once: a
/// throwaway cluster has nothing to save. Returns whether there were any.
pub(crate) fn stop(name: &str) -> Result<bool> {
    let mut any = false;
    // SIGQUIT is PostgreSQL's immediate shutdown.
    for signal in ["QUIT", "KILL"] {
        let start = Instant::now();
        let mut signalled = Vec::new();
        loop {
            let running = of(name);
            if running.is_empty() {
                return Ok(any);
            }
            any = true;
            if start.elapsed() > PATIENCE {
                break;
            }
            // Once each: a second SIGQUIT would disturb the shutdown.
            for pid in running {
                if !signalled.contains(&pid) {
                    kill(signal, pid);
                    signalled.push(pid);
                }
            }
            sleep(Duration::from_millis(20));
        }
    }
    bail!(
        "the processes {:?} of {name} do not stop; do they belong to another user?",
        of(name)
    )
}

/// The process ids of the cluster's server and of the tools that make and start it.
fn of(name: &str) -> Vec<u32> {
    // The server's own processes, by the title that PostgreSQL gives them.
    let title = format!("postgres: {name}: ");
    // The others, by the directory that they were told to work on.
    let directory = format!("/{name}/");
    let is_of_cluster = |command: &str| {
        let program = command.split([' ', '\0']).next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        let works_on = matches!(program, "postgres" | "initdb" | "pg_ctl");
        command.starts_with(&title) || works_on && command.contains(&directory)
    };
    all()
        .into_iter()
        .filter(|(_, command)| is_of_cluster(command))
        .map(|(pid, _)| pid)
        .collect()
}

/// All processes with their command lines. `ps` is missing in slim images, and
/// /proc is missing on macOS.
fn all() -> Vec<(u32, String)> {
    if cfg!(target_os = "linux") {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        return entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let command = fs::read(entry.path().join("cmdline")).ok()?;
                Some((pid, String::from_utf8_lossy(&command).into_owned()))
            })
            .collect();
    }
    let Ok(output) = Command::new("ps")
        .args(["-axww", "-o", "pid=,command="])
        .output()
    else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            Some((pid.parse().ok()?, command.trim_start().to_owned()))
        })
        .collect()
}

/// `kill` is a program that slim images lack, but every shell has it.
fn kill(signal: &str, pid: u32) {
    // A failure shows in that the process stays.
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\" 2>/dev/null", signal])
        .arg(pid.to_string())
        .status();
}
