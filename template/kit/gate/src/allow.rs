//! Comments that allow a finding: ours, Atlas' and squawk's.

use atlas::sql::lexer::{Kind, tokens};

use crate::rules;

/// What a comment allows.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Allow {
    /// Names of rules, or their aliases; all rules if empty.
    names: Vec<String>,
    reason: String,
    /// Whether it stands for all statements of the file, wherever it is.
    pub for_file: bool,
}

/// A comment that means to allow something but does not say what or why: where it starts and
/// ends in the file, in bytes, and what it lacks.
pub(crate) type Incomplete = (usize, usize, String);

impl Allow {
    /// Returns the reason if it covers the rule.
    pub fn reason(&self, rule: &str) -> Option<&str> {
        let aliases = rules::find(rule).map_or(&[][..], |rule| &rule.aliases);
        let covers = |name: &String| name == rule || aliases.contains(&name.as_str());
        (self.names.is_empty() || self.names.iter().any(covers)).then_some(&*self.reason)
    }
}

/// Reads the comments of a statement, `text`, or the head of a file, that begins at `offset`.
pub(crate) fn read(text: &str, offset: usize) -> (Vec<Allow>, Vec<Incomplete>) {
    let (mut allows, mut incomplete) = (Vec::new(), Vec::new());
    for token in tokens(text).filter(|token| token.kind == Kind::Comment) {
        let comment = token.text(text);
        let body = comment.trim_start_matches("--").trim_start_matches("/*");
        let body = body.trim_end_matches("*/").trim();
        let mut add = |names: Vec<&str>, reason: &str, for_file| {
            let names = names.into_iter().map(str::to_owned).collect();
            allows.push(Allow { names, reason: reason.to_owned(), for_file });
        };
        if let Some(rest) = body.strip_prefix("allow:") {
            let (name, reason) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest, ""));
            let (name, reason) = (name.trim(), reason.trim());
            let lacks = match rules::find(name) {
                None if name.is_empty() => "names no rule".to_owned(),
                None => format!("names {name:?}, and there is no such rule"),
                Some(_) if reason.is_empty() => "gives no reason".to_owned(),
                Some(_) => {
                    add(vec![name], reason, false);
                    continue;
                }
            };
            incomplete.push((offset + token.start, offset + token.end, lacks));
        } else if let Some(rest) = body.strip_prefix("atlas:nolint") {
            add(rest.split_whitespace().collect(), body, false);
        } else if let Some(rest) = body.strip_prefix("squawk-ignore") {
            let names = rest.trim_start_matches("-file").split("--").next().unwrap_or_default();
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            add(names.collect(), body, rest.starts_with("-file"));
        }
    }
    (allows, incomplete)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("-- allow: drop-table nobody uses it", "drop-table", Some("nobody uses it"))]
    #[case("-- allow: drop-table nobody uses it", "drop-column", None)]
    #[case("/* allow: truncate a cache */", "truncate", Some("a cache"))]
    #[case("-- atlas:nolint", "blocking-scan", Some("atlas:nolint"))]
    #[case("-- atlas:nolint destructive", "drop-table", Some("atlas:nolint destructive"))]
    #[case("-- atlas:nolint DS103", "drop-table", None)]
    #[case(
        "-- squawk-ignore ban-drop-table, x -- ok",
        "drop-table",
        Some("squawk-ignore ban-drop-table, x -- ok")
    )]
    #[case("SELECT '-- allow: drop-table why'", "drop-table", None)]
    fn covers(#[case] text: &str, #[case] rule: &str, #[case] reason: Option<&str>) {
        let (allows, incomplete) = read(text, 0);
        assert!(incomplete.is_empty());
        assert_eq!(allows.iter().find_map(|allow| allow.reason(rule)), reason);
    }

    #[rstest]
    #[case("-- allow:", "names no rule")]
    #[case("-- allow: drop-table", "gives no reason")]
    #[case("-- allow: drop-tables old", "names \"drop-tables\", and there is no such rule")]
    fn says_what_is_missing(#[case] text: &str, #[case] lacks: &str) {
        let (allows, incomplete) = read(text, 0);
        assert_eq!(allows, []);
        assert_eq!(incomplete[0].2, lacks);
    }
}
