//! All ways to a server, with real servers and real processes.
//!
//! A test asks for a server as a program does: from a separate process, which ends
//! before the test looks at the answer. Settings are in the `.env` of a project that
//! the test makes.

mod docker;
mod engine;
mod given_url;
mod local;
mod project;
mod recovery;
mod settings;
mod temporary;
