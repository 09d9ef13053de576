//! The application. This example shows functions over the entities and their tests: replace
//! it with your own.

pub mod users;
