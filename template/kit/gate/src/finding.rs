//! What the gate reports.

use serde::Serialize;

use crate::rules::{self, known};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not safe to merge.
    Error,
    /// For the reviewer to judge.
    Warning,
}

/// A place in a file of the project.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Place {
    /// Path from the project's root, such as `migrations/20260102030405_add_users.sql`.
    pub file: String,
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters to underline.
    pub width: usize,
    /// The line of the file.
    pub text: String,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: String) -> Self {
        Self { file, line: 0, column: 1, width: 0, text: String::new() }
    }

    /// The first line of `text[start..end]`.
    pub fn new(file: String, text: &str, start: usize, end: usize) -> Self {
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let marked = text[start..line_end.min(end)].trim_end();
        Self {
            file,
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: marked.chars().count().max(1),
            text: text[line_start..line_end].trim_end().to_owned(),
        }
    }
}

/// A danger, and what to do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Name of the rule, as [`crate::rules::RULES`] has it.
    pub rule: String,
    pub severity: Severity,
    /// The check of `check-migrations` that it belongs to: files, replay, locks or rules.
    pub check: &'static str,
    #[serde(flatten)]
    pub place: Place,
    /// What is dangerous here.
    pub message: String,
    /// Why, in a sentence.
    pub why: String,
    /// What to write instead, as SQL; empty where there is nothing to write.
    pub steps: String,
    /// The reason for which the file allows it. An allowed finding is no error and no warning.
    pub allowed: Option<String>,
}

impl Finding {
    /// Without steps.
    pub(crate) fn new(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        let rule = known(rule);
        Self {
            rule: rule.name.to_owned(),
            severity: rule.severity,
            check: rule.check,
            place,
            message: message.into(),
            why: rule.why.to_owned(),
            steps: String::new(),
            allowed: None,
        }
    }

    /// `error`, `warning` or `allowed`.
    pub fn level(&self) -> &'static str {
        match (&self.allowed, self.severity) {
            (Some(_), _) => "allowed",
            (None, Severity::Error) => "error",
            (None, Severity::Warning) => "warning",
        }
    }

    /// Whether the migration must not be merged because of it.
    pub fn is_error(&self) -> bool {
        self.level() == "error"
    }

    /// The comment above the statement that allows the finding; `None` for what cannot work.
    pub fn how_to_allow(&self) -> Option<String> {
        let cannot = rules::is_broken(&self.rule) || self.place.line == 0;
        match rules::find(&self.rule) {
            _ if cannot => None,
            Some(_) => Some(format!("-- allow: {} REASON", self.rule)),
            None => Some(format!("-- squawk-ignore {}", self.rule)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters() {
        let text = "SELECT 1;\n  /* ä */ DROP TABLE\n t;";
        let start = text.find("DROP").unwrap();
        let place = Place::new("f".into(), text, start, text.len());
        assert_eq!((place.line, place.column, place.width), (2, 11, 10));
        assert_eq!(place.text, "  /* ä */ DROP TABLE");
    }
}
