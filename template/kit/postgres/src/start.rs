//! Starts a server, and removes one. The caller holds the lock.

use anyhow::{Context as _, Result, anyhow, bail};
use sea_orm::sqlx::PgConnection;
use tokio::task::spawn_blocking;

use crate::{
    Provider, Server,
    binaries::{self, Binaries},
    docker,
    engine::Engine,
    join, local, notice,
    settings::Config,
    site::{Address, Site, State},
};

/// Starts a server by the first provider that can, and says which.
pub(crate) async fn start(site: Site, config: Config) -> Result<(Server, PgConnection)> {
    // Starting is waiting for other programs.
    let (site, state) = spawn_blocking(move || {
        let state = start_any(&site, &config)?;
        anyhow::Ok((site, state))
    })
    .await??;
    let (server, session) = join::connect(&state, &site.name)
        .await?
        .context("the server was started, but does not answer")?;
    site.write(&state)?;
    let other = match server.major() == site.major {
        true => String::new(),
        false => format!("; the settings ask for PostgreSQL {}", site.major),
    };
    notice(&format!("started {server}{other}"));
    Ok((server, session))
}

/// Removes the recorded server, and what else goes by the site's name. Returns its
/// provider, if there was one.
pub(crate) async fn remove(site: &Site, config: &Config) -> Result<Option<Provider>> {
    let recorded = site.read().map(|state| state.provider);
    let engine = Engine::find(config);
    let (dir, name) = (site.dir.clone(), site.name.clone());
    let any = spawn_blocking(move || {
        let any = local::remove(&dir, &name)?;
        match engine {
            _ if recorded != Some(Provider::Docker) => {}
            Some(engine) => docker::remove(&engine, &name)?,
            None => notice(&format!(
                "no Docker engine answers: the container {name}, if it still exists, stays"
            )),
        }
        anyhow::Ok(any)
    })
    .await??;
    site.forget()?;
    Ok(recorded.or(any.then_some(Provider::Local)))
}

/// Describes what [`start`] would try first.
pub(crate) fn describe(config: &Config) -> Result<String> {
    if let Some(engine) = engine(config)? {
        let Config { major, image, .. } = config;
        return Ok(format!("PostgreSQL {major} by Docker ({}, {image})", engine.label));
    }
    let Binaries { dir, major } = binaries::find(config).ok_or_else(|| nothing(config, None))?;
    let other = match major == config.major {
        true => String::new(),
        false => format!("; POSTGRES_MAJOR asks for {}", config.major),
    };
    Ok(format!("PostgreSQL {major} from {}{other}", dir.display()))
}

/// The Docker engine to use, if one answers.
fn engine(config: &Config) -> Result<Option<Engine>> {
    match config.forced {
        Some(Provider::Docker) => match Engine::find(config) {
            None => bail!(
                "DEV_POSTGRES=docker, but no Docker engine answers: start it, or see `just setup --docker`"
            ),
            engine => Ok(engine),
        },
        Some(_) => Ok(None),
        None => Ok(Engine::find(config)),
    }
}

fn start_any(site: &Site, config: &Config) -> Result<State> {
    let mut refusal = None;
    if let Some(engine) = engine(config)? {
        let started = start_recorded(site, Provider::Docker, Some(&config.image), |password| {
            docker::start(&engine, &config.image, &site.name, password)
        });
        match started {
            Err(error) if config.forced.is_none() => refusal = Some(error),
            other => return other,
        }
    }
    let Some(binaries) = binaries::find(config) else {
        return Err(nothing(config, refusal));
    };
    if let Some(error) = refusal {
        notice(&format!("Docker cannot be used, taking local binaries instead: {error:#}"));
    }
    start_recorded(site, Provider::Local, None, |password| {
        local::start(&site.dir, &site.name, &binaries, password)
    })
}

/// Records what is about to be started, so that it can be removed even if this process
/// is killed meanwhile.
fn start_recorded(
    site: &Site,
    provider: Provider,
    image: Option<&String>,
    start: impl FnOnce(&str) -> Result<Address>,
) -> Result<State> {
    let mut state = State {
        provider,
        image: image.cloned(),
        address: None,
        password: format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?),
    };
    site.write(&state)?;
    state.address = Some(start(&state.password)?);
    Ok(state)
}

/// The error where there is no way to a server.
fn nothing(config: &Config, docker: Option<anyhow::Error>) -> anyhow::Error {
    let major = config.major;
    let docker = match docker {
        _ if config.forced == Some(Provider::Local) => "DEV_POSTGRES=local rules it out".to_owned(),
        Some(error) => format!("{error:#}"),
        None => "no engine answers".to_owned(),
    };
    let place = match &config.search {
        Some(dirs) => format!("in DEV_POSTGRES_PATH ({dirs:?})"),
        None => "on PATH or in the usual places".to_owned(),
    };
    anyhow!(
        "there is no PostgreSQL server to use. Three ways to get one:\n\
         1. Set TEST_DATABASE_URL, in the environment or in .env, to a server that you run:\n   \
         postgres://user:password@127.0.0.1:5432/postgres\n\
         2. Start Docker ({docker}), or let `just setup --docker` set it up.\n\
         3. Install PostgreSQL (no server binaries {place}):\n   \
         `apt-get install postgresql` or `brew install postgresql@{major}`"
    )
}
