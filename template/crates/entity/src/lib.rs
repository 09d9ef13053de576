//! The tables of the database, as SeaORM entities, and nothing else.
//!
//! Each file in this folder is a module, and each entity in it is a table of
//! the schema: there is no list to keep. After a change, `just create-migrations`
//! plans the SQL that brings a database up to date.
//!
//! What entities cannot say (extensions, partial indexes, comments) goes into
//! `sql/before.sql` and `sql/after.sql` of this crate.

// A long chain of relations nests types deeper than the compiler's default of 128.
#![recursion_limit = "1024"]

automod::dir!(pub "src");
