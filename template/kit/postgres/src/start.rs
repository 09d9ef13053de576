//! Starting a server, and removing one. The lock is held meanwhile.

use std::{path::Path, path::PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::task::spawn_blocking;

use crate::{
    Provider, Server,
    binaries::{self, Binaries},
    docker::Engine,
    join, local, notice, random,
    settings::Config,
    state::{Address, State, StateDir},
};

/// Starts a server by the first provider that can, and says which.
pub(crate) async fn start(root: &Path, config: Config, name: String) -> Result<Server> {
    let task = Starter {
        root: root.to_owned(),
        name: name.clone(),
        config,
    };
    // Starting is waiting for other programs.
    let state = spawn_blocking(move || task.start()).await??;
    let server = join::connect(&state, &name)
        .await?
        .context("the server that was started does not answer")?;
    StateDir::of(root).write(&state)?;
    let wanted = state.wanted_major;
    let other = match server.major() == wanted {
        true => String::new(),
        false => format!("; the settings ask for PostgreSQL {wanted}"),
    };
    notice(&format!("started {server}{other}"));
    Ok(server)
}

/// Removes the server of `state`, and whatever else there is by its name in `place`;
/// the settings are those of `root`.
pub(crate) async fn remove(
    root: &Path,
    place: &Path,
    name: &str,
    state: Option<State>,
) -> Result<Option<Provider>> {
    let (root, place, name) = (root.to_owned(), place.to_owned(), name.to_owned());
    spawn_blocking(move || {
        let config = Config::load(&root)?;
        let recorded = state.map(|state| state.provider);
        let any = local::remove(&place, &name)?;
        if recorded == Some(Provider::Docker) {
            match Engine::find(&config) {
                Some(engine) => engine.remove(&name)?,
                None => notice(&format!(
                    "no Docker engine answers: the container {name}, if it is still there, stays"
                )),
            }
        }
        StateDir::of(&place).forget()?;
        Ok(recorded.or(any.then_some(Provider::Local)))
    })
    .await?
}

struct Starter {
    root: PathBuf,
    name: String,
    config: Config,
}

impl Starter {
    fn start(&self) -> Result<State> {
        match self.config.forced {
            Some(Provider::Docker) => match Engine::find(&self.config) {
                Some(engine) => self.start_container(&engine),
                None => bail!(
                    "DEV_POSTGRES=docker, but no Docker engine answers: start it, or set DOCKER_HOST"
                ),
            },
            Some(_) => self.start_local(None),
            None => match Engine::find(&self.config).map(|engine| self.start_container(&engine)) {
                Some(Ok(state)) => Ok(state),
                Some(Err(error)) => self.start_local(Some(error)),
                None => self.start_local(None),
            },
        }
    }

    fn start_container(&self, engine: &Engine) -> Result<State> {
        let state = self.begin(Provider::Docker)?;
        let address = engine.start(&self.config, &self.name, &state.password)?;
        Ok(State {
            address: Some(address),
            ..state
        })
    }

    /// Starts a local server, after Docker failed for the given reason.
    fn start_local(&self, docker: Option<anyhow::Error>) -> Result<State> {
        let Some(binaries) = binaries::find(&self.config) else {
            return Err(self.nothing(docker));
        };
        if let Some(error) = docker {
            notice(&format!(
                "Docker cannot be used, taking local binaries instead: {error:#}"
            ));
        }
        self.start_cluster(&binaries)
    }

    fn start_cluster(&self, binaries: &Binaries) -> Result<State> {
        let state = self.begin(Provider::Local)?;
        let port = local::start(&self.root, &self.name, binaries, &state.password)?;
        let address = Address {
            host: "127.0.0.1".to_owned(),
            port,
        };
        Ok(State {
            address: Some(address),
            ..state
        })
    }

    /// Writes down what is about to be started, so that it can be removed even
    /// if this process is killed before it is ready.
    fn begin(&self, provider: Provider) -> Result<State> {
        let state = State {
            provider,
            wanted_major: self.config.major,
            image: (provider == Provider::Docker).then(|| self.config.image.clone()),
            address: None,
            password: random::hex::<16>()?,
        };
        StateDir::of(&self.root).write(&state)?;
        Ok(state)
    }

    /// The error when there is no way to get a server.
    fn nothing(&self, docker: Option<anyhow::Error>) -> anyhow::Error {
        let major = self.config.major;
        let docker = match docker {
            _ if self.config.forced == Some(Provider::Local) => {
                "DEV_POSTGRES=local rules it out".to_owned()
            }
            Some(error) => format!("{error:#}"),
            None => "no engine answers".to_owned(),
        };
        let place = match &self.config.search {
            Some(dirs) => format!("in DEV_POSTGRES_PATH ({dirs:?})"),
            None => "on PATH or in the usual places".to_owned(),
        };
        anyhow!(
            "there is no PostgreSQL server to use. Three ways to get one:\n\
             1. Set TEST_DATABASE_URL, in the environment or in .env, to a server that you run:\n   \
             postgres://user:password@127.0.0.1:5432/postgres\n\
             2. Start Docker ({docker}).\n\
             3. Install PostgreSQL (no server binaries {place}):\n   \
             `apt-get install postgresql` or `brew install postgresql@{major}`"
        )
    }
}
