//! The processes of a local cluster.
//!
//! They are found by their command lines, never by a recorded process id: after a
//! crash or a reboot that id may belong to another program.

use std::{
    collections::HashSet,
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stops all processes of the cluster called `name`, at once: a throwaway cluster has
/// nothing to save. Returns whether there were any.
pub(crate) fn stop(name: &str) -> Result<bool> {
    let mut any = false;
    // SIGQUIT is PostgreSQL's immediate shutdown.
    for signal in [Signal::QUIT, Signal::KILL] {
        let start = Instant::now();
        let mut signalled = HashSet::new();
        while start.elapsed() < PATIENCE {
            let running = of(name);
            if running.is_empty() {
                return Ok(any);
            }
            any = true;
            for pid in running {
                // Once each: a second SIGQUIT would disturb the shutdown.
                if signalled.insert(pid) {
                    // After a failure, the process shows up again.
                    let _ = kill_process(pid, signal);
                }
            }
            sleep(Duration::from_millis(20));
        }
    }
    bail!("the processes {:?} of {name} do not stop; do they belong to another user?", of(name))
}

/// Ids of the cluster's server processes, and of the tools that make and start it.
fn of(name: &str) -> Vec<Pid> {
    // The server's processes have this title, the others the directory as an argument.
    let title = format!("postgres: {name}: ");
    let directory = format!("/{name}/");
    let is_of_cluster = |command: &str| {
        let program = command.split([' ', '\0']).next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        let uses_directory = matches!(program, "postgres" | "initdb" | "pg_ctl");
        command.starts_with(&title) || uses_directory && command.contains(&directory)
    };
    all()
        .into_iter()
        .filter(|(_, command)| is_of_cluster(command))
        .filter_map(|(pid, _)| Pid::from_raw(pid))
        .collect()
}

/// All processes with their command lines. Slim images lack `ps`, and macOS /proc.
fn all() -> Vec<(i32, String)> {
    if cfg!(target_os = "linux") {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        return entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let command = fs::read(entry.path().join("cmdline")).ok()?;
                Some((pid, process::text(&command)))
            })
            .collect();
    }
    let mut ps = Command::new("ps");
    let output = process::output(ps.args(["-axww", "-o", "pid=,command="]));
    output
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            Some((pid.parse().ok()?, command.trim_start().to_owned()))
        })
        .collect()
}
