//! Takes jobs, drives them, keeps their journal.
//!
//! - [`driver`]: one job from its submission to its end. The decisions are a
//!   pure function of state and event; a shell performs them.
//! - [`journal`]: what is written down before each step, and outlives us.
//! - [`registry`]: the jobs of this scheduler; [`service`]: the same on the wire.
//! - [`serve`]: starts a scheduler on one port; [`local`]: a whole cluster on
//!   this machine, with executors inside this process or as its children.
//!
//! What is never done here: a parser's or a writer's work (executors do that),
//! a commit that the audit has not passed, an act that the journal does not
//! know of; and no type of the engine's own appears, only
//! [`headworks_engine::api`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod driver;
pub mod journal;
pub mod local;
mod recovery;
pub mod registry;
pub mod serve;
pub mod service;
pub mod state_dir;

#[cfg(test)]
mod tests;
