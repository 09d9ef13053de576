//! The database cannot be reached, or does not want the function.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, failure, success};
use crate::harness::forwarder::{Forwarder, free_port};
use crate::harness::postgres::{Cluster, PASSWORD, PLAIN_USER, quoted};
use crate::harness::stage::{BOTH_APPLIED, LONG, Stage, THIRD, data, stage};
use crate::harness::tls::Certificates;

#[rstest]
fn wrong_password(mut stage: Stage) {
    stage.environment.set("DB_PASSWORD", "Sw0rdf1sh?");
    let started = Instant::now();
    stage.assert_fails(
        &stage.create(),
        "cannot connect to the database …password authentication failed for user \"app\"…",
    );
    // It will not get right by trying again, and RDS may lock a user out.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[rstest]
fn no_such_user(mut stage: Stage) {
    stage.environment.set("DB_USER", "nobody");
    stage.assert_fails(&stage.create(), "…\"nobody\"…");
}

#[rstest]
fn no_such_database(mut stage: Stage) {
    stage.environment.set("DB_NAME", "nowhere");
    stage.assert_fails(
        &stage.create(),
        "cannot connect to the database nowhere at localhost:…database \"nowhere\" does not exist…",
    );
}

/// Each of these characters has a meaning in the URL that Atlas gets.
#[rstest]
fn names_of_any_kind(mut stage: Stage) {
    let cluster = stage.database.cluster.clone();
    let database = cluster.database_called("d@t:a/b?a#s%41 \"e\"ü&=+");
    let role = quoted(&format!(
        "r@l:e/ {}",
        &database.name[database.name.len() - 16..]
    ));
    let password = PASSWORD.replace('\'', "''");
    cluster.admin(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE app"
    ));
    stage.environment.set("DB_NAME", &*database.name);
    stage.environment.set("DB_USER", role.trim_matches('"'));
    stage.database = database;
    let event = stage.create();
    let answer = stage.answer(&event);
    drop(stage);
    cluster.admin(&format!("DROP ROLE {role}"));
    assert_answer(
        answer,
        success(&event, BOTH_APPLIED, data("20260102000000", 2)),
    );
}

#[rstest]
fn nobody_listens(mut stage: Stage) {
    let port = free_port().to_string();
    stage
        .environment
        .set("DB_PORT", &*port)
        .set("DB_CONNECT_TIMEOUT", "2");
    let started = Instant::now();
    stage.assert_fails(
        &stage.create(),
        &format!("…localhost…{port}…onnection refused…"),
    );
    let took = started.elapsed().as_secs_f32();
    assert!((1.0..6.0).contains(&took), "{took} s");
}

#[rstest]
fn nobody_answers(mut stage: Stage) {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    stage
        .environment
        .set("DB_PORT", port.to_string())
        .set("DB_CONNECT_TIMEOUT", "1");
    stage.assert_fails(&stage.create(), "…security groups…");
}

/// Aurora that paused, a restart, a failover: connections are refused for a while.
#[rstest]
fn a_server_that_comes_up_late_is_waited_for(mut stage: Stage) {
    let port = free_port();
    stage
        .environment
        .set("DB_PORT", port.to_string())
        .set("DB_CONNECT_TIMEOUT", "20");
    let upstream = stage.database.cluster.port;
    let forwarder = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1500));
        Forwarder::start(port, upstream)
    });
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    drop(forwarder.join().unwrap());
}

#[rstest]
fn out_of_connections(mut stage: Stage) {
    let (cluster, name) = (stage.database.cluster.clone(), stage.database.name.clone());
    let limit = |limit: &str| {
        cluster.admin(&format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
    };
    limit("0");
    stage.environment.set("DB_CONNECT_TIMEOUT", "1");
    stage.assert_fails(&stage.create(), "…too many connections for database…");

    stage.forget_answers();
    stage.environment.set("DB_CONNECT_TIMEOUT", "20");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(1500));
            limit("-1");
        });
        let event = stage.create();
        stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    });
}

/// A reader's endpoint, or a role that may only read.
#[rstest]
fn read_only(stage: Stage) {
    let alter = "ALTER ROLE app IN DATABASE {} SET default_transaction_read_only = on";
    stage
        .database
        .cluster
        .admin(&alter.replace("{}", &stage.database.name));
    stage.assert_fails(
        &stage.create(),
        "the database takes no writes: DB_HOST, localhost,…app…",
    );
    assert_eq!(stage.tables(), "");
}

#[rstest]
fn without_rights_on_the_database(stage: Stage) {
    let alter = "ALTER DATABASE {} OWNER TO postgres";
    stage
        .database
        .cluster
        .admin(&alter.replace("{}", &stage.database.name));
    stage.assert_fails(
        &stage.create(),
        "could not apply the migrations: …permission denied for database…",
    );
}

#[rstest]
#[case::wrong_host(|stage: &mut Stage| { stage.environment.set("DB_HOST", "127.0.0.1"); }, "…127.0.0.1…certificate…")]
#[case::untrusted_ca(
    |stage: &mut Stage| {
        std::fs::write(stage.path("rds-ca.pem"), Certificates::new("localhost").ca).unwrap();
    },
    "…invalid peer certificate: UnknownIssuer…"
)]
#[case::no_bundle(
    |stage: &mut Stage| std::fs::remove_file(stage.path("rds-ca.pem")).unwrap(),
    "…rds-ca.pem…No such file or directory…"
)]
#[case::empty_bundle(
    |stage: &mut Stage| std::fs::write(stage.path("rds-ca.pem"), "").unwrap(),
    "…rds-ca.pem…certificate…"
)]
#[case::damaged_bundle(
    |stage: &mut Stage| {
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(stage.path("rds-ca.pem"), damaged).unwrap();
    },
    "…rds-ca.pem…"
)]
fn a_server_that_is_not_trusted(
    mut stage: Stage,
    #[case] change: fn(&mut Stage),
    #[case] reason: &str,
) {
    change(&mut stage);
    let started = Instant::now();
    stage.assert_fails(&stage.create(), reason);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "tried again in vain"
    );
    assert_eq!(stage.tables(), "");
}

#[rstest]
fn tls_is_left_out_only_when_told(mut stage: Stage) {
    stage.environment.set("DB_USER", PLAIN_USER);
    stage.assert_fails(
        &stage.create(),
        "cannot connect to the database …pg_hba.conf rejects connection for…SSL encryption…",
    );
    stage.forget_answers();
    stage.environment.set("DB_SSLMODE", "disable");
    let event = stage.create();
    stage.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// Slow, until the table `fast` is there.
const SLOW: &str = "CREATE TABLE slow ();
DO $$ BEGIN
  IF to_regclass('public.fast') IS NULL THEN PERFORM pg_sleep(30); END IF;
END $$;
";

#[rstest]
fn the_network_goes_in_the_middle_of_a_migration(mut stage: Stage) {
    let port = free_port();
    let forwarder = Forwarder::start(port, stage.database.cluster.port);
    stage
        .environment
        .set("DB_PORT", port.to_string())
        .set("DB_CONNECT_TIMEOUT", "1");
    stage.migration(THIRD, SLOW);
    let event = stage.create();
    thread::scope(|scope| {
        scope.spawn(|| {
            stage.database.wait_for_statement("pg_sleep(30)");
            drop(forwarder);
        });
        stage.assert_fails(&event, "migration 20260103000000_index.sql failed: …");
    });
    // The function cannot end the statement: the server must notice by itself.
    stage.database.assert_no_session_is_left();
    assert_eq!(stage.tables(), "orders,users");
}

#[rstest]
fn the_server_dies_in_the_middle_of_a_migration() {
    let cluster = Cluster::own("faults");
    let mut stage = Stage::on(&cluster);
    stage.environment.set("DB_CONNECT_TIMEOUT", "10");
    stage.migration(THIRD, SLOW);
    let mut function = stage.function();
    let mut fail = |stage: &Stage, reason: &str, how: &(dyn Fn(&str) + Sync)| {
        let event = stage.update_with(json!({}));
        thread::scope(|scope| {
            scope.spawn(|| how(&stage.database.wait_for_statement("pg_sleep(30)")));
            function.invoke(&event, LONG).assert_succeeded();
        });
        assert_answer(stage.s3.answer(), failure(&event, reason));
    };
    let reason = "migration 20260103000000_index.sql failed: …";
    fail(&stage, reason, &|pid| cluster.crash(pid));
    assert_eq!(stage.tables(), "orders,users", "nothing is half done");

    // It has started itself anew, and the next try goes on.
    stage.forget_answers();
    stage.database.query("CREATE TABLE fast ()");
    stage.assert_succeeds(
        &stage.update_with(json!({})),
        "Applied 1: 20260103000000_index.sql. … at 20260103000000.",
        data("20260103000000", 1),
    );

    // This time it does not come back.
    stage.forget_answers();
    stage.migration("20260104000000_last.sql", "SELECT pg_sleep(30);\n");
    let reason = "migration 20260104000000_last.sql failed: …";
    fail(&stage, reason, &|_| cluster.kill());
}
