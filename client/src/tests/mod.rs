//! Tests that need more than one module: commands against a scheduler that is
//! a double.

mod commands;
mod fake_scheduler;
mod watching;
