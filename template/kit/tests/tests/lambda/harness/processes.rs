//! Child processes of a function.

use std::process::Command;

/// A running process.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    /// All arguments, including the name.
    pub arguments: String,
}

/// Returns the children of a process.
pub fn children(parent: u32) -> Vec<Process> {
    let output =
        Command::new("ps").args(["-A", "-ww", "-o", "pid=,ppid=,args="]).output().expect("ps runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let process = |line: &str| {
        let (pid, rest) = line.trim().split_once(char::is_whitespace)?;
        let (of, arguments) = rest.trim().split_once(char::is_whitespace)?;
        (of == parent.to_string()).then(|| Process {
            pid: pid.parse().expect("a pid"),
            arguments: arguments.trim().to_owned(),
        })
    };
    text.lines().filter_map(process).collect()
}
