//! The migration directory, and Atlas itself on a PostgreSQL server.

mod cli;
mod directory;
