use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Auth, Settings, Tls, iam, secret};

/// Characters to encode in a host name. Go, and so Atlas, refuses a URL whose host has other
/// characters encoded.
const IN_HOST: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// A user, with a password or an RDS token.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

/// A string that `Debug` does not print.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Settings {
    /// Returns the login, from Secrets Manager if need be. A token is valid for 15 minutes, and
    /// needs no network.
    ///
    /// # Errors
    /// When Secrets Manager refuses, or does not answer within `time`.
    pub async fn login(&self, time: Duration) -> Result<Login> {
        match &self.auth {
            Auth::Password(password) => Ok(Login {
                user: self.user()?,
                password: password.clone(),
            }),
            Auth::Iam { region } => {
                let user = self.user()?;
                // HTTP signs the host in lower case.
                let host = self.host.to_ascii_lowercase();
                let address = format!("{host}:{}", self.port);
                let now = SystemTime::now();
                let password = iam::token(&address, &user, region, &credentials()?, now)?;
                Ok(Login {
                    user,
                    password: Password(password),
                })
            }
            Auth::Secret { id, region } => {
                let secret = secret::fetch(id, region, credentials()?, time)
                    .await
                    .context("cannot get the secret DB_SECRET_ARN from Secrets Manager")?;
                let user = self.user.clone().or(secret.username);
                Ok(Login {
                    user: user.context("DB_USER is missing, and the secret has no `username`")?,
                    password: Password(secret.password),
                })
            }
        }
    }

    /// Returns a connection string in libpq's format, password included. `parameters` are added
    /// under their names.
    pub fn url(&self, login: &Login, parameters: &[(&str, &str)]) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            utf8_percent_encode(&self.host, IN_HOST).to_string()
        };
        let mut url = format!(
            "postgres://{}:{}@{host}:{}/{}",
            encode(&login.user),
            encode(&login.password.0),
            self.port,
            encode(&self.name),
        );
        match &self.tls {
            Tls::Disable => url.push_str("?sslmode=disable"),
            Tls::VerifyFull { ca_bundle } => {
                url.push_str("?sslmode=verify-full&sslrootcert=");
                url.push_str(&encode(&ca_bundle.to_string_lossy()));
            }
        }
        for (name, value) in parameters {
            url.push_str(&format!("&{name}={}", encode(value)));
        }
        url
    }

    fn user(&self) -> Result<String> {
        self.user.clone().context("DB_USER is missing")
    }
}

/// Returns the credentials of the function's role, which Lambda puts into the environment.
fn credentials() -> Result<Credentials> {
    let variable = |name| {
        std::env::var(name).with_context(|| format!("{name} is missing, which Lambda always sets"))
    };
    let (key, secret) = (
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    let token = variable("AWS_SESSION_TOKEN").ok();
    let token = token.filter(|token| !token.is_empty());
    Ok(Credentials::new(key, secret, token, None, "environment"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::encoded(
        "my-db.example",
        Tls::Disable,
        "postgres://a%40b:p%3Aw%2F@my-db.example:5432/my%2Ddb?sslmode=disable&application_name=x%20y"
    )]
    #[case::ipv6(
        "::1",
        Tls::VerifyFull { ca_bundle: "/ca.pem".into() },
        "postgres://a%40b:p%3Aw%2F@[::1]:5432/my%2Ddb?sslmode=verify-full&sslrootcert=%2Fca%2Epem&application_name=x%20y"
    )]
    fn a_connection_string_escapes_its_parts(
        #[case] host: &str,
        #[case] tls: Tls,
        #[case] expected: &str,
    ) {
        let settings = Settings {
            host: host.to_owned(),
            port: 5432,
            name: "my-db".to_owned(),
            user: None,
            auth: Auth::Password(Password(String::new())),
            tls,
        };
        let login = Login {
            user: "a@b".to_owned(),
            password: Password("p:w/".to_owned()),
        };
        let url = settings.url(&login, &[("application_name", "x y")]);
        assert_eq!(url, expected);
    }
}
