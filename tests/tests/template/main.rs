//! Renders the template and uses the result as a user does.

mod bad_input;
mod deploy;
mod install;
mod main_job;
mod rehearse;
mod render;
mod shared;
mod size;
mod stack;
mod update;
mod variants;
