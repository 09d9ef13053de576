mod cases;
mod mistakes;

use rstest::rstest;
use sea_orm::ConnectionTrait;

/// After a deliberate change: `UPDATE_GOLDEN=1 cargo test -p kit-tests`, then review the diff.
#[tokio::test]
async fn prints_what_the_golden_file_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema/cases.sql");
    let printed = format!("{}\n", schema::ddl("schema_tests::cases").await.unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &printed).unwrap();
    }
    assert_eq!(printed, std::fs::read_to_string(path).unwrap());
}

/// The order of registration differs from process to process, so one process cannot tell.
#[tokio::test]
async fn prints_the_same_in_every_process() {
    const CHILD: &str = "PRINT_SCHEMA_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return println!(
            "<<<{}>>>",
            schema::ddl("schema_tests::cases").await.unwrap()
        );
    }
    let print = || {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "prints_the_same_in_every_process", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        let (_, rest) = output
            .split_once("<<<")
            .expect("the child printed a schema");
        rest.split_once(">>>")
            .expect("the child ended")
            .0
            .to_owned()
    };
    let first = print();
    for _ in 0..9 {
        assert_eq!(print(), first);
    }
}

#[tokio::test]
async fn loads_into_postgresql() {
    let server = postgres::server().await.unwrap();
    let database = server.temporary_database("ddl").await.unwrap();
    let connection = database.connect().await.unwrap();
    connection
        .execute_unprepared(&schema::ddl("schema_tests::cases").await.unwrap())
        .await
        .unwrap();
    // The keys of a cycle hold: each row refers to the other.
    connection
        .execute_unprepared(
            "INSERT INTO teams DEFAULT VALUES;
             INSERT INTO employees (team_id, badge, level, previous_levels, tags, salary, settings)
             SELECT id, 1, 'senior, or more', '{junior}', '{a,b}', 100, '{}' FROM teams;
             UPDATE teams SET lead_id = (SELECT id FROM employees);
             UPDATE employees SET manager_id = id;
             INSERT INTO bookings SELECT 'red', '2026-01-01', id, team_id, badge FROM employees WHERE yearly = 1200;",
        )
        .await
        .unwrap();
    let broken = connection
        .execute_unprepared("UPDATE employees SET manager_id = -1")
        .await;
    connection.close().await.unwrap();
    database.drop_database().await.unwrap();
    assert!(
        broken
            .unwrap_err()
            .to_string()
            .contains("fk-employees-manager_id")
    );
}

#[rstest]
#[case(
    "schema_tests::nothing_here",
    "no entity found in `schema_tests::nothing_here`"
)]
#[case("schema_tests::mistakes::same_table", "2 entities share 1 tables")]
#[case("schema_tests::mistakes::same_type", "two enums are called \"state\"")]
#[case("schema_tests::mistakes::upper_case_type", "change its `enum_name`")]
#[tokio::test]
async fn refuses_what_would_not_load(#[case] module: &str, #[case] reason: &str) {
    let error = schema::ddl(module).await.unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}
