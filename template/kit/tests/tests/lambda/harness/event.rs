//! Events as CloudFormation sends them.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>

use serde_json::{Value, json};

/// The physical id that the function derives from the logical id and the stack's id.
pub const PHYSICAL_ID: &str = "Migrations-5b3c8a10-c8b0-11f0-9d2e-0a1b2c3d4e5f";

/// A Create event.
pub fn create(response_url: &str, properties: Value) -> Value {
    event("Create", response_url, properties)
}

/// An Update event for the resource of [`create`].
pub fn update(response_url: &str, properties: Value) -> Value {
    let mut event = event("Update", response_url, properties);
    event["PhysicalResourceId"] = json!(PHYSICAL_ID);
    event["OldResourceProperties"] = json!({
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:migrations",
        "MigrationHash": "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    });
    event
}

/// A Delete event for the resource with the id.
pub fn delete(response_url: &str, physical_id: &str, properties: Value) -> Value {
    let mut event = event("Delete", response_url, properties);
    event["PhysicalResourceId"] = json!(physical_id);
    event
}

fn event(kind: &str, response_url: &str, properties: Value) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:migrations",
        "ResponseURL": response_url,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/5b3c8a10-c8b0-11f0-9d2e-0a1b2c3d4e5f",
        "RequestId": "9f8e7d6c-0000-4000-8000-5b3c8a101112",
        "LogicalResourceId": "Migrations",
        "ResourceType": "Custom::DatabaseMigration",
        "ResourceProperties": {
            "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:migrations",
            "ServiceTimeout": "900",
        },
    });
    for (name, value) in properties.as_object().expect("an object") {
        event["ResourceProperties"][name] = value.clone();
    }
    event
}
