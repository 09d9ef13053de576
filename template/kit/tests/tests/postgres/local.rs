//! A cluster of local binaries: start, join, replace, remove.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::project::{Project, execute, query};

const LOCAL: &str = "DEV_POSTGRES=local\n";

#[tokio::test(flavor = "multi_thread")]
async fn starts_once_and_is_removed_whole() {
    let project = Project::new(LOCAL);

    let first = project.server();
    assert_eq!(first.provider, "local binaries");
    assert!(first.stderr.contains("postgres: started PostgreSQL"), "{}", first.stderr);
    println!("start: {:?}", first.took);
    for (setting, value) in [("fsync", "off"), ("max_connections", "200"), ("TimeZone", "UTC")] {
        let statement: &'static str = format!("SHOW {setting}").leak();
        assert_eq!(query(&first.url, statement).await.unwrap(), value);
    }
    // As in the Alpine images: sorted by bytes, and yet it knows its letters.
    let sorted = "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{a,B,ä}'::text[]) x";
    assert_eq!(query(&first.url, sorted).await.unwrap(), "Baä");
    assert_eq!(query(&first.url, "SELECT upper('ä')").await.unwrap(), "Ä");

    let second = project.server();
    println!("join: {:?}", second.took);
    assert_eq!(second.url, first.url);
    assert!(!second.stderr.contains("postgres: "), "{}", second.stderr);

    // Nobody else sees the password.
    let name = project.cluster_name(&first).await;
    let password = project.state()["password"].as_str().unwrap().to_owned();
    assert!(first.url.contains(&password));
    for text in [&first.shown, &first.stderr, &arguments_of_all()] {
        assert!(!text.contains(&password), "{text}");
    }
    assert!(arguments_of_all().contains(&name));
    let mode = fs::metadata(project.state_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let wrong = first.url.replace(&password, "wrong");
    let error = query(&wrong, "SHOW fsync").await.unwrap_err().to_string();
    assert!(error.contains("password authentication failed"), "{error}");

    assert_eq!(project.down().await, ["PostgreSQL 17 (local binaries)"]);
    assert!(!arguments_of_all().contains(&name));
    for place in [Path::new("/dev/shm"), &std::env::temp_dir()] {
        assert!(!place.join(&name).exists());
    }
    assert!(!project.root().join(".dev-postgres").exists());
    assert!(project.down().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_get_the_same() {
    let project = Project::new(LOCAL);
    let asking: Vec<_> = (0..4).map(|_| project.start_asking()).collect();
    let answers: Vec<_> = asking.into_iter().map(|one| one.answer().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.url == answers[0].url));
    let started = |stderr: &str| stderr.contains("started PostgreSQL");
    let starts = answers.iter().filter(|answer| started(&answer.stderr)).count();
    assert_eq!(starts, 1, "{answers:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_major_version_has_a_server() {
    let project = Project::new(LOCAL);
    let first = project.server();
    execute(&first.url, "CREATE DATABASE data").await;
    // Whichever is installed, it is not this one.
    project.set("DEV_POSTGRES=local\nPOSTGRES_MAJOR=99\n");
    let second = project.server();
    assert_ne!(first.url, second.url);
    assert!(second.stderr.contains("the settings ask for PostgreSQL 99"), "{}", second.stderr);
    assert_eq!(project.server().url, second.url);

    project.set(LOCAL);
    assert_eq!(project.server().url, first.url);
    let data = first.url.replace("/postgres?", "/data?");
    query(&data, "SHOW fsync").await.unwrap();

    let both = [17, 99].map(|major| format!("PostgreSQL {major} (local binaries)"));
    assert_eq!(project.down().await, both);
    query(&first.url, "SHOW fsync").await.unwrap_err();
    query(&second.url, "SHOW fsync").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_replaces_it() {
    let project = Project::new(LOCAL);
    project.server();
    project.set("DEV_POSTGRES=docker\nDOCKER_HOST=unix:///nonexistent.sock\n");
    let error = project.ask().unwrap_err();
    assert!(error.contains("no Docker engine answers"), "{error}");
    assert!(project.down().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_not_replaced() {
    let project = Project::new(LOCAL);
    let first = project.server();
    let connect = || sea_orm::sqlx::PgPool::connect(&first.url);
    execute(&first.url, "ALTER SYSTEM SET superuser_reserved_connections = 0").await;
    execute(&first.url, "CREATE DATABASE other").await;
    // 200 connections, held a moment while another process joins.
    let mut held = Vec::new();
    while let Ok(Ok(pool)) =
        tokio::time::timeout(std::time::Duration::from_secs(1), connect()).await
    {
        held.push(pool);
        assert!(held.len() <= 200);
    }
    let asking = project.start_asking();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    drop(held);
    let second = asking.answer().unwrap();
    assert_eq!(second.url, first.url);
    assert!(second.stderr.is_empty() || !second.stderr.contains("started"), "{}", second.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_come_and_go() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    project.set(&format!("TEST_DATABASE_URL={}\nDEV_POSTGRES=url\n", answer.url));
    let server = postgres::server_in(project.root()).await.unwrap();
    let one = server.temporary_database("My \"tests\"/%").await.unwrap();
    let two = server.temporary_database("My \"tests\"/%").await.unwrap();
    assert_ne!(one.name(), two.name());
    assert!(one.name().starts_with("My \"tests\"/%_"), "{}", one.name());
    assert_eq!(query(&one.url(), "SELECT current_database()::text").await.unwrap(), one.name());
    let connection = one.connect().await.unwrap();
    connection.execute_unprepared("CREATE TABLE t ()").await.unwrap();
    let url = one.url();
    // With a connection still open.
    one.drop_database().await.unwrap();
    let error = query(&url, "SHOW fsync").await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    two.drop_database().await.unwrap();
}

use sea_orm::ConnectionTrait as _;

/// The command lines of all processes on this machine.
pub fn arguments_of_all() -> String {
    if let Ok(output) = Command::new("ps").args(["-axww", "-o", "command="]).output() {
        return String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let mut all = String::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if let Ok(line) = fs::read(entry.path().join("cmdline")) {
            all += &String::from_utf8_lossy(&line).replace('\0', " ");
            all.push('\n');
        }
    }
    all
}
