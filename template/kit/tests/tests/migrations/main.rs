//! The commands that plan and check migrations, run as programs on a real server, in projects
//! whose schema is described in SQL.

mod apply;
mod check;
mod create;
mod gate;
mod import;
mod places;
mod project;
mod rebase;
