//! How to test code that uses the database. Most tests take `tx`, a transaction
//! that is rolled back; those that need several connections take `db`.

use app::users::{self, NewAddress, RegisterError};
use entity::user::Status;
use fixtures::{TestDatabase, db, tx};
use rstest::rstest;
use sea_orm::{DatabaseTransaction, EntityTrait, PaginatorTrait};

fn address() -> NewAddress {
    NewAddress {
        street: "Unter den Linden 1".into(),
        city: "Berlin".into(),
        postal_code: "10117".into(),
        country: "DE".into(),
    }
}

#[rstest]
#[tokio::test]
async fn stores_a_user_with_an_address(#[future(awt)] tx: DatabaseTransaction) {
    let ada = users::register(&tx, "ada@example.com", "Ada", address())
        .await
        .unwrap();
    assert_eq!(ada.status, Status::Active);

    let addresses = users::addresses(&tx, ada.id).await.unwrap();
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].city, "Berlin");
}

#[rstest]
#[tokio::test]
async fn finds_a_user_by_email(#[future(awt)] tx: DatabaseTransaction) {
    let ada = users::register(&tx, "ada@example.com", "Ada", address())
        .await
        .unwrap();
    assert_eq!(
        users::find_by_email(&tx, "ada@example.com").await.unwrap(),
        Some(ada)
    );
    assert_eq!(
        users::find_by_email(&tx, "eve@example.com").await.unwrap(),
        None
    );
}

#[rstest]
#[tokio::test]
async fn counts_users(#[future(awt)] tx: DatabaseTransaction) {
    assert_eq!(users::count(&tx).await.unwrap(), 0);
    users::register(&tx, "ada@example.com", "Ada", address())
        .await
        .unwrap();
    assert_eq!(users::count(&tx).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn refuses_an_email_that_is_taken_and_keeps_nothing(#[future(awt)] tx: DatabaseTransaction) {
    users::register(&tx, "ada@example.com", "Ada", address())
        .await
        .unwrap();
    let second = users::register(&tx, "ada@example.com", "Eve", address()).await;
    assert!(matches!(second, Err(RegisterError::EmailTaken)));
    assert_eq!(entity::address::Entity::find().count(&tx).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn suspends_an_account(#[future(awt)] tx: DatabaseTransaction) {
    let ada = users::register(&tx, "ada@example.com", "Ada", address())
        .await
        .unwrap();
    assert!(users::suspend(&tx, ada.id).await.unwrap());
    let ada = users::find_by_email(&tx, "ada@example.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ada.status, Status::Suspended);
    assert!(!users::suspend(&tx, -1).await.unwrap());
}

/// Two connections at once: a transaction would show only one of them.
#[rstest]
#[tokio::test]
async fn gives_an_email_to_one_of_two_at_once(#[future(awt)] db: TestDatabase) {
    let (first, second) = tokio::join!(
        users::register(&*db, "ada@example.com", "Ada", address()),
        users::register(&*db, "ada@example.com", "Eve", address()),
    );
    assert_eq!(
        [first.is_ok(), second.is_ok()]
            .iter()
            .filter(|ok| **ok)
            .count(),
        1
    );
    assert_eq!(entity::user::Entity::find().count(&*db).await.unwrap(), 1);
}
