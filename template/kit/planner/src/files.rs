use std::fmt::Write as _;

use crate::{Class, Options, Step};

/// The text of a migration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedFile {
    /// What to append to the name: nothing for the first.
    pub suffix: String,
    pub text: String,
}

/// Puts steps into as few files as their locks and transactions allow.
pub fn files(steps: &[Step], options: &Options) -> Vec<PlannedFile> {
    let mut groups: Vec<Vec<&Step>> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        // A value that nothing uses yet can be added with the rest.
        let class = |step: &Step| match step.class {
            Class::Value if !is_used(step, steps) => Class::Plain,
            class => class,
        };
        match groups.last_mut() {
            Some(group) if number > 0 && class(group[0]) == class(step) => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    let several = groups.len() > 1;
    let files = groups.iter().enumerate();
    files
        .map(|(number, group)| PlannedFile {
            suffix: if several {
                format!("_{}", suffix(number, group[0].class))
            } else {
                String::new()
            },
            text: text(group, options),
        })
        .collect()
}

/// Whether another statement names the value that `step` adds.
fn is_used(step: &Step, steps: &[Step]) -> bool {
    let Some((_, value)) = step.sql.split_once(" ADD VALUE ") else { return true };
    let value = value.split(" AFTER '").next().unwrap_or(value);
    let value = value.split(" BEFORE '").next().unwrap_or(value);
    steps.iter().any(|other| other.class != Class::Value && other.sql.contains(value))
}

fn suffix(number: usize, class: Class) -> String {
    let what = match class {
        Class::Value => "values",
        Class::Plain => "tables",
        Class::Backfill => "backfill",
        Class::Concurrent => "indexes",
        Class::Validate => "validate",
        Class::Finish => "finish",
    };
    format!("{}_{what}", number + 1)
}

fn text(steps: &[&Step], options: &Options) -> String {
    let mut text = String::new();
    if steps[0].class == Class::Concurrent {
        text += "-- atlas:txmode none\n\n";
    } else if let Some(timeout) = options.lock_timeout
        && steps.iter().any(|step| step.locks)
    {
        let timeout = match timeout.as_millis() {
            whole if whole % 1000 == 0 => format!("{}s", whole / 1000),
            milliseconds => format!("{milliseconds}ms"),
        };
        let _ = write!(
            text,
            "-- Fail instead of making others wait behind this for a lock; run again then.\n\
             SET LOCAL lock_timeout = '{timeout}';\n\n"
        );
    }
    for (number, step) in steps.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for line in step.why.lines() {
            let _ = writeln!(text, "-- {line}");
        }
        if !step.sql.is_empty() {
            let _ = writeln!(text, "{};", step.sql);
        }
    }
    text
}
