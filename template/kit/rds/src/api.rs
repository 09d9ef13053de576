//! Calls of AWS services that speak JSON, signed with the role of the function or task.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::{Client, StatusCode};
use serde_json::Value;

/// For the connection only: in a VPC without a route, it is never refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A service of AWS.
#[derive(Debug)]
pub struct Service {
    /// Also in the variable `AWS_ENDPOINT_URL_NAME`, which all AWS SDKs read.
    name: &'static str,
    /// In its host name and in signatures.
    id: &'static str,
    /// First part of `X-Amz-Target`.
    target: &'static str,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference>
pub(crate) const SECRETS_MANAGER: Service =
    Service { name: "Secrets Manager", id: "secretsmanager", target: "secretsmanager" };
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference>
pub const ECS: Service =
    Service { name: "ECS", id: "ecs", target: "AmazonEC2ContainerServiceV20141113" };

/// An error that a service answered.
#[derive(Debug, thiserror::Error)]
#[error("{status} {kind} {message}")]
pub struct Refused {
    status: StatusCode,
    /// Such as `AccessDeniedException`.
    pub kind: String,
    message: String,
}

impl Refused {
    /// Whether trying again may succeed: the service is overloaded, or has a defect.
    pub fn may_pass(&self) -> bool {
        let words = ["Throttl", "TooManyRequests", "RequestTimeout", "SlowDown", "Unavailable"];
        self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || words.iter().any(|word| self.kind.contains(word))
    }
}

impl Service {
    /// Returns the answer to an action.
    ///
    /// # Errors
    /// [`Refused`] when the service refuses; another when it does not answer within `time`.
    pub async fn call(
        &self,
        region: &str,
        action: &str,
        body: &Value,
        time: Duration,
    ) -> Result<Value> {
        let (url, body) = (self.endpoint(region), body.to_string());
        let target = format!("{}.{action}", self.target);
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &*target)];
        let identity = credentials(time).await?.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.id)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let signed = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), signed)?;
        let (instructions, _) = sign(signable, &parameters.into())?.into_parts();

        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(time).build()?;
        let mut request = client.post(&url).body(body);
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        let response = request.send().await.with_context(|| {
            format!(
                "no connection to {url}: subnets without NAT need an interface endpoint for {} \
                 there, whose security group lets the function in",
                self.name
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
        serde_json::from_str(&text).context("its answer is not JSON")
    }

    fn endpoint(&self, region: &str) -> String {
        let own = format!("AWS_ENDPOINT_URL_{}", self.name.to_uppercase().replace(' ', "_"));
        let url = variable(&own).or_else(|| variable("AWS_ENDPOINT_URL"));
        url.map(|url| format!("{}/", url.trim_end_matches('/'))).unwrap_or_else(|| {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://{}.{region}.amazonaws.com{suffix}/", self.id)
        })
    }
}

/// Returns the credentials of the role, which Lambda puts into the environment, and ECS behind
/// an address in it.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
pub(crate) async fn credentials(time: Duration) -> Result<Credentials> {
    let path = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = path.map(|path| format!("http://169.254.170.2{path}"));
    let (key, secret, token) = match url.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    {
        Some(url) => {
            let response = Client::builder().timeout(time).build()?.get(url).send().await;
            let text = response.and_then(|it| it.error_for_status()).context("the task's role")?;
            let answer: Value = serde_json::from_str(&text.text().await?)?;
            let field = |name: &str| answer[name].as_str().map(str::to_owned);
            (field("AccessKeyId"), field("SecretAccessKey"), field("Token"))
        }
        None => (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
            variable("AWS_SESSION_TOKEN"),
        ),
    };
    let key = key.context("AWS_ACCESS_KEY_ID is missing, which Lambda always sets")?;
    let secret = secret.context("AWS_SECRET_ACCESS_KEY is missing, which Lambda always sets")?;
    Ok(Credentials::new(key, secret, token, None, "role"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
