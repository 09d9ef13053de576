//! A database's login in Secrets Manager.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// For the connection only: in a VPC without a route, it is never refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The login in a secret of RDS. Its host and database are ignored: the stack may use
/// others.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>
#[derive(Deserialize)]
pub struct Secret {
    pub username: Option<String>,
    pub password: String,
}

/// An error that Secrets Manager answered.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>
#[derive(Debug, thiserror::Error)]
#[error("{status} {kind} {message}")]
pub struct Refused {
    status: StatusCode,
    kind: String,
    message: String,
}

impl Refused {
    /// Whether trying again may succeed: it is overloaded, or has a defect.
    pub fn may_pass(&self) -> bool {
        let words = ["Throttl", "TooManyRequests", "RequestTimeout", "SlowDown", "Unavailable"];
        self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || words.iter().any(|word| self.kind.contains(word))
    }
}

/// Fetches the current version of a secret.
///
/// # Errors
/// When Secrets Manager cannot be reached within `time` or refuses, or when the secret is
/// not JSON in the format of RDS.
pub async fn fetch(
    id: &str,
    region: &str,
    credentials: Credentials,
    time: Duration,
) -> Result<Secret> {
    let url = endpoint(region);
    let body = json!({ "SecretId": id }).to_string();
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "secretsmanager.GetSecretValue"),
    ];
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("secretsmanager")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?;
    let signable = SignableRequest::new(
        "POST",
        &url,
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(signable, &parameters.into())?.into_parts();

    let client =
        reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(time).build()?;
    let mut request = client.post(&url).body(body);
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        request = request.header(name, value);
    }
    let response = request.send().await.with_context(|| {
        format!(
            "no connection to {url}: a function in a VPC without NAT needs an interface \
             endpoint for Secrets Manager there, whose security group lets it in"
        )
    })?;
    let status = response.status();
    let text = response.text().await.context("its answer was cut off")?;
    if !status.is_success() {
        let error: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let kind = field("__type");
        let message = [field("message"), field("Message")].concat();
        return Err(Refused { status, kind, message }.into());
    }
    let answer: Value = serde_json::from_str(&text).context("its answer is not JSON")?;
    let secret = answer["SecretString"].as_str().context("the secret is binary, not text")?;
    // The parser's own message would quote the secret.
    serde_json::from_str(secret)
        .ok()
        .context("the secret is not JSON with a `password`, as RDS writes it")
}

/// URL of Secrets Manager. All AWS SDKs read these variables.
fn endpoint(region: &str) -> String {
    ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|url| !url.is_empty())
        .map(|url| format!("{}/", url.trim_end_matches('/')))
        .unwrap_or_else(|| {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://secretsmanager.{region}.amazonaws.com{suffix}/")
        })
}
