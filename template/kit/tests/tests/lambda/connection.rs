//! The database is unreachable, or refuses the function.

use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::harness::answer::{assert_answer, success};
use crate::harness::gate::{Gate, free_port};
use crate::harness::postgres::{Cluster, PASSWORD, PLAIN_USER};
use crate::harness::sql::{quoted, try_query};
use crate::harness::test_bed::{BOTH_APPLIED, THIRD, TestBed, bed, data};
use crate::harness::tls::Certificates;

#[rstest]
fn wrong_password(mut bed: TestBed) {
    bed.env.set("DB_PASSWORD", "Sw0rdf1sh?");
    bed.assert_fails(
        &bed.create(),
        "cannot connect to the database …password authentication failed for user \"app\"…",
    );
}

#[rstest]
fn no_such_user(mut bed: TestBed) {
    bed.env.set("DB_USER", "nobody");
    bed.assert_fails(&bed.create(), "…\"nobody\"…");
}

#[rstest]
fn no_such_database(mut bed: TestBed) {
    bed.env.set("DB_NAME", "nowhere");
    bed.assert_fails(
        &bed.create(),
        "cannot connect to the database nowhere at localhost:…database \"nowhere\" does not exist…",
    );
}

/// Atlas gets a URL, in which these characters are special.
#[rstest]
fn names_with_special_characters(mut bed: TestBed) {
    let cluster = bed.database.cluster.clone();
    let database = cluster.database_called("d@t:a/b?a#s%41 \"e\"ü&=+");
    let role = quoted(&format!("r@l:e/ {}", &database.name[database.name.len() - 16..]));
    let password = PASSWORD.replace('\'', "''");
    cluster.admin(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE app"));
    bed.env.set("DB_NAME", &*database.name);
    bed.env.set("DB_USER", role.trim_matches('"'));
    bed.database = database;
    let event = bed.create();
    let answer = bed.answer(&event);
    drop(bed);
    cluster.admin(&format!("DROP ROLE {role}"));
    assert_answer(answer, success(&event, BOTH_APPLIED, data("20260102000000", 2)));
}

#[rstest]
fn a_refused_connection(mut bed: TestBed) {
    let port = free_port().to_string();
    bed.env.set("DB_PORT", &*port);
    let event = bed.create_with(json!({ "ConnectTimeout": "2" }));
    bed.assert_fails(&event, &format!("…localhost:{port}…onnection refused…Tried … times…"));
}

/// A paused Aurora, a restart or a failover refuses connections for a while.
#[rstest]
fn waits_for_a_server_that_starts_late(mut bed: TestBed) {
    let port = free_port();
    bed.env.set("DB_PORT", port.to_string());
    let cluster = bed.database.cluster.clone();
    let gate = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1500));
        Gate::start(port, &cluster)
    });
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    drop(gate.join().unwrap());
}

#[rstest]
fn out_of_connections(mut bed: TestBed) {
    let (cluster, name) = (bed.database.cluster.clone(), bed.database.name.clone());
    let limit = |limit: &str| {
        cluster.admin(&format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
    };
    limit("0");
    let event = bed.create_with(json!({ "ConnectTimeout": "1" }));
    bed.assert_fails(&event, "…too many connections for database…");

    bed.forget_answers();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(1500));
            limit("-1");
        });
        let event = bed.create();
        bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
    });
}

/// A reader's endpoint, or a read-only role.
#[rstest]
fn read_only(bed: TestBed) {
    let (cluster, name) = (&bed.database.cluster, &bed.database.name);
    cluster.admin(&format!(
        "ALTER ROLE app IN DATABASE {name} SET default_transaction_read_only = on"
    ));
    bed.assert_fails(
        &bed.create(),
        "the database takes no writes (read-only by database user): DB_HOST, localhost,…app…",
    );
    assert_eq!(bed.tables(), "");
}

#[rstest]
fn without_rights_on_the_database(bed: TestBed) {
    let (cluster, name) = (&bed.database.cluster, &bed.database.name);
    cluster.admin(&format!("ALTER DATABASE {name} OWNER TO postgres"));
    bed.assert_fails(
        &bed.create(),
        "could not apply the migrations: …permission denied for database…",
    );
}

#[rstest]
#[case::wrong_host(|bed: &mut TestBed| { bed.env.set("DB_HOST", "127.0.0.1"); }, "…127.0.0.1…certificate…")]
#[case::untrusted_ca(
    |bed: &mut TestBed| {
        std::fs::write(bed.path("rds-ca.pem"), Certificates::new("localhost").ca).unwrap();
    },
    "…invalid peer certificate: UnknownIssuer…"
)]
#[case::no_bundle(
    |bed: &mut TestBed| std::fs::remove_file(bed.path("rds-ca.pem")).unwrap(),
    "…rds-ca.pem…No such file or directory…"
)]
#[case::empty_bundle(
    |bed: &mut TestBed| std::fs::write(bed.path("rds-ca.pem"), "").unwrap(),
    "…rds-ca.pem…certificate…"
)]
#[case::damaged_bundle(
    |bed: &mut TestBed| {
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(bed.path("rds-ca.pem"), damaged).unwrap();
    },
    "…rds-ca.pem…"
)]
fn an_untrusted_server(mut bed: TestBed, #[case] change: fn(&mut TestBed), #[case] reason: &str) {
    change(&mut bed);
    bed.assert_fails(&bed.create(), reason);
    assert_eq!(bed.tables(), "");
}

#[rstest]
fn tls_is_disabled_only_explicitly(mut bed: TestBed) {
    bed.env.set("DB_USER", PLAIN_USER);
    bed.assert_fails(
        &bed.create(),
        "cannot connect to the database …pg_hba.conf rejects connection for…SSL encryption…",
    );
    bed.forget_answers();
    bed.env.set("DB_SSLMODE", "disable");
    let event = bed.create();
    bed.assert_succeeds(&event, BOTH_APPLIED, data("20260102000000", 2));
}

/// Slow unless the table `fast` exists.
pub const SLOW: &str = "CREATE TABLE slow ();
DO $$ BEGIN
  IF to_regclass('public.fast') IS NULL THEN PERFORM pg_sleep(30); END IF;
END $$;
";

/// Waits until the table `fast` exists.
pub const WAITS: &str = "DO $$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'fast') LOOP
    PERFORM pg_sleep(0.1);
  END LOOP;
END $$;
";

#[rstest]
fn the_network_fails_during_a_migration(mut bed: TestBed) {
    let port = free_port();
    let gate = Gate::start(port, &bed.database.cluster);
    bed.env.set("DB_PORT", port.to_string());
    bed.migration(THIRD, SLOW);
    let event = bed.create_with(json!({ "ConnectTimeout": "1" }));
    thread::scope(|scope| {
        scope.spawn(|| {
            bed.database.wait_for_statement("pg_sleep(30)");
            drop(gate);
        });
        let reason = "migration 20260103000000_index.sql failed: …the connection was lost…It is \
                      not known what is applied…. Then: cannot connect…Tried … times…";
        bed.assert_fails(&event, reason);
    });
    // The function cannot end the statement; the server must.
    bed.database.assert_no_session_is_left();
    assert_eq!(bed.tables(), "orders,users");
}

#[rstest]
fn the_server_crashes_during_a_migration() {
    let cluster = Cluster::own("faults");
    let mut bed = TestBed::on(&cluster);
    bed.migration(THIRD, SLOW);
    let crash = |bed: &TestBed, times: u32| {
        let mut last = String::new();
        for _ in 0..times {
            // The server may not have noticed the last crash.
            let mut pid = last.clone();
            while pid == last {
                pid = bed.database.wait_for_statement("pg_sleep(30)");
            }
            cluster.crash(&pid);
            last = pid;
        }
    };
    // The migration may be what crashes it, so there is no third time.
    let event = bed.update_with(json!({}));
    thread::scope(|scope| {
        scope.spawn(|| crash(&bed, 2));
        bed.assert_fails(&event, "migration 20260103000000_index.sql failed: …");
    });
    assert_eq!(bed.tables(), "orders,users", "nothing is half done");

    // Something else did.
    bed.forget_answers();
    let event = bed.update_with(json!({}));
    thread::scope(|scope| {
        scope.spawn(|| {
            crash(&bed, 1);
            // Until it has restarted.
            let fast = "CREATE TABLE IF NOT EXISTS fast ()";
            while try_query(&bed.database.url(), fast).is_err() {}
        });
        bed.assert_succeeds(
            &event,
            "Applied 1: 20260103000000_index.sql. … at 20260103000000.",
            data("20260103000000", 1),
        );
    });

    // This time it does not restart.
    bed.forget_answers();
    bed.migration("20260104000000_last.sql", "SELECT pg_sleep(30);\n");
    let event = bed.update_with(json!({ "ConnectTimeout": "2" }));
    thread::scope(|scope| {
        scope.spawn(|| {
            bed.database.wait_for_statement("pg_sleep(30)");
            cluster.kill();
        });
        bed.assert_fails(&event, "migration 20260104000000_last.sql failed: …Tried … times…");
    });
}
