//! The fuzzers' targets, taken from the tests of `headworks-formats`, where they run from seeded mutation.
//!
//! Those files are compiled here once more: what they call `crate::xml` is here the crate's public interface.

#![allow(dead_code)]

use headworks_formats::*;

mod json_tests;

#[path = "../../jobs/formats/src/xml/tests/cutting.rs"]
mod cutting;
#[path = "../../jobs/formats/src/xml/tests/rows.rs"]
mod rows;
#[path = "../../jobs/formats/src/xml/tests/slow/mod.rs"]
mod slow;
#[path = "../../jobs/formats/src/xml/tests/targets.rs"]
mod targets;

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> fn(&[u8]) {
    let mut all = targets::TARGETS.iter().chain(json_tests::by_name());
    let found = all.find(|(target, _)| *target == name);
    found.expect("a target of that name").1
}
