//! Sends the answer to CloudFormation: a PUT to a pre-signed S3 URL.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Url};

use crate::deadline::Deadline;
use crate::patience::{Failure, Patience, may_pass};

/// Time-out of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time reserved at the end to log that no answer was delivered.
const MARGIN: Duration = Duration::from_millis(500);

/// Sends `body` to `url`, and keeps trying until the time-out of the function is near.
///
/// # Errors
/// When it cannot be delivered in the time left, or the URL is refused. Messages never
/// contain the URL.
pub async fn deliver(url: &Url, body: &str, deadline: &Deadline) -> Result<()> {
    // Certificates are read here, and not while the function starts.
    let client = Client::builder().build().context("cannot set up HTTP")?;
    let time = deadline.left() - MARGIN.min(deadline.left() / 10);
    let end = Instant::now() + time;
    let patience = Patience::new(time, "the time limit", end);
    let attempt = async || {
        let time = end.saturating_duration_since(Instant::now()).min(TIMEOUT);
        put(&client, url, body, time).await
    };
    patience.retry(attempt).await.context("the answer does not get through")
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
            let unreachable = error.is_connect() || error.is_timeout();
            let host = url.host_str().unwrap_or_default();
            let mut error = Error::new(error.without_url());
            // If not, something answered, but not S3.
            if unreachable && may_pass(&error) {
                error = error.context(format!(
                    "no connection to {host}: in a VPC without NAT, the function's subnets need \
                     an S3 gateway endpoint in their route tables, and its security group must \
                     let HTTPS out"
                ));
            }
            return Err(error.into());
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
