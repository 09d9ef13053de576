//! Every way to a server, with real servers and real processes.
//!
//! A test asks for a server as a program does: from a process of its own, which
//! ends before the answer is looked at. Settings stand in the `.env` of a project
//! that the test makes.

mod docker;
mod given_url;
mod local;
mod project;
mod recovery;
mod settings;
