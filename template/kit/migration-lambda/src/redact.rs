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

/// Returns the text without the hidden secrets.
pub fn scrub(text: &str) -> String {
    secrets().as_ref().map_or_else(|| text.to_owned(), |secrets| secrets.scrub(text))
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
        forget();
        assert_eq!(scrub(password), password);
    }
}
