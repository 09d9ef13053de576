//! Renders the template with cargo-generate, as a user does.

mod project;
mod size;
mod source;
mod tools;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use crate::{
    project::{Outcome, Project, run},
    size::{Size, table},
    source::copy_checkout,
    tools::{Tools, install, install_cargo_generate},
};

/// Path of the template's checkout.
pub fn checkout() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the checkout exists")
}

/// Creates a directory and tags it as a cache (<https://bford.info/cachedir/>), so that
/// `cargo generate --path` does not copy it. cargo tags only what it creates itself.
pub fn create_untracked(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(
        directory.join("CACHEDIR.TAG"),
        "Signature: 8a477f597d28d172789f06886806bc55\n# Not part of the template's source.\n",
    )
}

/// Path of the checkout's `target`, which exists afterwards.
pub fn target() -> PathBuf {
    let target = checkout().join("target");
    create_untracked(&target).expect("target can be written");
    target
}
