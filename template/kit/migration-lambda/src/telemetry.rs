//! Writes the log, as JSON lines, and one line of metrics for each invocation.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::redact::scrub;

/// Starts logging, panics included. LOG_LEVEL sets the level.
///
/// The level applies to this program alone: at low levels, libraries log requests with
/// their URLs.
pub fn start() {
    let level = std::env::var("LOG_LEVEL")
        .ok()
        // An empty string would parse as a level.
        .filter(|level| !level.trim().is_empty())
        .and_then(|level| level.trim().parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let targets =
        Targets::new().with_target("migration_lambda", level).with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(|| Scrubbed);
    tracing_subscriber::registry().with(targets).with(lines).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// Id of the current request; empty before the first.
static REQUEST: Mutex<String> = Mutex::new(String::new());

/// Adds the request id to each line from now on, lines of libraries included.
pub fn begin(request_id: &str) {
    request_id.clone_into(&mut REQUEST.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Standard output without secrets. Each write is one line, a JSON object.
struct Scrubbed;

impl Write for Scrubbed {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = scrub(&String::from_utf8_lossy(line));
        let request = REQUEST.lock().unwrap_or_else(PoisonError::into_inner);
        if !request.is_empty() {
            let id = serde_json::Value::from(request.as_str());
            text = text.replacen('{', &format!("{{\"requestId\":{id},"), 1);
        }
        io::stdout().lock().write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Writes the metrics of an invocation in CloudWatch's embedded metric format. `outcome` is
/// SUCCESS, FAILED or UNANSWERED.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub fn metrics(request_type: &str, outcome: &str, applied: usize, duration: Duration) {
    // Whether this is the first of the process.
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let metric = |name, unit| json!({ "Name": name, "Unit": unit });
    let line = json!({
        "_aws": {
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
            "CloudWatchMetrics": [{
                "Namespace": "MigrationLambda",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    metric("Duration", "Milliseconds"),
                    metric("AppliedMigrations", "Count"),
                    metric("Failed", "Count"),
                ],
            }],
        },
        "FunctionName": std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("task".into()),
        "Duration": u64::try_from(duration.as_millis()).unwrap_or_default(),
        "AppliedMigrations": applied,
        "Failed": u8::from(outcome != "SUCCESS"),
        "Outcome": outcome,
        "RequestType": request_type,
        "ColdStart": !IS_WARM.swap(true, Ordering::Relaxed),
    });
    // Without standard output, nothing can be reported.
    let _ = Scrubbed.write_all(format!("{line}\n").as_bytes());
}
