//! Users and their addresses.
//!
//! Each function takes any connection, a pool or a transaction: the caller decides
//! what belongs together, and a test passes a transaction that is rolled back.

use entity::{address, user};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, Set, SqlErr, TransactionSession, TransactionTrait,
};

/// Where to send something to a new user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAddress {
    pub street: String,
    pub city: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, for example `DE`.
    pub country: String,
}

/// Why a user could not be registered.
#[derive(Debug)]
pub enum RegisterError {
    /// Somebody has an account with this e-mail address.
    EmailTaken,
    Database(DbErr),
}

/// Stores a user with an address, or neither.
///
/// # Errors
/// When the e-mail address is taken, or the database fails.
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

/// The user with this e-mail address.
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

/// The number of users.
///
/// # Errors
/// When the database fails.
pub async fn count(connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
    user::Entity::find().count(connection).await
}

/// The addresses of a user, oldest first.
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

/// Suspends an account; returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn suspend(connection: &impl ConnectionTrait, user_id: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::Status, user::Status::Suspended.as_enum())
        .col_expr(
            user::Column::UpdatedAt,
            sea_orm::sea_query::Expr::current_timestamp(),
        )
        .filter(user::Column::Id.eq(user_id))
        .exec(connection)
        .await?;
    Ok(updated.rows_affected > 0)
}

impl From<DbErr> for RegisterError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            // The only unique column that a caller chooses.
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::EmailTaken,
            _ => Self::Database(error),
        }
    }
}

impl std::fmt::Display for RegisterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EmailTaken => f.write_str("the e-mail address is taken"),
            Self::Database(error) => write!(f, "the database failed: {error}"),
        }
    }
}

impl std::error::Error for RegisterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::EmailTaken => None,
            Self::Database(error) => Some(error),
        }
    }
}
