//! A project for one test, and the processes that ask for its server.

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sea_orm::sqlx::{self, Connection as _, PgConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Tell [`helper`] what to do for which project, and where to write the answer.
const ACTION: &str = "DEV_POSTGRES_TEST_ACTION";
const ROOT: &str = "DEV_POSTGRES_TEST_ROOT";
const ANSWER: &str = "DEV_POSTGRES_TEST_ANSWER";

/// A directory that looks like the root of a project. What was started for it is
/// removed with it.
pub struct Project {
    dir: TempDir,
}

/// What a process got.
#[derive(Debug)]
pub struct Answer {
    pub url: String,
    pub major: u64,
    pub provider: String,
    pub shown: String,
    pub stderr: String,
    pub took: Duration,
}

/// A process that asks, and the file for its answer.
pub struct Asking {
    child: Child,
    file: PathBuf,
    start: Instant,
}

impl Project {
    /// A project with these lines in its `.env`.
    pub fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Cargo.lock"), "").unwrap();
        let project = Self { dir };
        project.set(settings);
        project
    }

    pub fn set(&self, settings: &str) {
        fs::write(self.root().join(".env"), settings).unwrap();
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn state_file(&self) -> PathBuf {
        self.root().join(".dev-postgres/17/server.json")
    }

    pub fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state_file()).unwrap()).unwrap()
    }

    pub fn write_state(&self, state: &Value) {
        fs::create_dir_all(self.state_file().parent().unwrap()).unwrap();
        fs::write(self.state_file(), state.to_string()).unwrap();
    }

    /// Starts a process that asks for the server.
    pub fn start_asking(&self) -> Asking {
        self.start("server", &[])
    }

    /// Starts a process that runs an action of [`helper`], with these variables.
    pub fn start(&self, action: &str, variables: &[(&str, &str)]) -> Asking {
        let file = self.root().join(format!("answer-{:?}", Instant::now()));
        let mut command = Command::new(env::current_exe().unwrap());
        for key in [
            "TEST_DATABASE_URL",
            "DEV_POSTGRES",
            "DEV_POSTGRES_PATH",
            "POSTGRES_MAJOR",
            "POSTGRES_IMAGE",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
        ] {
            command.env_remove(key);
        }
        let child = command
            .args(["--exact", "project::helper", "--ignored", "--nocapture"])
            .env(ACTION, action)
            .env(ROOT, self.root())
            .env(ANSWER, &file)
            .env("PGPORT", "1")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Asking { child, file, start: Instant::now() }
    }

    pub fn ask(&self) -> Result<Answer, String> {
        self.start_asking().answer()
    }

    /// The answer, when all must go well.
    pub fn server(&self) -> Answer {
        self.ask().unwrap()
    }

    pub async fn down(&self) -> Vec<String> {
        postgres::down(self.root()).await.unwrap()
    }

    /// The name that the server goes by.
    pub async fn cluster_name(&self, answer: &Answer) -> String {
        query(&answer.url, "SHOW cluster_name").await.unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let root = self.root().to_owned();
        // There may be a runtime on this thread already.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _ = runtime.block_on(postgres::down(&root));
        })
        .join()
        .unwrap();
    }
}

impl Asking {
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the answer of a process that goes on running.
    pub fn early_answer(&self) -> Value {
        loop {
            if let Ok(answer) = fs::read(&self.file)
                && let Ok(answer) = serde_json::from_slice(&answer)
            {
                return answer;
            }
            assert!(self.start.elapsed().as_secs() < 30, "no answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the answer and the stderr of a process after its end.
    pub fn end(self) -> (Result<Value, String>, String) {
        let output = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let answer = fs::read(&self.file).unwrap_or_else(|_| panic!("no answer: {stderr}"));
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let answer = match answer["error"].as_str() {
            Some(error) => Err(format!("{error}\n{stderr}")),
            None => Ok(answer),
        };
        (answer, stderr)
    }

    pub fn answer(self) -> Result<Answer, String> {
        let start = self.start;
        let (answer, stderr) = self.end();
        let took = start.elapsed();
        let answer = answer?;
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        Ok(Answer {
            url: text("url"),
            major: answer["major"].as_u64().unwrap(),
            provider: text("provider"),
            shown: text("shown"),
            stderr,
            took,
        })
    }
}

/// Not a test: what the processes run that ask for a server.
#[tokio::test]
#[ignore = "runs in the processes that other tests start"]
async fn helper() {
    let Some(root) = env::var_os(ROOT) else {
        return;
    };
    let root = root.as_ref();
    let answer = match env::var(ACTION).unwrap().as_str() {
        "server" => postgres::server_in(root).await.map(|server| {
            json!({
                "url": server.url("postgres"),
                "major": server.major(),
                "provider": server.provider().to_string(),
                "shown": format!("{server} {server:?}"),
            })
        }),
        "describe" => postgres::describe(root).await.map(Value::from),
        "install on macos" => postgres::install_docker(root, "macos").map(Value::from),
        "install on linux" => postgres::install_docker(root, "linux").map(Value::from),
        "temporary" => return hold_databases(root).await,
        other => panic!("no action {other}"),
    };
    write_answer(
        &answer.unwrap_or_else(|error| json!({ "error": format!("{error:#}\n{error:?}") })),
    );
}

/// Creates temporary databases, answers with their names, and drops them once the other
/// end closes stdin.
async fn hold_databases(root: &Path) {
    let server = postgres::server_in(root).await.unwrap();
    let one = server.temporary_database("one").await.unwrap();
    let two = server.temporary_copy(one.name(), "two").await.unwrap();
    let connection = two.connect().await.unwrap();
    write_answer(&json!([one.name(), two.name()]));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(connection);
}

fn write_answer(answer: &Value) {
    fs::write(env::var_os(ANSWER).unwrap(), answer.to_string()).unwrap();
}

/// The first column of the first row.
pub async fn query(url: &str, statement: &'static str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let text: String = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(text)
}

/// Runs statements that return nothing.
pub async fn execute(url: &str, statements: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
}
