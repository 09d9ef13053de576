//! Plans and checks migrations: the library behind the daily commands.

pub mod check;
mod concurrent;
pub mod create;
mod dev_databases;
mod fingerprint;
mod git;
mod hash_copy;
mod project;
pub mod report;
pub mod schema;
mod write;

pub use dev_databases::DevDatabases;
pub use hash_copy::HashCopy;
pub use project::Project;
