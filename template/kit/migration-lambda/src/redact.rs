//! Keeps secrets out of everything that the function writes: after [`hide`], the log and the
//! answers contain `***` in place of the secret.

use std::sync::{Mutex, MutexGuard, PoisonError};

use atlas::Secrets;

/// A text of this length protects nothing, and without its letters the log is unreadable.
const TOO_SHORT: usize = 3;

static SECRETS: Mutex<Option<Secrets>> = Mutex::new(None);

/// Hides a secret from now on.
pub fn hide(secret: &str) {
    if secret.len() > TOO_SHORT {
        secrets().get_or_insert_default().add(secret);
    }
}

/// Hides a pre-signed URL, and each part of it that could serve in another.
pub fn hide_url(url: &str) {
    hide(url);
    if let Some((_, query)) = url.split_once('?') {
        hide(query);
        for (_, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // Shorter ones are dates, versions and durations.
            if value.len() > 16 {
                hide(value);
            }
        }
    }
}

/// Hides the passwords in SQL: literals after the word PASSWORD, as in CREATE ROLE, in options
/// and in connection strings.
pub fn hide_passwords(sql: &str) {
    // As long as `sql`, byte for byte.
    let lower = sql.to_ascii_lowercase();
    for (at, word) in lower.match_indices("password") {
        let rest = &sql[at + word.len()..];
        let value = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '=');
        let quote = value.trim_start_matches(['e', 'E']);
        let quoted = quote.trim_start_matches('\'');
        if quoted.len() < quote.len() {
            // A doubled quote is one, inside of one string or of two.
            let quotes: Vec<usize> = quoted.match_indices('\'').map(|(at, _)| at).collect();
            let is_single = |at: &&usize| {
                !quotes.contains(&(**at + 1)) && !quotes.contains(&at.wrapping_sub(1))
            };
            let nested = quote.len() - quoted.len() > 1;
            let end = quotes.iter().find(|at| nested || is_single(at));
            let password = &quoted[..end.copied().unwrap_or(quoted.len())];
            hide(password);
            hide(&password.replace("''", "'"));
        } else if let Some((tag, body)) = value.strip_prefix('$').and_then(|it| it.split_once('$'))
        {
            hide(body.split(&format!("${tag}$")).next().unwrap_or_default());
        } else if rest.starts_with('=') {
            let end = value.find(|char: char| char.is_whitespace() || char == '\'');
            hide(&value[..end.unwrap_or(value.len())]);
        }
    }
}

/// Returns the text without the hidden secrets, and printable: CloudFormation's answers are
/// XML, which cannot contain control characters.
pub fn scrub(text: &str) -> String {
    let unprintable = |char: char| match char {
        '\n' | '\t' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        char => char.is_control(),
    };
    let text = text.replace(unprintable, "\u{fffd}");
    secrets().as_ref().map_or_else(|| text.clone(), |secrets| secrets.scrub(&text))
}

/// Forgets the secrets of the last invocation: a process handles many.
pub fn forget() {
    *secrets() = None;
}

fn secrets() -> MutexGuard<'static, Option<Secrets>> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the secrets are the process'.
    #[test]
    fn hides_every_form_of_a_secret() {
        let password = r#"p@ss"w\rd 1"#;
        hide(password);
        hide_url("https://s3.example/b/k?X-Amz-Date=20260101&X-Amz-Signature=0123456789abcdef0123");
        hide("ab");
        for text in [
            password,
            "p%40ss%22w%5Crd%201",
            r#"p@ss\"w\\rd 1"#,
            r#"p@ss\\\"w\\\\rd 1"#,
            "0123456789abcdef0123",
            "https://s3.example/b/k?X-Amz-Date=20260101&X-Amz-Signature=0123456789abcdef0123",
        ] {
            assert_eq!(scrub(&format!("<{text}>")), "<***>");
        }
        assert_eq!(scrub("ab 20260101 s3.example"), "ab 20260101 s3.example");
        for sql in [
            "CREATE ROLE r PASSWORD 'secret1234';",
            "CREATE ROLE r LOGIN ENCRYPTED password\n  E'secret1234' VALID UNTIL 'infinity';",
            "ALTER ROLE r PASSWORD $x$secret1234$x$;",
            "DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''secret1234'''; END $$;",
            "SELECT dblink_connect('host=h password=secret1234 user=u');",
            "CREATE USER MAPPING FOR r SERVER s OPTIONS (user 'u', password 'secret1234');",
        ] {
            forget();
            hide_passwords(sql);
            assert_eq!(scrub(sql), sql.replace("secret1234", "***"));
        }
        forget();
        hide_passwords("CREATE ROLE r PASSWORD 'it''s long'; CREATE TABLE t (password text);");
        assert_eq!(scrub("it''s long, it's long, (password text)"), "***, ***, (password text)");
        forget();
        assert_eq!(scrub(password), password);
        assert_eq!(
            scrub("\u{1b}[1m\u{1}\u{9f}\u{ffff}\n\tß"),
            "\u{fffd}[1m\u{fffd}\u{fffd}\u{fffd}\n\tß"
        );
    }
}
