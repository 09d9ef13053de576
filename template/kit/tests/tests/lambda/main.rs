//! The function as a whole: its real binary, run as AWS Lambda runs it, with a real
//! Atlas and a real PostgreSQL. What cannot be had outside of AWS is played by small
//! servers on 127.0.0.1: the Runtime API, the bucket behind ResponseURL, Secrets
//! Manager, and the IAM authentication of RDS.
//!
//! Every invocation is held to what each one promises, whatever its event: see
//! `harness::log::Log::check` and `harness::s3::S3::answer`.
//!
//! `MIGRATION_LAMBDA=/path/to/binary` tests another binary, `ATLAS=/path/to/atlas`
//! with another Atlas.

mod harness;

mod apply;
mod atlas_faults;
mod authentication;
mod concurrency;
mod configuration;
mod connection;
mod deadline;
mod delivery;
mod events;
mod fuzz;
mod logging;
mod package;
mod properties;
mod races;
mod rollback;
mod secrecy;
