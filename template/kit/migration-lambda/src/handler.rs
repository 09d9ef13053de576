//! Handles events: every one gets an answer.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use futures_util::FutureExt as _;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tokio::time::timeout_at;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::deliver::deliver;
use crate::event::{self, Envelope, Recipient};
use crate::migrate::migrate;
use crate::redact;
use crate::telemetry::{self, Invocation};

static IS_WARM: AtomicBool = AtomicBool::new(false);

/// Handles an event of CloudFormation, of the CDK's provider framework, or of a caller, and
/// returns the answer to the latter two.
///
/// # Errors
/// When the answer cannot be delivered: Lambda then retries the event. Behind the framework,
/// when the work fails.
pub async fn handle(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    let LambdaEvent { payload, context } = event;
    let envelope = Envelope::read(&payload);
    redact::forget();
    redact::hide_url(&envelope.response_url);
    for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PASSWORD"] {
        redact::hide(&std::env::var(name).unwrap_or_default());
    }
    telemetry::begin(&context.request_id);
    let handled = respond(payload, envelope, &context).await;
    // Lambda logs the error too.
    handled.map_err(|error| redact::scrub(&format!("{error:#}")).into())
}

async fn respond(event: Value, envelope: Envelope, context: &Context) -> Result<Value> {
    let started = Instant::now();
    let deadline = Deadline::at(context.deadline);
    tracing::info!(
        request_type = envelope.request_type,
        stack = envelope.stack_id,
        resource = envelope.logical_resource_id,
        seconds_left = deadline.left().as_secs(),
        "begin"
    );
    let applied = AtomicUsize::new(0);
    let work = work(event, &envelope, &deadline, context, &applied);
    let answer = catch_panics_and_timeouts(work, &deadline)
        .await
        .unwrap_or_else(|error| Answer::failure(&envelope, &error));
    let (request_type, count) = (&envelope.request_type, applied.load(Ordering::Relaxed));
    if answer.succeeded() {
        tracing::info!(request_type, applied = count, "SUCCESS: {}", answer.reason());
    } else {
        tracing::error!(request_type, applied = count, "FAILED: {}", answer.reason());
    }

    let body = answer.body();
    let delivered = match envelope.recipient() {
        Recipient::Url(url) => deliver(&url, &body, &deadline).await.map(|()| Value::Null),
        Recipient::Framework if !answer.succeeded() => Err(anyhow!("{}", answer.reason())),
        Recipient::Framework | Recipient::Caller => Ok(serde_json::from_str(&body)?),
        Recipient::Nobody => Err(anyhow!(
            "the event has no valid ResponseURL, so it does not come from CloudFormation: nobody \
             waits for an answer"
        )),
    };
    if let Err(error) = &delivered {
        tracing::error!("no answer: {error:#}");
    }
    Invocation {
        request_type: &envelope.request_type,
        cold_start: !IS_WARM.swap(true, Ordering::Relaxed),
        duration: started.elapsed(),
        applied: applied.into_inner(),
        succeeded: answer.succeeded(),
        answered: delivered.is_ok(),
    }
    .write();
    delivered
}

async fn work(
    event: Value,
    envelope: &Envelope,
    deadline: &Deadline,
    context: &Context,
    applied: &AtomicUsize,
) -> Result<Answer> {
    let started = Instant::now();
    match envelope.request_type.as_str() {
        // The database does not belong to the stack.
        "Delete" => Ok(Answer::success(envelope, "Nothing is touched on Delete.")),
        "Create" | "Update" => {
            let properties = event::properties(event)?;
            ensure!(
                envelope.recipient() != Recipient::Nobody,
                "nothing is applied for an event that cannot be answered"
            );
            let report = migrate(&properties, deadline, &context.request_id, applied).await?;
            let milliseconds = started.elapsed().as_millis();
            Ok(Answer::report(envelope, &report, milliseconds))
        }
        kind @ ("Status" | "DryRun" | "Apply") if envelope.recipient() == Recipient::Caller => {
            let mut properties = event::properties_of_call(event)?;
            properties.dry_run |= kind != "Apply";
            let report = migrate(&properties, deadline, &context.request_id, applied).await?;
            Ok(Answer::report(envelope, &report, started.elapsed().as_millis()))
        }
        "" => Err(anyhow!("the event is malformed: it has no RequestType")),
        other => Err(anyhow!(
            "the RequestType is {other:?}, but must be Create, Update or Delete, or without a \
             ResponseURL Status, DryRun or Apply"
        )),
    }
}

/// Returns the outcome of `work`, or an error if it panics or takes too long.
async fn catch_panics_and_timeouts<T>(
    work: impl Future<Output = Result<T>>,
    deadline: &Deadline,
) -> Result<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match timeout_at(deadline.answer_by().into(), work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(anyhow!(
                "the function panicked, which is a defect of it: {}",
                message.unwrap_or("see its log")
            ))
        }
        Err(_) => Err(anyhow!(
            "out of time: the function's time-out is near. It is not known what is applied, and a \
             statement may still run on the server"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn deadline(seconds: u64) -> Deadline {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Deadline::at(u64::try_from(now.unwrap().as_millis()).unwrap() + seconds * 1000)
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let panics = async {
            let nothing: Option<()> = std::hint::black_box(None);
            nothing.expect("something");
            Ok(())
        };
        let error = catch_panics_and_timeouts(panics, &deadline(60)).await.unwrap_err();
        assert_eq!(error.to_string(), "the function panicked, which is a defect of it: something");
    }

    #[tokio::test]
    async fn work_that_hangs_is_given_up_while_there_is_time() {
        let (started, deadline) = (Instant::now(), deadline(2));
        let hangs = std::future::pending::<Result<()>>();
        let error = catch_panics_and_timeouts(hangs, &deadline).await.unwrap_err();
        assert!(error.to_string().starts_with("out of time"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert!(deadline.left() > Duration::ZERO);
    }
}
