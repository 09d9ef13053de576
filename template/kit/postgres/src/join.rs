//! Joins a server that another process has started.

use std::{io::ErrorKind, time::Duration};

use anyhow::{Context as _, Result, bail};
use sea_orm::sqlx::{self, PgConnection};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::{
    Provider, Server, docker,
    server::greet,
    settings::Config,
    site::{Address, Site, State},
};

/// How long a server may take to become ready, or to lose some connections.
const PATIENCE: Duration = Duration::from_secs(15);

/// Returns the running server, if it is what the settings ask for. None means that
/// one is to be started in its place.
///
/// # Errors
///
/// When it runs but all its connections are taken: others are using it.
pub(crate) async fn join(site: &Site, config: &Config) -> Result<Option<(Server, PgConnection)>> {
    match site.read() {
        Some(state) if suits(&state, config) => connect(&state, &site.name).await,
        _ => Ok(None),
    }
}

fn suits(state: &State, config: &Config) -> bool {
    config.forced.is_none_or(|forced| forced == state.provider)
        && (state.provider != Provider::Docker || state.image.as_ref() == Some(&config.image))
}

/// Connects to the server that `state` records. None if it does not answer, or
/// another server has its port by now.
pub(crate) async fn connect(state: &State, name: &str) -> Result<Option<(Server, PgConnection)>> {
    let Some(Address { host, port }) = &state.address else {
        return Ok(None);
    };
    let url =
        format!("postgres://postgres:{}@{host}:{port}/postgres?sslmode=disable", state.password);
    let url = Url::parse(&url).context("the state file holds no valid address")?;
    let cluster_name = match state.provider {
        Provider::Docker => docker::cluster_name(name),
        _ => name.to_owned(),
    };
    let start = Instant::now();
    loop {
        let refusal = match greet(&url).await {
            Ok(greeting) if greeting.cluster_name == cluster_name => {
                let server = Server::new(state.provider, greeting.major, url);
                return Ok(Some((server, greeting.session)));
            }
            Ok(_) => return Ok(None),
            Err(refusal) => refusal,
        };
        let code = match &refusal {
            sqlx::Error::Database(error) => error.code(),
            _ => None,
        };
        let full = code.as_deref() == Some("53300");
        // 57P03: starting up or shutting down.
        let busy = code.as_deref() == Some("57P03")
            || matches!(&refusal, sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut);
        let patient = start.elapsed() < PATIENCE;
        if full && !patient {
            bail!(
                "the running server at {host}:{port} has no connection left: {refusal}; wait for the programs that use it, or remove it with `just db-down`"
            );
        }
        if !(patient && (full || busy)) {
            return Ok(None);
        }
        sleep(Duration::from_millis(100)).await;
    }
}
