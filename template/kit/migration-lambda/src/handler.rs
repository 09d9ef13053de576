//! Handles events: every one gets an answer.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use futures_util::FutureExt as _;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout_at;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::deliver::deliver;
use crate::event::{self, Envelope, Recipient};
use crate::migrate::migrate;
use crate::redact;
use crate::telemetry;

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
        .unwrap_or_else(|error| Some(Answer::failure(&envelope, &error)));
    let count = applied.load(Ordering::Relaxed);
    let succeeded = answer.as_ref().is_none_or(|answer| answer.succeeded);
    let delivered = match answer {
        Some(answer) => give(&answer, &envelope, count, &deadline).await,
        None => Ok(Value::Null),
    };
    if let Err(error) = &delivered {
        tracing::error!("no answer: {error:#}");
    }
    let outcome = match (&delivered, succeeded) {
        (Err(_), _) => "UNANSWERED",
        (Ok(_), true) => "SUCCESS",
        (Ok(_), false) => "FAILED",
    };
    telemetry::metrics(&envelope.request_type, outcome, count, started.elapsed());
    delivered
}

/// Logs an answer, and gives it to whoever waits for it: returns it to a caller.
async fn give(
    answer: &Answer,
    envelope: &Envelope,
    applied: usize,
    deadline: &Deadline,
) -> Result<Value> {
    let (request_type, reason) = (&envelope.request_type, &answer.reason);
    if answer.succeeded {
        tracing::info!(request_type, applied, "SUCCESS: {reason}");
    } else {
        tracing::error!(request_type, applied, "FAILED: {reason}");
    }
    let body = answer.body();
    match envelope.recipient() {
        Recipient::Url(url) => {
            deliver(&url, &body.to_string(), deadline).await.map(|()| Value::Null)
        }
        Recipient::Framework if !answer.succeeded => Err(anyhow!("{reason}")),
        Recipient::Framework | Recipient::Caller => Ok(body),
        Recipient::Nobody => bail!(
            "the event has no valid ResponseURL, so it does not come from CloudFormation: nobody \
             waits for an answer"
        ),
    }
}

/// Returns the answer, or `None` if a task gives it.
async fn work(
    event: Value,
    envelope: &Envelope,
    deadline: &Deadline,
    context: &Context,
    applied: &AtomicUsize,
) -> Result<Option<Answer>> {
    let (started, recipient) = (Instant::now(), envelope.recipient());
    let by_hand = recipient == Recipient::Caller;
    let mut properties = match envelope.request_type.as_str() {
        // The database does not belong to the stack.
        "Delete" => return Ok(Some(Answer::new(envelope, true, "Nothing is touched on Delete."))),
        "Create" | "Update" => event::properties(&event, false)?,
        "Status" | "DryRun" | "Apply" if by_hand => event::properties(&event, true)?,
        "" => bail!("the event is malformed: it has no RequestType"),
        other => bail!(
            "the RequestType is {other:?}, but must be Create, Update or Delete, or without a \
             ResponseURL Status, DryRun or Apply"
        ),
    };
    ensure!(
        recipient != Recipient::Nobody,
        "nothing is applied for an event that cannot be answered"
    );
    properties.dry_run |= by_hand && envelope.request_type != "Apply";
    // Only CloudFormation waits for as long as a task works.
    let event = matches!(recipient, Recipient::Url(_)).then_some(&event);
    let report = migrate(&properties, deadline, &context.request_id, applied, event).await?;
    Ok(report.map(|report| Answer::report(envelope, &report, started.elapsed().as_millis())))
}

/// Returns the outcome of `work`, or an error if it panics or takes too long.
async fn catch_panics_and_timeouts<T>(
    work: impl Future<Output = Result<T>>,
    deadline: &Deadline,
) -> Result<T> {
    let work = timeout_at(deadline.answer_by().into(), AssertUnwindSafe(work).catch_unwind());
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = stopped() => bail!(
            "the task was stopped from outside. Its statement ends with it; it is not known what \
             is applied"
        ),
    };
    match outcome {
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
            "out of time: the time limit is near. It is not known what is applied, and a statement \
             may still run on the server"
        )),
    }
}

/// Returns when ECS stops the task, half a minute before it kills it.
async fn stopped() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
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
