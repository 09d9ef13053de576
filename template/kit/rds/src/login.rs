use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Auth, DatabaseSettings, Password, Tls, api, iam, secret};

/// Characters to escape in a host name. Go, and so Atlas, refuses a URL with an escape for
/// any other character in the host.
const IN_HOST: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// A user, with a password or the token that RDS accepts in its place.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

impl DatabaseSettings {
    /// Returns the login, fetched from Secrets Manager with [`Auth::Secret`]. A token is
    /// valid for 15 minutes; a function signs it without any network.
    ///
    /// # Errors
    /// When Secrets Manager refuses, or does not answer within `time`.
    pub async fn login(&self, time: Duration) -> Result<Login> {
        let mut user = self.user.clone();
        let password = match &self.auth {
            Auth::Password(password) => password.clone(),
            Auth::Iam { region } => {
                let user = user.as_deref().context("DB_USER is missing")?;
                // The signature covers the host in lower case, as HTTP sends it.
                let address = format!("{}:{}", self.host.to_ascii_lowercase(), self.port);
                let now = SystemTime::now();
                let credentials = api::credentials(time).await?;
                Password(iam::token(&address, user, region, &credentials, now)?)
            }
            Auth::Secret { id, region } => {
                let secret = secret::fetch(id, region, time)
                    .await
                    .context("cannot get the secret DB_SECRET_ARN from Secrets Manager")?;
                user = user.or(secret.username);
                Password(secret.password)
            }
        };
        let user = user.context("DB_USER is missing, and the secret has no `username`")?;
        Ok(Login { user, password })
    }

    /// Returns a connection string in the format of libpq, with the password. `parameters`
    /// are further options in its query.
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
    fn connection_strings_escape_their_parts(
        #[case] host: &str,
        #[case] tls: Tls,
        #[case] expected: &str,
    ) {
        let settings = DatabaseSettings {
            host: host.to_owned(),
            port: 5432,
            name: "my-db".to_owned(),
            user: None,
            auth: Auth::Password(Password(String::new())),
            tls,
        };
        let login = Login { user: "a@b".to_owned(), password: Password("p:w/".to_owned()) };
        let url = settings.url(&login, &[("application_name", "x y")]);
        assert_eq!(url, expected);
    }
}
