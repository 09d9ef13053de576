//! A throwaway cluster made with the binaries of this machine.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write as _,
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
use process::last_lines;

use crate::{
    binaries::Binaries,
    free_port, processes, server_options,
    shared_memory::Segment,
    site::{Address, gone},
};

/// How often to try another port when the free one was taken meanwhile.
const PORTS: usize = 5;

/// Space that a cluster needs on a tmpfs, in bytes. Containers often have a /dev/shm of
/// 64 MiB, and a full one stops the server.
const ROOM: u64 = 1 << 30;

/// Number of trailing log lines in an error.
const LOG_LINES: usize = 10;

/// Makes a cluster called `name` and starts its server. `dir` is where to put it
/// if there is no better place.
///
/// # Errors
///
/// What `initdb` said, or the last lines of the server's log.
pub(crate) fn start(
    dir: &Path,
    name: &str,
    binaries: &Binaries,
    password: &str,
) -> Result<Address> {
    let account = unprivileged_account()?;
    let cluster = Cluster { base: place(dir, name, account.is_some()), binaries, account };
    let port = cluster
        .create(password)
        .and_then(|()| cluster.start(name, free_port))
        .with_context(|| {
            let Binaries { dir, major } = binaries;
            format!("could not start PostgreSQL {major} from {}", dir.display())
        })
        .inspect_err(|_| drop(remove(dir, name)))?;
    Ok(Address { host: "127.0.0.1".to_owned(), port })
}

/// Stops the server of the cluster called `name` and removes its files, even if
/// only some of it is left. Returns whether anything was.
pub(crate) fn remove(dir: &Path, name: &str) -> Result<bool> {
    let places = places(dir, name);
    // Read before initdb is stopped, which then removes its directory.
    let segments: Vec<Segment> =
        places.iter().filter_map(|place| Segment::of(&place.join("data"))).collect();
    let mut any = processes::stop(name)?;
    segments.iter().for_each(Segment::remove);
    for place in places {
        any |= place.exists();
        // A tool that was stopped may have written a last file in between.
        let mut attempts = 0;
        while let Err(error) = gone(fs::remove_dir_all(&place)) {
            attempts += 1;
            if attempts > 10 {
                return Err(error).with_context(|| format!("could not remove {}", place.display()));
            }
            sleep(Duration::from_millis(50));
        }
    }
    Ok(any)
}

/// The user and group to run a server as, if this process is root: PostgreSQL refuses
/// to run as root.
fn unprivileged_account() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    // `id` knows all sources of users, not only /etc/passwd.
    let id = |option, name| -> Option<u32> {
        let output = process::output(Command::new("id").args([option, name]));
        output.ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some((id("-u", name)?, id("-g", name)?)))
        .filter(|(uid, _)| *uid != 0)
        .map(Some)
        .context("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it")
}

/// The directories that a cluster can be in.
fn places(dir: &Path, name: &str) -> [PathBuf; 3] {
    [Path::new("/dev/shm"), dir, &env::temp_dir()].map(|place| place.join(name))
}

/// The directory for a new cluster: in memory, else in the project. Another user often
/// cannot read the project, and gets a temporary directory.
fn place(dir: &Path, name: &str, other_user: bool) -> PathBuf {
    let [memory, project, temporary] = places(dir, name);
    match () {
        () if has_room("/dev/shm") => memory,
        () if other_user => temporary,
        () => project,
    }
}

fn has_room(dir: &str) -> bool {
    rustix::fs::statvfs(dir).is_ok_and(|fs| fs.f_bavail * fs.f_frsize >= ROOM)
}

struct Cluster<'a> {
    base: PathBuf,
    binaries: &'a Binaries,
    account: Option<(u32, u32)>,
}

impl Cluster<'_> {
    fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    fn log(&self) -> PathBuf {
        self.base.join("server.log")
    }

    /// Makes the cluster, in a directory that only the server's user can read.
    fn create(&self, password: &str) -> Result<()> {
        DirBuilder::new()
            .mode(0o700)
            .create(&self.base)
            .and_then(|()| self.give_away(&self.base))
            .with_context(|| format!("could not make {}", self.base.display()))?;
        // In a file: arguments show in the process list.
        let password_file = self.base.join("password");
        self.new_file(&password_file)?.write_all(password.as_bytes())?;
        let mut initdb = self.command("initdb");
        initdb
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password_file)
            // Plain over loopback: SCRAM is slow in a debug build.
            .args(["--username=postgres", "--auth=password", "--no-sync"])
            // Sorted by bytes, as in the Alpine images, whatever the machine's locale.
            .args(["--encoding=UTF8", "--locale=C"])
            .arg(if cfg!(target_os = "macos") { "--lc-ctype=UTF-8" } else { "--lc-ctype=C.UTF-8" });
        process::output(&mut initdb)?;
        Ok(fs::remove_file(&password_file)?)
    }

    fn start(&self, name: &str, mut port: impl FnMut() -> Result<u16>) -> Result<u16> {
        let options = server_options(name).join(" ");
        for _ in 0..PORTS {
            let port = port()?;
            let log = self.new_file(&self.log())?;
            // No pipes: the server keeps them open, and `cargo test` waits until the
            // last process has closed its output.
            let status = self
                .command("pg_ctl")
                .args(["start", "--silent", "--wait", "--timeout=60"])
                .arg("--pgdata")
                .arg(self.data())
                .arg("--log")
                .arg(self.log())
                .arg("--options")
                .arg(format!(
                    "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {options}"
                ))
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
                bail!("the server's log ends with:\n{}", last_lines(&log, LOG_LINES));
            }
        }
        bail!("{PORTS} free ports in a row were taken before the server could use them")
    }

    /// A program of the server, run as a user that may.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.dir.join(program));
        // Another user cannot always enter the current directory.
        command.current_dir(&self.base);
        // Homebrew's server does not start without a locale.
        command.env("LC_ALL", "C");
        for (key, _) in env::vars_os() {
            // PGDATA, PGPORT, PGOPTIONS and the like are meant for other servers.
            if key.to_string_lossy().starts_with("PG") {
                command.env_remove(key);
            }
        }
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Creates an empty file that the server may write and no other user may read.
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
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
