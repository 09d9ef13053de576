//! Splits SQL into tokens, in as much detail as finding semicolons needs.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Space,
    Comment,
    /// A string or a quoted name, quotes included.
    Quoted,
    /// A keyword, an unquoted name or a number.
    Word,
    /// Any other character.
    Symbol,
}

/// A token, by its byte offsets in the text.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub fn text(self, sql: &str) -> &str {
        &sql[self.start..self.end]
    }
}

/// Splits all of `sql` into tokens without gaps.
pub fn tokens(sql: &str) -> impl Iterator<Item = Token> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let (kind, length) = next(&sql[start..])?;
        let token = Token { kind, start, end: start + length };
        start = token.end;
        Some(token)
    })
}

/// Returns the kind and the length in bytes of the token at the start of `rest`.
fn next(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    Some(match first {
        _ if rest.starts_with("--") => {
            (Kind::Comment, length_while(rest, |char| !matches!(char, '\n' | '\r')))
        }
        _ if rest.starts_with("/*") => (Kind::Comment, block_comment(rest)),
        '\'' | '"' => (Kind::Quoted, quoted(rest, first, false)),
        'e' | 'E' if rest[1..].starts_with('\'') => {
            (Kind::Quoted, 1 + quoted(&rest[1..], '\'', true))
        }
        '$' => match dollar_quoted(rest) {
            Some(length) => (Kind::Quoted, length),
            None => (Kind::Symbol, 1),
        },
        _ if first.is_ascii_whitespace() => {
            (Kind::Space, length_while(rest, |char| char.is_ascii_whitespace()))
        }
        // A dollar sign inside a name belongs to the name.
        _ if is_name(first) => {
            (Kind::Word, length_while(rest, |char| is_name(char) || char == '$'))
        }
        _ => (Kind::Symbol, first.len_utf8()),
    })
}

/// Names may contain every character beyond ASCII.
fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii()
}

fn length_while(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|char| !belongs(char)).unwrap_or(rest.len())
}

/// Comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A doubled quote reads as two adjacent strings.
fn quoted(rest: &str, quote: char, backslash_escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        if char == '\\' && backslash_escapes {
            chars.next();
        } else if char == quote {
            let end = at + 1;
            // The second of two adjacent strings must read escapes too.
            return match &rest[end..] {
                more if backslash_escapes && more.starts_with(quote) => {
                    end + quoted(more, quote, true)
                }
                _ => end,
            };
        }
    }
    rest.len()
}

/// Length of `$tag$ ... $tag$`; `None` for a parameter like `$1`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag = length_while(&rest[1..], is_name) + 1;
    let opens =
        rest[tag..].starts_with('$') && !rest[1..].starts_with(|c: char| c.is_ascii_digit());
    let mark = opens.then(|| &rest[..=tag])?;
    let body = &rest[mark.len()..];
    Some(match body.find(mark) {
        Some(at) => mark.len() + at + mark.len(),
        None => rest.len(),
    })
}
