//! Keeps secrets out of everything that the function writes.
//!
//! Whoever gets hold of a secret calls [`hide`]; from then on the log and the answers
//! show `***` in its place, whichever way it got into them.

use std::sync::Mutex;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const BLOT: &str = "***";

/// A text as short as this protects nothing, and without its letters the log could
/// not be read.
const TOO_SHORT: usize = 3;

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Hides a text in all the ways in which it may be written.
pub fn hide(secret: &str) {
    let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
    let quoted = quoted(secret);
    let quoted_twice = self::quoted(&quoted);
    let mut secrets = secrets();
    for form in [secret.to_owned(), encoded, decoded, quoted, quoted_twice] {
        if form.len() > TOO_SHORT && !secrets.contains(&form) {
            secrets.push(form);
        }
    }
    // A short one first would break up a long one that holds it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
}

/// Hides a pre-signed URL, and each part of it that could serve in another.
pub fn hide_url(url: &str) {
    hide(url);
    if let Some((_, query)) = url.split_once('?') {
        hide(query);
        for value in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // Shorter ones are dates, versions and durations.
            if value.1.len() > 16 {
                hide(value.1);
            }
        }
    }
}

/// The text without what was hidden.
pub fn scrub(text: &str) -> String {
    let mut text = text.to_owned();
    for secret in secrets().iter() {
        if text.contains(secret) {
            text = text.replace(secret, BLOT);
        }
    }
    text
}

/// Forgets the secrets of the last invocation, lest they pile up in a process that
/// lives long.
pub fn forget() {
    secrets().clear();
}

fn secrets() -> std::sync::MutexGuard<'static, Vec<String>> {
    SECRETS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// As the text stands inside of a JSON string.
fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
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
        forget();
        assert_eq!(scrub(password), password);
    }
}
