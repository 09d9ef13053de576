//! The CloudFormation custom resource that applies the migrations.
//!
//! An invocation goes through these modules from the top down: [`handler`] takes the
//! event and makes sure that it is answered; [`migrate`] does the work;
//! [`apply`] runs Atlas; [`deliver`] sends the [`answer`]. What may come back is waited for by
//! [`patience`] alone. With an event in the variable EVENT, the program handles that one: it is
//! then the container [`task`] that a function started, or a user.

mod answer;
mod apply;
mod baseline;
mod child;
mod config;
mod database;
mod deadline;
mod deliver;
mod event;
mod handler;
mod migrate;
mod patience;
mod properties;
mod redact;
mod report;
mod server;
mod task;
mod telemetry;
mod tunnel;

use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::Value;

use handler::handle;

/// Time limit of a task that was started by hand.
const BY_HAND: Duration = Duration::from_secs(7 * 24 * 3600);

// Lambda sends one event at a time, and handling it is mostly waiting.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing else chose a provider");
    match std::env::var("EVENT") {
        Ok(event) => handle_one(&event).await,
        Err(_) => lambda_runtime::run(service_fn(handle)).await,
    }
}

/// Handles one event, until the time in the variable DEADLINE, in milliseconds since 1970.
///
/// # Errors
/// When the answer cannot be delivered, or is a failure that only the exit code tells.
async fn handle_one(event: &str) -> Result<(), Error> {
    let event: Value = serde_json::from_str(event)?;
    let mut context = Context::default();
    context.request_id = event["RequestId"].as_str().unwrap_or("by-hand").to_owned();
    let by_hand = SystemTime::now() + BY_HAND;
    context.deadline = match std::env::var("DEADLINE") {
        Ok(deadline) => deadline.parse()?,
        Err(_) => by_hand.duration_since(SystemTime::UNIX_EPOCH)?.as_millis().try_into()?,
    };
    let answer = handle(LambdaEvent::new(event, context)).await?;
    if answer["Status"] == "FAILED" {
        return Err("the migrations failed: see the log".into());
    }
    Ok(())
}
