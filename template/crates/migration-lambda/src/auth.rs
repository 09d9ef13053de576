//! Who the function is to the database.

mod iam;
mod secret;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;

use crate::config::{Auth, Config};
use crate::redact;

/// A user and a password, or the token that RDS takes for one.
pub struct Login {
    pub user: String,
    pub password: String,
}

/// Gets the login, from Secrets Manager if need be, and hides the password.
///
/// # Errors
/// When Secrets Manager does not give it, or within `time` gives nothing.
pub async fn login(config: &Config, time: Duration) -> Result<Login> {
    let login = match &config.auth {
        Auth::Password(password) => Login {
            user: user(config)?,
            password: password.clone(),
        },
        Auth::Iam { region } => {
            let user = user(config)?;
            let address = format!("{}:{}", config.host, config.port);
            let credentials = credentials()?;
            let password = iam::token(&address, &user, region, &credentials, SystemTime::now())?;
            Login { user, password }
        }
        Auth::Secret { id, region } => {
            let secret = secret::fetch(id, region, credentials()?, time)
                .await
                .context("cannot get the secret DB_SECRET_ARN from Secrets Manager")?;
            Login {
                user: match &config.user {
                    Some(user) => user.clone(),
                    None => secret
                        .username
                        .context("DB_USER is missing, and the secret has no `username`")?,
                },
                password: secret.password,
            }
        }
    };
    redact::hide(&login.password);
    Ok(login)
}

fn user(config: &Config) -> Result<String> {
    config.user.clone().context("DB_USER is missing")
}

/// The credentials of the function's role, which Lambda puts into the environment.
fn credentials() -> Result<Credentials> {
    let variable = |name| {
        std::env::var(name).with_context(|| format!("{name} is missing, which Lambda always sets"))
    };
    let (key, secret) = (
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    let token = variable("AWS_SESSION_TOKEN").ok();
    redact::hide(&secret);
    if let Some(token) = &token {
        redact::hide(token);
    }
    Ok(Credentials::new(key, secret, token, None, "environment"))
}
