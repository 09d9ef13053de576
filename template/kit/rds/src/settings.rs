use std::fmt;
use std::path::PathBuf;

use crate::EnvReader;

/// Where the database is and how to log in, from the named environment variables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseSettings {
    /// DB_HOST
    pub host: String,
    /// DB_PORT
    pub port: u16,
    /// DB_NAME
    pub name: String,
    /// DB_USER; `None` only if the secret names the user.
    pub user: Option<String>,
    /// DB_AUTH
    pub auth: Auth,
    /// DB_SSLMODE
    pub tls: Tls,
}

/// How to authenticate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Auth {
    /// A token for RDS, signed with the function's own credentials.
    Iam { region: String },
    /// A secret of Secrets Manager, DB_SECRET_ARN.
    Secret { id: String, region: String },
    /// DB_PASSWORD
    Password(Password),
}

/// How to encrypt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// Verifies the certificate and the host name against DB_CA_BUNDLE, a PEM file.
    VerifyFull {
        ca_bundle: PathBuf,
    },
    Disable,
}

/// A password or token; its debug format is `***`.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Values that take precedence over the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DatabaseOverrides {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub name: Option<String>,
    pub user: Option<String>,
}

impl DatabaseSettings {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When variables are missing or malformed; names all of them.
    pub fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new(&|name| std::env::var(name).ok());
        let settings = Self::read(&mut env, &DatabaseOverrides::default());
        env.finish().map(|()| settings)
    }

    /// Reads the variables. [`EnvReader::finish`] returns the errors.
    pub fn read(env: &mut EnvReader, overrides: &DatabaseOverrides) -> Self {
        let given = overrides.clone();
        let method = env.optional("DB_AUTH").unwrap_or_else(|| "iam".into());
        let host = given.host.unwrap_or_else(|| env.required("DB_HOST", ""));
        let user = given.user.or_else(|| match &*method {
            "secret" => env.optional("DB_USER"),
            _ => Some(env.required("DB_USER", "")),
        });
        let tls = tls(env);
        Self {
            port: given.port.unwrap_or_else(|| env.number("DB_PORT", 5432)),
            name: given.name.unwrap_or_else(|| env.required("DB_NAME", "")),
            auth: auth(env, &method, &host, &tls),
            host,
            user,
            tls,
        }
    }
}

fn tls(env: &mut EnvReader) -> Tls {
    match env.optional("DB_SSLMODE").as_deref() {
        None | Some("verify-full") => {
            Tls::VerifyFull { ca_bundle: env.beside_the_program("DB_CA_BUNDLE", "rds-ca.pem") }
        }
        Some("disable") => Tls::Disable,
        Some(other) => {
            env.report(format!("DB_SSLMODE is {other:?}, but must be verify-full or disable"));
            Tls::Disable
        }
    }
}

fn auth(env: &mut EnvReader, method: &str, host: &str, tls: &Tls) -> Auth {
    let reason = format!(", which DB_AUTH={method} needs");
    let region = |env: &mut EnvReader, found: Option<String>| {
        found.unwrap_or_else(|| env.required("AWS_REGION", &reason))
    };
    match method {
        "password" => Auth::Password(Password(env.required("DB_PASSWORD", &reason))),
        "secret" => {
            let id = env.required("DB_SECRET_ARN", &reason);
            // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
            let found = id.split(':').nth(3).map(str::to_owned);
            let region = region(env, found);
            Auth::Secret { id, region }
        }
        "iam" => {
            if *tls == Tls::Disable {
                env.report("DB_SSLMODE is disable, but DB_AUTH=iam needs TLS".into());
            }
            let region = region(env, rds_region(host));
            Auth::Iam { region }
        }
        other => {
            env.report(format!("DB_AUTH is {other:?}, but must be iam, secret or password"));
            Auth::Password(Password(String::new()))
        }
    }
}

/// Returns the region in a host name of RDS: `NAME.ID.REGION.rds.amazonaws.com`, and in China
/// `NAME.ID.rds.REGION.amazonaws.com.cn`.
fn rds_region(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let name = host.trim_end_matches('.').trim_end_matches(".cn").strip_suffix(".amazonaws.com")?;
    let mut labels = name.rsplit('.');
    match (labels.next()?, labels.next()?) {
        ("rds", region) | (region, "rds") => Some(region.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const RDS: (&str, &str) = ("DB_HOST", "db.c1.eu-west-1.rds.amazonaws.com");

    fn read(
        variables: &[(&str, &str)],
        overrides: &DatabaseOverrides,
    ) -> anyhow::Result<DatabaseSettings> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut env = EnvReader::new(&variable);
        let settings = DatabaseSettings::read(&mut env, overrides);
        env.finish().map(|()| settings)
    }

    #[test]
    fn on_rds_most_variables_have_defaults() {
        let variables = [RDS, ("DB_NAME", "app"), ("DB_USER", "migrator")];
        let settings = read(&variables, &DatabaseOverrides::default()).unwrap();
        assert_eq!(
            settings,
            DatabaseSettings {
                host: RDS.1.to_owned(),
                port: 5432,
                name: "app".to_owned(),
                user: Some("migrator".to_owned()),
                auth: Auth::Iam { region: "eu-west-1".to_owned() },
                tls: Tls::VerifyFull { ca_bundle: "/var/task/rds-ca.pem".into() },
            }
        );
    }

    #[test]
    fn overrides_take_precedence() {
        let overrides = DatabaseOverrides {
            host: Some("elsewhere".to_owned()),
            name: Some("other".to_owned()),
            port: Some(1),
            user: Some("me".to_owned()),
        };
        let variables = [RDS, ("DB_PORT", "2"), ("AWS_REGION", "us-east-1")];
        let settings = read(&variables, &overrides).unwrap();
        assert_eq!(
            (&*settings.name, &*settings.host, settings.port, settings.user.as_deref()),
            ("other", "elsewhere", 1, Some("me"))
        );
        let region = "us-east-1".to_owned();
        assert_eq!(settings.auth, Auth::Iam { region });
    }

    #[test]
    fn a_secret_names_the_user_and_its_arn_the_region() {
        let arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:db-AbCdEf";
        let variables = [RDS, ("DB_NAME", "a"), ("DB_AUTH", "secret"), ("DB_SECRET_ARN", arn)];
        let settings = read(&variables, &DatabaseOverrides::default()).unwrap();
        assert_eq!(settings.user, None);
        let (id, region) = (arn.to_owned(), "eu-north-1".to_owned());
        assert_eq!(settings.auth, Auth::Secret { id, region });
    }

    #[rstest]
    #[case("db.c1.eu-west-1.rds.amazonaws.com", Some("eu-west-1"))]
    #[case("DB.C1.EU-WEST-1.RDS.AMAZONAWS.COM", Some("eu-west-1"))]
    #[case("db.c1.us-gov-west-1.rds.amazonaws.com.", Some("us-gov-west-1"))]
    #[case("db.c1.rds.cn-north-1.amazonaws.com.cn", Some("cn-north-1"))]
    #[case("db.example.com", None)]
    #[case("s3.amazonaws.com", None)]
    fn the_host_names_the_region(#[case] host: &str, #[case] region: Option<&str>) {
        assert_eq!(rds_region(host).as_deref(), region);
    }

    #[rstest]
    #[case(&[], &["DB_HOST is missing", "DB_NAME is", "DB_USER is", "AWS_REGION is missing, which DB_AUTH=iam needs"])]
    #[case(&[RDS, ("DB_AUTH", "password")], &["DB_PASSWORD is missing, which DB_AUTH=password needs"])]
    #[case(&[RDS, ("DB_AUTH", "secret")], &["DB_SECRET_ARN is missing"])]
    #[case(&[RDS, ("DB_AUTH", "kerberos")], &["DB_AUTH is \"kerberos\", but must be"])]
    #[case(&[RDS, ("DB_PORT", "70000")], &["DB_PORT is \"70000\""])]
    #[case(&[RDS, ("DB_SSLMODE", "prefer")], &["DB_SSLMODE is \"prefer\", but must be"])]
    #[case(&[RDS, ("DB_SSLMODE", "disable")], &["DB_AUTH=iam needs TLS"])]
    fn reports_all_errors(#[case] variables: &[(&str, &str)], #[case] expected: &[&str]) {
        let error = read(variables, &DatabaseOverrides::default()).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }
}
