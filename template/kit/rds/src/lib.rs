//! Signs a function in to its database on Amazon RDS: settings from the environment
//! ([`Settings`]), user and password ([`Settings::login`]), and the connection string
//! ([`Settings::url`]).
//!
//! Every function of the stack uses the same variables:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DB_HOST`, `DB_NAME` | | |
//! | `DB_PORT` | | 5432 |
//! | `DB_USER` | optional with `DB_AUTH=secret`, which has a user too | |
//! | `DB_AUTH` | `iam`, `secret` or `password` | `iam` |
//! | `DB_SECRET_ARN` | a secret of Secrets Manager, as RDS writes it | |
//! | `DB_PASSWORD` | | |
//! | `DB_SSLMODE` | `verify-full` or `disable` | `verify-full` |
//! | `DB_CA_BUNDLE` | the certificates to trust, a PEM file | `rds-ca.pem` beside the program |
//!
//! An empty variable counts as missing.

mod iam;
mod login;
mod secret;
mod settings;

pub use login::{Login, Password};
pub use settings::{Auth, Overrides, Reader, Settings, Tls};
