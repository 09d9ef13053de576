//! Findings as text: for a terminal, for GitHub, as Markdown.

use std::fmt::Write as _;

use crate::{Filled, Finding, Lock};

/// A finding in the shape of a compiler's message.
pub fn terminal(finding: &Finding, colour: bool) -> String {
    let level = finding.level();
    let code = match level {
        "allowed" => "32",
        "warning" => "33",
        _ => "31",
    };
    let paint = |code: &str, text: &str| match colour {
        true => format!("\x1b[1;{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let Finding { rule, place, message, why, steps, .. } = finding;
    let mut out = format!("{}[{rule}]: {message}\n", paint(code, level));
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    match place.line {
        0 => _ = writeln!(out, " --> {}", place.file),
        _ => {
            let _ = writeln!(out, "{margin} --> {}:{}:{}", place.file, place.line, place.column);
            let _ = writeln!(out, "{number} | {}", place.text);
            let before: String = place.text.chars().take(place.column - 1).collect();
            let indent = before.replace(|char| char != '\t', " ");
            let carets = paint(code, &"^".repeat(place.width));
            let _ = writeln!(out, "{margin} | {indent}{carets}");
        }
    }
    if let Some(reason) = &finding.allowed {
        let _ = writeln!(out, "{margin} = allowed: {reason}");
        return out;
    }
    let _ = writeln!(out, "{margin} = why: {why}");
    if !steps.is_empty() {
        let _ = writeln!(out, "{margin} = safe:");
        for line in steps.lines() {
            let _ = writeln!(out, "{}", format!("{margin}     {line}").trim_end());
        }
    }
    if let Some(comment) = finding.how_to_allow() {
        let _ = writeln!(out, "{margin} = to allow it, above the statement: {comment}");
    }
    out
}

/// A workflow command of GitHub Actions, which marks the line in the pull request.
/// <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>
pub fn github(finding: &Finding) -> String {
    let level = finding.level().replace("allowed", "notice");
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    let Finding { rule, place, message, why, steps, .. } = finding;
    let allow = finding.how_to_allow().map(|comment| format!("to allow it: {comment}"));
    let parts = match &finding.allowed {
        Some(reason) => vec![message.clone(), format!("allowed: {reason}")],
        None => vec![message.clone(), why.clone(), steps.clone(), allow.unwrap_or_default()],
    };
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    format!(
        "::{level} file={},line={},col={},title={}::{}",
        property(&place.file),
        place.line.max(1),
        place.column,
        property(rule),
        escape(&text)
    )
}

/// Findings, locks and rows as Markdown.
pub fn markdown(findings: &[Finding], locks: &[Lock], rows: &[Filled]) -> String {
    let mut out = String::new();
    for (title, level) in [("Errors", "error"), ("Warnings", "warning"), ("Allowed", "allowed")] {
        let shown: Vec<_> = findings.iter().filter(|finding| finding.level() == level).collect();
        if !shown.is_empty() {
            let _ = writeln!(out, "### {title}\n");
        }
        for Finding { rule, place, message, why, steps, allowed, .. } in shown {
            let line = if place.line > 0 { format!(":{}", place.line) } else { String::new() };
            let _ = writeln!(out, "- `{}{line}` **{rule}**: {}", place.file, cell(message));
            let reason =
                allowed.as_ref().map_or(why.clone(), |reason| format!("Allowed: {reason}"));
            let _ = writeln!(out, "  {}", cell(&reason));
            if allowed.is_none() && !steps.is_empty() {
                let _ = writeln!(out, "\n  ```sql\n  {}\n  ```\n", steps.replace('\n', "\n  "));
            }
        }
    }
    if !locks.is_empty() {
        out += "\n### Locks on existing tables\n\n| migration | line | table | lock | held for | meanwhile |\n|---|---|---|---|---|---|\n";
    }
    for Lock { file, line, table, mode, statements, work } in locks {
        let held = format!("{statements} statement{}", if *statements == 1 { "" } else { "s" });
        let (file, table, mode, work) = (cell(file), cell(table), mode.name(), work.unwrap_or(""));
        let _ = writeln!(out, "| {file} | {line} | {table} | {mode} | {held} | {work} |");
    }
    let empty: Vec<_> = rows.iter().filter(|table| table.why_empty.is_some()).collect();
    let filled = rows.len() - empty.len();
    let _ = writeln!(out, "\nTried with rows in {filled} of {} tables.", rows.len());
    for table in empty {
        let why = table.why_empty.as_deref().unwrap_or_default();
        let _ = writeln!(out, "- No rows in {}: {}", cell(&table.table), cell(why));
    }
    out
}

/// Text in one line of Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
