//! `just setup` on a machine without Atlas, with a release server of our own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use template_tests::{Tools, run};

use crate::shared::{Shared, says};

/// Answers every request in the same way; returns its URL.
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

/// A directory with links to all programs of PATH but Atlas and those named.
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

/// `just setup` where there is no Atlas, downloading from `server`.
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
    let server = serve("200 OK", atlas);
    let outcome =
        run(setup(&project, &server, &path_without(&["go"])).env("ATLAS_SHA256", checksum))
            .succeeded()
            .unwrap();
    says(&outcome, &["downloading", "/atlas-community-", "✓ Atlas"]);
    assert!(version(&installed(&project)).contains("atlas version"));
    // A second time it is there.
    let outcome = run(&mut setup(
        &project,
        "http://127.0.0.1:1",
        &path_without(&["go"]),
    ))
    .succeeded()
    .unwrap();
    assert!(
        !outcome.output.contains("downloading"),
        "{}",
        outcome.output
    );
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

#[test]
fn says_what_to_do_where_there_is_neither_a_release_nor_go() {
    let project = Shared::take();
    let server = serve("404 Not Found", Vec::new());
    let words = [
        "404",
        "ATLAS=/path/to/atlas",
        "ATLAS_RELEASE_SERVER",
        "install Go",
    ];
    project.refuses_with(
        &mut setup(&project, &server, &path_without(&["go"])),
        &words,
    );
    nothing_is_left(&project);
    let words = [
        "127.0.0.1",
        "ATLAS=/path/to/atlas",
        "ATLAS_RELEASE_SERVER",
        "install Go",
    ];
    project.refuses_with(
        &mut setup(&project, "http://127.0.0.1:1", &path_without(&["go"])),
        &words,
    );
    nothing_is_left(&project);
}

#[test]
fn builds_with_go_where_the_release_server_cannot_be_reached() {
    let project = Shared::take();
    let outcome = run(&mut setup(
        &project,
        "http://127.0.0.1:1",
        &path_without(&[]),
    ))
    .succeeded()
    .unwrap();
    says(
        &outcome,
        &[
            "cannot be downloaded",
            "building Atlas v0.13.1 with Go",
            "✓ Atlas",
        ],
    );
    assert!(version(&installed(&project)).contains("v0.13.1"));
}
