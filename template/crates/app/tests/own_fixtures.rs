//! Fixtures of your own, on top of those of the kit: data that many tests need.

use app::users::{self, NewAddress};
use fixtures::{TestDatabase, TestResult, TestTransaction, tx};
use rstest::{fixture, rstest};
use sea_orm::{ConnectionTrait, TransactionTrait};

async fn register(connection: &(impl ConnectionTrait + TransactionTrait), name: &str) {
    let address = NewAddress {
        street: "Unter den Linden 1".into(),
        city: "Berlin".into(),
        postal_code: "10117".into(),
        country: "DE".into(),
    };
    let email = format!("{name}@example.com");
    users::register(connection, &email, name, address)
        .await
        .unwrap();
}

/// A transaction in which some users are registered.
#[fixture]
async fn registered(
    #[default(&["ada", "eve"])] names: &[&str],
    #[future(awt)] tx: TestTransaction,
) -> TestTransaction {
    for name in names {
        register(&*tx, name).await;
    }
    tx
}

#[rstest]
#[tokio::test]
async fn counts_two_users(#[future(awt)] registered: TestTransaction) {
    assert_eq!(users::count(&*registered).await.unwrap(), 2);
}

/// `#[with]` gives the fixture other arguments.
#[rstest]
#[tokio::test]
async fn counts_one_user(
    #[with(&["bob"])]
    #[future(awt)]
    registered: TestTransaction,
) {
    assert_eq!(users::count(&*registered).await.unwrap(), 1);
}

/// Each case is a test of its own, with a transaction of its own. `?` fails a test as
/// `unwrap` does.
#[rstest]
#[case("ada@example.com", true)]
#[case("bob@example.com", false)]
#[tokio::test]
async fn finds_users(
    #[future(awt)] registered: TestTransaction,
    #[case] email: &str,
    #[case] is_found: bool,
) -> TestResult {
    let found = users::find_by_email(&*registered, email).await?;
    assert_eq!(found.is_some(), is_found);
    Ok(())
}

/// Without rstest.
#[tokio::test]
async fn each_block_sees_what_the_last_committed() -> TestResult {
    let db = TestDatabase::create().await?;
    let first = db.begin().await?;
    register(&first, "ada").await;
    first.commit().await?;
    let second = db.begin().await?;
    assert_eq!(users::count(&second).await?, 1);
    Ok(())
}
