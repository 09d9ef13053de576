use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
static N: AtomicU32 = AtomicU32::new(0);
pub struct Server;
pub struct Database(String, String);
pub async fn server() -> Result<Server, String> {
    Ok(Server)
}
fn psql(s: &str) {
    assert!(
        Command::new("psql")
            .env("PGPASSWORD", "Sw0rdf1sh")
            .args([
                "-q",
                "-h",
                "127.0.0.1",
                "-p",
                "55439",
                "-U",
                "postgres",
                "-c",
                s
            ])
            .status()
            .unwrap()
            .success()
    );
}
impl Server {
    pub fn major(&self) -> u32 {
        15
    }
    pub async fn create_database(&self, p: &str) -> Result<Database, String> {
        let n = format!(
            "{p}_{}_{}",
            std::process::id(),
            N.fetch_add(1, Ordering::SeqCst)
        );
        psql(&format!("create database {n}"));
        let u = format!("postgres://postgres:Sw0rdf1sh@127.0.0.1:55439/{n}?sslmode=disable");
        Ok(Database(n, u))
    }
}
impl Database {
    pub fn url(&self) -> &str {
        &self.1
    }
    pub async fn drop_database(self) -> Result<(), String> {
        psql(&format!("drop database {} with (force)", self.0));
        Ok(())
    }
}
