//! The image of the container task, built from the package of the function by Docker.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use postgres::settings::setting;
use process::text;

use crate::{
    architecture::Architecture,
    aws::{Aws, word},
};

const DOCKERFILE: &str = "kit/deploy/Dockerfile";

/// Setting that names another base image, such as that of a mirror.
const BASE: &str = "TASK_BASE_IMAGE";

/// Builds the image from `target/package`; returns its id, `None` if no Docker engine answers.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(root: &Path, architecture: Architecture) -> Result<Option<String>> {
    let version = process::optional(Command::new("docker").args(["version"]))?;
    if !version.is_some_and(|output| output.status.success()) {
        println!("- image of the task: not built, no Docker engine answers");
        return Ok(None);
    }
    let mut docker = Command::new("docker");
    docker.current_dir(root).args(["build", "--quiet", "--file", DOCKERFILE]);
    docker.arg(format!("--platform=linux/{}", architecture.go_name()));
    if let Some(base) = setting(root, BASE)? {
        docker.arg(format!("--build-arg=BASE={base}"));
    }
    let id = process::output(docker.arg("target/package")).context("the image of the task")?;
    println!("✓ image of the task: {}", id.trim());
    Ok(Some(id.trim().to_owned()))
}

/// Builds the image and pushes it to a repository in ECR, as its image `latest`.
///
/// # Errors
/// When no engine answers, or there is no such repository.
pub(crate) async fn publish(
    root: &Path,
    architecture: Architecture,
    aws: &Aws,
    repository: &str,
) -> Result<()> {
    let found = aws.json("ecr describe-repositories --repository-names", &[repository]).await;
    let found = found.with_context(|| {
        format!("create it once: `aws ecr create-repository --repository-name {repository}`")
    })?;
    let image = word(&found["repositories"][0]["repositoryUri"]) + ":latest";
    let id = build(root, architecture)?.context("Runner task needs Docker, for its image")?;
    let token = aws.json("ecr get-authorization-token", &[]).await?;
    let token = STANDARD.decode(word(&token["authorizationData"][0]["authorizationToken"]))?;
    log_in(image.split('/').next().unwrap_or_default(), &text(&token))?;
    process::output(Command::new("docker").args(["tag", &id, &image]))?;
    process::run_inherited(Command::new("docker").args(["push", &image]))
}

/// `token` is a user and a password, with a colon between them.
fn log_in(registry: &str, token: &str) -> Result<()> {
    let (user, password) = token.split_once(':').context("ECR answered no login")?;
    let mut login = Command::new("docker")
        .args(["login", "--username", user, "--password-stdin", registry])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    login.stdin.take().context("no input")?.write_all(password.as_bytes())?;
    ensure!(login.wait()?.success(), "docker login failed: see above");
    Ok(())
}
