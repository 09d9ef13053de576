//! An example of a service: counts the users. In template.yaml it waits for the
//! migrations, so it never meets a database that lacks its tables. Replace it by yours.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use rds::{Overrides, Reader, Settings};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// For each thing that is waited for on the way to the database.
const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing else chose a provider");
    // The connection outlives an invocation: the next one finds it open.
    let open = Mutex::new(None);
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| count(&open))).await
}

async fn count(open: &Mutex<Option<DatabaseConnection>>) -> Result<Value, Error> {
    let mut open = open.lock().await;
    if let Some(connection) = open.take()
        && let Ok(users) = app::users::count(&connection).await
    {
        *open = Some(connection);
        return Ok(json!({ "users": users }));
    }
    // The first time, or the connection of before was lost.
    let connection = connect().await?;
    let users = app::users::count(&connection).await?;
    *open = Some(connection);
    Ok(json!({ "users": users }))
}

/// Connects anew, with a new token or the secret as it is now.
async fn connect() -> Result<DatabaseConnection> {
    let mut reader = Reader::new(|name: &str| std::env::var(name).ok());
    let settings = Settings::read(&mut reader, &Overrides::default());
    reader.finish()?;
    let login = settings.login(TIMEOUT).await?;
    let mut options = ConnectOptions::new(settings.url(&login, &[]));
    options
        // An invocation comes at a time.
        .max_connections(1)
        // It would replace a connection with the login of the first, long after a token's end.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_timeout(TIMEOUT)
        .sqlx_logging(false);
    Database::connect(options)
        .await
        .with_context(|| format!("cannot connect to {} at {}", settings.name, settings.host))
}
