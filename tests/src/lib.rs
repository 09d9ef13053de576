//! Renders the template with cargo-generate, as a user does.

mod project;
mod tools;

use std::path::PathBuf;

pub use crate::{
    project::{Outcome, Project, run},
    tools::{Tools, install, install_cargo_generate},
};

/// The checkout of the template.
pub fn checkout() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the checkout is there")
}
