//! What the function is told by its environment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::properties::Database;

/// Where the database is and how to get in. The names are of environment variables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// DB_HOST
    pub host: String,
    /// DB_PORT, 5432 if there is none.
    pub port: u16,
    /// DB_NAME
    pub name: String,
    /// DB_USER; none only if the secret is to tell.
    pub user: Option<String>,
    /// DB_AUTH, `iam` if there is none.
    pub auth: Auth,
    /// DB_SSLMODE
    pub tls: Tls,
    /// DB_CONNECT_TIMEOUT: how long to go on trying while the server is starting,
    /// full, or refuses connections.
    pub connect_timeout: Duration,
    /// ATLAS
    pub atlas: PathBuf,
    /// MIGRATIONS
    pub migrations: PathBuf,
}

/// How to authenticate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Auth {
    /// A token of RDS, signed with the function's own credentials for this region.
    Iam { region: String },
    /// The Secrets Manager secret DB_SECRET_ARN.
    Secret { id: String, region: String },
    /// DB_PASSWORD
    Password(String),
}

/// How to encrypt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// Certificate and host name are verified against DB_CA_BUNDLE, a PEM file.
    VerifyFull {
        ca_bundle: PathBuf,
    },
    Disable,
}

impl Config {
    /// Reads the variables; what the stack says of the database beats them.
    ///
    /// # Errors
    /// When some are missing or malformed; names all of them.
    pub fn read(variable: impl Fn(&str) -> Option<String>, database: &Database) -> Result<Self> {
        let mut reader = Reader {
            variable: |name: &str| variable(name).filter(|value| !value.trim().is_empty()),
            problems: Vec::new(),
        };
        let task_root = reader
            .optional("LAMBDA_TASK_ROOT")
            .map_or_else(|| PathBuf::from("/var/task"), PathBuf::from);

        let auth = reader.optional("DB_AUTH").unwrap_or_else(|| "iam".into());
        let host = reader.required("DB_HOST", "DatabaseHost", &database.host);
        let user = match &auth[..] {
            "secret" => database.user.clone().or(reader.optional("DB_USER")),
            _ => Some(reader.required("DB_USER", "DatabaseUser", &database.user)),
        };
        let port = database.port.clone().or(reader.optional("DB_PORT"));
        let tls = match reader.optional("DB_SSLMODE").as_deref() {
            None | Some("verify-full") => Tls::VerifyFull {
                ca_bundle: reader
                    .optional("DB_CA_BUNDLE")
                    .map_or_else(|| task_root.join("rds-ca.pem"), PathBuf::from),
            },
            Some("disable") => Tls::Disable,
            Some(other) => {
                reader.problem(format!(
                    "DB_SSLMODE is {other:?}, but must be verify-full or disable"
                ));
                Tls::Disable
            }
        };
        let config = Self {
            port: reader.number("DB_PORT", port, 5432),
            name: reader.required("DB_NAME", "DatabaseName", &database.name),
            auth: reader.auth(&auth, &host, &tls),
            connect_timeout: {
                let seconds = reader.optional("DB_CONNECT_TIMEOUT");
                Duration::from_secs(reader.number("DB_CONNECT_TIMEOUT", seconds, 30_u16).into())
            },
            atlas: reader
                .optional("ATLAS")
                .map_or_else(|| "/opt/bin/atlas".into(), PathBuf::from),
            migrations: reader
                .optional("MIGRATIONS")
                .map_or_else(|| task_root.join("migrations"), PathBuf::from),
            host,
            user,
            tls,
        };
        match reader.problems.as_slice() {
            [] => Ok(config),
            problems => bail!(
                "the function is not configured (its environment variables): {}",
                problems.join("; ")
            ),
        }
    }
}

/// Reads variables, and collects what is wrong with them instead of stopping.
struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    fn required(&mut self, name: &str, property: &str, given: &Option<String>) -> String {
        match given.clone().or_else(|| self.optional(name)) {
            Some(value) => value,
            None => {
                self.problem(format!("{name} is missing (or the property {property})"));
                String::new()
            }
        }
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str, value: Option<String>, default: T) -> T {
        match value.as_deref().map(str::parse) {
            None => default,
            Some(Ok(number)) => number,
            Some(Err(_)) => {
                let value = value.unwrap_or_default();
                self.problem(format!("{name} is {value:?}, which is no number for it"));
                default
            }
        }
    }

    fn auth(&mut self, auth: &str, host: &str, tls: &Tls) -> Auth {
        match auth {
            "password" => Auth::Password(self.needed("DB_PASSWORD", auth)),
            "secret" => {
                let id = self.needed("DB_SECRET_ARN", auth);
                // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
                let region = id.split(':').nth(3).map(str::to_owned);
                let region = region.or_else(|| self.optional("AWS_REGION"));
                let region = region.unwrap_or_else(|| self.needed("AWS_REGION", auth));
                Auth::Secret { id, region }
            }
            "iam" => {
                if *tls == Tls::Disable {
                    self.problem("DB_SSLMODE is disable, but DB_AUTH=iam needs TLS".to_owned());
                }
                let region = rds_region(host).or_else(|| self.optional("AWS_REGION"));
                let region = region.unwrap_or_else(|| self.needed("AWS_REGION", auth));
                Auth::Iam { region }
            }
            other => {
                self.problem(format!(
                    "DB_AUTH is {other:?}, but must be iam, secret or password"
                ));
                Auth::Password(String::new())
            }
        }
    }

    fn needed(&mut self, name: &str, auth: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is missing, which DB_AUTH={auth} needs"));
            String::new()
        })
    }

    fn problem(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The region in `NAME.ID.REGION.rds.amazonaws.com`, as RDS names its hosts.
fn rds_region(host: &str) -> Option<String> {
    let name = host
        .strip_suffix(".rds.amazonaws.com")
        .or_else(|| host.strip_suffix(".rds.amazonaws.com.cn"))?;
    Some(name.rsplit_once('.')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const RDS: (&str, &str) = ("DB_HOST", "db.c1.eu-west-1.rds.amazonaws.com");

    fn read(variables: &[(&str, &str)], database: &Database) -> Result<Config> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(variable, database)
    }

    #[test]
    fn little_is_needed_on_rds() {
        let variables = [RDS, ("DB_NAME", "app"), ("DB_USER", "migrator")];
        let config = read(&variables, &Database::default()).unwrap();
        assert_eq!(
            config,
            Config {
                host: RDS.1.to_owned(),
                port: 5432,
                name: "app".to_owned(),
                user: Some("migrator".to_owned()),
                auth: Auth::Iam {
                    region: "eu-west-1".to_owned()
                },
                tls: Tls::VerifyFull {
                    ca_bundle: "/var/task/rds-ca.pem".into()
                },
                connect_timeout: Duration::from_secs(30),
                atlas: "/opt/bin/atlas".into(),
                migrations: "/var/task/migrations".into(),
            }
        );
    }

    #[test]
    fn the_stack_beats_the_environment() {
        let database = Database {
            name: Some("other".to_owned()),
            host: Some("elsewhere".to_owned()),
            port: Some("1".to_owned()),
            user: Some("me".to_owned()),
        };
        let variables = [RDS, ("DB_PORT", "2"), ("AWS_REGION", "us-east-1")];
        let config = read(&variables, &database).unwrap();
        assert_eq!(
            (
                &*config.name,
                &*config.host,
                config.port,
                config.user.as_deref()
            ),
            ("other", "elsewhere", 1, Some("me"))
        );
        let region = "us-east-1".to_owned();
        assert_eq!(config.auth, Auth::Iam { region });
    }

    #[test]
    fn the_secret_may_tell_the_user_and_its_arn_the_region() {
        let arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:db-AbCdEf";
        let variables = [
            RDS,
            ("DB_NAME", "a"),
            ("DB_AUTH", "secret"),
            ("DB_SECRET_ARN", arn),
        ];
        let config = read(&variables, &Database::default()).unwrap();
        assert_eq!(config.user, None);
        let (id, region) = (arn.to_owned(), "eu-north-1".to_owned());
        assert_eq!(config.auth, Auth::Secret { id, region });
    }

    #[rstest]
    #[case(&[], &["DB_HOST is missing (or the property DatabaseHost)", "DB_NAME is", "DB_USER is", "AWS_REGION is missing, which DB_AUTH=iam needs"])]
    #[case(&[RDS, ("DB_AUTH", "password")], &["DB_PASSWORD is missing, which DB_AUTH=password needs"])]
    #[case(&[RDS, ("DB_AUTH", "secret")], &["DB_SECRET_ARN is missing"])]
    #[case(&[RDS, ("DB_AUTH", "kerberos")], &["DB_AUTH is \"kerberos\", but must be"])]
    #[case(&[RDS, ("DB_PORT", "70000")], &["DB_PORT is \"70000\""])]
    #[case(&[RDS, ("DB_SSLMODE", "prefer")], &["DB_SSLMODE is \"prefer\", but must be"])]
    #[case(&[RDS, ("DB_SSLMODE", "disable")], &["DB_AUTH=iam needs TLS"])]
    fn names_all_that_is_wrong(#[case] variables: &[(&str, &str)], #[case] expected: &[&str]) {
        let error = read(variables, &Database::default())
            .unwrap_err()
            .to_string();
        for part in expected {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }
}
