//! AWS Secrets Manager, as far as GetSecretValue goes.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::http::{Reply, Request, Server, Service};

/// The secret of the function.
pub const ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-5b3c8a10-Xy12Zz";

/// One answer.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The text of the secret.
    Text(String),
    /// An error of the service, such as `AccessDeniedException`, with its message.
    Error(u16, &'static str, &'static str),
    /// An undocumented answer.
    Garbage(&'static str),
    /// Closes the connection.
    Close,
    /// Never answers.
    Silence,
}

/// Returns the secrets of its script one after the other, then repeats the last.
pub struct SecretsManager {
    server: Server,
    script: Arc<Script>,
}

struct Script {
    secrets: Mutex<Vec<Secret>>,
    asked: Mutex<usize>,
}

impl Secret {
    /// A secret in the format of RDS.
    pub fn of_rds(username: &str, password: &str) -> Self {
        Self::Text(json!({ "username": username, "password": password }).to_string())
    }
}

impl SecretsManager {
    pub fn start(secrets: &[Secret]) -> Self {
        let script = Arc::new(Script {
            secrets: Mutex::new(secrets.iter().rev().cloned().collect()),
            asked: Mutex::new(0),
        });
        Self { server: Server::start(Shared(script.clone()), None), script }
    }

    /// Value for `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Number of requests.
    pub fn asked(&self) -> usize {
        *self.script.asked.lock().unwrap()
    }
}

struct Shared(Arc<Script>);

impl Service for Shared {
    fn reply(&self, request: Request) -> Reply {
        *self.0.asked.lock().unwrap() += 1;
        if let Err(complaint) = check(&request) {
            return answer(400, json!({ "__type": "ValidationException", "message": complaint }));
        }
        let mut secrets = self.0.secrets.lock().unwrap();
        let secret = match secrets.len() {
            1 => secrets[0].clone(),
            _ => secrets.pop().expect("a script of one secret or more"),
        };
        match secret {
            Secret::Text(text) => answer(
                200,
                json!({
                    "ARN": ARN,
                    "Name": "rds!db-5b3c8a10",
                    "SecretString": text,
                    "VersionId": "b8a7c6d5-0000-4000-8000-000000000000",
                    "VersionStages": ["AWSCURRENT"],
                    "CreatedDate": 1_763_900_000.123,
                }),
            ),
            Secret::Error(status, kind, message) => {
                answer(status, json!({ "__type": kind, "Message": message }))
            }
            Secret::Close => Reply::Close,
            Secret::Silence => Reply::Silence,
            Secret::Garbage(text) => Reply::Answer(200, Vec::new(), text.into()),
        }
    }
}

pub fn answer(status: u16, body: Value) -> Reply {
    let kind = ("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned());
    Reply::Answer(status, vec![kind], body.to_string().into_bytes())
}

fn check(request: &Request) -> Result<(), String> {
    let body = signed(request, "secretsmanager", "secretsmanager.GetSecretValue")?;
    (body["SecretId"] == ARN).then_some(()).ok_or_else(|| body.to_string())
}

/// Checks a request as all services with JSON do, except for the signature; returns its body.
pub fn signed(request: &Request, service: &str, target: &str) -> Result<Value, String> {
    let expect = |what: &str, found: Option<&str>, wanted: &dyn Fn(&str) -> bool| match found {
        Some(found) if wanted(found) => Ok(()),
        other => Err(format!("{what}: {other:?}")),
    };
    expect("method", Some(&request.method), &|it| it == "POST")?;
    expect("path", Some(&request.target), &|it| it == "/")?;
    expect("target", request.header("x-amz-target"), &|it| it == target)?;
    expect("content type", request.header("content-type"), &|it| {
        it == "application/x-amz-json-1.1"
    })?;
    expect("authorization", request.header("authorization"), &|it| {
        let signed = it.split("SignedHeaders=").nth(1).unwrap_or_default();
        it.starts_with("AWS4-HMAC-SHA256 Credential=")
            && it.contains(&format!("/eu-central-1/{service}/aws4_request"))
            && ["host", "x-amz-date", "x-amz-security-token", "x-amz-target"]
                .iter()
                .all(|name| signed.contains(name))
            && it.contains("Signature=")
    })?;
    expect("token", request.header("x-amz-security-token"), &|it| {
        it == super::function::SESSION_TOKEN
    })?;
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}
