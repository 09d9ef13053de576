//! What a user owns stays small, and so does the kit.

use std::{env, fs};

use template_tests::{Size, checkout, table};

const BEGIN: &str = "<!-- sizes: written by UPDATE=1 -->\n";
const END: &str = "<!-- end -->\n";

#[test]
fn keeps_to_the_limits() {
    let size = Size::measure().unwrap();
    for (what, lines, limit) in [
        ("yours", size.yours(), 400),
        ("the kit without AWS", size.kit_without_aws(), 13_300),
        ("the kit with AWS", size.kit(), 18_300),
        (&*size.longest.0.to_string_lossy(), size.longest.1, 300),
    ] {
        assert!(
            lines <= limit,
            "{what} has {lines} lines of code, more than {limit}"
        );
    }
}

#[test]
fn the_table_in_architecture_md_is_current() {
    let file = checkout().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (recorded, after) = rest.split_once(END).unwrap();
    let measured = format!("\n{}\n", table(&Size::measure().unwrap()));
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, [before, BEGIN, &measured, END, after].concat()).unwrap();
    } else {
        assert_eq!(recorded, measured, "run with UPDATE=1 to rewrite the table");
    }
}
