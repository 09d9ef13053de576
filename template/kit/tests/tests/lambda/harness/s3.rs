//! The bucket of `ResponseURL`, which receives the answers to CloudFormation.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::http::{Reply, Request, Server, Service, Welcome};
use super::tls::Certificates;

/// Part of every ResponseURL, and allowed nowhere else.
pub const SIGNATURE: &str = "S1gnatureOfTheResponseURL";

/// CloudFormation refuses longer ones.
const LONGEST_ANSWER: usize = 4096;

/// How the bucket fails one attempt to put an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    Status(u16),
    /// Resets the connection before it reads the request.
    Reset,
    /// Reads the request, then disconnects.
    Close,
    /// Reads the request and never answers.
    Silence,
    /// Answers with status 200 and a Content-Length, without a body.
    NoBody,
}

/// A bucket that accepts answers after the faults of its script.
pub struct S3 {
    server: Server,
    script: Arc<Script>,
    base: String,
}

struct Script {
    faults: Mutex<Vec<Fault>>,
    /// Whether the last fault repeats forever.
    forever: bool,
    puts: Mutex<Vec<Request>>,
}

impl S3 {
    /// Accepts every answer, over HTTP.
    pub fn start() -> Self {
        Self::with_faults(&[])
    }

    /// Accepts answers after these faults.
    pub fn with_faults(faults: &[Fault]) -> Self {
        Self::new(faults, false, None, "127.0.0.1")
    }

    /// Always fails with the same fault.
    pub fn broken(fault: Fault) -> Self {
        Self::new(&[fault], true, None, "127.0.0.1")
    }

    /// Accepts every answer over TLS, at `host`, which may differ from the certificate.
    pub fn with_tls(certificates: &Certificates, host: &str) -> Self {
        Self::new(&[], false, Some(certificates), host)
    }

    fn new(faults: &[Fault], forever: bool, tls: Option<&Certificates>, host: &str) -> Self {
        let script = Arc::new(Script {
            // Taken from the end.
            faults: Mutex::new(faults.iter().rev().copied().collect()),
            forever,
            puts: Mutex::default(),
        });
        let server = Server::start(Shared(script.clone()), tls.map(Certificates::server_config));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{host}:{}", server.address().port());
        Self { server, script, base }
    }

    /// A pre-signed URL in the format of CloudFormation.
    pub fn response_url(&self) -> String {
        response_url(&self.base)
    }

    /// The URL of a bucket that refuses connections.
    pub fn gone() -> String {
        let s3 = Self::start();
        let address = s3.server.address();
        let url = s3.response_url();
        drop(s3);
        // The port is free when its thread has ended.
        while std::net::TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        url
    }

    /// All requests that were read.
    pub fn puts(&self) -> Vec<Request> {
        self.script.puts.lock().unwrap().clone()
    }

    /// Returns the only answer, and checks the requirements of CloudFormation and S3.
    ///
    /// # Panics
    /// When there was not exactly one attempt: see [`Self::answer_after`].
    pub fn answer(&self) -> Value {
        self.answer_after(0)
    }

    /// Returns the answer after `failed` attempts, which must all be equal.
    pub fn answer_after(&self, failed: usize) -> Value {
        let puts = self.puts();
        assert_eq!(puts.len(), failed + 1, "attempts to answer: {puts:#?}");
        let put = &puts[failed];
        for other in &puts {
            assert_eq!(other.body, put.body);
            assert_eq!(other.method, "PUT");
            assert_eq!(format!("{}{}", self.base, other.target), self.response_url());
            // The signature is for a request without a content type.
            assert!(other.header("content-type").is_none_or(str::is_empty));
            // S3 refuses chunked encoding.
            let length = other.header("content-length");
            assert_eq!(length, Some(put.body.len().to_string().as_str()));
            assert_eq!(other.header("transfer-encoding"), None);
        }
        assert!(put.body.len() <= LONGEST_ANSWER, "{} bytes", put.body.len());
        serde_json::from_slice(&put.body).expect("the answer is JSON")
    }
}

fn response_url(base: &str) -> String {
    format!(
        "{base}/arn%3Aaws%3Acloudformation%3Aeu-central-1%3A123456789012%3Astack/app/5b3c8a10\
         %7CMigration%7C9f8e7d6c?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7200\
         &X-Amz-Credential=AKIDCLOUDFORMATION%2F20261123%2Feu-central-1%2Fs3%2Faws4_request\
         &X-Amz-Signature={SIGNATURE}"
    )
}

struct Shared(Arc<Script>);

impl Shared {
    /// Removes and returns the next fault if it `matches`.
    fn take(&self, matches: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut faults = self.0.faults.lock().unwrap();
        let fault = *faults.last().filter(|fault| matches(**fault))?;
        if !self.0.forever {
            faults.pop();
        }
        Some(fault)
    }
}

impl Service for Shared {
    fn welcome(&self) -> Welcome {
        match self.take(|fault| fault == Fault::Reset) {
            Some(_) => Welcome::Reset,
            None => Welcome::Serve,
        }
    }

    fn reply(&self, request: Request) -> Reply {
        self.0.puts.lock().unwrap().push(request);
        match self.take(|fault| fault != Fault::Reset) {
            None => Reply::status(200),
            Some(Fault::Status(status)) => Reply::Answer(
                status,
                vec![("Content-Type".to_owned(), "application/xml".to_owned())],
                b"<Error><Code>Scripted</Code></Error>".to_vec(),
            ),
            Some(Fault::Close | Fault::Reset) => Reply::Close,
            Some(Fault::Silence) => Reply::Silence,
            Some(Fault::NoBody) => Reply::NoBody,
        }
    }
}
