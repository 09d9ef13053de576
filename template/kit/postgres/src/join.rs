//! Joining a server that another process has started.

use std::{io::ErrorKind, time::Duration};

use anyhow::{Context as _, Result, bail};
use sea_orm::sqlx;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::{
    Provider, Server, docker,
    server::greet,
    settings::Config,
    state::{Address, State, StateDir},
};

/// How long a server may take to become ready, or to lose some connections.
const PATIENCE: Duration = Duration::from_secs(15);

/// The running server, if it is what the settings ask for. None if there is none
/// that can be used: then it is to be replaced.
///
/// # Errors
///
/// When it runs but all its connections are taken: others are using it.
pub(crate) async fn join(dir: &StateDir, config: &Config, name: &str) -> Result<Option<Server>> {
    match dir.read() {
        Some(state) if suits(&state, config) => connect(&state, name).await,
        _ => Ok(None),
    }
}

fn suits(state: &State, config: &Config) -> bool {
    state.wanted_major == config.major
        && config.forced.is_none_or(|forced| forced == state.provider)
        && (state.provider != Provider::Docker || state.image.as_ref() == Some(&config.image))
}

/// Connects to the server that `state` tells of. None if it is not there, or
/// another server has its port by now.
pub(crate) async fn connect(state: &State, name: &str) -> Result<Option<Server>> {
    let Some(Address { host, port }) = &state.address else {
        return Ok(None);
    };
    let url = format!(
        "postgres://postgres:{}@{host}:{port}/postgres?sslmode=disable",
        state.password
    );
    let url = Url::parse(&url).context("the state file holds no valid address")?;
    let cluster_name = match state.provider {
        Provider::Docker => docker::cluster_name(name),
        _ => name.to_owned(),
    };
    let start = Instant::now();
    loop {
        let refusal = match greet(&url).await {
            Ok(greeting) if greeting.cluster_name == cluster_name => {
                return Ok(Some(Server::new(state.provider, greeting.major, url)));
            }
            Ok(_) => return Ok(None),
            Err(refusal) => refusal,
        };
        match verdict(&refusal) {
            Verdict::Gone => return Ok(None),
            Verdict::Wait if start.elapsed() > PATIENCE => return Ok(None),
            Verdict::Full if start.elapsed() > PATIENCE => bail!(
                "the running server at {host}:{port} has no connection left: {refusal}; wait for what else uses it, or remove it with `just db-down`"
            ),
            Verdict::Wait | Verdict::Full => sleep(Duration::from_millis(100)).await,
        }
    }
}

enum Verdict {
    Gone,
    Wait,
    Full,
}

fn verdict(refusal: &sqlx::Error) -> Verdict {
    match refusal {
        sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut => Verdict::Wait,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("53300") => Verdict::Full,
            // Starting up or shutting down.
            Some("57P03") => Verdict::Wait,
            _ => Verdict::Gone,
        },
        _ => Verdict::Gone,
    }
}
