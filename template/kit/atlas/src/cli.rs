//! Finds and runs the Atlas CLI.
//!
//! Calls block until Atlas ends. To run it under a time limit, take the command from
//! [`Commands::apply`], and pass its output to [`Atlas::read_apply`].

mod apply;
mod atlas;
mod commands;
mod config;
mod find;
mod outcome;
mod status;

pub use atlas::Atlas;
pub use commands::{ApplyOptions, Commands};
pub use config::MINIMAL_CONFIG;
