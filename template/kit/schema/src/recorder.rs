use std::sync::{Mutex, PoisonError};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyExecResult, QueryResult, Statement,
    prelude::async_trait::async_trait,
};

/// A connection to nowhere that keeps what is executed on it.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    statements: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) fn into_statements(self) -> Vec<String> {
        self.statements
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, sql: String) -> ExecResult {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sql);
        ProxyExecResult::default().into()
    }
}

#[async_trait]
impl ConnectionTrait for Recorder {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        Ok(self.record(statement.to_string()))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        Ok(self.record(sql.to_owned()))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Err(no_answer(&statement))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        Err(no_answer(&statement))
    }
}

fn no_answer(statement: &Statement) -> DbErr {
    DbErr::Custom(format!(
        "printing a schema asks no database, but SeaORM did: {statement}"
    ))
}
