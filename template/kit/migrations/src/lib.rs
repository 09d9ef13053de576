//! Plans and checks migrations: the library behind the daily commands.

pub mod check;
mod concurrent;
pub mod create;
mod fingerprint;
mod git;
mod project;
pub mod report;
pub mod schema;
mod scratch;
mod stack_hash;
mod write;

pub use project::Project;
pub use scratch::Scratch;
pub use stack_hash::{StackHash, TEMPLATE};
