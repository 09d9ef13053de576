//! Which Docker engine is found, and how one is set up: with stand-ins for brew, colima
//! and docker, and sockets that only listen.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::PathBuf,
};

use sha2::{Digest as _, Sha256};

use crate::project::Project;

/// A home directory with stand-ins in `bin`, and an engine that listens.
struct Home {
    project: Project,
    dir: tempfile::TempDir,
    _engine: UnixListener,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let engine = UnixListener::bind(dir.path().join("engine.sock")).unwrap();
        Self { project: Project::new(""), dir, _engine: engine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the context that leads to the engine.
    fn add_context(&self, name: &str) {
        let id: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        let dir = self.path(".docker/contexts/meta").join(id);
        fs::create_dir_all(&dir).unwrap();
        let host = format!("unix://{}", self.path("engine.sock").display());
        let context = serde_json::json!({
            "Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}}
        });
        fs::write(dir.join("meta.json"), context.to_string()).unwrap();
    }

    fn use_context(&self, name: &str) {
        fs::create_dir_all(self.path(".docker")).unwrap();
        let config = format!(r#"{{"auths": {{}}, "currentContext": "{name}"}}"#);
        fs::write(self.path(".docker/config.json"), config).unwrap();
    }

    /// A program on PATH that notes its arguments, and then runs a script.
    fn add_program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        let log = self.path("log");
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{script}\n", log.display());
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What the programs noted.
    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn run(&self, action: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let home = self.dir.path().to_str().unwrap();
        let mut all = vec![("HOME", home), ("PATH", path.as_str())];
        all.extend(variables);
        let (answer, _) = self.project.start(action, &all).end();
        answer.map(|answer| answer.as_str().unwrap_or_default().to_owned())
    }
}

#[test]
fn the_current_context_is_used() {
    let home = Home::new();
    home.add_context("colima");
    home.use_context("colima");
    let said = home.run("describe", &[]).unwrap();
    assert_eq!(said, "PostgreSQL 17 by Docker (colima, postgres:17-alpine)");

    // DOCKER_CONFIG moves the directory.
    fs::rename(home.path(".docker"), home.path("moved")).unwrap();
    let moved = home.path("moved");
    let variables = [("DOCKER_CONFIG", moved.to_str().unwrap())];
    let said = home.run("describe", &variables).unwrap();
    assert!(said.contains("colima"), "{said}");
}

#[test]
fn docker_host_beats_docker_context_beats_the_current_one() {
    let home = Home::new();
    home.add_context("desktop-linux");
    home.add_context("rancher-desktop");
    home.use_context("desktop-linux");
    let context = ("DOCKER_CONTEXT", "rancher-desktop");
    let said = home.run("describe", &[context]).unwrap();
    assert!(said.contains("(rancher-desktop, "), "{said}");

    let socket = home.path("engine.sock").display().to_string();
    let host = format!("unix://{socket}");
    let said = home.run("describe", &[context, ("DOCKER_HOST", &host)]);
    assert!(said.unwrap().contains(&format!("({socket}, ")));

    // One that is named and does not exist is not replaced by another.
    let wrong = ("DOCKER_CONTEXT", "missing");
    let error = home.run("describe", &[wrong, ("DEV_POSTGRES", "docker")]);
    assert!(error.unwrap_err().contains("no Docker engine answers"));
}

#[test]
fn local_binaries_are_described_with_their_version() {
    let home = Home::new();
    let local = ("DEV_POSTGRES", "local");
    let said = home.run("describe", &[local, ("POSTGRES_MAJOR", "99")]).unwrap();
    assert!(
        said.starts_with("PostgreSQL 1") && said.ends_with("; POSTGRES_MAJOR asks for 99"),
        "{said}"
    );
    let error = home.run("describe", &[local, ("DEV_POSTGRES_PATH", "/nonexistent")]);
    let error = error.unwrap_err();
    for way in ["TEST_DATABASE_URL", "just setup --docker", "apt-get install"] {
        assert!(error.contains(way), "{error}");
    }
}

#[test]
fn setup_installs_and_starts_colima_and_pulls_the_image() {
    let home = Home::new();
    // Homebrew "installs" by making its stand-ins executable; Colima makes its context.
    home.add_program("colima", "mv \"$HOME/contexts\" \"$HOME/.docker\"");
    home.add_program("docker", "test \"$1\" = pull -a \"$DOCKER_HOST\" != ''");
    for program in ["colima", "docker"] {
        fs::rename(home.path("bin").join(program), home.path(program)).unwrap();
    }
    home.add_program("brew", "mv \"$HOME/colima\" \"$HOME/docker\" \"$HOME/bin\"");
    home.add_context("colima");
    fs::rename(home.path(".docker"), home.path("contexts")).unwrap();
    let context = ("DOCKER_CONTEXT", "colima");
    home.run("install on macos", &[context, path_without_docker(&home).as_pair()]).unwrap();
    assert_eq!(
        home.log(),
        "brew install colima docker\ncolima start\n\
         docker image inspect postgres:17-alpine\ndocker pull postgres:17-alpine\n"
    );

    // An engine that answers is used as it is, and so is an image that is there.
    fs::remove_file(home.path("log")).unwrap();
    home.add_program("docker", "");
    home.run("install on macos", &[context]).unwrap();
    assert_eq!(home.log(), "docker image inspect postgres:17-alpine\n");
}

/// A PATH with what the stand-ins' shell needs, and no `docker` of this machine.
struct Tools(String);

impl Tools {
    fn as_pair(&self) -> (&str, &str) {
        ("PATH", &self.0)
    }
}

fn path_without_docker(home: &Home) -> Tools {
    let tools = home.path("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["mv", "sh"] {
        std::os::unix::fs::symlink(which(tool), tools.join(tool)).unwrap();
    }
    Tools(format!("{}:{}", home.path("bin").display(), tools.display()))
}

fn which(program: &str) -> PathBuf {
    env::split_paths(&env::var_os("PATH").unwrap())
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .unwrap()
}

#[test]
fn setup_says_what_it_cannot_do() {
    let home = Home::new();
    let context = ("DOCKER_CONTEXT", "missing");
    let empty = ("PATH", "/nonexistent");
    let error = home.run("install on macos", &[context, empty]).unwrap_err();
    assert!(error.contains("https://brew.sh"), "{error}");

    home.add_program("apt-get", "");
    let bin = home.path("bin").display().to_string();
    let error = home.run("install on linux", &[context, ("PATH", &bin)]);
    let error = error.unwrap_err();
    assert!(error.contains("sudo apt-get install docker.io"), "{error}");
    assert_eq!(home.log(), "", "nothing was installed");

    let host = ("DOCKER_HOST", "unix:///nonexistent.sock");
    let error = home.run("install on linux", &[host]).unwrap_err();
    assert!(error.contains("DOCKER_HOST"), "{error}");
}

/// With the engine of this machine, where one answers and has the image.
#[test]
fn setup_finds_the_engine_of_this_machine() {
    let Some(engine) = crate::docker::engine() else { return };
    let project = Project::new(&engine);
    let (answer, _) = project.start("install on linux", &[]).end();
    answer.unwrap();
}
