use std::path::PathBuf;

use crate::Password;

/// Address of a database and how to sign in, from environment variables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// DB_HOST
    pub host: String,
    /// DB_PORT
    pub port: u16,
    /// DB_NAME
    pub name: String,
    /// DB_USER; `None` if the secret has the user.
    pub user: Option<String>,
    /// DB_AUTH
    pub auth: Auth,
    /// DB_SSLMODE
    pub tls: Tls,
}

/// How to authenticate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Auth {
    /// An RDS token, signed with the function's own credentials for this region.
    Iam { region: String },
    /// The Secrets Manager secret DB_SECRET_ARN.
    Secret { id: String, region: String },
    /// DB_PASSWORD
    Password(Password),
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

/// Values that take precedence over the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Overrides {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub name: Option<String>,
    pub user: Option<String>,
}

impl Settings {
    /// Reads the variables. The reader collects mistakes and reports all at once: see
    /// [`Reader::finish`].
    pub fn read<F>(reader: &mut Reader<F>, overrides: &Overrides) -> Self
    where
        F: Fn(&str) -> Option<String>,
    {
        let auth = reader.optional("DB_AUTH").unwrap_or_else(|| "iam".into());
        let host = reader.required("DB_HOST", &overrides.host);
        let user = match &auth[..] {
            "secret" => overrides.user.clone().or(reader.optional("DB_USER")),
            _ => Some(reader.required("DB_USER", &overrides.user)),
        };
        let tls = reader.tls();
        Self {
            port: match overrides.port {
                Some(port) => port,
                None => reader.number("DB_PORT", 5432),
            },
            name: reader.required("DB_NAME", &overrides.name),
            auth: reader.auth(&auth, &host, &tls),
            host,
            user,
            tls,
        }
    }
}

/// Reads variables, and collects mistakes instead of stopping at the first.
#[derive(Debug)]
pub struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// Reads variables with `variable`.
    pub fn new(variable: F) -> Self {
        Self {
            variable,
            problems: Vec::new(),
        }
    }

    /// Returns the value of a variable, `None` if it is empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    /// Returns the path in a variable, or that of a file beside the program.
    pub fn beside_the_program(&self, name: &str, file: &str) -> PathBuf {
        self.optional(name).map_or_else(
            || {
                let root = self.optional("LAMBDA_TASK_ROOT");
                PathBuf::from(root.unwrap_or_else(|| "/var/task".to_owned())).join(file)
            },
            PathBuf::from,
        )
    }

    /// Returns the number in a variable.
    pub fn number<T: std::str::FromStr>(&mut self, name: &str, default: T) -> T {
        let value = self.optional(name);
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

    /// # Errors
    /// When there were mistakes; names all of them.
    pub fn finish(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.problems.is_empty(),
            "the function is not configured (its environment variables): {}",
            self.problems.join("; ")
        );
        Ok(())
    }

    fn required(&mut self, name: &str, given: &Option<String>) -> String {
        given
            .clone()
            .or_else(|| self.optional(name))
            .unwrap_or_else(|| {
                self.problem(format!("{name} is missing"));
                String::new()
            })
    }

    fn tls(&mut self) -> Tls {
        match self.optional("DB_SSLMODE").as_deref() {
            None | Some("verify-full") => Tls::VerifyFull {
                ca_bundle: self.beside_the_program("DB_CA_BUNDLE", "rds-ca.pem"),
            },
            Some("disable") => Tls::Disable,
            Some(other) => {
                self.problem(format!(
                    "DB_SSLMODE is {other:?}, but must be verify-full or disable"
                ));
                Tls::Disable
            }
        }
    }

    fn auth(&mut self, auth: &str, host: &str, tls: &Tls) -> Auth {
        match auth {
            "password" => Auth::Password(Password(self.needed("DB_PASSWORD", auth))),
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
                Auth::Password(Password(String::new()))
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

/// Returns the region of an RDS host name, `NAME.ID.REGION.rds.amazonaws.com`.
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

    fn read(variables: &[(&str, &str)], overrides: &Overrides) -> anyhow::Result<Settings> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut reader = Reader::new(variable);
        let settings = Settings::read(&mut reader, overrides);
        reader.finish().map(|()| settings)
    }

    #[test]
    fn little_is_needed_on_rds() {
        let variables = [RDS, ("DB_NAME", "app"), ("DB_USER", "migrator")];
        let settings = read(&variables, &Overrides::default()).unwrap();
        assert_eq!(
            settings,
            Settings {
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
            }
        );
    }

    #[test]
    fn what_is_given_beats_the_environment() {
        let overrides = Overrides {
            host: Some("elsewhere".to_owned()),
            name: Some("other".to_owned()),
            port: Some(1),
            user: Some("me".to_owned()),
        };
        let variables = [RDS, ("DB_PORT", "2"), ("AWS_REGION", "us-east-1")];
        let settings = read(&variables, &overrides).unwrap();
        assert_eq!(
            (
                &*settings.name,
                &*settings.host,
                settings.port,
                settings.user.as_deref()
            ),
            ("other", "elsewhere", 1, Some("me"))
        );
        let region = "us-east-1".to_owned();
        assert_eq!(settings.auth, Auth::Iam { region });
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
        let settings = read(&variables, &Overrides::default()).unwrap();
        assert_eq!(settings.user, None);
        let (id, region) = (arn.to_owned(), "eu-north-1".to_owned());
        assert_eq!(settings.auth, Auth::Secret { id, region });
    }

    #[rstest]
    #[case(&[], &["DB_HOST is missing", "DB_NAME is", "DB_USER is", "AWS_REGION is missing, which DB_AUTH=iam needs"])]
    #[case(&[RDS, ("DB_AUTH", "password")], &["DB_PASSWORD is missing, which DB_AUTH=password needs"])]
    #[case(&[RDS, ("DB_AUTH", "secret")], &["DB_SECRET_ARN is missing"])]
    #[case(&[RDS, ("DB_AUTH", "kerberos")], &["DB_AUTH is \"kerberos\", but must be"])]
    #[case(&[RDS, ("DB_PORT", "70000")], &["DB_PORT is \"70000\""])]
    #[case(&[RDS, ("DB_SSLMODE", "prefer")], &["DB_SSLMODE is \"prefer\", but must be"])]
    #[case(&[RDS, ("DB_SSLMODE", "disable")], &["DB_AUTH=iam needs TLS"])]
    fn names_all_that_is_wrong(#[case] variables: &[(&str, &str)], #[case] expected: &[&str]) {
        let error = read(variables, &Overrides::default())
            .unwrap_err()
            .to_string();
        for part in expected {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }
}
