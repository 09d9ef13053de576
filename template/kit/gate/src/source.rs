//! A migration as the gate reads it.

use atlas::{MigrationFile, sql};
use squawk_syntax::{SourceFile, ast};

use crate::{
    Finding,
    allow::{self, Allow},
    finding::Place,
    rules::{Rule, known},
};

/// A file with its statements.
#[derive(Debug)]
pub(crate) struct Source {
    pub file: MigrationFile,
    pub text: String,
    pub statements: Vec<Statement>,
    /// What comments allow in the whole file.
    allows: Vec<Allow>,
    incomplete: Vec<allow::Incomplete>,
}

/// A statement, without the comments above it.
#[derive(Debug)]
pub(crate) struct Statement {
    /// In the text of the file, in bytes.
    pub start: usize,
    pub sql: String,
    allows: Vec<Allow>,
}

impl Statement {
    /// The statement as the grammar has it; `None` where the parser knows no such statement.
    pub fn parse(&self) -> Option<ast::Stmt> {
        SourceFile::parse(&self.sql).tree().stmts().next()
    }
}

impl Source {
    pub fn new(file: &MigrationFile) -> Self {
        let text = file.text().into_owned();
        let mut source = Self {
            file: file.clone(),
            statements: Vec::new(),
            allows: Vec::new(),
            incomplete: Vec::new(),
            text: String::new(),
        };
        let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
        for statement in sql::statements(&text) {
            let (mut allows, incomplete) = allow::read(statement.text);
            let at = offset(statement.text);
            source.incomplete.extend(incomplete.into_iter().map(|comment| allow::Incomplete {
                start: at + comment.start,
                end: at + comment.end,
                ..comment
            }));
            source.allows.extend(allows.extract_if(.., |allow| allow.for_file));
            source.statements.push(Statement {
                start: offset(statement.sql),
                sql: statement.sql.to_owned(),
                allows,
            });
        }
        // As Atlas has it: the comments at the head, if an empty line follows them.
        let head = text.split_inclusive('\n').take_while(|line| line.starts_with("--"));
        let head = &text[..head.map(str::len).sum()];
        if text[head.len()..].starts_with('\n') {
            source.allows.extend(allow::read(head).0);
        }
        source.text = text;
        source
    }

    /// Path from the project's root.
    pub fn path(&self) -> String {
        format!("migrations/{}", self.file.name)
    }

    pub fn at(&self, start: usize, end: usize) -> Place {
        Place::new(self.path(), &self.text, start, end)
    }

    /// A finding about a statement, allowed if a comment says so.
    pub fn finding(
        &self,
        rule: &'static str,
        statement: &Statement,
        message: String,
        steps: String,
    ) -> Finding {
        let place = self.at(statement.start, statement.start + statement.sql.len());
        self.allowed(known(rule), place, statement.start, message, steps)
    }

    /// A finding about the statement around `offset`, allowed if a comment says so.
    pub fn allowed(
        &self,
        rule: &Rule,
        place: Place,
        offset: usize,
        message: String,
        steps: String,
    ) -> Finding {
        let statement = self.statement(offset);
        let allows = self.allows.iter().chain(statement.iter().flat_map(|found| &found.allows));
        let reason = allows.filter_map(|allow| allow.reason(rule.name)).next().map(str::to_owned);
        Finding { allowed: reason, ..Finding::new(rule, place, message, steps) }
    }

    /// The statement that begins at `offset` or holds it.
    pub fn statement(&self, offset: usize) -> Option<&Statement> {
        self.statements.iter().rfind(|statement| statement.start <= offset)
    }

    /// Comments that mean to allow something but do not say what or why.
    pub fn incomplete(&self) -> Vec<Finding> {
        let finding = |comment: &allow::Incomplete| {
            let place = self.at(comment.start, comment.end);
            let message = format!("the comment {}", comment.lacks);
            Finding::new(known("allow-without-reason"), place, message, String::new())
        };
        self.incomplete.iter().map(finding).collect()
    }
}

/// The text of a node of the syntax tree, without blanks and comments around it.
pub(crate) fn text(node: &impl ast::AstNode) -> String {
    node.syntax().text().to_string().trim().to_owned()
}

/// Quotes a name.
pub(crate) fn quoted(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::above("SELECT 1;\n-- allow: drop-table old\nDROP TABLE t;", true)]
    #[case::above_another("-- allow: drop-table old\nSELECT 1;\nDROP TABLE t;", false)]
    #[case::behind("SELECT 1;\nDROP TABLE t; -- allow: drop-table old", true)]
    #[case::head("-- atlas:nolint destructive\n\nSELECT 1;\nDROP TABLE t;", true)]
    #[case::no_head("-- atlas:nolint destructive\nSELECT 1;\nDROP TABLE t;", false)]
    #[case::file("SELECT 1;\nDROP TABLE t;\n-- squawk-ignore-file ban-drop-table", true)]
    fn a_comment_allows_its_statement_or_the_file(#[case] text: &str, #[case] allowed: bool) {
        let source = Source::new(&MigrationFile { name: "1.sql".into(), contents: text.into() });
        let statement = source.statements.last().unwrap();
        let finding = source.finding("drop-table", statement, String::new(), String::new());
        assert_eq!(finding.allowed.is_some(), allowed);
        assert_eq!(finding.is_error(), !allowed);
    }
}
