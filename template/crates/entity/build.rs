//! Makes Cargo rebuild this crate when a file is added to `src`: `automod` reads the
//! folder, and Cargo does not know that.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=src");
    for entry in fs::read_dir("src").into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            println!(
                "cargo::error=entities in folders are not found: move the files of {} up to src",
                entry.path().display()
            );
        }
    }
}
