//! The emulator of AWS: a process that only this machine can reach.

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use process::text;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::deploy_tools;

/// How long it may take to start, and to stop.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running emulator. Dropping it stops it, and all functions in it.
#[derive(Debug)]
pub(super) struct Emulator {
    process: Child,
    /// Stops the emulator and cleans up if this program is killed: then its input ends.
    guard: Child,
    port: u16,
}

/// Arguments: the process group, the directory, and this program.
const GUARD: &str = "read -r _; kill -s KILL -- -$1; rm -rf -- \"$2\"; exec \"$3\" sweep";

/// How to start an emulator.
#[derive(Debug)]
pub(super) struct EmulatorOptions<'a> {
    pub(super) program: &'a Path,
    /// For the files of the emulator and the functions; the caller removes it.
    pub(super) directory: &'a Path,
    pub(super) log: &'a Path,
    /// Environment variables of the functions, besides those in the template.
    pub(super) variables: &'a [(&'a str, String)],
}

impl Emulator {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(options: &EmulatorOptions) -> Result<Self> {
        let mut last = None;
        // Another process may take a port between finding and using it.
        for _ in 0..3 {
            let port = postgres::free_port()?;
            match Self::start_on(port, options) {
                Ok(emulator) => return Ok(emulator),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no port was tried")?)
    }

    /// Endpoint for calls of AWS.
    pub(super) fn url(&self) -> String {
        url(self.port)
    }

    fn start_on(port: u16, options: &EmulatorOptions) -> Result<Self> {
        let log = File::create(options.log)
            .with_context(|| format!("cannot write {}", options.log.display()))?;
        let address = Ipv4Addr::LOCALHOST.to_string();
        let process = deploy_tools::command(options.program)
            // Functions inherit its environment: nothing of the user's, least of all credentials.
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", options.directory)
            .env("TMPDIR", options.directory)
            // Only this machine may reach it. The first alone is not enough: with some of its
            // dependencies installed, it opens another port on every interface.
            .env("BIND_HOST", &address)
            .env("IOT_MTLS_ENABLED", "0")
            .env("MINISTACK_HOST", &address)
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", url(port))
            // Functions run as processes, never in containers.
            .env("DOCKER_HOST", "tcp://127.0.0.1:1")
            .envs(options.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(options.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C goes to this program, which then stops the emulator.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", options.program.display()))?;
        let directory = options.directory.parent().unwrap_or(options.directory);
        let guard = guard(process.id(), directory)?;
        let mut emulator = Self { process, guard, port };
        emulator.wait().with_context(|| {
            let said = fs::read(options.log).unwrap_or_default();
            let last = process::last_lines(&text(&said), 5);
            format!("the emulator of AWS does not start:\n{last}")
        })?;
        Ok(emulator)
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < TIMEOUT {
            if let Some(status) = self.process.try_wait()? {
                bail!("it ended ({status})");
            }
            if is_ready(self.port) {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("no answer on port {} in {} s", self.port, TIMEOUT.as_secs())
    }

    /// Signals the process group, which includes the functions.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        for signal in [Signal::TERM, Signal::KILL] {
            let started = Instant::now();
            self.signal(signal);
            while started.elapsed() < TIMEOUT / 3 {
                if let Ok(Some(_)) = self.process.try_wait() {
                    // A function may outlive it.
                    self.signal(Signal::KILL);
                    return;
                }
                sleep(Duration::from_millis(20));
            }
        }
        eprintln!("left over: the emulator, process {}", self.process.id());
    }
}

fn guard(group: u32, directory: &Path) -> Result<Child> {
    let mut guard = Command::new("sh");
    guard
        .args(["-c", GUARD, "sh", &group.to_string()])
        .args([directory.as_os_str(), env::current_exe()?.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    guard.spawn().context("cannot run sh")
}

fn url(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = [0; 16];
        let length = stream.read(&mut answer)?;
        Ok(text(&answer[..length]))
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn says_why_it_does_not_start() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("emulator");
        fs::write(&program, "#!/bin/sh\necho no such module >&2; exit 3\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Emulator::start(&EmulatorOptions {
            program: &program,
            directory: directory.path(),
            log: &directory.path().join("log"),
            variables: &[],
        });
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains("no such module"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn stops_when_this_program_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rehearsal");
        fs::create_dir(&path).unwrap();
        let mut emulator = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        let mut guard = guard(emulator.id(), &path).unwrap();
        // As the end of this program does.
        drop(guard.stdin.take());
        assert!(!emulator.wait().unwrap().success());
        guard.wait().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn stops_with_its_functions() {
        let mut process = Command::new("sh")
            .args(["-c", "sleep 1000 & echo started; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = process.stdout.take().unwrap();
        output.read_exact(&mut [0; 8]).unwrap();
        let guard = Command::new("true").spawn().unwrap();
        drop(Emulator { process, guard, port: 0 });
        // The stream ends only once no process can write to it.
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}
