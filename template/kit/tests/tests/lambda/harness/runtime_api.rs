//! The Runtime API of AWS Lambda.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::http::{Reply, Request, Server, Service};

const PREFIX: &str = "/2018-06-01/runtime";

/// A call of the function.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Asks for the next event.
    Next,
    /// The result of the invocation with the request id.
    Response(String, Value),
    /// The error of the invocation with the request id.
    Error(String, Value),
    /// The function could not start.
    InitError(Value),
}

/// An event to handle.
struct Work {
    request_id: String,
    event: String,
    /// Milliseconds since 1970.
    deadline: u128,
}

/// The Runtime API for one function process.
pub struct RuntimeApi {
    server: Server,
    work: Sender<Work>,
    calls: Receiver<Call>,
}

impl RuntimeApi {
    pub fn start() -> Self {
        let (work, queue) = channel();
        let (report, calls) = channel();
        let handler = Handler { queue: Mutex::new(queue), report };
        Self { server: Server::start(handler, None), work, calls }
    }

    /// Value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Sends an event to the function, with a deadline after `limit`.
    pub fn invoke(&self, request_id: &str, event: &Value, limit: Duration) {
        let deadline = SystemTime::now() + limit;
        let work = Work {
            request_id: request_id.to_owned(),
            event: event.to_string(),
            deadline: deadline.duration_since(UNIX_EPOCH).unwrap().as_millis(),
        };
        self.work.send(work).expect("the handler lives with the server");
    }

    /// Returns the next call of the function, or `None` after `patience`.
    pub fn call(&self, patience: Duration) -> Option<Call> {
        match self.calls.recv_timeout(patience) {
            Ok(call) => Some(call),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the Runtime API is gone"),
        }
    }
}

struct Handler {
    queue: Mutex<Receiver<Work>>,
    report: Sender<Call>,
}

impl Service for Handler {
    fn reply(&self, request: Request) -> Reply {
        let path = request.target.strip_prefix(PREFIX).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let body = || {
            serde_json::from_slice(&request.body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&request.body).into()))
        };
        let call = match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["invocation", "next"]) => {
                let _ = self.report.send(Call::Next);
                return self.next();
            }
            ("POST", ["invocation", id, "response"]) => Call::Response((*id).to_owned(), body()),
            ("POST", ["invocation", id, "error"]) => Call::Error((*id).to_owned(), body()),
            ("POST", ["init", "error"]) => Call::InitError(body()),
            _ => return Reply::status(404),
        };
        // The receiver is gone when the test is over.
        let _ = self.report.send(call);
        Reply::Answer(202, Vec::new(), br#"{"status":"OK"}"#.to_vec())
    }
}

impl Handler {
    fn next(&self) -> Reply {
        let Ok(work) = self.queue.lock().unwrap().recv() else {
            return Reply::Close;
        };
        let headers = [
            ("Lambda-Runtime-Aws-Request-Id", work.request_id),
            ("Lambda-Runtime-Deadline-Ms", work.deadline.to_string()),
            (
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:migrations".to_owned(),
            ),
            (
                "Lambda-Runtime-Trace-Id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
                    .to_owned(),
            ),
            ("Content-Type", "application/json".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        Reply::Answer(200, headers.into(), work.event.into())
    }
}
