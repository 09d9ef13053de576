//! Dangerous migrations, and a safe version of each: all dangerous ones are found, each once,
//! and no safe one is refused.

use std::{fs, path::Path};

use super::*;

struct Case {
    name: String,
    base: String,
    rule: String,
    dangerous: String,
    /// Files, in order.
    safe: Vec<String>,
}

/// Reads `cases/*.sql`: parts that begin with `--- base`, `--- dangerous RULE`, `--- safe`.
fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate/cases");
    let common = fs::read_to_string(directory.join("base.sql")).unwrap();
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| !path.ends_with("base.sql"));
    paths.sort();
    let case = |path: &Path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut case = Case {
            name,
            base: common.clone(),
            rule: String::new(),
            dangerous: String::new(),
            safe: Vec::new(),
        };
        let text = fs::read_to_string(path).unwrap();
        for part in text.split("--- ").skip(1) {
            let (head, sql) = part.split_once('\n').unwrap();
            match head.split_once(' ').unwrap_or((head, "")) {
                ("base", _) => case.base += sql,
                ("safe", _) => case.safe.push(sql.to_owned()),
                ("dangerous", rule) => {
                    case.rule = rule.to_owned();
                    case.dangerous = sql.to_owned();
                }
                _ => panic!("{}: {head}", path.display()),
            }
        }
        case
    };
    paths.iter().map(|path| case(path)).collect()
}

#[tokio::test]
async fn finds_all_dangerous_ones_and_refuses_no_safe_one() {
    let mut wrong = String::new();
    let (mut found, mut refused, mut number) = (0, 0, 0);
    for case in cases() {
        number += 1;
        let report = gate(&case.base, &[&case.dangerous]).await;
        if errors(&report) == [&case.rule] {
            found += 1;
        } else {
            let shown = text(&report.findings);
            wrong += &format!("--- {}: expected {}\n{shown}\n", case.name, case.rule);
        }
        let safe: Vec<&str> = case.safe.iter().map(String::as_str).collect();
        let report = gate(&case.base, &safe).await;
        if !errors(&report).is_empty() || report.applied != safe.len() {
            refused += 1;
            wrong += &format!("--- {}: safe\n{}\n", case.name, text(&report.findings));
        }
    }
    println!("dangerous migrations found: {found} of {number}; safe ones refused: {refused}");
    assert_eq!(wrong, "");
}
