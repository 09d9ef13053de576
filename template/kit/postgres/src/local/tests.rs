use super::*;
use std::net::TcpListener;

use crate::{binaries, notice, settings::Config};

/// Runs a test with a cluster that is not started, if binaries are installed.
fn with_cluster(test: impl FnOnce(&Cluster<'_>)) {
    let root = tempfile::tempdir().unwrap();
    let name = root.path().file_name().unwrap().to_str().unwrap();
    let name = format!("dev-postgres-test-{name}");
    let binaries = binaries::find(&Config::load(root.path()).unwrap());
    let Some(binaries) = &binaries else {
        return notice("local provider: not tested, no server binaries");
    };
    let account = unprivileged_account().unwrap();
    let base = place(root.path(), &name, account.is_some());
    fs::create_dir_all(base.parent().unwrap()).unwrap();
    let cluster = Cluster { base, binaries, account };
    cluster.create("secret").unwrap();
    test(&cluster);
    assert!(remove(root.path(), &name).unwrap());
    assert!(!cluster.base.exists());
}

#[test]
fn takes_another_port_if_one_is_taken() {
    with_cluster(|cluster| {
        let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = busy.local_addr().unwrap().port();
        let free = free_port().unwrap();
        let mut ports = [taken, taken, free].into_iter();
        let port = cluster.start("test", || Ok(ports.next().unwrap())).unwrap();
        assert_eq!(port, free);
    });
}

#[test]
fn gives_up_when_every_port_is_taken() {
    with_cluster(|cluster| {
        let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = busy.local_addr().unwrap().port();
        let error = cluster.start("test", || Ok(taken)).unwrap_err().to_string();
        assert!(error.contains("taken"), "{error}");
    });
}

#[test]
fn shows_the_log_when_the_server_does_not_start() {
    with_cluster(|cluster| {
        let file = cluster.data().join("postgresql.conf");
        fs::write(file, "no_such_setting = 1\n").unwrap();
        let error = cluster.start("test", free_port).unwrap_err().to_string();
        assert!(error.contains("no_such_setting"), "{error}");
    });
}

#[test]
fn a_small_memory_is_not_used() {
    assert!(!has_room("/nonexistent"));
}
