//! The one adapter for Ballista: codec, session, planning, start-up of both sides.
//!
//! Outside this crate nobody knows that Ballista exists: the driver speaks
//! [`api`], binaries call [`scheduler::EngineScheduler::start`] and
//! [`executor::ExecutorServer::start`]. What Ballista lacks for exact writes is
//! added here, and each of its known defects is made harmless by a guard of its
//! own (see [`guards`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
mod check;
pub mod codec;
pub mod executor;
pub mod guards;
pub mod nodes;
pub mod pages;
pub mod plan;
pub mod report;
pub mod scheduler;
pub mod session;
pub mod sql;
mod stores;
mod turns;

#[cfg(test)]
mod tests;

pub use api::{Engine, EngineError};
