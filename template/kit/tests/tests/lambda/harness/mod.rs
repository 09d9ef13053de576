//! The environment of the function, as real as possible: Lambda's Runtime API, PostgreSQL,
//! Atlas, and the AWS services that it calls.

pub mod access;
pub mod answer;
pub mod ecs;
pub mod event;
pub mod function;
pub mod gate;
pub mod http;
pub mod log;
pub mod postgres;
pub mod processes;
pub mod rds;
#[cfg(target_os = "linux")]
pub mod resolver;
pub mod runtime_api;
pub mod s3;
pub mod secrets_manager;
pub mod sql;
pub mod test_bed;
pub mod tls;

use std::sync::OnceLock;

/// See [`kit_tests::atlas`].
pub fn atlas() -> &'static atlas::Atlas {
    static ATLAS: OnceLock<atlas::Atlas> = OnceLock::new();
    ATLAS.get_or_init(kit_tests::atlas)
}
