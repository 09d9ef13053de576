//! Plans and checks migrations: the library behind the daily commands.

mod change;
pub mod check;
mod concurrent;
pub mod create;
mod fingerprint;
mod git;
mod hash_copy;
mod project;
pub mod report;
mod schema;
mod scratch;

pub use hash_copy::HashCopy;
pub use project::Project;
pub use scratch::Scratch;
