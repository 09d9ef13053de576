//! `TEST_DATABASE_URL`: a server that the caller runs.

use std::io::ErrorKind;

use anyhow::{Result, anyhow, bail};
use sea_orm::sqlx::{self, PgConnection};
use url::Url;

use crate::{
    Provider, Server,
    server::{address, greet, with_database},
    settings::{Found, OLDEST_MAJOR},
};

/// Returns the server at the URL, if it answers.
///
/// # Errors
///
/// The message names the variable, its source, host and port, what the server said
/// and what to do; never the password.
pub(crate) async fn server(given: &Found) -> Result<(Server, PgConnection)> {
    let source = &given.source;
    let url = parse(&given.value)
        .map_err(|reason| anyhow!("TEST_DATABASE_URL in {source} is not a URL of a PostgreSQL server: {reason}; it looks like postgres://user:password@127.0.0.1:5432/postgres"))?;
    let at = address(&url);
    let greeting = greet(&url).await.map_err(|error| {
        anyhow!(
            "TEST_DATABASE_URL in {source}: the server at {at} cannot be used: {}",
            explain(&error)
        )
    })?;
    if greeting.major < OLDEST_MAJOR {
        bail!(
            "TEST_DATABASE_URL in {source}: the server at {at} runs PostgreSQL {}; the oldest that works is {OLDEST_MAJOR}",
            greeting.major
        );
    }
    if !greeting.may_create_databases {
        bail!(
            "TEST_DATABASE_URL in {source}: the user may not create databases on the server at {at}, which tests need: ALTER ROLE ... CREATEDB, or name another user"
        );
    }
    Ok((Server::new(Provider::Url, greeting.major, url), greeting.session))
}

/// Parses the URL, or says what is wrong with it. No reason quotes the text: any part
/// of it may be a piece of the password.
fn parse(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| match error {
        // `user:pa/ss@host`: the parser takes `pa` for the port of the host `user`.
        url::ParseError::InvalidPort if text.contains('@') => {
            format!("{error} (in a password, write %2F for /, %23 for # and %3F for ?)")
        }
        other => other.to_string(),
    })?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("it must start with postgres://".to_owned());
    }
    if url.cannot_be_a_base() {
        return Err("it must start with postgres://, with both slashes".to_owned());
    }
    if url.path().contains('@') || url.fragment().is_some() {
        return Err("in a password, write %2F for /, %23 for # and %3F for ?".to_owned());
    }
    text.parse::<sqlx::postgres::PgConnectOptions>()
        .map_err(|_| "a parameter after the ? has a value that is not allowed".to_owned())?;
    Ok(normal(url))
}

/// Moves the database into the path, where it can be replaced.
fn normal(mut url: Url) -> Url {
    let parameters = url.query_pairs().into_owned();
    let (named, others): (Vec<_>, Vec<_>) = parameters.partition(|(key, _)| key == "dbname");
    match named.last() {
        Some((_, database)) => {
            url.set_query(None);
            if !others.is_empty() {
                url.query_pairs_mut().extend_pairs(others);
            }
            with_database(&url, database)
        }
        None if url.path().trim_start_matches('/').is_empty() => with_database(&url, "postgres"),
        None => url,
    }
}

/// Says what went wrong, and what to do about it.
fn explain(error: &sqlx::Error) -> String {
    let (said, advice) = match error {
        sqlx::Error::Io(error) => (
            error.to_string(),
            match error.kind() {
                ErrorKind::ConnectionRefused => "start it, or correct host and port",
                ErrorKind::TimedOut => "check host, port and firewalls",
                _ => "correct host and port",
            },
        ),
        sqlx::Error::Database(error) => (
            error.message().to_owned(),
            match error.code().as_deref() {
                Some("28P01" | "28000") => "correct user and password, or the server's pg_hba.conf",
                Some("3D000") => "create it, or end the URL in one that exists, such as /postgres",
                Some("53300") => "close some connections, or raise the server's max_connections",
                Some("57P03") => "wait until it is up",
                _ => "see the server's log",
            },
        ),
        sqlx::Error::Tls(error) => (
            error.to_string(),
            "use sslmode=disable, or build with TLS: the feature runtime-tokio-rustls of sea-orm in Cargo.toml",
        ),
        other => (other.to_string(), "is this a PostgreSQL server?"),
    };
    format!("{said}; {advice}. Without TEST_DATABASE_URL, Docker or a local server is used")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::as_it_is("postgres://u:p@h/d?sslmode=disable", "postgres://u:p@h/d?sslmode=disable")]
    #[case::no_database("postgres://u@h:5433", "postgres://u@h:5433/postgres")]
    #[case::slash_only(
        "postgresql://h/?application_name=x",
        "postgresql://h/postgres?application_name=x"
    )]
    #[case::parameter("postgres://h/a?dbname=b&host=/run", "postgres://h/b?host=%2Frun")]
    #[case::socket("postgres:///d?host=/run", "postgres:///d?host=/run")]
    fn takes(#[case] text: &str, #[case] url: &str) {
        assert_eq!(parse(text).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("secret")]
    #[case("postgres:secret")]
    #[case("mysql://u:secret@h/d")]
    #[case("postgres://u:1/secret@h/d")]
    #[case("postgres://u:x/secret@h/d")]
    #[case("postgres://u:1#secret@h/d")]
    #[case("postgres://u:secret@h:port/d")]
    #[case("postgres://u:secret@h/d?sslmode=secret")]
    fn refuses_without_repeating_it(#[case] text: &str) {
        let reason = parse(text).unwrap_err();
        assert!(!reason.contains("secret"), "{reason}");
    }
}
