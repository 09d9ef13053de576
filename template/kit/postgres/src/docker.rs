//! A container, started and removed by the program `docker-postgres`.
//!
//! Its Docker client costs as much time to compile as all else together, so it is
//! a program of its own, built where an engine answers and not before.

use std::{
    env,
    net::{TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{FAST, notice, settings::Config, state::Address};

/// What the server in a container calls itself. Not as a local one: its processes
/// show on the machine, and are not to be taken for those of a local one.
pub(crate) fn cluster_name(name: &str) -> String {
    format!("{name}-docker")
}

/// A Docker engine that takes connections.
pub(crate) struct Engine {
    /// As in `DOCKER_HOST`.
    host: String,
}

impl Engine {
    /// The engine of `DOCKER_HOST`, else the one behind a usual socket. This
    /// costs a connection, and under 2 ms where there is none.
    pub(crate) fn find(config: &Config) -> Option<Self> {
        let hosts = match &config.docker_host {
            Some(host) => vec![host.clone()],
            None => usual_sockets()
                .iter()
                .map(|path| format!("unix://{}", path.display()))
                .collect(),
        };
        let host = hosts.into_iter().find(|host| answers(host))?;
        Some(Self { host })
    }

    /// Starts the container, in place of one that has the same name, and returns
    /// where its server listens.
    pub(crate) fn start(&self, config: &Config, name: &str, password: &str) -> Result<Address> {
        notice(
            "starting a container; the first time, this compiles the Docker client for a minute or two",
        );
        let mut arguments = vec!["up", "--image", &config.image, "--name", name];
        let settings: Vec<String> = FAST
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .chain([format!("cluster_name={}", cluster_name(name))])
            .collect();
        for setting in &settings {
            arguments.extend(["-c", setting]);
        }
        let answer = self
            .run(&arguments, password)
            .with_context(|| format!("no container from the image {}", config.image))?;
        serde_json::from_str(&answer).context("docker-postgres printed no address")
    }

    /// Removes the container, if there is one.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.run(&["down", "--name", name], "")
            .map(drop)
            .with_context(|| {
                format!("could not remove the container; try `docker rm --force --volumes {name}`")
            })
    }

    /// The password goes by the environment: everybody sees the arguments.
    fn run(&self, arguments: &[&str], password: &str) -> Result<String> {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["run", "--quiet", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .args(["--features", "docker", "--bin", "docker-postgres", "--"])
            .args(arguments)
            .env("DOCKER_HOST", &self.host)
            .env("POSTGRES_PASSWORD", password)
            // What it says ends up in a message for people.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()
            .context("could not run cargo")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// On Linux and with older versions on macOS; Docker Desktop; without root.
fn usual_sockets() -> Vec<PathBuf> {
    let under = |variable: &str, rest: &str| Some(PathBuf::from(env::var_os(variable)?).join(rest));
    [
        Some("/var/run/docker.sock".into()),
        under("HOME", ".docker/run/docker.sock"),
        under("XDG_RUNTIME_DIR", "docker.sock"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn answers(host: &str) -> bool {
    if let Some(path) = host.strip_prefix("unix://") {
        return UnixStream::connect(path).is_ok();
    }
    // ssh://, which the `docker` command knows, is not for its clients.
    let Some(("tcp" | "http" | "https", authority)) = host.split_once("://") else {
        return false;
    };
    let Ok(addresses) = authority.trim_end_matches('/').to_socket_addrs() else {
        return false;
    };
    addresses
        .into_iter()
        .any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
}
