//! Finds the Docker engine, as the `docker` command does: by DOCKER_HOST, by the
//! current context, else by the usual sockets. That way Docker Desktop, Colima,
//! Rancher Desktop and Podman are found without running their programs.

use std::{
    env, fs,
    net::{TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::settings::Config;

/// A Docker engine that takes connections.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Address, as in `DOCKER_HOST`.
    pub(crate) host: String,
    /// Name for messages: the context, else the address.
    pub(crate) label: String,
}

impl Engine {
    /// Returns the first engine that answers. That costs a connection, or less than 2 ms if
    /// no engine runs.
    pub(crate) fn find(config: &Config) -> Option<Self> {
        candidates(config).into_iter().find(|engine| answers(&engine.host))
    }
}

fn candidates(config: &Config) -> Vec<Engine> {
    let by_host = |host: &str| Engine {
        host: host.to_owned(),
        label: host.strip_prefix("unix://").unwrap_or(host).to_owned(),
    };
    if let Some(host) = &config.docker_host {
        return vec![by_host(host)];
    }
    let dir = env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| under("HOME", ".docker"))
        .unwrap_or_default();
    match &config.docker_context {
        Some(name) if name != "default" => return by_context(&dir, name).into_iter().collect(),
        _ => {}
    }
    let current = json(&dir.join("config.json"))
        .filter(|_| config.docker_context.is_none())
        .and_then(|config| by_context(&dir, config["currentContext"].as_str()?));
    let usual = usual_sockets();
    let usual = usual.iter().map(|path| by_host(&format!("unix://{}", path.display())));
    current.into_iter().chain(usual).collect()
}

/// The engine of a context, whose file is named by the hash of the context's name:
/// <https://github.com/docker/cli/blob/master/cli/context/store/metadatastore.go>
fn by_context(dir: &Path, name: &str) -> Option<Engine> {
    let id = hex::encode(Sha256::digest(name));
    let context = json(&dir.join("contexts/meta").join(id).join("meta.json"))?;
    Some(Engine {
        host: context["Endpoints"]["docker"]["Host"].as_str()?.to_owned(),
        label: name.to_owned(),
    })
}

fn json(file: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn under(variable: &str, path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os(variable)?).join(path))
}

fn usual_sockets() -> Vec<PathBuf> {
    [
        Some("/var/run/docker.sock".into()),
        under("HOME", ".docker/run/docker.sock"),
        under("HOME", ".docker/desktop/docker.sock"),
        under("HOME", ".colima/default/docker.sock"),
        under("HOME", ".rd/docker.sock"),
        under("XDG_RUNTIME_DIR", "docker.sock"),
        under("XDG_RUNTIME_DIR", "podman/podman.sock"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn answers(host: &str) -> bool {
    if let Some(path) = host.strip_prefix("unix://") {
        return UnixStream::connect(path).is_ok();
    }
    // ssh:// works with the `docker` command, but not with its client libraries.
    let Some(("tcp" | "http" | "https", authority)) = host.split_once("://") else {
        return false;
    };
    let Ok(mut addresses) = authority.trim_end_matches('/').to_socket_addrs() else {
        return false;
    };
    addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
}
