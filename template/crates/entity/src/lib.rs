//! The tables of the database, as SeaORM entities.
//!
//! Each file in this folder is a module, and each entity in it a table. To change the
//! database, change or add an entity, then run `just create-migrations`.
//!
//! `sql/before.sql` and `sql/after.sql` hold what entities cannot express, such as
//! extensions, partial indexes and views. Each may be a folder of SQL files instead.

// Long chains of relations nest types deeper than the compiler's default of 128.
#![recursion_limit = "1024"]

automod::dir!(pub "src");
