//! Finds and installs the programs that the commands run.

pub mod atlas;
pub mod download;
