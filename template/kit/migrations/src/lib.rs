//! Plans and checks migrations: the library behind the daily commands.

pub mod apply;
pub mod check;
mod compare;
pub mod create;
mod fingerprint;
mod git;
mod hash_copy;
pub mod import;
pub mod install;
mod project;
pub mod rebase;
mod renames;
pub mod report;
pub mod schema;
mod write;

pub use git::Base;
pub use hash_copy::HashCopy;
pub use planner::Rename;
pub use project::{Project, Source};
pub use replay::prepare_roles;
