//! Cargo compiles this crate anew only when a file that it knows of changed. A new
//! table is a file that it does not know yet: let it watch the folder.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=src");
    for entry in fs::read_dir("src").into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            // Its entities would be left out of the schema without a word.
            println!(
                "cargo::error=tables are looked for in src itself, not in folders below: \
                 move the files of {} up",
                entry.path().display()
            );
        }
    }
}
