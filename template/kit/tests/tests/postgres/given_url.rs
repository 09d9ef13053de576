//! `TEST_DATABASE_URL`, right and wrong.

use std::{net::TcpListener, time::Instant};

use crate::project::{Project, execute};

/// The error of a project whose URL this is. It must name the variable, and must
/// not hold the password.
fn refused(url: &str) -> String {
    let project = Project::new(&format!("TEST_DATABASE_URL='{url}'\n"));
    let error = project.ask().unwrap_err();
    assert!(error.contains("TEST_DATABASE_URL") && error.contains(".env"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_taken_and_left_alone() {
    let owner = Project::new("DEV_POSTGRES=local\n");
    let running = owner.server();
    let url = format!("{}&application_name=mine", running.url);
    let user = Project::new(&format!("TEST_DATABASE_URL={url}\n"));
    let answer = user.server();
    assert_eq!((answer.provider.as_str(), answer.url), ("TEST_DATABASE_URL", url));
    assert!(!answer.shown.contains(owner.state()["password"].as_str().unwrap()));
    assert!(user.down().await.is_empty());
    assert_eq!(owner.server().url, running.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_is_passed_on() {
    let owner = Project::new("DEV_POSTGRES=local\n");
    let running = owner.server();
    let password = owner.state()["password"].as_str().unwrap().to_owned();
    let port = owner.state()["address"]["port"].to_string();
    execute(
        &running.url,
        "CREATE ROLE plain LOGIN PASSWORD 's3cret';
         CREATE ROLE narrow LOGIN CREATEDB CONNECTION LIMIT 0 PASSWORD 's3cret';",
    )
    .await;
    let own = &running.url;
    for (url, said, advice) in [
        (
            own.replace(&password, "s3cret"),
            "password authentication failed",
            "correct user and password",
        ),
        (
            own.replace("/postgres?", "/missing?"),
            "database \"missing\" does not exist",
            "create it",
        ),
        (
            own.replace(&format!("postgres:{password}"), "plain:s3cret"),
            "may not create databases",
            "CREATEDB",
        ),
        (
            own.replace(&format!("postgres:{password}"), "narrow:s3cret"),
            "too many connections",
            "close some",
        ),
        (own.replace("sslmode=disable", "sslmode=require"), "TLS", "sslmode=disable"),
    ] {
        let error = refused(&url);
        for part in [said, advice, &format!("127.0.0.1:{port}")] {
            assert!(error.contains(part), "{part} not in: {error}");
        }
        assert!(!error.contains(&password), "{error}");
    }
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&format!("postgres://me:s3cret@127.0.0.1:{port}/x"));
    assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("refused"), "{error}");
}

#[test]
fn nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let port = silent.local_addr().unwrap().port();
    let error = refused(&format!("postgres://me:s3cret@127.0.0.1:{port}/x"));
    assert!(error.contains("no answer within 5 seconds"), "{error}");
    assert!(start.elapsed().as_secs() < 15);
}

#[test]
fn it_is_no_url() {
    assert!(refused("me:s3cret").contains("it looks like postgres://"));
    assert!(refused("postgres://me:a/s3cret@localhost/x").contains("%2F"));
    assert!(refused("mysql://me:s3cret@localhost/x").contains("postgres://"));
}

#[test]
fn it_is_asked_for_and_not_there() {
    let error = Project::new("DEV_POSTGRES=url\n").ask().unwrap_err();
    assert!(error.contains("TEST_DATABASE_URL is not set"), "{error}");
}

#[tokio::test]
async fn nothing_is_removed() {
    let project = Project::new("TEST_DATABASE_URL=postgres://nobody@127.0.0.1:1/x\n");
    assert!(project.down().await.is_empty());
}
