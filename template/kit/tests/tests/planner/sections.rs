//! Golden files: cases one after another, each with the sections that [`Case`] has.

use std::{fs, path::Path};

#[derive(Default)]
pub struct Case {
    pub name: String,
    pub before: String,
    /// Statements that fill the tables before the plan runs.
    pub rows: String,
    pub after: String,
    pub plan: String,
}

/// Reads `=== name`, then `=== before`, `=== rows`, `=== after`, `=== plan`.
pub fn read(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for section in text.split("=== ").skip(1) {
        let (title, body) = section.split_once('\n').unwrap();
        let body = body.trim_end().to_owned();
        match (title, cases.last_mut()) {
            ("before", Some(case)) => case.before = body,
            ("rows", Some(case)) => case.rows = body,
            ("after", Some(case)) => case.after = body,
            ("plan", Some(case)) => case.plan = body,
            (name, _) => cases.push(Case { name: name.to_owned(), ..Case::default() }),
        }
    }
    cases
}

pub fn write(path: &Path, cases: &[Case]) {
    let mut text = String::new();
    for case in cases {
        text += &format!("=== {}\n=== before\n{}\n", case.name, case.before);
        if !case.rows.is_empty() {
            text += &format!("=== rows\n{}\n", case.rows);
        }
        text += &format!("=== after\n{}\n=== plan\n{}\n\n", case.after, case.plan);
    }
    fs::write(path, text).unwrap();
}
