//! A migration as the gate reads it.

use atlas::{MigrationFile, sql};
use squawk_syntax::{SourceFile, ast};

use crate::{
    Finding,
    allow::{self, Allow},
    finding::Place,
    rules,
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
        let text = file.text();
        let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
        let (mut statements, mut file_allows, mut incomplete) =
            (Vec::new(), Vec::new(), Vec::new());
        for sql::Statement { text, sql } in sql::statements(&text) {
            let (mut allows, more) = allow::read(text, offset(text));
            incomplete.extend(more);
            file_allows.extend(allows.extract_if(.., |allow| allow.for_file));
            statements.push(Statement { start: offset(sql), sql: sql.to_owned(), allows });
        }
        // As Atlas has it: the comments at the head, if an empty line follows them.
        let head = text.split_inclusive('\n').take_while(|line| line.starts_with("--"));
        let head = &text[..head.map(str::len).sum()];
        if text[head.len()..].starts_with('\n') {
            file_allows.extend(allow::read(head, 0).0);
        }
        let (file, text) = (file.clone(), text.to_string());
        Self { file, text, statements, allows: file_allows, incomplete }
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
        message: impl Into<String>,
        steps: impl Into<String>,
    ) -> Finding {
        let place = self.at(statement.start, statement.start + statement.sql.len());
        let finding = Finding { steps: steps.into(), ..Finding::new(rule, place, message) };
        self.allowed(finding, statement.start)
    }

    /// The finding, allowed if a comment of the statement around `offset` says so.
    pub fn allowed(&self, finding: Finding, offset: usize) -> Finding {
        let statement = self.statement(offset);
        let mut allows = self.allows.iter().chain(statement.iter().flat_map(|s| &s.allows));
        let reason = allows.find_map(|allow| allow.reason(&finding.rule));
        let reason = reason.filter(|_| !rules::is_broken(&finding.rule));
        Finding { allowed: reason.map(str::to_owned), ..finding }
    }

    /// The statement that begins at `offset` or holds it.
    pub fn statement(&self, offset: usize) -> Option<&Statement> {
        self.statements.iter().rfind(|statement| statement.start <= offset)
    }

    /// Comments that mean to allow something but do not say what or why.
    pub fn incomplete(&self) -> Vec<Finding> {
        let finding = |(start, end, lacks): &allow::Incomplete| {
            let place = self.at(*start, *end);
            Finding::new("allow-without-reason", place, format!("the comment {lacks}"))
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
        let finding = source.finding("drop-table", statement, "", "");
        assert_eq!(finding.allowed.is_some(), allowed);
        assert_eq!(finding.is_error(), !allowed);
    }
}
