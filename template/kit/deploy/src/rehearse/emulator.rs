//! The emulator of AWS: a process of this machine that nobody else reaches.

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

use crate::deploy_tools;
use process::text;

/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running emulator. It ends, with all functions in it, when this is dropped.
#[derive(Debug)]
pub(super) struct Emulator {
    process: Child,
    port: u16,
}

/// What an emulator is started with.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    /// The program.
    pub(super) program: &'a Path,
    /// For what it and the functions write; somebody else removes it.
    pub(super) directory: &'a Path,
    /// For what it says.
    pub(super) log: &'a Path,
    /// For the functions; all else in their environment comes from the template.
    pub(super) environment: &'a [(&'a str, String)],
}

impl Emulator {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(settings: &Settings) -> Result<Self> {
        let mut last = None;
        // Somebody else may take a port between finding and using it.
        for _ in 0..3 {
            let port = postgres::free_port()?;
            match Self::start_on(port, settings) {
                Ok(emulator) => return Ok(emulator),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no port was tried")?)
    }

    /// Where it takes the calls of AWS.
    pub(super) fn url(&self) -> String {
        url(self.port)
    }

    fn start_on(port: u16, settings: &Settings) -> Result<Self> {
        let log = File::create(settings.log)
            .with_context(|| format!("cannot write {}", settings.log.display()))?;
        let address = Ipv4Addr::LOCALHOST.to_string();
        let process = deploy_tools::command(settings.program)
            // Functions inherit what it has: nothing of the user's, credentials least of all.
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", settings.directory)
            .env("TMPDIR", settings.directory)
            // Nobody but this machine reaches it: the first is not enough, as with some of
            // its dependencies installed it opens another port for all.
            .env("BIND_HOST", &address)
            .env("IOT_MTLS_ENABLED", "0")
            .env("MINISTACK_HOST", &address)
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", url(port))
            // The functions are processes, never containers.
            .env("DOCKER_HOST", "tcp://127.0.0.1:1")
            .envs(
                settings
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(settings.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for this program to hear, which then stops it in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", settings.program.display()))?;
        let mut emulator = Self { process, port };
        emulator.wait().with_context(|| {
            let said = fs::read(settings.log).unwrap_or_default();
            let last = process::last_lines(&text(&said), 5);
            format!("the emulator of AWS does not start:\n{last}")
        })?;
        Ok(emulator)
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("it ended ({status})");
            }
            if is_ready(self.port) {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!(
            "no answer on port {} in {} s",
            self.port,
            PATIENCE.as_secs()
        )
    }

    fn signal(&self, name: &str) {
        // Its group, which the functions are in.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill")
            .args(["-s", name, "--", &group])
            .output();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for signal in ["TERM", "KILL"] {
            let started = Instant::now();
            self.signal(signal);
            while started.elapsed() < PATIENCE / 3 {
                if let Ok(Some(_)) = self.process.try_wait() {
                    // A function that outlived it.
                    self.signal("KILL");
                    return;
                }
                sleep(Duration::from_millis(20));
            }
        }
        eprintln!("left over: the emulator, process {}", self.process.id());
    }
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
        let error = Emulator::start(&Settings {
            program: &program,
            directory: directory.path(),
            log: &directory.path().join("log"),
            environment: &[],
        });
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains("no such module"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn ends_with_its_functions() {
        let mut process = Command::new("sh")
            .args(["-c", "sleep 1000 & echo started; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = process.stdout.take().unwrap();
        output.read_exact(&mut [0; 8]).unwrap();
        drop(Emulator { process, port: 0 });
        // At its end only once nobody can write to it any more.
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}
