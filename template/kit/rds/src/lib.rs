//! Connects a function to its database on Amazon RDS: reads where the database is
//! ([`DatabaseSettings`]), gets a user and a password ([`DatabaseSettings::login`]), and
//! returns both as a connection string ([`DatabaseSettings::url`]).
//!
//! [`ECS`] is there for the function that starts a container task.
//!
//! All functions of the stack read the same variables:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DB_HOST`, `DB_NAME` | | |
//! | `DB_PORT` | | 5432 |
//! | `DB_USER` | optional with `DB_AUTH=secret`: the secret names the user | |
//! | `DB_AUTH` | `iam`, `secret` or `password` | `iam` |
//! | `DB_SECRET_ARN` | a secret of Secrets Manager, in the format of RDS | |
//! | `DB_PASSWORD` | | |
//! | `DB_SSLMODE` | `verify-full` or `disable` | `verify-full` |
//! | `DB_CA_BUNDLE` | PEM file of the trusted certificates | `rds-ca.pem` beside the program |
//!
//! An empty variable counts as unset.

mod api;
mod env;
mod iam;
mod login;
mod secret;
mod settings;

pub use api::{ECS, Refused, Service};
pub use env::EnvReader;
pub use login::Login;
pub use settings::{Auth, DatabaseOverrides, DatabaseSettings, Password, Tls};
