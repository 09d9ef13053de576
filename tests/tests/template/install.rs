//! `just setup` on a machine without Atlas, with a stand-in for the release server.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use rstest::rstest;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use template_tests::{Tools, run};

use crate::shared::{Shared, says};

/// Starts a server that gives every request the same answer, and returns its URL.
fn serve(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let request = BufReader::new(connection.try_clone().unwrap());
            for line in request.lines() {
                if line.unwrap().is_empty() {
                    break;
                }
            }
            write!(
                connection,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            )
            .unwrap();
            connection.write_all(&body).unwrap();
        }
    });
    url
}

/// A directory with links to all programs on PATH but Atlas and `programs`.
fn path_without(programs: &[&str]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for entry in env::split_paths(&env::var_os("PATH").unwrap())
        .filter_map(|path| fs::read_dir(path).ok())
        .flatten()
    {
        let program = entry.unwrap();
        let name = program.file_name();
        if name != "atlas" && !programs.iter().any(|without| name == *without) {
            // The first of several wins, as on PATH.
            let _ = symlink(program.path(), directory.path().join(name));
        }
    }
    directory
}

/// `just setup` without Atlas, with `server` in place of the release server.
fn setup(project: &Shared, server: &str, path: &TempDir) -> Command {
    let mut command = project.command("just");
    command
        .arg("setup")
        .env_remove("ATLAS")
        .env("PATH", path.path())
        .env("ATLAS_RELEASE_SERVER", server);
    command
}

fn installed(project: &Shared) -> PathBuf {
    project.root.join(".tools/atlas")
}

fn nothing_is_left(project: &Shared) {
    let tools = project.root.join(".tools");
    assert_eq!(
        fs::read_dir(tools).map_or(0, Iterator::count),
        0,
        "something is left in .tools"
    );
}

/// Makes `sha256` the pinned one on every platform.
fn pin(project: &Shared, sha256: &str) {
    let pins = project.read("tools.toml").unwrap();
    let pinned = pins.lines().map(|line| match line.split_once(" = ") {
        Some((platform, hash)) if hash.len() == 66 => format!("{platform} = \"{sha256}\"\n"),
        _ => format!("{line}\n"),
    });
    project
        .write("tools.toml", &pinned.collect::<String>())
        .unwrap();
}

fn version(program: &Path) -> String {
    run(Command::new(program).arg("version"))
        .succeeded()
        .unwrap()
        .output
}

#[test]
fn takes_the_release_whose_checksum_is_right() {
    let project = Shared::take();
    let atlas = fs::read(Tools::find().unwrap().atlas).unwrap();
    let checksum: String = Sha256::digest(&atlas)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    pin(&project, &checksum);
    let server = serve("200 OK", atlas);
    let path = path_without(&["go"]);
    let outcome = run(&mut setup(&project, &server, &path))
        .succeeded()
        .unwrap();
    says(&outcome, &["downloading", "/atlas-community-", "✓ Atlas"]);
    says(&outcome, &[", downloaded: ", "(.tools/atlas-"]);
    let installed = version(&installed(&project));
    assert!(installed.contains("version v"), "{installed}");

    // The next run finds it, and sees what it cannot do.
    let mut again = setup(&project, "http://127.0.0.1:1", &path);
    let outcome = run(again.env("POSTGRES_MAJOR", "18"));
    says(&outcome, &["✓ Atlas"]);
    assert!(
        !outcome.output.contains("downloading"),
        "{}",
        outcome.output
    );
    if installed.contains("v0.13.1") {
        says(
            &outcome,
            &[
                "PostgreSQL up to 15",
                "\n- Atlas v0.13.1 cannot work with PostgreSQL 18",
                "POSTGRES_MAJOR=15 in .env",
            ],
        );
    }
}

#[test]
fn refuses_a_file_that_is_not_the_release() {
    let project = Shared::take();
    let server = serve("200 OK", b"#!/bin/sh\necho gotcha\n".to_vec());
    project.refuses_with(
        &mut setup(&project, &server, &path_without(&[])),
        &["not the pinned release", "SHA-256"],
    );
    nothing_is_left(&project);
}

#[rstest]
#[case::not_there("404", true)]
#[case::not_reachable("127.0.0.1:1", false)]
fn says_what_to_do_without_a_release_and_without_go(#[case] reason: &str, #[case] serves: bool) {
    let project = Shared::take();
    let server = if serves {
        serve("404 Not Found", Vec::new())
    } else {
        "http://127.0.0.1:1".to_owned()
    };
    let words = [
        reason,
        "Go is not installed",
        "ATLAS=/path/to/atlas",
        "ATLAS_RELEASE_SERVER",
        "Install Go",
    ];
    project.refuses_with(
        &mut setup(&project, &server, &path_without(&["go"])),
        &words,
    );
    nothing_is_left(&project);
}

/// A stand-in for Go, because the module proxy may not have the release.
#[test]
fn builds_the_same_release_with_go() {
    let project = Shared::take();
    let path = path_without(&["go"]);
    let go = path.path().join("go");
    let script = "#!/bin/sh\n[ \"$1\" = build ] || exit 0\ncp go.mod ../../go.mod\n\
                  printf '#!/bin/sh\\necho atlas community version v9.9.9\\n' >atlas\necho \"$@\" >../../flags\n";
    fs::write(&go, script).unwrap();
    fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = run(&mut setup(&project, "http://127.0.0.1:1", &path))
        .succeeded()
        .unwrap();
    let pins: toml::Table = project.read("tools.toml").unwrap().parse().unwrap();
    let pin = |name: &str| pins["atlas"][name].as_str().unwrap().to_owned();
    let version = pin("version");
    says(
        &outcome,
        &[
            &format!("- Atlas {version} for "),
            "cannot be downloaded",
            &format!("building Atlas {version} for "),
            "✓ Atlas v9.9.9 (community edition), built by Go: every PostgreSQL (.tools/atlas-",
        ],
    );
    let module = project.read("go.mod").unwrap();
    for line in [
        format!("\nrequire ariga.io/atlas/cmd/atlas {}\n", pin("commit")),
        format!("\nreplace ariga.io/atlas => ariga.io/atlas {version}\n"),
    ] {
        assert!(module.contains(&line), "{module}");
    }
    let flags = project.read("flags").unwrap();
    assert!(flags.contains(&format!("cmdapi.version={version} ")));
    assert!(flags.contains("cmdapi.flavor=community "), "{flags}");
}

#[test]
fn builds_an_older_release_where_go_cannot_build_the_same() {
    let project = Shared::take();
    let outcome = run(&mut setup(
        &project,
        "http://127.0.0.1:1",
        &path_without(&[]),
    ))
    .succeeded()
    .unwrap();
    says(&outcome, &["cannot be downloaded", ", built by Go: "]);
    // On the open internet Go can.
    if outcome.output.contains("cannot be built") {
        says(
            &outcome,
            &["✓ Atlas v0.13.1, built by Go: PostgreSQL up to 15 ("],
        );
        assert!(version(&installed(&project)).contains("atlas version v0.13.1"));
    }
}
