//! Blots passwords out of what Atlas prints.
//!
//! Atlas is careful with URLs, but not always: v0.13.1 repeats one that it cannot
//! parse, password and all.

const BLOT: &str = "***";

/// The passwords of the URLs that one run of Atlas is given.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Longest first, lest a short one break up a long one.
    passwords: Vec<String>,
}

impl Secrets {
    pub fn of<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let mut passwords: Vec<String> = urls.into_iter().flat_map(passwords).collect();
        passwords.sort_by_key(|password| std::cmp::Reverse(password.len()));
        passwords.dedup();
        Self { passwords }
    }

    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for password in &self.passwords {
            text = text.replace(password, BLOT);
        }
        text
    }
}

/// All texts by which a URL's password may show up; the URL may be malformed.
fn passwords(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before_query.split('/').next().unwrap_or_default();

    let mut raw: Vec<&str> = Vec::new();
    // Where `@` stands tells the password's end, and one with an unescaped `/`, `?`
    // or `#` still has to be found: take the narrow and the wide reading.
    for part in [authority, before_query, rest] {
        if let Some((login, _)) = part.rsplit_once('@') {
            raw.extend(login.split_once(':').map(|(_, password)| password));
        }
    }
    if !authority.contains('@') && rest.contains('@') {
        // Then what reads as the port is the beginning of the password.
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

    // A password that is also the name of the user or database protects nothing,
    // and blotting out each `postgres` would make errors unreadable.
    let user = authority.split([':', '@']).next().unwrap_or_default();
    let database = before_query.rsplit('/').next().unwrap_or_default();
    raw.retain(|raw| !raw.is_empty() && ![scheme, user, database].contains(raw));

    let decoded = raw.iter().map(|raw| percent_decoded(raw));
    let mut all: Vec<String> = raw
        .iter()
        .map(|raw| (*raw).to_owned())
        .chain(decoded)
        .collect();
    // As Go quotes it inside a message.
    let quoted: Vec<String> = all
        .iter()
        .map(|text| text.replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    all.extend(quoted);
    all
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
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
    fn blots_passwords_out(#[case] url: &str, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(Secrets::of([url]).scrub(text), expected);
    }
}
