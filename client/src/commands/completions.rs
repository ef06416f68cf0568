//! `headworks completions SHELL`: generated from the command line's definition.

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::errors::{Exit, Failure};
use crate::output;

/// Prints the completions.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "headworks", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
