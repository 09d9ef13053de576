//! Amazon ECS, as far as RunTask and DescribeTasks go: a task is a process of the real program.
//! Also the address of a task's credentials.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::function::{FunctionEnv, SECRET_ACCESS_KEY, SESSION_TOKEN, binary};
use super::http::{Reply, Request, Server, Service};
use super::secrets_manager::{answer, signed};

/// How ECS does not start a task.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Status, kind and message.
    Error(u16, &'static str, &'static str),
    NoCapacity,
    /// The task ends without a process.
    Stops(&'static str),
}

pub struct Ecs {
    server: Server,
    cluster: Arc<Cluster>,
}

struct Cluster {
    /// Of the container in the task definition.
    env: FunctionEnv,
    faults: Mutex<Vec<Fault>>,
    tasks: Mutex<Vec<Task>>,
    directory: TempDir,
}

struct Task {
    /// The request without what ECS ignores when it compares two.
    request: Value,
    process: Result<Child, &'static str>,
    /// Whether it was asked about before: a task needs a while.
    seen: bool,
}

impl Ecs {
    /// Starts tasks with the variables of a function, but for those that only Lambda sets.
    pub fn start(env: &FunctionEnv, faults: &[Fault]) -> Self {
        let mut env = env.clone();
        let lambda = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TASK"];
        for name in lambda {
            env.unset(name);
        }
        let cluster = Arc::new(Cluster {
            env,
            faults: Mutex::new(faults.iter().rev().copied().collect()),
            tasks: Mutex::default(),
            directory: tempfile::tempdir().unwrap(),
        });
        Self { server: Server::start(Shared(cluster.clone()), None), cluster }
    }

    /// Value for `AWS_ENDPOINT_URL_ECS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Starts a task as a user does.
    pub fn run_by_hand(&self) {
        self.cluster.run(json!({}), &self.url(), &[("EVENT", r#"{"RequestType":"Apply"}"#)]);
    }

    /// Number of tasks so far.
    pub fn tasks(&self) -> usize {
        self.cluster.tasks.lock().unwrap().len()
    }

    /// Sends SIGTERM to the task, as StopTask does.
    pub fn stop(&self) {
        let tasks = self.cluster.tasks.lock().unwrap();
        let pid = tasks[0].process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
    }

    /// Waits for the end of the last task; returns its status and its log.
    pub fn wait(&self) -> (ExitStatus, String) {
        let mut tasks = self.cluster.tasks.lock().unwrap();
        let number = tasks.len();
        let task = tasks.last_mut().expect("a task");
        let status = task.process.as_mut().expect("it has started").wait().unwrap();
        let log = self.cluster.directory.path().join(number.to_string());
        (status, fs::read_to_string(log).unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap().iter_mut() {
            if let Ok(process) = &mut task.process {
                // Fails if it has ended.
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}

impl Cluster {
    fn run(&self, request: Value, url: &str, variables: &[(&str, &str)]) {
        let mut tasks = self.tasks.lock().unwrap();
        let number = tasks.len() + 1;
        let log = File::create(self.directory.path().join(number.to_string())).unwrap();
        let process = Command::new(binary())
            .env_clear()
            .envs(self.env.all())
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/credentials"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        tasks.push(Task { request, process: Ok(process.unwrap()), seen: false });
    }

    fn run_task(&self, mut request: Value, url: &str) -> Reply {
        let fault = self.faults.lock().unwrap().pop();
        match fault {
            Some(Fault::Error(status, kind, message)) => {
                return answer(status, json!({ "__type": kind, "message": message }));
            }
            Some(Fault::NoCapacity) => {
                let reason = "Capacity is unavailable at this time";
                return answer(200, json!({ "tasks": [], "failures": [{ "reason": reason }] }));
            }
            Some(Fault::Stops(reason)) => {
                let task = Task { request, process: Err(reason), seen: false };
                self.tasks.lock().unwrap().push(task);
                return self.describe(1);
            }
            None => {}
        }
        let overrides = request["overrides"]["containerOverrides"].take();
        let expected = (json!("migrations"), json!("FARGATE"));
        assert_eq!((overrides[0]["name"].clone(), request["launchType"].clone()), expected);
        assert!(overrides.to_string().len() < 8192, "{overrides}");
        let variables = overrides[0]["environment"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let variables: BTreeMap<String, String> =
            variables.iter().map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect();
        request["overrides"] = json!(variables);
        let is_same = |task: &Task| task.request["clientToken"] == request["clientToken"];
        let earlier = {
            let tasks = self.tasks.lock().unwrap();
            tasks.iter().position(is_same).map(|at| (at + 1, tasks[at].request == request))
        };
        match earlier {
            Some((number, true)) => return self.describe(number),
            Some(_) => return answer(400, json!({ "__type": "ConflictException" })),
            None => {}
        }
        let pairs: Vec<_> = variables.iter().map(|(key, value)| (&**key, &**value)).collect();
        self.run(request, url, &pairs);
        let number = self.tasks.lock().unwrap().len();
        self.describe(number)
    }

    fn describe(&self, number: usize) -> Reply {
        let mut tasks = self.tasks.lock().unwrap();
        let task = &mut tasks[number - 1];
        let mut described = json!({ "taskArn": number.to_string(), "lastStatus": "PENDING" });
        if task.seen {
            let (status, code) = match &mut task.process {
                Ok(process) => match process.try_wait().unwrap() {
                    Some(status) => ("STOPPED", json!(status.code())),
                    None => ("RUNNING", Value::Null),
                },
                Err(reason) => {
                    described["stoppedReason"] = json!(reason);
                    ("STOPPED", Value::Null)
                }
            };
            described["lastStatus"] = json!(status);
            described["containers"] = json!([{ "name": "migrations", "exitCode": code }]);
        }
        task.seen = true;
        answer(200, json!({ "tasks": [described], "failures": [] }))
    }
}

struct Shared(Arc<Cluster>);

impl Service for Shared {
    fn reply(&self, request: Request) -> Reply {
        if request.target == "/credentials" {
            let role = json!({
                "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "SecretAccessKey": SECRET_ACCESS_KEY,
                "Token": SESSION_TOKEN,
                "Expiration": "2036-01-01T00:00:00Z",
            });
            return answer(200, role);
        }
        let target = "AmazonEC2ContainerServiceV20141113.";
        if let Ok(body) = signed(&request, "ecs", &format!("{target}RunTask")) {
            let url = format!("http://{}", request.header("host").unwrap());
            return self.0.run_task(body, &url);
        }
        match signed(&request, "ecs", &format!("{target}DescribeTasks")) {
            Ok(body) => self.0.describe(body["tasks"][0].as_str().unwrap().parse().unwrap()),
            Err(complaint) => answer(400, json!({ "__type": "Invalid", "message": complaint })),
        }
    }
}
