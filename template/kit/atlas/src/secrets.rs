//! Replaces secrets in text that people read.
//!
//! Atlas is careful with URLs, but not always: v0.13.1 repeats one that it cannot parse,
//! password included.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const REPLACEMENT: &str = "***";

/// Secrets, in every form in which a message may contain them.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Longest first: a short one must not break up a long one that contains it.
    forms: Vec<String>,
}

impl Secrets {
    /// Returns the passwords of URLs, which may be malformed.
    pub fn of_urls<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let mut secrets = Self::default();
        urls.into_iter().flat_map(passwords).for_each(|password| secrets.add(password));
        secrets
    }

    /// Adds a secret: as it is, percent-encoded, decoded, and quoted as in JSON and Go, once
    /// and twice.
    pub fn add(&mut self, secret: &str) {
        let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        for form in [secret, &encoded, &decoded] {
            let quoted = quoted(form);
            for form in [form.to_owned(), self::quoted(&quoted), quoted] {
                if !form.is_empty() && !self.forms.contains(&form) {
                    self.forms.push(form);
                }
            }
        }
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Returns the text with `***` in place of each secret.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.forms {
            if text.contains(form) {
                text = text.replace(form, REPLACEMENT);
            }
        }
        text
    }
}

/// Quotes a text as JSON does, without the quotes around it.
fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Every part of a URL that may be its password; the URL may be malformed.
fn passwords(url: &str) -> Vec<&str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before_query.split('/').next().unwrap_or_default();

    let mut raw: Vec<&str> = Vec::new();
    // A password ends at an `@`, but one with an unescaped `/`, `?` or `#` has to be found
    // too: take the narrow and the wide reading.
    for part in [authority, before_query, rest] {
        if let Some((login, _)) = part.rsplit_once('@') {
            raw.extend(login.split_once(':').map(|(_, password)| password));
        }
    }
    if !authority.contains('@') && rest.contains('@') {
        // Then what looks like the port is the beginning of the password.
        let piece = authority.split('#').next().unwrap_or_default();
        raw.extend(piece.split_once(':').map(|(_, password)| password));
    }
    raw.extend(
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, _)| matches!(*key, "password" | "sslpassword"))
            .map(|(_, value)| value),
    );

    // A password that equals the user or the database protects nothing, and without the
    // word `postgres` errors would be unreadable.
    let user = authority.split([':', '@']).next().unwrap_or_default();
    let database = before_query.rsplit('/').next().unwrap_or_default();
    raw.retain(|raw| !raw.is_empty() && ![scheme, user, database].contains(raw));

    raw
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Secrets;

    #[rstest]
    #[case::plain("postgres://u:s3cret@h/d", "bad s3cret here", "bad *** here")]
    #[case::escaped("postgres://u:a%40b@h/d", "a%40b and a@b", "*** and ***")]
    #[case::in_the_query("postgres://h/d?x=1&password=pw9", "password=pw9", "password=***")]
    #[case::unescaped_slash("postgres://u:p1/p2@h/d", "port \":p1\", p1/p2", "port \":***\", ***")]
    #[case::unescaped_question("postgres://u:p1?p2@h/d", "p1?p2", "***")]
    #[case::unescaped_at("postgres://u:p1@p2@h/d", "p1@p2", "***")]
    #[case::quoted("postgres://u:a\"b@h/d", r#"parse "a\"b""#, r#"parse "***""#)]
    #[case::no_secret("postgres://postgres:postgres@h/d", "postgres: no", "postgres: no")]
    #[case::no_password("postgres://u@h/d", "u h d", "u h d")]
    fn replaces_passwords(#[case] url: &str, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(Secrets::of_urls([url]).scrub(text), expected);
    }
}
