//! SQL from blocking tests.

use std::time::{Duration, Instant};

use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Runs statements. Returns the last value of the last result, or an empty string.
pub fn query(url: &str, statements: &str) -> String {
    try_query(url, statements).unwrap_or_else(|error| panic!("{statements}: {error:?}"))
}

/// Runs statements like [`query`], on a server that may crash meanwhile.
pub fn try_query(url: &str, statements: &str) -> Result<String, tokio_postgres::Error> {
    block_on(async {
        let rows = connect(url).await.simple_query(statements).await?;
        Ok(last_value(&rows))
    })
}

/// Connects, and retries while the server restarts.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let started = Instant::now();
    loop {
        match tokio_postgres::connect(url, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) => assert!(
                started.elapsed() < Duration::from_secs(60),
                "no connection to the tests' server: {error:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Quotes a name as an SQL identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the last value of the last result, or an empty string.
pub fn last_value(messages: &[SimpleQueryMessage]) -> String {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let value = rows.last().and_then(|row| row.get(0));
    value.unwrap_or_default().to_owned()
}

/// Runs a future on a new runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
