//! The rules, with their severities: the table of the README.

use std::sync::LazyLock;

use crate::Severity;

const README: &str = include_str!("../README.md");

/// All rules, in the order in which a file meets them.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let (_, rest) = README.split_once("<!-- rules -->").expect("the table begins");
    let (table, _) = rest.split_once("<!-- end -->").expect("the table ends");
    table.lines().filter(|line| line.starts_with("| `")).map(Rule::parse).collect()
});

/// What the gate looks for.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    pub severity: Severity,
    /// The check of `check-migrations` that it belongs to: files, replay, locks or rules.
    pub check: &'static str,
    /// What it finds, in a few words.
    pub finds: &'static str,
    /// Why that is dangerous, in a sentence.
    pub why: &'static str,
    /// Names by which comments of squawk and Atlas mean the same.
    pub aliases: Vec<&'static str>,
}

impl Rule {
    fn parse(line: &'static str) -> Self {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, severity, check, finds, why, aliases] = cells[..] else { panic!("{line}") };
        Self {
            name: name.trim_matches('`'),
            severity: if severity == "error" { Severity::Error } else { Severity::Warning },
            check,
            finds,
            why,
            aliases: aliases.split_whitespace().collect(),
        }
    }

    /// Whether squawk finds it, and not the gate.
    pub(crate) fn is_squawks(&self) -> bool {
        self.finds.starts_with("squawk: ")
    }
}

/// Finds a rule by its name.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// Whether a file that breaks the rule cannot run, so that no comment can allow it.
pub(crate) fn is_broken(name: &str) -> bool {
    const RULES: &[&str] = &[
        "byte-order-mark",
        "own-transaction",
        "psql-command",
        "copy-stdin",
        "needs-no-transaction",
    ];
    RULES.contains(&name) || name == "replay"
}

/// Whether a file that breaks the rule cannot be replayed, or should not.
pub(crate) fn prevents_replay(name: &str) -> bool {
    is_broken(name) || name == "server-wide"
}

/// A rule that this crate names itself.
pub(crate) fn known(name: &'static str) -> &'static Rule {
    find(name).expect("a rule of the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in the sources, which nothing else compares with the table.
    #[test]
    fn the_table_has_every_rule_that_the_sources_name() {
        let sources = [
            include_str!("files.rs"),
            include_str!("source.rs"),
            include_str!("observe.rs"),
            include_str!("observe/failure.rs"),
            include_str!("observe/verdict.rs"),
        ]
        .concat();
        for rule in RULES.iter() {
            let is_named = sources.contains(&format!("\"{}\"", rule.name));
            assert_ne!(is_named, rule.is_squawks(), "{}", rule.name);
            let is_severity = README.contains(&format!("| `{}` | error |", rule.name))
                || README.contains(&format!("| `{}` | warning |", rule.name));
            let is_check = ["files", "replay", "locks", "rules"].contains(&rule.check);
            assert!(is_severity && is_check && rule.why.ends_with('.'), "{}", rule.name);
        }
        assert!(RULES.len() > 30);
    }

    #[test]
    fn the_rules_of_squawk_exist() {
        for rule in RULES.iter().filter(|rule| rule.is_squawks()) {
            assert!(squawk_linter::Rule::try_from(rule.name).is_ok(), "{}", rule.name);
        }
    }
}
