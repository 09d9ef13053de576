use anyhow::{Context as _, Result};
use postgres::Server;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};

/// SQL for the whole server, which no migration may hold.
const ROLES: &str = "crates/entity/sql/roles.sql";

/// Runs the project's [`ROLES`] on a development or test server, so that migrations can refer
/// to the roles. Does nothing without that file.
///
/// # Errors
/// When the server does not answer, or refuses a statement: the file is run again and again,
/// and must allow that.
pub async fn prepare_roles(server: &Server) -> Result<()> {
    let mut admin = server.admin().await?;
    run(&mut admin).await?;
    Ok(admin.close().await?)
}

pub(crate) async fn run(admin: &mut PgConnection) -> Result<()> {
    let sql = match std::fs::read_to_string(postgres::project_root()?.join(ROLES)) {
        Ok(sql) => sql,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {ROLES}")),
    };
    let ran = sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await;
    ran.map(drop).with_context(|| format!("{ROLES} must run again and again without an error"))
}
