use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{
    Database, DatabaseConnection, DbBackend, DbErr, ProxyDatabaseTrait, ProxyExecResult, ProxyRow,
    Statement, prelude::async_trait::async_trait,
};

/// Keeps the statements that SeaORM executes, and sends them nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    statements: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Opens a connection that records into this value.
    pub(crate) async fn connect(&self) -> Result<DatabaseConnection, DbErr> {
        let proxy: Box<dyn ProxyDatabaseTrait> = Box::new(self.clone());
        Database::connect_proxy(DbBackend::Postgres, Arc::new(proxy)).await
    }

    /// Returns the statements recorded so far, and forgets them.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut statements = self.statements.lock();
        std::mem::take(statements.as_mut().unwrap_or_else(|poisoned| poisoned.get_mut()))
    }
}

#[async_trait]
impl ProxyDatabaseTrait for Recorder {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        Err(DbErr::Custom(format!(
            "SeaORM queries a database to print a schema, which needs none: {statement}"
        )))
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        statements.push(statement.to_string());
        Ok(ProxyExecResult::default())
    }
}
