//! Squawk's rules, for what the gate does not observe.

use serde::Deserialize;
use squawk_linter::{Linter, Rule, Version};
use squawk_syntax::SourceFile;

use crate::{Finding, Severity, rules, source::Source};

/// Which of squawk's rules are on beside the gate's choice: `.squawk.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    included_rules: Vec<String>,
    excluded_rules: Vec<String>,
}

pub(crate) fn lint(source: &Source, major: u32, choice: &Choice) -> Vec<Finding> {
    let rules = |names: &[String]| -> Vec<Rule> {
        names.iter().filter_map(|name| Rule::try_from(&**name).ok()).collect()
    };
    let ours = rules::RULES.iter().filter(|rule| rule.is_squawks());
    let ours = ours.filter_map(|rule| Rule::try_from(rule.name).ok());
    let excluded = rules(&choice.excluded_rules);
    let on = ours.chain(rules(&choice.included_rules)).filter(|rule| !excluded.contains(rule));
    let mut linter = Linter::from(on);
    linter.settings.assume_in_transaction = source.file.is_transactional();
    linter.settings.pg_version = major.to_string().parse().unwrap_or(Version::default());
    let violations = linter.lint(&SourceFile::parse(&source.text), &source.text);
    let finding = |violation: squawk_linter::Violation| {
        let (start, end) = (violation.text_range.start(), violation.text_range.end());
        let name = violation.code.to_string();
        let why = rules::find(&name).map(|rule| rule.why);
        let finding = Finding {
            rule: name,
            severity: Severity::Warning,
            check: "rules",
            place: source.at(start.into(), end.into()),
            message: violation.message.replace('\n', " "),
            why: why.unwrap_or("A rule of squawk that .squawk.toml turns on.").into(),
            steps: violation.help.map(|help| format!("-- {help}")).unwrap_or_default(),
            allowed: None,
        };
        source.allowed(finding, start.into())
    };
    violations.into_iter().map(finding).collect()
}
