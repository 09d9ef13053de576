//! The CloudFormation custom resource that applies the migrations.
//!
//! An invocation goes through these modules from the top down: [`handler`] takes the
//! event and makes sure that it is answered; [`migrate`] does the work;
//! [`apply`] runs Atlas; [`deliver`] sends the [`answer`]. What may come back is waited for by
//! [`patience`] alone.

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
mod telemetry;
mod tunnel;

use lambda_runtime::{Error, service_fn};

// Lambda sends one event at a time, and handling it is mostly waiting.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing else chose a provider");
    lambda_runtime::run(service_fn(handler::handle)).await
}
