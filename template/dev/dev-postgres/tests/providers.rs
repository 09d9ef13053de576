//! Every way to a server, with real servers and real processes.
//!
//! A test asks for a server as a program does: from a process of its own, which
//! ends before the answer is looked at. Settings stand in the `.env` of a project
//! that the test makes.

#[path = "providers/docker.rs"]
mod docker;
#[path = "providers/given_url.rs"]
mod given_url;
#[path = "providers/local.rs"]
mod local;
#[path = "providers/project.rs"]
mod project;
#[path = "providers/recovery.rs"]
mod recovery;
#[path = "providers/settings.rs"]
mod settings;
