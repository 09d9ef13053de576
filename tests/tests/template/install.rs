//! `just setup` on a machine without Atlas, with a release server of our own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use sha2::{Digest, Sha256};
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

/// `just setup` without any Atlas on this machine, downloading from `server`.
fn setup(project: &Shared, server: &str, without: &[&str]) -> Command {
    let missing = |directory: &PathBuf| {
        !without
            .iter()
            .chain(&["atlas"])
            .any(|program| directory.join(program).is_file())
    };
    let path =
        env::join_paths(env::split_paths(&env::var_os("PATH").unwrap()).filter(missing)).unwrap();
    let mut command = project.command("just");
    command
        .arg("setup")
        .env_remove("ATLAS")
        .env("PATH", path)
        .env("ATLAS_RELEASE_SERVER", server);
    command
}

fn installed(project: &Shared) -> PathBuf {
    project.root.join("target/tools/atlas")
}

fn nothing_is_left(project: &Shared) {
    let tools = project.root.join("target/tools");
    assert_eq!(
        fs::read_dir(tools).map_or(0, Iterator::count),
        0,
        "something is left in target/tools"
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
    let outcome = run(setup(&project, &server, &["go"]).env("ATLAS_SHA256", checksum))
        .succeeded()
        .unwrap();
    says(&outcome, &["downloading", "/atlas-community-", "✓ Atlas"]);
    assert!(version(&installed(&project)).contains("atlas version"));
    // A second time it is there.
    let outcome = run(&mut setup(&project, "http://127.0.0.1:1", &["go"]))
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
        &mut setup(&project, &server, &[]),
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
    project.refuses_with(&mut setup(&project, &server, &["go"]), &words);
    nothing_is_left(&project);
    let words = [
        "127.0.0.1",
        "ATLAS=/path/to/atlas",
        "ATLAS_RELEASE_SERVER",
        "install Go",
    ];
    project.refuses_with(&mut setup(&project, "http://127.0.0.1:1", &["go"]), &words);
    nothing_is_left(&project);
}

#[test]
fn builds_with_go_where_the_release_server_cannot_be_reached() {
    let project = Shared::take();
    let outcome = run(&mut setup(&project, "http://127.0.0.1:1", &[]))
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
