//! Tests the whole function: its real binary, run as AWS Lambda runs it, with a real Atlas and
//! a real PostgreSQL. Small servers on 127.0.0.1 replace AWS: the Runtime API, the bucket of
//! ResponseURL, Secrets Manager, and the IAM authentication of RDS.
//!
//! The harness checks the general promises in every invocation: see
//! `harness::log::Log::check` and `harness::s3::S3::answer`.
//!
//! `MIGRATION_LAMBDA=/path/to/binary` selects another binary, `ATLAS=/path/to/atlas` another
//! Atlas.

mod harness;

mod apply;
mod atlas_faults;
mod authentication;
mod concurrency;
mod configuration;
mod connection;
mod deadline;
mod delivery;
mod diagnoses;
mod events;
mod failover;
mod fuzz;
mod logging;
mod package;
mod patience;
mod properties;
mod races;
mod rollback;
mod secrecy;
mod task;
