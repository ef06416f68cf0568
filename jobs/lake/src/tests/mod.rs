//! Tests that need several parts of the lake at once.

mod candidate;
mod commit;
mod compact;
mod concurrent;
mod crash;
mod faults;
mod history;
mod modes;
mod packs;
mod property;
mod quarantine;
mod staged;
mod storages;
mod support;
mod upkeep;
mod writer;
