//! Containers, where an engine answers.

use std::{
    env,
    io::{Write as _, stderr},
    os::unix::net::UnixStream,
    process::Command,
};

use crate::project::{Project, query};

/// Returns the settings of a project that uses the engine of this machine. If none runs,
/// says so and returns `None`.
pub(crate) fn engine() -> Option<String> {
    let host = env::var("DOCKER_HOST").unwrap_or("unix:///var/run/docker.sock".to_owned());
    let path = host.strip_prefix("unix://");
    if path.is_some_and(|path| UnixStream::connect(path).is_err()) {
        // Not `eprintln!`: nobody reads what the harness keeps of a test that passes.
        let _ = writeln!(stderr(), "Docker provider: not tested, no engine answers");
        return None;
    }
    Some(format!("DOCKER_HOST={host}\n"))
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_once_and_is_removed() {
    let Some(engine) = engine() else { return };
    let project = Project::new(&format!("{engine}DEV_POSTGRES=docker\n"));
    let asking: Vec<_> = (0..3).map(|_| project.start_asking()).collect();
    let answers: Vec<_> = asking.into_iter().map(|one| one.answer().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.url == answers[0].url));
    let first = &answers[0];
    assert_eq!((first.provider.as_str(), first.major), ("Docker", 17));
    println!("start: {:?}", answers.iter().map(|answer| answer.took).max());
    assert_eq!(query(&first.url, "SHOW fsync").await.unwrap(), "off");

    let name = project.cluster_name(first).await;
    let name = name.strip_suffix("-docker").unwrap();
    // Where it is reached over loopback, it is not reached otherwise.
    let ports = docker(&["port", name]);
    assert!(!first.url.contains("@127.0.0.1:") || !ports.contains("0.0.0.0"), "{ports}");
    let again = project.server();
    println!("join: {:?}", again.took);
    assert_eq!(again.url, first.url);

    // A machine that was rebooted, or somebody who tidied up.
    docker(&["stop", "--time", "0", name]);
    let after = project.server();
    query(&after.url, "SHOW fsync").await.unwrap();

    // The settings change to local binaries and back.
    let list = ["ps", "--all", "--quiet", "--filter", &format!("name={name}")];
    project.set(&format!("{engine}DEV_POSTGRES=local\n"));
    assert_eq!(project.server().provider, "local binaries");
    assert!(docker(&list).is_empty());
    project.set(&format!("{engine}DEV_POSTGRES=docker\n"));
    project.server();

    assert_eq!(project.down().await, ["PostgreSQL 17 (Docker)"]);
    assert!(docker(&list).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_falls_to_local() {
    let Some(engine) = engine() else { return };
    let image = format!("{engine}POSTGRES_IMAGE=localhost:1/no/such:image\n");
    let project = Project::new(&image);
    let answer = project.server();
    assert_eq!(answer.provider, "local binaries");
    assert!(answer.stderr.contains("Docker cannot be used"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("backtrace"), "{}", answer.stderr);
    println!("{}", answer.stderr);
    project.set(&format!("{image}DEV_POSTGRES=docker\n"));
    let error = project.ask().unwrap_err();
    assert!(error.contains("localhost:1/no/such"), "{error}");
}
