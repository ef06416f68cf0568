//! Tests that need several parts of the lake at once.

mod commit;
mod concurrent;
mod crash;
mod faults;
mod modes;
mod property;
mod quarantine;
mod storages;
mod support;
mod upkeep;
mod writer;
