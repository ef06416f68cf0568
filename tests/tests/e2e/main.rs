//! The whole system, as a user meets it: the real programs over generated and real data, on loopback, each test with
//! folders and processes of its own.
//!
//! The programs are those that lie beside this test: `cargo build --workspace` in the same profile makes them, and
//! `tests/run` does so first; `cargo test` alone leaves old ones lying. `HEADWORKS_LONG=1` runs the long versions;
//! `HEADWORKS_SEED=N` replays the random choices of a run, which each such test prints.

#![allow(clippy::unwrap_used)]

mod support;

mod bad_input;
mod buckets;
mod checks;
mod cluster;
mod formats;
mod loss;
mod modes;
mod pipelines;
mod real_feed;
mod restarts;
mod sample;
mod sharing;
mod sql_rules;
mod stopped;
