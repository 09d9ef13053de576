//! A database's login in Secrets Manager.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::api::SECRETS_MANAGER;

/// The login in a secret of RDS. Its host and database are ignored: the stack may use
/// others.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>
#[derive(Deserialize)]
pub struct Secret {
    pub username: Option<String>,
    pub password: String,
}

/// Fetches the current version of a secret.
///
/// # Errors
/// When Secrets Manager cannot be reached within `time` or refuses, or when the secret is
/// not JSON in the format of RDS.
pub async fn fetch(id: &str, region: &str, time: Duration) -> Result<Secret> {
    let body = json!({ "SecretId": id });
    let answer = SECRETS_MANAGER.call(region, "GetSecretValue", &body, time).await?;
    let secret = answer["SecretString"].as_str().context("the secret is binary, not text")?;
    // The parser's own message would quote the secret.
    serde_json::from_str(secret)
        .ok()
        .context("the secret is not JSON with a `password`, as RDS writes it")
}
