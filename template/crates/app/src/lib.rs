//! The application. What is here shows how to write functions over the entities,
//! and how to test them: replace it by your own.

pub mod users;
