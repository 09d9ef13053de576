//! Puts the answer where CloudFormation waits for it: a pre-signed URL of S3.

use std::time::Duration;

use anyhow::{Context as _, Error, Result, ensure};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Url};

use crate::deadline::Deadline;

/// For one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 5;
/// Left at the end, to tell the log that there is no answer.
const MARGIN: Duration = Duration::from_millis(500);
/// Before the second attempt; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt did not succeed.
enum Failure {
    /// The same again may work.
    Passing(Error),
    Final(Error),
}

/// Puts `body` to `url`, if need be several times.
///
/// # Errors
/// When it cannot be delivered in the time that is left, or the URL is refused. No
/// message holds the URL.
pub async fn deliver(url: &str, body: &str, deadline: &Deadline) -> Result<()> {
    // Neither error repeats its input.
    let url: Url = url.parse().context("the ResponseURL is no URL")?;
    ensure!(
        ["http", "https"].contains(&url.scheme()) && url.has_host(),
        "the ResponseURL is no URL of a web server"
    );
    // Certificates are read here, and not while the function starts.
    let client = Client::builder().build().context("cannot set up HTTP")?;
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let time = deadline.left().saturating_sub(MARGIN).min(TIMEOUT);
        let error = match put(&client, &url, body, time).await {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(error)) => error,
        };
        tracing::warn!(attempt, "the answer did not get through: {error:#}");
        if attempt == ATTEMPTS || deadline.left() < pause + MARGIN {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

async fn put(client: &Client, url: &Url, body: &str, time: Duration) -> Result<(), Failure> {
    let sent = client
        .put(url.clone())
        // The signature is over an empty type.
        .header(CONTENT_TYPE, "")
        .header(CONTENT_LENGTH, body.len())
        .body(body.to_owned())
        .timeout(time)
        .send()
        .await;
    let response = match sent {
        Ok(response) => response,
        Err(error) => {
            let mut unreachable = error.is_connect() || error.is_timeout();
            let host = url.host_str().unwrap_or_default();
            let mut error = Error::new(error.without_url());
            // Then somebody was there, but not S3.
            unreachable &= !format!("{error:#}").contains("certificate");
            if unreachable {
                error = error.context(format!(
                    "no connection to {host}: in a VPC without NAT, the function's subnets need \
                     an S3 gateway endpoint in their route tables, and its security group must \
                     let HTTPS out"
                ));
            }
            return Err(Failure::Passing(error));
        }
    };
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let error = anyhow::anyhow!("S3 answered {status}");
    if status.is_server_error() {
        return Err(Failure::Passing(error));
    }
    Err(Failure::Final(error.context(
        "the ResponseURL is refused: it may have expired, or been used by another answer",
    )))
}
