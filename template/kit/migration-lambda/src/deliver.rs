//! Sends the answer to CloudFormation: a PUT to a pre-signed S3 URL.

use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Url};

use crate::deadline::Deadline;

/// Time-out of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 5;
/// Time reserved at the end to log that no answer was delivered.
const MARGIN: Duration = Duration::from_millis(500);
/// Pause before the second attempt; doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt failed.
enum Failure {
    /// Trying again may succeed.
    Passing(Error),
    Final(Error),
}

/// Sends `body` to `url`, retrying if need be.
///
/// # Errors
/// When it cannot be delivered in the time left, or the URL is refused. Messages never
/// contain the URL.
pub async fn deliver(url: &str, body: &str, deadline: &Deadline) -> Result<()> {
    let url = Url::parse(url).ok();
    let is_web = |url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    let url = url.filter(is_web).context(
        "the event has no valid ResponseURL, so it does not come from CloudFormation: nobody \
         waits for an answer",
    )?;
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
        // The URL is signed with an empty content type.
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
            // Something answered, but not S3.
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
