//! How a function gets into its database on Amazon RDS: what its environment says
//! ([`Settings`]), who it is there ([`Settings::login`]), and both as a connection string
//! ([`Settings::url`]).
//!
//! The same variables serve every function of the stack:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DB_HOST`, `DB_NAME` | | |
//! | `DB_PORT` | | 5432 |
//! | `DB_USER` | may be missing with `DB_AUTH=secret`: then the secret tells | |
//! | `DB_AUTH` | `iam`, `secret` or `password` | `iam` |
//! | `DB_SECRET_ARN` | a secret of Secrets Manager, as RDS writes it | |
//! | `DB_PASSWORD` | | |
//! | `DB_SSLMODE` | `verify-full` or `disable` | `verify-full` |
//! | `DB_CA_BUNDLE` | the certificates to trust, a PEM file | `rds-ca.pem` beside the program |
//!
//! An empty variable is as good as none.

mod iam;
mod login;
mod secret;
mod settings;

pub use login::{Login, Password};
pub use settings::{Auth, Overrides, Reader, Settings, Tls};
