//! A container, started and removed by the program `docker-postgres`. Its Docker client
//! takes as long to compile as everything else together, so it is built when first used.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{engine::Engine, notice, server_options, site::Address};

/// Cluster name of the server in a container. Not that of a local one: the processes
/// of a container show on the machine, and are not to be taken for a local server's.
pub(crate) fn cluster_name(name: &str) -> String {
    format!("{name}-docker")
}

/// Starts the container, replacing one of the same name, and returns the address of
/// its server.
pub(crate) fn start(engine: &Engine, image: &str, name: &str, password: &str) -> Result<Address> {
    notice(&format!(
        "starting a container from {image}, which is downloaded first if it is missing"
    ));
    let options = server_options(&cluster_name(name));
    let mut arguments = vec!["up", name, image];
    arguments.extend(options.iter().map(String::as_str));
    let answer = run(engine, &arguments, password)
        .with_context(|| format!("no container from the image {image}"))?;
    serde_json::from_str(&answer).context("docker-postgres printed no address")
}

/// Removes the container, if there is one.
pub(crate) fn remove(engine: &Engine, name: &str) -> Result<()> {
    run(engine, &["down", name], "").map(drop).with_context(|| {
        format!("could not remove the container; try `docker rm --force --volumes {name}`")
    })
}

/// Runs `docker-postgres`. The password is passed in the environment: arguments show in
/// the process list.
fn run(engine: &Engine, arguments: &[&str], password: &str) -> Result<String> {
    let cargo = |verb| {
        let mut cargo = process::cargo();
        cargo
            .args([verb, "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .args(["--features", "docker", "--bin", "docker-postgres"])
            .stdin(Stdio::null());
        cargo
    };
    // Shows cargo's progress, which is of interest only if there is something to compile.
    let build: &mut Command = &mut cargo("build");
    process::run_inherited(build.stdout(Stdio::null()))?;
    process::output(
        cargo("run")
            .args(["--quiet", "--"])
            .args(arguments)
            .env("DOCKER_HOST", &engine.host)
            .env("POSTGRES_PASSWORD", password)
            // Its errors end up in messages for people.
            .env("RUST_BACKTRACE", "0"),
    )
}
