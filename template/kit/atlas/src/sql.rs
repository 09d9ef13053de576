//! Splits PostgreSQL files into statements.
//!
//! Made for migration files: it follows the server's lexical rules and psql's for
//! the end of a statement, knows no grammar beyond that, and never fails. An
//! unclosed quote or comment reaches to the end of the file; the server will say
//! so. Atlas' own `-- atlas:delimiter` is not obeyed: `;` ends a statement.
//!
//! Rules: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html> and
//! `src/fe_utils/psqlscan.l` of PostgreSQL.

pub mod lexer;

use lexer::{Kind, Token, tokens};

/// A statement of a SQL text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Statement<'a> {
    /// The statement with the comments ahead of it and one behind it on its last
    /// line, without white space around. The last statement also has the comments
    /// that end the file, so that joining all texts loses no comment.
    pub text: &'a str,
    /// From the first word to the `;`, which is there unless the file ends before.
    pub sql: &'a str,
}

impl Statement<'_> {
    /// Whether PostgreSQL refuses the statement inside a transaction because it
    /// works concurrently: CREATE INDEX, DROP INDEX and REINDEX with CONCURRENTLY,
    /// and DETACH PARTITION ... CONCURRENTLY. (REFRESH MATERIALIZED VIEW
    /// CONCURRENTLY is allowed in one.)
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
            ["ALTER", "TABLE", rest @ ..] => {
                rest.windows(2).any(|pair| pair == ["DETACH", "PARTITION"])
                    && rest.last() == Some(&"CONCURRENTLY")
            }
            _ => false,
        }
    }
}

/// The statements of `sql` in order. White space, comments and stray semicolons
/// alone make none.
pub fn statements(sql: &str) -> Vec<Statement<'_>> {
    let mut found: Vec<Span> = Vec::new();
    let mut current = Scan::default();
    // Where the last statement ended, while nothing but blanks followed on its line.
    let mut same_line = false;

    for token in tokens(sql) {
        match token.kind {
            Kind::Space => {
                same_line &= !token.text(sql).contains('\n');
                continue;
            }
            Kind::Comment => {
                match found.last_mut().filter(|_| same_line) {
                    Some(last) => last.text_end = token.end,
                    None => {
                        current.text_start.get_or_insert(token.start);
                    }
                }
                continue;
            }
            _ => same_line = false,
        }
        if current.ends_at(token, sql) {
            // A stray semicolon ends nothing, and the comments ahead of it wait on.
            if let Some(statement) = current.finish(token.end) {
                found.push(statement);
                current = Scan::default();
                same_line = true;
            }
        }
    }

    let end = sql.trim_end().len();
    match current.finish(end) {
        Some(last) => found.push(last),
        // Comments alone: they belong to what came before them.
        None => {
            if let Some(last) = found.last_mut() {
                last.text_end = last.text_end.max(end_of_comments(sql, last.text_end));
            }
        }
    }
    found.into_iter().map(|span| span.of(sql)).collect()
}

/// Where the last comment behind `from` ends, given that only comments, blanks and
/// semicolons follow.
fn end_of_comments(sql: &str, from: usize) -> usize {
    tokens(&sql[from..])
        .filter(|token| token.kind == Kind::Comment)
        .last()
        .map_or(from, |token| from + token.end)
}

struct Span {
    text_start: usize,
    sql_start: usize,
    sql_end: usize,
    text_end: usize,
}

impl Span {
    fn of(self, sql: &str) -> Statement<'_> {
        Statement {
            text: sql[self.text_start..self.text_end].trim_end(),
            sql: sql[self.sql_start..self.sql_end].trim_end(),
        }
    }
}

/// What is known of the statement being read.
#[derive(Default)]
struct Scan {
    text_start: Option<usize>,
    sql_start: Option<usize>,
    /// Open parentheses: a rule holds statements with semicolons between them.
    parentheses: usize,
    /// Words so far, up to four: enough to see CREATE OR REPLACE FUNCTION.
    head: Vec<String>,
    /// Open BEGIN and CASE of a function whose body is not quoted (BEGIN ATOMIC).
    blocks: usize,
}

impl Scan {
    /// Takes in a token that is neither blank nor comment; true when it is the
    /// semicolon that ends the statement.
    fn ends_at(&mut self, token: Token, sql: &str) -> bool {
        let text = token.text(sql);
        if token.kind == Kind::Symbol && text == ";" {
            return self.parentheses == 0 && self.blocks == 0;
        }
        self.text_start.get_or_insert(token.start);
        self.sql_start.get_or_insert(token.start);
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

    /// The statement that ends at `end`; none if there was no token in it.
    fn finish(&self, end: usize) -> Option<Span> {
        let sql_start = self.sql_start?;
        Some(Span {
            text_start: self.text_start.unwrap_or(sql_start),
            sql_start,
            sql_end: end,
            text_end: end,
        })
    }
}

#[cfg(test)]
mod tests;
