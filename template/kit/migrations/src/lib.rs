//! Plans and checks migrations: the library behind the daily commands.

pub mod check;
mod concurrent;
pub mod create;
mod dev_databases;
mod fingerprint;
mod git;
mod project;
pub mod report;
pub mod schema;
mod stack_hash;
mod write;

pub use dev_databases::DevDatabases;
pub use project::Project;
pub use stack_hash::{StackHash, TEMPLATE};
