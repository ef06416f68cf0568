//! Data generators, and the home of the tests that run the whole system.
//!
//! A generator writes data of a shape that really exists, from a seed, together with its own
//! truth: what a correct reader must find in it. Tests and benchmarks call the library; people
//! call `hw-datagen`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod fpds;
pub mod output;
pub mod real_data;
pub mod rng;
pub mod seaweed;

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod fpds_schema_tests;
