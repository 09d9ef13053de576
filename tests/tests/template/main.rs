//! Renders the template and uses the result as its user would.

mod bad_input;
mod deploy;
mod install;
mod main_job;
mod rehearse;
mod render;
mod shared;
mod stack;
mod update;
