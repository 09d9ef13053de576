//! Tests that use the database. Most take `tx`, a transaction that is rolled back; those
//! that need several connections take `db`, a database that no other test uses.

use app::users::{self, NewAddress, RegisterError};
use entity::{
    address,
    user::{self, Status},
};
use fixtures::{TestDatabase, TestTransaction, db, tx};
use rstest::rstest;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, TransactionTrait};

async fn register<C>(connection: &C, name: &str) -> Result<user::Model, RegisterError>
where
    C: ConnectionTrait + TransactionTrait,
{
    let address = NewAddress {
        street: "Unter den Linden 1".into(),
        city: "Berlin".into(),
        postal_code: "10117".into(),
        country: "DE".into(),
    };
    users::register(connection, "ada@example.com", name, address).await
}

#[rstest]
#[tokio::test]
async fn stores_a_user_with_an_address(#[future(awt)] tx: TestTransaction) {
    let ada = register(&*tx, "Ada").await.unwrap();
    assert_eq!(ada.status, Status::Active);

    let addresses = users::addresses(&*tx, ada.id).await.unwrap();
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].city, "Berlin");
}

#[rstest]
#[tokio::test]
async fn finds_a_user_by_email(#[future(awt)] tx: TestTransaction) {
    let ada = register(&*tx, "Ada").await.unwrap();
    let found = users::find_by_email(&*tx, "ada@example.com").await.unwrap();
    assert_eq!(found, Some(ada));
    let missing = users::find_by_email(&*tx, "eve@example.com").await.unwrap();
    assert_eq!(missing, None);
}

#[rstest]
#[tokio::test]
async fn counts_users(#[future(awt)] tx: TestTransaction) {
    assert_eq!(users::count(&*tx).await.unwrap(), 0);
    register(&*tx, "Ada").await.unwrap();
    assert_eq!(users::count(&*tx).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn refuses_an_email_that_is_taken_and_stores_nothing(#[future(awt)] tx: TestTransaction) {
    register(&*tx, "Ada").await.unwrap();
    let second = register(&*tx, "Eve").await;
    assert!(matches!(second, Err(RegisterError::EmailTaken)));
    assert_eq!(address::Entity::find().count(&*tx).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn passes_other_errors_on(#[future(awt)] tx: TestTransaction) {
    // PostgreSQL stores no NUL in a text.
    let refused = register(&*tx, "Ada\0").await;
    assert!(matches!(refused, Err(RegisterError::Database(_))));
}

#[rstest]
#[tokio::test]
async fn suspends_an_account(#[future(awt)] tx: TestTransaction) {
    let ada = register(&*tx, "Ada").await.unwrap();
    assert!(users::suspend(&*tx, ada.id).await.unwrap());
    let ada = user::Entity::find_by_id(ada.id).one(&*tx).await.unwrap();
    assert_eq!(ada.unwrap().status, Status::Suspended);
    assert!(!users::suspend(&*tx, -1).await.unwrap());
}

/// Within one transaction the two could not run at once.
#[rstest]
#[tokio::test]
async fn gives_an_email_to_only_one_of_two_users(#[future(awt)] db: TestDatabase) {
    let (first, second) = tokio::join!(register(&*db, "Ada"), register(&*db, "Eve"));
    assert_ne!(first.is_ok(), second.is_ok());
    assert_eq!(users::count(&*db).await.unwrap(), 1);
}
