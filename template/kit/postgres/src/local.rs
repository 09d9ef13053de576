//! A throwaway cluster made with the binaries of this machine.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    net::TcpListener,
    os::unix::{
        fs::{DirBuilderExt as _, OpenOptionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    FAST, account::Account, binaries::Binaries, processes, shared_memory::Segment, state::StateDir,
};

/// How often to try another port when somebody took the free one.
const PORTS: usize = 5;

/// What a cluster may come to need on a tmpfs, in KiB. Containers often have a
/// /dev/shm of 64 MiB, and a full one stops the server.
const ROOM: u64 = 1 << 20;

/// Makes a cluster, starts its server and returns the port on 127.0.0.1.
///
/// # Errors
///
/// What `initdb` said, or the last lines of the server's log.
pub(crate) fn start(root: &Path, name: &str, binaries: &Binaries, password: &str) -> Result<u16> {
    let account = Account::unprivileged()?;
    let cluster = Cluster {
        base: place(root, name, account.is_some()),
        binaries,
        account,
    };
    cluster
        .create(name, password)
        .and_then(|()| cluster.start(free_port))
        .with_context(|| {
            let Binaries { dir, major } = binaries;
            format!("could not start PostgreSQL {major} from {}", dir.display())
        })
        // It is of no use to anybody.
        .inspect_err(|_| drop(remove(root, name)))
}

/// Stops the server of the cluster called `name` and removes its files, however
/// much of it there is. Returns whether there was any.
pub(crate) fn remove(root: &Path, name: &str) -> Result<bool> {
    let places = places(root, name);
    // Read before initdb is stopped, which then removes its directory.
    let segments: Vec<Segment> = places
        .iter()
        .filter_map(|place| Segment::of(&place.join("data")))
        .collect();
    let mut any = processes::stop(name)?;
    segments.iter().for_each(Segment::remove);
    for place in places {
        // A tool that was stopped may have written a last file in between.
        for attempt in 0.. {
            match fs::remove_dir_all(&place) {
                Ok(()) => any = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) if attempt < 10 => {
                    sleep(Duration::from_millis(50));
                    continue;
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("could not remove {}", place.display()));
                }
            }
            break;
        }
    }
    Ok(any)
}

/// Where a cluster can be. All of them are looked at to remove one.
fn places(root: &Path, name: &str) -> [PathBuf; 3] {
    [
        Path::new("/dev/shm").join(name),
        StateDir::of(root).path().join(name),
        std::env::temp_dir().join(name),
    ]
}

/// Where to put a new cluster: in memory, else under target/. Another user
/// often cannot get into the project: for that one, a temporary directory.
fn place(root: &Path, name: &str, other_user: bool) -> PathBuf {
    let [memory, target, temporary] = places(root, name);
    match () {
        () if has_room("/dev/shm") => memory,
        () if other_user => temporary,
        () => target,
    }
}

/// Whether `dir` exists and has [`ROOM`], by the fourth column of `df`.
fn has_room(dir: &str) -> bool {
    let Ok(output) = Command::new("df").args(["-Pk", dir]).output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3));
    free.and_then(|free| free.parse::<u64>().ok())
        .is_some_and(|free| free >= ROOM)
}

/// A port that is free now. Somebody may take it before the server does.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

struct Cluster<'a> {
    base: PathBuf,
    binaries: &'a Binaries,
    account: Option<Account>,
}

impl Cluster<'_> {
    fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    fn log(&self) -> PathBuf {
        self.base.join("server.log")
    }

    /// Makes the cluster. Only this user's server can read its directory.
    fn create(&self, name: &str, password: &str) -> Result<()> {
        DirBuilder::new()
            .mode(0o700)
            .create(&self.base)
            .and_then(|()| self.give_away(&self.base))
            .with_context(|| format!("could not make {}", self.base.display()))?;
        // From a file: everybody sees the arguments of a program.
        let password_file = self.base.join("password");
        self.new_file(&password_file)?
            .write_all(password.as_bytes())?;
        let output = self
            .command("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password_file)
            // Plain over loopback: a debug build takes long to answer SCRAM.
            .args(["--username=postgres", "--auth=password", "--no-sync"])
            // By bytes, as in the Alpine images, whatever the machine's language.
            .args(["--encoding=UTF8", "--locale=C"])
            .arg(if cfg!(target_os = "macos") {
                "--lc-ctype=UTF-8"
            } else {
                "--lc-ctype=C.UTF-8"
            })
            .output()
            .context("could not run initdb")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("initdb failed:\n{}", last_lines(&said));
        }
        fs::remove_file(&password_file)?;
        let mut settings = String::from("\n# of dev-postgres\n");
        for (key, value) in FAST {
            settings += &format!("{key} = '{value}'\n");
        }
        settings += &format!("cluster_name = '{name}'\n");
        settings += "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n";
        OpenOptions::new()
            .append(true)
            .open(self.data().join("postgresql.conf"))?
            .write_all(settings.as_bytes())?;
        Ok(())
    }

    fn start(&self, mut port: impl FnMut() -> Result<u16>) -> Result<u16> {
        for _ in 0..PORTS {
            let port = port()?;
            let log = self.new_file(&self.log())?;
            // No pipes: the server keeps what it is given, and `cargo test` waits
            // until the last process has closed its output.
            let status = self
                .command("pg_ctl")
                .args(["start", "--silent", "--wait", "--timeout=60"])
                .arg("--pgdata")
                .arg(self.data())
                .arg("--log")
                .arg(self.log())
                .arg("--options")
                .arg(format!("-p {port}"))
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .status()
                .context("could not run pg_ctl")?;
            if status.success() {
                return Ok(port);
            }
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            if !log.contains("Address already in use") {
                bail!("the server's log ends with:\n{}", last_lines(&log));
            }
        }
        bail!("{PORTS} ports that were free were taken before the server could use them")
    }

    /// A program of the server, which refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.dir.join(program));
        // Another user cannot always enter the current directory.
        command.current_dir(&self.base);
        // Homebrew's server does not start without a locale.
        command.env("LC_ALL", "C");
        for (key, _) in std::env::vars_os() {
            // PGDATA, PGPORT, PGOPTIONS and the like are for other servers.
            if key.to_string_lossy().starts_with("PG") {
                command.env_remove(key);
            }
        }
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// An empty file that the server may write and no other user may read.
    fn new_file(&self, path: &Path) -> Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("could not write {}", path.display()))?;
        self.give_away(path)?;
        Ok(file)
    }

    fn give_away(&self, path: &Path) -> std::io::Result<()> {
        match self.account {
            Some(Account { uid, gid }) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binaries, name_of, notice, settings::Config};

    /// Runs a test with a cluster that is made and not started, if binaries are installed.
    fn with_cluster(test: impl FnOnce(&Cluster<'_>)) {
        let root = tempfile::tempdir().unwrap();
        let name = name_of(root.path());
        let binaries = binaries::find(&Config::load(root.path()).unwrap());
        let Some(binaries) = &binaries else {
            return notice("local provider: not tested, no server binaries");
        };
        let account = Account::unprivileged().unwrap();
        let base = place(root.path(), &name, account.is_some());
        fs::create_dir_all(base.parent().unwrap()).unwrap();
        let cluster = Cluster {
            base,
            binaries,
            account,
        };
        cluster.create(&name, "secret").unwrap();
        test(&cluster);
        assert!(remove(root.path(), &name).unwrap());
        assert!(!cluster.base.exists());
    }

    #[test]
    fn takes_another_port_if_one_is_taken() {
        with_cluster(|cluster| {
            let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let taken = busy.local_addr().unwrap().port();
            let free = free_port().unwrap();
            let mut ports = [taken, taken, free].into_iter();
            let port = cluster.start(|| Ok(ports.next().unwrap())).unwrap();
            assert_eq!(port, free);
        });
    }

    #[test]
    fn gives_up_when_every_port_is_taken() {
        with_cluster(|cluster| {
            let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let taken = busy.local_addr().unwrap().port();
            let error = cluster.start(|| Ok(taken)).unwrap_err().to_string();
            assert!(error.contains("taken"), "{error}");
        });
    }

    #[test]
    fn shows_the_log_when_the_server_does_not_start() {
        with_cluster(|cluster| {
            let file = cluster.data().join("postgresql.conf");
            fs::write(file, "no_such_setting = 1\n").unwrap();
            let error = cluster.start(free_port).unwrap_err().to_string();
            assert!(error.contains("no_such_setting"), "{error}");
        });
    }

    #[test]
    fn a_small_memory_is_not_used() {
        assert!(!has_room("/nonexistent"));
    }
}
