//! What an aborted run leaves does not break the next.

use std::{fs, path::PathBuf, process::Command, thread::sleep, time::Duration};

use serde_json::json;

use crate::project::{Answer, Project, query};

const LOCAL: &str = "DEV_POSTGRES=local\n";

/// The directory of a running cluster.
async fn base(project: &Project, answer: &Answer) -> PathBuf {
    let data = query(&answer.url, "SHOW data_directory").await.unwrap();
    let base = PathBuf::from(data).parent().unwrap().to_owned();
    assert!(base.ends_with(project.cluster_name(answer).await));
    base
}

fn postmaster(base: &std::path::Path) -> String {
    let file = fs::read_to_string(base.join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}

fn kill(pid: &str) {
    let status = Command::new("kill").args(["-KILL", pid]).status().unwrap();
    assert!(status.success());
}

async fn works_again(project: &Project, before: &Answer) {
    let after = project.server();
    assert_ne!(after.url, before.url);
    query(&after.url, "SHOW fsync").await.unwrap();
    assert_eq!(project.server().url, after.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_was_killed() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    let base = base(&project, &answer).await;
    let pid = postmaster(&base);
    let lock = fs::read_to_string(base.join("data/postmaster.pid")).unwrap();
    let segment = lock.lines().nth(6).unwrap().split_whitespace().last().unwrap();
    let segments = || {
        let output = Command::new("ipcs").arg("-m").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let is_there = || segments().split_whitespace().any(|word| word == segment);
    assert!(is_there());
    kill(&pid);
    works_again(&project, &answer).await;
    assert!(!is_there());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_id_belongs_to_somebody_else() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    let base = base(&project, &answer).await;
    let pid = postmaster(&base);
    kill(&pid);
    // As after a reboot: the file says that the server is this innocent process.
    let mut innocent = Command::new("sleep").arg("600").spawn().unwrap();
    let file = base.join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen(&pid, &innocent.id().to_string(), 1)).unwrap();
    works_again(&project, &answer).await;
    assert!(innocent.try_wait().unwrap().is_none());
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_gone() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    fs::remove_dir_all(base(&project, &answer).await).unwrap();
    works_again(&project, &answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_file_is_lost_or_cut_off() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    fs::remove_dir_all(project.root().join(".dev-postgres")).unwrap();
    works_again(&project, &answer).await;
    query(&answer.url, "SHOW fsync").await.unwrap_err();

    let answer = project.server();
    let text = fs::read_to_string(project.state_file()).unwrap();
    fs::write(project.state_file(), &text[..text.len() / 2]).unwrap();
    works_again(&project, &answer).await;
    query(&answer.url, "SHOW fsync").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_record_does_not_hide_the_server_from_down() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    fs::remove_dir_all(project.root().join(".dev-postgres")).unwrap();
    // Under another major version, too.
    project.set("DEV_POSTGRES=local\nPOSTGRES_MAJOR=16\n");
    assert_eq!(project.down().await, ["PostgreSQL 17 (local binaries)"]);
    query(&answer.url, "SHOW fsync").await.unwrap_err();
}

#[test]
fn cargo_clean_and_git_leave_the_record_alone() {
    let project = Project::new(LOCAL);
    let answer = project.server();
    fs::write(
        project.root().join("Cargo.toml"),
        "[package]\nname = 'example'\n[lib]\npath = 'lib.rs'\n",
    )
    .unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(project.root())
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    fs::create_dir(project.root().join("target")).unwrap();
    run("cargo", &["clean"]);
    assert!(!project.root().join("target").exists());
    assert_eq!(project.server().url, answer.url);
    run("git", &["init", "--quiet"]);
    let status = run("git", &["status", "--porcelain", "--untracked-files=all"]);
    assert!(status.contains("Cargo.toml") && !status.contains("dev-postgres"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_has_the_port() {
    let (one, two) = (Project::new(LOCAL), Project::new(LOCAL));
    let (mine, other) = (one.server(), two.server());
    let mut state = one.state();
    state["address"] = two.state()["address"].clone();
    one.write_state(&state);
    works_again(&one, &mine).await;
    // Nor does a copy of a project share the server of the original.
    one.write_state(&two.state());
    let again = one.server();
    assert_ne!(again.url, other.url);
    assert_eq!(two.server().url, other.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_was_killed() {
    let project = Project::new(LOCAL);
    // In initdb, between its steps, and while the server starts.
    for wait in [150, 600, 1500, 2500] {
        let asking = project.start_asking();
        sleep(Duration::from_millis(wait));
        asking.kill();
    }
    let answer = project.server();
    query(&answer.url, "SHOW fsync").await.unwrap();
    let base = base(&project, &answer).await;
    assert_eq!(fs::read_dir(base).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_version() {
    let project = Project::new(LOCAL);
    project.write_state(&json!({ "provider": "local", "pid": 1 }));
    project.server();
}
