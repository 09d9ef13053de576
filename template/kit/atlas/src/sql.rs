//! Splits PostgreSQL files into statements.
//!
//! Made for migration files: follows the lexical rules of the server, and those of psql for
//! the end of a statement; knows no other grammar, and never fails. An unclosed quote or
//! comment ends with the file; the server reports it. Atlas' `-- atlas:delimiter` is ignored:
//! only `;` ends a statement.
//!
//! Rules: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html> and
//! `src/fe_utils/psqlscan.l` of PostgreSQL.

mod files;
pub mod lexer;

use std::ops::Range;

pub use files::files;
use lexer::{Kind, Token, tokens};

/// A statement of a SQL text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Statement<'a> {
    /// The statement, with the comments before it and one after it on its last line, trimmed.
    /// The last statement includes the comments at the end of the file, so that all texts
    /// joined contain every comment.
    pub text: &'a str,
    /// From the first word to the `;`, which may be missing at the end of the file.
    pub sql: &'a str,
}

impl Statement<'_> {
    /// Whether PostgreSQL refuses the statement inside a transaction because it works
    /// concurrently: CREATE INDEX, DROP INDEX and REINDEX with CONCURRENTLY, and DETACH
    /// PARTITION ... CONCURRENTLY. (It allows REFRESH MATERIALIZED VIEW CONCURRENTLY.)
    pub fn is_concurrent(&self) -> bool {
        let words: Vec<String> = tokens(self.sql)
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.text(self.sql).to_ascii_uppercase())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["CREATE", "INDEX", "CONCURRENTLY", ..]
            | ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", ..]
            | ["DROP", "INDEX", "CONCURRENTLY", ..] => true,
            ["REINDEX", rest @ ..] => rest.contains(&"CONCURRENTLY"),
            ["ALTER", "TABLE", rest @ .., "CONCURRENTLY"] => {
                rest.windows(2).any(|pair| pair == ["DETACH", "PARTITION"])
            }
            _ => false,
        }
    }
}

/// Returns the statements of `sql` in order. White space, comments and stray semicolons alone
/// are not statements.
pub fn statements(sql: &str) -> Vec<Statement<'_>> {
    // Byte ranges of `Statement::text` and `Statement::sql`.
    let mut found: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let mut scan = Scan::default();
    // Start of the comments before the current statement.
    let mut comments_start = None;
    let mut comments_end = 0;
    // Whether only blanks and comments followed the last statement on its line.
    let mut same_line = false;
    for token in tokens(sql) {
        match token.kind {
            Kind::Space => same_line &= !token.text(sql).contains('\n'),
            Kind::Comment => {
                comments_end = token.end;
                match found.last_mut().filter(|_| same_line) {
                    Some((text, _)) => text.end = token.end,
                    None if scan.start.is_none() => {
                        comments_start.get_or_insert(token.start);
                    }
                    None => {}
                }
            }
            // A stray semicolon ends nothing; the comments before it wait for a statement.
            _ => {
                same_line = false;
                if scan.ends_at(token, sql)
                    && let Some(start) = scan.start
                {
                    let text_start = comments_start.take().unwrap_or(start);
                    found.push((text_start..token.end, start..token.end));
                    scan = Scan::default();
                    same_line = true;
                }
            }
        }
    }
    if let Some(start) = scan.start {
        let text_start = comments_start.unwrap_or(start);
        found.push((text_start..sql.len(), start..sql.len()));
    } else if let Some((text, _)) = found.last_mut() {
        text.end = text.end.max(comments_end);
    }
    let statement = |(text, statement): (Range<usize>, Range<usize>)| Statement {
        text: sql[text].trim_end(),
        sql: sql[statement].trim_end(),
    };
    found.into_iter().map(statement).collect()
}

/// State of the current statement.
#[derive(Default)]
struct Scan {
    start: Option<usize>,
    /// Open parentheses: a rule contains statements with semicolons between them.
    parentheses: usize,
    /// The first words, up to four: enough for CREATE OR REPLACE FUNCTION.
    head: Vec<String>,
    /// Open BEGIN and CASE of a function with an unquoted body (BEGIN ATOMIC).
    blocks: usize,
}

impl Scan {
    /// Adds a token other than white space and comments. Returns true for the semicolon that
    /// ends the statement.
    fn ends_at(&mut self, token: Token, sql: &str) -> bool {
        let text = token.text(sql);
        if token.kind == Kind::Symbol && text == ";" {
            return self.parentheses == 0 && self.blocks == 0;
        }
        self.start.get_or_insert(token.start);
        match (token.kind, text) {
            (Kind::Symbol, "(") => self.parentheses += 1,
            (Kind::Symbol, ")") => self.parentheses = self.parentheses.saturating_sub(1),
            (Kind::Word, word) => self.word(&word.to_ascii_uppercase()),
            _ => {}
        }
        false
    }

    fn word(&mut self, word: &str) {
        if self.head.len() < 4 {
            self.head.push(word.to_owned());
        }
        let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
        let makes_routine = matches!(
            head.as_slice(),
            ["CREATE", "FUNCTION" | "PROCEDURE", ..]
                | ["CREATE", "OR", "REPLACE", "FUNCTION" | "PROCEDURE"]
        );
        match word {
            "BEGIN" if makes_routine => self.blocks += 1,
            "CASE" if self.blocks > 0 => self.blocks += 1,
            "END" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
