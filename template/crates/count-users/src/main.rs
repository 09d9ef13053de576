//! An example of a service: a Lambda function that counts the users. In template.yaml it
//! depends on the migrations, so the tables exist before it runs. Replace it with yours.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rds::DatabaseSettings;
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no other provider is installed");
    // Kept from one invocation to the next.
    let connection = Mutex::new(None);
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| count(&connection))).await
}

async fn count(kept: &Mutex<Option<DatabaseConnection>>) -> Result<Value, Error> {
    let mut kept = kept.lock().await;
    let connection = match kept.take() {
        Some(connection) if connection.ping().await.is_ok() => connection,
        _ => connect().await?,
    };
    let users = app::users::count(&connection).await?;
    *kept = Some(connection);
    Ok(json!({ "users": users }))
}

/// Connects with a new token, or with the current version of the secret.
async fn connect() -> anyhow::Result<DatabaseConnection> {
    let settings = DatabaseSettings::from_env()?;
    let login = settings.login(TIMEOUT).await?;
    let mut options = ConnectOptions::new(settings.url(&login, &[]));
    options
        // A function handles one invocation at a time.
        .max_connections(1)
        // The pool would open the next connection with the same login, whose token expires.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_timeout(TIMEOUT)
        .sqlx_logging(false);
    Ok(Database::connect(options).await?)
}
