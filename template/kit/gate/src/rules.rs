//! All rules, with their severities: the one table that the README shows.

mod table;

use crate::Severity;

pub use table::RULES;

/// What the gate looks for.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    pub severity: Severity,
    /// What it finds, in a few words.
    pub finds: &'static str,
    /// Why that is dangerous, in a sentence.
    pub why: &'static str,
    /// Names by which comments of squawk and Atlas mean the same.
    pub aliases: &'static [&'static str],
}

/// Rules of squawk that are on. Most of the others guess what the gate observes; the rest are
/// a matter of taste. `.squawk.toml` adds and removes some.
pub(crate) const SQUAWK: &[&str] = &[
    "ban-alter-domain-with-add-constraint",
    "ban-char-field",
    "ban-create-domain-with-constraint",
    "ban-drop-extension",
    "ban-drop-not-null",
    "identifier-too-long",
    "prefer-identity",
    "prefer-timestamp-tz",
];

/// Finds a rule by its name.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// Whether a file that breaks the rule cannot be replayed, or should not.
pub(crate) fn prevents_replay(name: &str) -> bool {
    const RULES: &[&str] = &[
        "byte-order-mark",
        "own-transaction",
        "psql-command",
        "copy-stdin",
        "needs-no-transaction",
        "server-wide",
    ];
    RULES.contains(&name)
}

/// A rule that this crate names itself.
pub(crate) fn known(name: &'static str) -> &'static Rule {
    find(name).expect("a rule of the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README holds this table; `UPDATE=1 cargo test -p gate readme` writes it.
    #[test]
    fn the_readme_shows_every_rule() {
        let mut table = String::from("| rule | | finds |\n|---|---|---|\n");
        for rule in RULES {
            let severity = format!("{:?}", rule.severity).to_lowercase();
            table += &format!("| `{}` | {severity} | {} |\n", rule.name, rule.finds);
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (start, rest) = readme.split_once("<!-- rules -->\n").unwrap();
        let (shown, end) = rest.split_once("<!-- end -->").unwrap();
        if std::env::var_os("UPDATE").is_some() {
            let text = format!("{start}<!-- rules -->\n{table}<!-- end -->{end}");
            std::fs::write(path, text).unwrap();
        } else {
            assert_eq!(shown, table, "write it: UPDATE=1 cargo test -p gate readme");
        }
    }

    #[test]
    fn the_rules_of_squawk_exist() {
        for name in SQUAWK {
            assert!(find(name).is_some(), "{name}");
            assert!(squawk_linter::Rule::try_from(*name).is_ok(), "{name}");
        }
    }
}
