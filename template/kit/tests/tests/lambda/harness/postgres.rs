//! A real PostgreSQL, set up like one of Amazon RDS, with TLS and SCRAM.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::access::{RULES, roles, write_file};
use super::sql::{block_on, connect, last_value, query, quoted, try_query};
use super::tls::Certificates;
use postgres::Provider;

/// The role that most tests use, and that owns the databases.
pub const USER: &str = "app";

/// A password with special characters of URLs, JSON and logs.
pub const PASSWORD: &str = r#"p@s:s/w?o#r%41 "Sw0rdf1sh"\ü&=+{}"#;

/// The part of the password that is the same in every encoding.
pub const PASSWORD_CORE: &str = "Sw0rdf1sh";

/// Roles with the same password and rights: one for connections without TLS, and one for IAM
/// authentication; see [`super::rds`].
pub const PLAIN_USER: &str = "plain";
pub const IAM_USER: &str = "iam";

/// The name in the server's certificate, which does not contain `127.0.0.1`.
pub const HOST: &str = "localhost";

/// A server with TLS.
pub struct Cluster {
    /// Connects as superuser.
    server: postgres::Server,
    pub port: u16,
    /// The trusted CA, in PEM.
    pub ca: String,
    /// The project of a server for one test; removed on drop.
    own: Option<PathBuf>,
}

/// A database for one test.
pub struct Database {
    pub cluster: Arc<Cluster>,
    /// Not quoted.
    pub name: String,
}

impl Cluster {
    /// The server that all tests share. It stays for the next run.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
        let start = || Arc::new(Self::start("shared", false));
        SHARED.get_or_init(start).clone()
    }

    /// A server for one test, which may break it.
    pub fn own(test: &str) -> Arc<Self> {
        let name = format!("{test}-{}", std::process::id());
        let cluster = Self::start(&name, true);
        // Commits must survive a crash of the server. Only settings of roles and databases
        // override those of its start.
        cluster.admin("ALTER ROLE ALL SET synchronous_commit = on");
        Arc::new(cluster)
    }

    fn start(name: &str, own: bool) -> Self {
        let project = project_with_server(name);
        let server =
            block_on(postgres::server_in(&project)).unwrap_or_else(|error| panic!("{error:#}"));
        let provider = server.provider();
        assert_ne!(provider, Provider::Url, "these tests configure a server");
        super::atlas().supports_server(server.major()).unwrap_or_else(|error| panic!("{error}"));
        let url = server.url("postgres");
        let port = url.rsplit_once(':').unwrap().1;
        let port = port.split('/').next().unwrap().parse().unwrap();
        let mut cluster = Self { server, port, ca: String::new(), own: own.then_some(project) };
        cluster.set_up();
        cluster.ca = cluster.admin("SELECT pg_read_file('ca.pem')");
        cluster
    }

    /// Creates missing roles, certificates and rules. The server writes the files itself,
    /// because it may be in a container.
    fn set_up(&self) {
        block_on(async {
            let client = connect(&self.server.url("postgres")).await;
            let ask =
                async |statement: &str| last_value(&client.simple_query(statement).await.unwrap());
            // Another process may do the same; the lock ends with the session.
            ask("SELECT pg_advisory_lock(5)").await;
            let has_tls = ask("SHOW ssl").await == "on";
            if has_tls && ask("SELECT pg_read_file('pg_hba.conf')").await == RULES {
                return;
            }
            let mut script = write_file("pg_hba.conf", RULES);
            if !has_tls {
                script += &roles();
                let certificates = Certificates::new(HOST);
                script += &write_file("ca.pem", &certificates.ca);
                script += &write_file("server.crt", &certificates.certificate);
                script += &write_file("server.key", &certificates.key);
            }
            client.batch_execute(&script).await.unwrap();
            // Not allowed in a transaction, and a batch is one.
            ask("ALTER SYSTEM SET ssl = on").await;
            ask("SELECT pg_reload_conf()").await;
            let started = Instant::now();
            while ask("SHOW ssl").await != "on" {
                assert!(started.elapsed() < Duration::from_secs(60), "TLS stays off");
                sleep(Duration::from_millis(20));
            }
        });
    }

    pub fn major(&self) -> u32 {
        self.server.major()
    }

    /// A new database, owned by [`USER`].
    pub fn database(self: &Arc<Self>) -> Database {
        self.database_called("lambda")
    }

    /// A new database, owned by [`USER`], whose name starts with `prefix`.
    pub fn database_called(self: &Arc<Self>, prefix: &str) -> Database {
        let name = format!("{prefix}_{:016x}", fastrand::u64(..));
        self.admin(&format!("CREATE DATABASE {} OWNER {USER}", quoted(&name)));
        Database { cluster: self.clone(), name }
    }

    /// Runs a statement as superuser in the database `postgres`. Returns the last value of its
    /// result.
    pub fn admin(&self, statement: &str) -> String {
        query(&self.server.url("postgres"), statement)
    }

    /// Stops the server immediately, as if the machine were lost.
    pub fn kill(&self) {
        // The shell runs as the server's user, in its data directory.
        let kill = "COPY (SELECT 1) TO PROGRAM 'kill -QUIT $(head -n 1 postmaster.pid)'";
        let url = self.server.url("postgres");
        block_on(async {
            let client = connect(&url).await;
            // The server cannot answer any more.
            let _ = client.batch_execute(kill).await;
        });
    }

    /// Makes the server a standby, until `pg_promote` ends that.
    pub fn become_standby(&self) {
        // The server looks for the file when it restarts itself.
        self.admin("COPY (SELECT 1) TO PROGRAM 'touch standby.signal'");
        self.crash("$PPID");
        let started = Instant::now();
        let (url, ask) = (self.server.url("postgres"), "SELECT pg_is_in_recovery()");
        while !try_query(&url, ask).is_ok_and(|answer| answer == "t") {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not become a standby");
        }
    }

    /// Kills the process of one session, so that the server restarts itself.
    pub fn crash(&self, pid: &str) {
        let kill = format!("COPY (SELECT 1) TO PROGRAM 'kill -KILL {pid}'");
        let url = self.server.url("postgres");
        block_on(async {
            let client = connect(&url).await;
            let _ = client.batch_execute(&kill).await;
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(project) = &self.own {
            // A test may have killed it, and a panic here would hide another.
            let _ = block_on(postgres::down(project));
            let _ = fs::remove_dir_all(project);
        }
    }
}

impl Database {
    /// The superuser's URL, password included.
    pub fn url(&self) -> String {
        self.cluster.server.url(&self.name)
    }

    /// Runs statements as superuser. Returns the last value of the last result, or an empty
    /// string.
    pub fn query(&self, statements: &str) -> String {
        query(&self.url(), statements)
    }

    /// Waits until a statement like this runs; returns the pid of its session.
    ///
    /// # Panics
    /// After a minute.
    pub fn wait_for_statement(&self, like: &str) -> String {
        let find = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND usename <> 'postgres' \
             AND state = 'active' AND query LIKE '%{like}%' LIMIT 1",
            self.name
        );
        self.wait_for(&find, |pid| !pid.is_empty())
    }

    /// Waits until a superuser's session sleeps, after it has taken its locks.
    pub fn wait_for_lock_holder(&self) {
        let find = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'",
            self.name
        );
        self.wait_for(&find, |count| count == "1");
    }

    /// Waits until only superusers are connected, for less than the statements of tests sleep.
    pub fn assert_no_session_is_left(&self) {
        let sessions = format!(
            "SELECT string_agg(concat_ws(' ', application_name, state, query), '; ') \
             FROM pg_stat_activity WHERE datname = '{}' AND usename <> 'postgres'",
            self.name
        );
        let started = Instant::now();
        loop {
            let left = self.cluster.admin(&sessions);
            if left.is_empty() {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "left: {left}");
            sleep(Duration::from_millis(50));
        }
    }

    fn wait_for(&self, statement: &str, wanted: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            match try_query(&self.cluster.server.url("postgres"), statement) {
                Ok(value) if wanted(&value) => return value,
                _ => {}
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{statement}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self { cluster, name } = self;
        if cluster.own.is_none() {
            let name = quoted(name);
            cluster.admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// A directory with the project's settings for a server, but for the URL of one that
/// somebody else runs: these tests configure their servers, and stop them.
fn project_with_server(name: &str) -> PathBuf {
    let root = postgres::project_root().unwrap();
    let setting = |key| postgres::settings::setting(&root, key).unwrap();
    let mut settings: Vec<_> = ["POSTGRES_MAJOR", "POSTGRES_IMAGE", "DEV_POSTGRES_PATH"]
        .iter()
        .chain(&["DOCKER_HOST", "DOCKER_CONTEXT", "DEV_POSTGRES"])
        .filter_map(|key| Some(format!("{key}='{}'\n", setting(key)?)))
        .collect();
    if setting("TEST_DATABASE_URL").is_some() {
        settings.push("DEV_POSTGRES='local'\n".to_owned());
    }
    let (directory, settings) = (root.join("target/lambda").join(name), settings.concat());
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(".env");
    // Other processes may read it.
    if fs::read_to_string(&file).ok().as_ref() != Some(&settings) {
        fs::write(&file, settings).unwrap();
    }
    directory
}
