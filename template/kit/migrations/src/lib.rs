//! Plans and checks migrations: the library behind the daily commands.

pub mod check;
mod compare;
mod concurrent;
pub mod create;
mod fingerprint;
mod git;
mod hash_copy;
mod project;
pub mod report;
pub mod schema;
mod write;

pub use hash_copy::HashCopy;
pub use project::{Project, Source};
