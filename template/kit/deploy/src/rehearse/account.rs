//! The account in the emulator: how to sign in to it, and what the stack needs there.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

use super::{database::Address, scratch};
use crate::aws::Aws;

/// Has `aws` and `sam` talk to the emulator, whatever the user's environment and
/// configuration say, and with credentials that no other would take.
pub(super) fn sign_in(aws: &mut Aws, url: &str, home: &Path) -> Result<()> {
    let [config, credentials] = ["aws-config", "aws-credentials"].map(|name| home.join(name));
    fs::write(&config, "[profile rehearsal]\n")?;
    fs::write(&credentials, "[rehearsal]\n")?;
    for name in env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if name.starts_with("AWS_ENDPOINT_URL") {
            aws.set(&name, url);
        }
    }
    for (name, value) in [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_PROFILE", "rehearsal"),
        ("AWS_CONFIG_FILE", &config.display().to_string()),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            &credentials.display().to_string(),
        ),
        ("AWS_USE_FIPS_ENDPOINT", "false"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
        ("NO_PROXY", "127.0.0.1"),
        ("no_proxy", "127.0.0.1"),
        // sam keeps files there.
        ("HOME", &home.display().to_string()),
        // Seconds; as long as AWS needs between two looks is too long here.
        ("SAM_CLI_POLL_DELAY", "0.3"),
    ] {
        aws.set(name, value);
    }
    Ok(())
}

/// Puts the database's user and password where the function finds them; returns the ARN.
pub(super) fn make_secret(aws: &Aws, address: &Address, home: &Path) -> Result<String> {
    let file = home.join("secret.json");
    let secret = serde_json::json!({ "username": address.user, "password": address.password });
    fs::write(&file, secret.to_string())?;
    // By a file: a command line is for all to see.
    let made = aws.json(&[
        "secretsmanager",
        "create-secret",
        "--name",
        "rehearsal",
        "--secret-string",
        &format!("file://{}", file.display()),
    ]);
    fs::remove_file(&file)?;
    let made = made.context("the emulator takes no secret")?;
    let arn = made["ARN"].as_str().context("the emulator gives no ARN")?;
    Ok(arn.to_owned())
}

/// The values of the template's parameters that differ from those of the environment.
pub(super) fn parameters(address: Address, secret: String) -> Result<Vec<(String, String)>> {
    let values = [
        ("Architecture", scratch::architecture()?.to_string()),
        ("Database", "existing".into()),
        ("DatabaseHost", address.host),
        ("DatabasePort", address.port.to_string()),
        ("DatabaseName", address.name),
        // That of the secret.
        ("DatabaseUser", String::new()),
        ("Authentication", "secret".into()),
        ("DatabaseResourceId", String::new()),
        ("SecretArn", secret),
        ("SecretKeyArn", String::new()),
        // Nothing looks whether they exist.
        ("SubnetIds", "subnet-12345678".into()),
        ("SecurityGroupIds", "sg-12345678".into()),
        // With the other choice, going back past a migration that broke off would fail.
        ("OnDatabaseAhead", "succeed".into()),
        ("DryRun", "false".into()),
        ("BaselineVersion", String::new()),
        ("ForceUpdate", String::new()),
    ];
    Ok(values.map(|(name, value)| (name.to_owned(), value)).into())
}
