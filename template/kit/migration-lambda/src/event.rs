//! The events of CloudFormation.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>

use anyhow::{Result, bail, ensure};
use reqwest::Url;
use serde_json::{Map, Value};

use crate::properties::Properties;

/// The fields of an event that an answer needs. A malformed event gets an answer too, so
/// missing fields are empty.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Pre-signed URL for the answer: a secret.
    pub response_url: String,
    pub request_type: String,
    pub request_id: String,
    pub stack_id: String,
    pub logical_resource_id: String,
    physical_resource_id: String,
}

impl Envelope {
    pub fn read(event: &Value) -> Self {
        let field = |name| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            response_url: field("ResponseURL"),
            request_type: field("RequestType"),
            request_id: field("RequestId"),
            stack_id: field("StackId"),
            logical_resource_id: field("LogicalResourceId"),
            physical_resource_id: field("PhysicalResourceId"),
        }
    }

    /// Returns where the answer goes.
    pub fn recipient(&self) -> Recipient {
        match (&*self.response_url, &*self.request_type) {
            // The framework masks the URL.
            ("...", _) => Recipient::Framework,
            ("", "Status" | "DryRun" | "Apply") => Recipient::Caller,
            (url, _) => match Url::parse(url) {
                Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
                    Recipient::Url(url)
                }
                _ => Recipient::Nobody,
            },
        }
    }

    /// Returns the physical id of the resource, new on Create.
    ///
    /// If it changed, CloudFormation would delete the old resource, so an existing id is kept.
    /// A retried Create gets the same id.
    pub fn physical_resource_id(&self) -> String {
        if !self.physical_resource_id.is_empty() {
            return self.physical_resource_id.clone();
        }
        let stack = self.stack_id.rsplit('/').next().unwrap_or_default();
        match (self.logical_resource_id.as_str(), stack) {
            ("", "") => "migrations".to_owned(),
            (resource, stack) => format!("{resource}-{stack}"),
        }
    }
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipient {
    /// CloudFormation: a pre-signed URL.
    Url(Url),
    /// The provider framework of the CDK, which answers CloudFormation itself.
    /// <https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html>
    Framework,
    /// A caller of `aws lambda invoke`.
    Caller,
    /// The event has no URL, or a text that is none.
    Nobody,
}

/// Reads the properties of an event; those of a call by hand may be missing.
///
/// # Errors
/// When the event lacks a field that CloudFormation always sends, or a property is
/// wrong.
pub fn properties(event: &Value, by_hand: bool) -> Result<Properties> {
    for field in ["StackId", "RequestId", "LogicalResourceId"] {
        ensure!(by_hand || event[field].is_string(), "the event is malformed: it has no {field}");
    }
    let properties = match &event["ResourceProperties"] {
        Value::Object(properties) => Properties::read(properties.clone())?,
        Value::Null if by_hand => Properties::read(Map::new())?,
        _ => bail!("the event is malformed: ResourceProperties is no object"),
    };
    ensure!(
        by_hand || properties.migration_hash.is_some(),
        "the property MigrationHash is missing: it holds the first line of atlas.sum (`just \
         hash-migrations` writes it)"
    );
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_physical_id_is_made_once_and_kept() {
        let mut event = json!({
            "LogicalResourceId": "Migrations",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/5f2c",
        });
        let id = |event: &Value| Envelope::read(event).physical_resource_id();
        assert_eq!(id(&event), "Migrations-5f2c");
        event["PhysicalResourceId"] = json!("made up by somebody");
        assert_eq!(id(&event), "made up by somebody");
        assert_eq!(id(&json!({"StackId": 7})), "migrations");
    }

    #[test]
    fn says_what_an_event_lacks() {
        let error = properties(&json!({"RequestType": "Create"}), false).unwrap_err();
        assert_eq!(format!("{error:#}"), "the event is malformed: it has no StackId");
    }
}
