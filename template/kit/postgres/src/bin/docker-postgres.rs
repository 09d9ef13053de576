//! Starts and removes the container of a project, by testcontainers.
//!
//!     docker-postgres up NAME IMAGE [SERVER OPTION...]
//!     docker-postgres down NAME
//!
//! `up` takes the password from POSTGRES_PASSWORD, replaces a container of the same
//! name, waits until the server is ready and prints its address as
//! `{"host":"127.0.0.1","port":32768}`. The container outlives the program.

use std::{collections::HashMap, env, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use testcontainers_modules::{
    postgres::Postgres,
    testcontainers::{
        ImageExt as _, ReuseDirective,
        bollard::{
            errors::Error,
            models::PortBinding,
            query_parameters::{InspectNetworkOptions, RemoveContainerOptionsBuilder},
        },
        core::client::docker_client_instance,
        runners::AsyncRunner as _,
    },
};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["up", name, image, options @ ..] => {
            remove(name).await?;
            let up = up(image, name, options).await;
            if up.is_err() {
                remove(name).await?;
            }
            up
        }
        ["down", name] => remove(name).await,
        _ => bail!("usage: docker-postgres up NAME IMAGE [OPTION...] | down NAME"),
    }
}

async fn up(image: &str, name: &str, options: &[&str]) -> Result<()> {
    let password = env::var("POSTGRES_PASSWORD").context("POSTGRES_PASSWORD is not set")?;
    // A colon before a slash belongs to a registry's port.
    let (repository, tag) = match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    };
    let mut request = Postgres::default()
        .with_password(&password)
        .with_name(repository)
        .with_tag(tag)
        .with_container_name(name)
        .with_cmd(options.iter().copied())
        // Keeps it after this program has ended.
        .with_reuse(ReuseDirective::Always);
    if engine_is_here().await? {
        // Plain over loopback: SCRAM is slow in a debug build.
        request = request.with_env_var("POSTGRES_HOST_AUTH_METHOD", "password");
        // By default, the port is open to the network.
        request = request.with_host_config_modifier(|config| {
            let loopback = PortBinding {
                host_ip: Some("127.0.0.1".to_owned()),
                host_port: Some(String::new()),
            };
            config.publish_all_ports = Some(false);
            config.port_bindings =
                Some(HashMap::from([("5432/tcp".to_owned(), Some(vec![loopback]))]));
        });
    }
    let container = request.start().await?;
    let host = match container.get_host().await?.to_string() {
        // The port is not open on ::1, which localhost may mean as well.
        host if host == "localhost" => "127.0.0.1".to_owned(),
        host => host,
    };
    let port = container.get_host_port_ipv4(5432).await?;
    println!("{}", json!({ "host": host, "port": port }));
    Ok(())
}

/// Whether the engine's loopback interface is that of this program, by the rule that
/// testcontainers has for the host to connect to: not if the engine is on another
/// machine, or this program in a container that reaches it through a gateway.
async fn engine_is_here() -> Result<bool> {
    if env::var("DOCKER_HOST").is_ok_and(|host| !host.starts_with("unix://")) {
        return Ok(false);
    }
    if !Path::new("/.dockerenv").exists() {
        return Ok(true);
    }
    let bridge = docker_client_instance()
        .await?
        .inspect_network("bridge", None::<InspectNetworkOptions>)
        .await;
    let pools = bridge.ok().and_then(|network| network.ipam?.config);
    let gateways = pools.into_iter().flatten().filter_map(|pool| pool.gateway);
    Ok(gateways.filter(|gateway| !gateway.is_empty()).count() == 0)
}

async fn remove(name: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let removed = docker_client_instance().await?.remove_container(name, Some(options)).await;
    match removed {
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        other => other.with_context(|| format!("could not remove the container {name}")),
    }
}
