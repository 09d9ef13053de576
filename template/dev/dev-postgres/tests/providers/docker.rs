//! Containers, where an engine answers.

use std::{os::unix::net::UnixStream, process::Command};

use dev_postgres::Provider;

use crate::project::{Project, query};

/// Says so and returns false where there is no engine.
fn engine_answers() -> bool {
    let answers = std::env::var_os("DOCKER_HOST").is_some()
        || UnixStream::connect("/var/run/docker.sock").is_ok();
    if !answers {
        eprintln!("Docker provider: not tested, no engine answers");
    }
    answers
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_once_and_is_removed() {
    if !engine_answers() {
        return;
    }
    let project = Project::new("DEV_POSTGRES=docker\n");
    let asking: Vec<_> = (0..3).map(|_| project.start_asking()).collect();
    let answers: Vec<_> = asking
        .into_iter()
        .map(|one| one.answer().unwrap())
        .collect();
    assert!(answers.iter().all(|answer| answer.url == answers[0].url));
    let first = &answers[0];
    assert_eq!((first.provider.as_str(), first.major), ("Docker", 17));
    println!(
        "start: {:?}",
        answers.iter().map(|answer| answer.took).max()
    );
    assert_eq!(query(&first.url, "SHOW fsync").await.unwrap(), "off");

    let name = project.cluster_name(first).await;
    assert!(docker(&["port", &name]).contains("-> 127.0.0.1:"));
    let again = project.server();
    println!("join: {:?}", again.took);
    assert_eq!(again.url, first.url);

    // A machine that was rebooted, or somebody who tidied up.
    docker(&["stop", "--time", "0", &name]);
    let after = project.server();
    query(&after.url, "SHOW fsync").await.unwrap();

    // The settings change to local binaries and back.
    project.set("DEV_POSTGRES=local\n");
    assert_eq!(project.server().provider, "local binaries");
    assert!(
        docker(&[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("name={name}")
        ])
        .is_empty()
    );
    project.set("DEV_POSTGRES=docker\n");
    project.server();

    assert_eq!(project.down().await, Some(Provider::Docker));
    assert!(
        docker(&[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("name={name}")
        ])
        .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_falls_to_local() {
    if !engine_answers() {
        return;
    }
    let project = Project::new("POSTGRES_IMAGE=localhost:1/no/such:image\n");
    let answer = project.server();
    assert_eq!(answer.provider, "local binaries");
    assert!(
        answer.stderr.contains("Docker cannot be used"),
        "{}",
        answer.stderr
    );
    project.set("DEV_POSTGRES=docker\nPOSTGRES_IMAGE=localhost:1/no/such:image\n");
    let error = project.ask().unwrap_err();
    assert!(error.contains("localhost:1/no/such"), "{error}");
}
