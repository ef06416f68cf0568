//! Data generators, and the home of the tests that run the whole system.
//!
//! A generator writes data of a shape that really exists, from a seed, together with its own
//! truth: what a correct reader must find in it. Tests and benchmarks call the library; people
//! call `hw-datagen`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod events;
pub mod folder;
pub mod fpds;
pub mod olist;
pub mod output;
pub mod real_data;
pub mod rng;
pub mod seaweed;
pub mod songs;
pub mod stocks;

mod text;

use std::path::PathBuf;

/// The folder of this crate, as cargo says when it runs something; else as it was when this was compiled, which may be
/// that of another checkout with the same target folder.
#[must_use]
pub fn crate_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    folder.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod fpds_schema_tests;
#[cfg(test)]
mod samples_tests;
