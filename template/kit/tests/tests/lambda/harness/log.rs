//! The output of a function during one invocation.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{postgres, s3};

/// Texts that no log and no answer may contain.
pub const SECRETS: [&str; 4] =
    [s3::SIGNATURE, postgres::PASSWORD_CORE, "s3cretAccessKey", "s3ssionT0ken"];

/// The lines of one invocation.
#[derive(Debug)]
pub struct Log {
    pub text: String,
    request_id: String,
}

impl Log {
    pub fn new(request_id: &str, text: &str) -> Self {
        Self { text: text.to_owned(), request_id: request_id.to_owned() }
    }

    /// The lines, each JSON.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{error} in the line {line:?} of {}", self.text))
        };
        self.text.lines().map(parse).collect()
    }

    /// Checks what holds for every invocation: all lines are JSON with the request id, one of
    /// them has the metrics, and none contains a secret.
    pub fn check(&self, cold: bool) {
        for secret in SECRETS {
            assert!(!self.text.contains(secret), "{secret} in: {}", self.text);
        }
        for line in self.lines() {
            let id = line["requestId"].as_str();
            assert_eq!(id, Some(self.request_id.as_str()), "{line}");
        }
        assert_eq!(self.metrics()["ColdStart"], cold, "{}", self.text);
    }

    /// Returns the only line in CloudWatch's embedded metric format.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
    pub fn metrics(&self) -> Value {
        let mut found = self.lines().into_iter().filter(|line| !line["_aws"].is_null());
        let line = found.next().unwrap_or_else(|| panic!("no metrics: {}", self.text));
        assert!(found.next().is_none(), "metrics twice: {}", self.text);

        let meta = &line["_aws"];
        let written = Duration::from_millis(meta["Timestamp"].as_u64().expect("milliseconds"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(now.abs_diff(written) < Duration::from_secs(300), "{meta}");
        let directives = meta["CloudWatchMetrics"].as_array().expect("directives");
        assert_eq!(directives.len(), 1, "{meta}");
        let directive = &directives[0];
        assert_eq!(directive["Namespace"], "MigrationLambda");
        let metrics = json!([
            { "Name": "Duration", "Unit": "Milliseconds" },
            { "Name": "AppliedMigrations", "Unit": "Count" },
            { "Name": "Failed", "Unit": "Count" },
        ]);
        assert_eq!(directive["Metrics"], metrics);
        for metric in metrics.as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
        }
        let dimensions = directive["Dimensions"].as_array().expect("sets of dimensions");
        for name in dimensions.iter().flat_map(|set| set.as_array().expect("a set")) {
            let name = name.as_str().expect("a name");
            assert!(line[name].is_string(), "the dimension {name} in {line}");
        }
        line
    }

    /// Returns the main metrics: outcome, request type, applied migrations, failed.
    pub fn summary(&self) -> (String, String, u64, u64) {
        let line = self.metrics();
        let text = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
        let count = |key: &str| line[key].as_u64().expect("a count");
        (text("Outcome"), text("RequestType"), count("AppliedMigrations"), count("Failed"))
    }
}
