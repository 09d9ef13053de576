//! `setup --docker`: the usual way to a Docker engine.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{engine::Engine, settings::Config};

/// Makes Docker ready for [`server_in`](crate::server_in), and pulls the image of the
/// project's major version. On macOS, installs Colima and the Docker client by Homebrew
/// where no engine answers; elsewhere, the error names the distribution's package. `os`
/// is a value of [`std::env::consts::OS`].
///
/// # Errors
///
/// When no engine answers afterwards, or the image cannot be pulled.
pub fn install_docker(root: &Path, os: &str) -> Result<()> {
    let config = Config::load(root)?;
    let path = env::var_os("PATH").unwrap_or_default();
    let engine = match Engine::find(&config) {
        Some(engine) => engine,
        None if config.docker_host.is_some() => {
            bail!("no Docker engine answers at DOCKER_HOST: start it, or unset DOCKER_HOST")
        }
        None if os == "macos" => {
            start_colima(&path)?;
            Engine::find(&config)
                .context("Colima runs, but no Docker engine answers; see `docker context list`")?
        }
        None => bail!("{}", linux_advice(&path)),
    };
    println!("✓ Docker engine: {}", engine.label);
    pull(&engine, &config.image, &path)
}

/// Colima is free of licence fees; Docker Desktop is not, in larger companies.
fn start_colima(path: &OsStr) -> Result<()> {
    let missing: Vec<&str> =
        ["colima", "docker"].into_iter().filter(|program| !has(path, program)).collect();
    if !missing.is_empty() {
        ensure!(
            has(path, "brew"),
            "Homebrew installs Colima and the Docker client: install it first, https://brew.sh"
        );
        println!("installing by Homebrew: {}", missing.join(", "));
        process::run_inherited(Command::new("brew").arg("install").args(missing))?;
    }
    println!("starting Colima");
    process::run_inherited(Command::new("colima").arg("start"))
}

fn linux_advice(path: &OsStr) -> String {
    let install = match () {
        () if has(path, "apt-get") => "sudo apt-get install docker.io",
        () if has(path, "dnf") => "sudo dnf install moby-engine",
        () if has(path, "pacman") => "sudo pacman -S docker",
        () => "the Docker package of your distribution",
    };
    format!(
        "no Docker engine answers. Install, start and allow it, log in again, then run `just \
         setup --docker` once more:\n  {install}\n  sudo systemctl enable --now docker\n  \
         sudo usermod --append --groups docker \"$USER\""
    )
}

fn pull(engine: &Engine, image: &str, path: &OsStr) -> Result<()> {
    if !has(path, "docker") {
        println!("- {image}: no `docker` on PATH; the first start of the server pulls it");
        return Ok(());
    }
    let docker = || {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", &engine.host);
        docker
    };
    let there = docker()
        .args(["image", "inspect", image])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !there.context("cannot run docker")?.success() {
        println!("pulling {image}");
        process::run_inherited(docker().args(["pull", image]))?;
    }
    println!("✓ image {image}");
    Ok(())
}

fn has(path: &OsStr, program: &str) -> bool {
    env::split_paths(path).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("apt-get", "sudo apt-get install docker.io")]
    #[case("dnf", "sudo dnf install moby-engine")]
    #[case("pacman", "sudo pacman -S docker")]
    #[case("zypper", "the Docker package of your distribution")]
    fn names_the_package_of_the_distribution(#[case] manager: &str, #[case] advice: &str) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(manager), "").unwrap();
        assert!(linux_advice(dir.path().as_os_str()).contains(advice));
    }
}
