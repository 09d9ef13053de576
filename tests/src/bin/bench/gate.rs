//! How many dangerous migrations the gate finds, and how many safe ones it refuses: the set in
//! `template/kit/tests/tests/gate/cases`.

use std::process::Command;

use anyhow::{Context as _, Result};
use template_tests::{checkout, run};

use crate::Figure;

pub fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    println!("dangerous_found, safe_refused");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(checkout().join("template"))
        .args(["test", "--quiet", "-p", "kit-tests", "--test", "gate_tests"])
        .args(["finds_all_dangerous_ones", "--", "--nocapture"]);
    let output = run(&mut cargo).succeeded()?.output;
    let line = output
        .lines()
        .find(|line| line.contains("dangerous migrations found"))
        .context("the test prints what it found")?;
    let numbers = line.split(|char: char| !char.is_ascii_digit());
    let numbers: Vec<f64> = numbers.filter_map(|number| number.parse().ok()).collect();
    let [found, all, refused] = numbers[..] else {
        anyhow::bail!("not three numbers: {line}");
    };
    let figure = |name: &str, value, peer: &str, peer_value| Figure {
        name: name.into(),
        unit: String::new(),
        value,
        peer: peer.into(),
        peer_value,
    };
    figures.push(figure("dangerous_found", found, "all of them", all));
    figures.push(figure("safe_refused", refused, "none", 0.0));
    Ok(())
}
