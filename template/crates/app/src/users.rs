//! Users and their addresses.
//!
//! Functions take any connection, a pool or a transaction. So callers can combine them into
//! one transaction, and tests can pass one that is rolled back.

use entity::{address, user};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, Set, SqlErr, TransactionSession, TransactionTrait, sea_query::Expr,
};
use thiserror::Error;

/// The address of a user to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAddress {
    pub street: String,
    pub city: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, for example `DE`.
    pub country: String,
}

/// Why a user could not be registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    #[error("the e-mail address belongs to another account")]
    EmailTaken,
    #[error(transparent)]
    Database(DbErr),
}

impl From<DbErr> for RegisterError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            // Callers choose no other unique column.
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::EmailTaken,
            _ => Self::Database(error),
        }
    }
}

/// Stores a user with an address, or neither.
///
/// # Errors
/// When another account has the e-mail address, or the database fails.
pub async fn register<C>(
    connection: &C,
    email: &str,
    name: &str,
    address: NewAddress,
) -> Result<user::Model, RegisterError>
where
    C: ConnectionTrait + TransactionTrait,
{
    let transaction = connection.begin().await?;
    let user = user::ActiveModel {
        email: Set(email.to_owned()),
        name: Set(name.to_owned()),
        ..Default::default()
    }
    .insert(&transaction)
    .await?;
    address::ActiveModel {
        user_id: Set(user.id),
        street: Set(address.street),
        city: Set(address.city),
        postal_code: Set(address.postal_code),
        country: Set(address.country),
        ..Default::default()
    }
    .insert(&transaction)
    .await?;
    transaction.commit().await?;
    Ok(user)
}

/// Returns the user with this e-mail address.
///
/// # Errors
/// When the database fails.
pub async fn find_by_email(
    connection: &impl ConnectionTrait,
    email: &str,
) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find()
        .filter(user::Column::Email.eq(email))
        .one(connection)
        .await
}

/// Returns the number of users.
///
/// # Errors
/// When the database fails.
pub async fn count(connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
    user::Entity::find().count(connection).await
}

/// Returns the addresses of a user, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn addresses(
    connection: &impl ConnectionTrait,
    user_id: i64,
) -> Result<Vec<address::Model>, DbErr> {
    address::Entity::find()
        .filter(address::Column::UserId.eq(user_id))
        .order_by_asc(address::Column::Id)
        .all(connection)
        .await
}

/// Suspends an account, and returns whether it exists.
///
/// # Errors
/// When the database fails.
pub async fn suspend(connection: &impl ConnectionTrait, user_id: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::Status, user::Status::Suspended.as_enum())
        .col_expr(user::Column::UpdatedAt, Expr::current_timestamp())
        .filter(user::Column::Id.eq(user_id))
        .exec(connection)
        .await?;
    Ok(updated.rows_affected > 0)
}
