//! `headworks`, the command line; a whole local cluster inside it.
//!
//! Data on stdout, everything else on stderr. `cli` defines the commands and
//! flags, `commands` has a file for each; `service` is the scheduler as they
//! call it, `connect` finds one or starts a cluster within this process;
//! `watch`, `progress` and `interrupts` follow a job to its end.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod commands;
mod config;
mod connect;
mod context;
mod errors;
mod interrupts;
mod output;
mod progress;
mod records;
mod service;
mod watch;

#[cfg(test)]
mod tests;

use std::time::Instant;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::errors::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is logged on stderr unless `RUST_LOG` says otherwise: results and
/// errors are told by the commands themselves.
const DEFAULT_LOG_FILTER: &str = "error";

fn main() {
    let started = Instant::now();
    headworks_engine::pages::keep_small();
    let cli = cli::Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG_FILTER)),
        )
        .with_writer(std::io::stderr)
        .init();
    let exit = match run(cli, started) {
        Ok(exit) => exit,
        Err(failure) => {
            let message = failure.to_string();
            if !message.is_empty() {
                output::error(&message);
            }
            failure.exit()
        }
    };
    // Not a return: a thread that waits for an answer at the terminal would hold it up.
    std::process::exit(exit.code().into());
}

fn run(cli: cli::Cli, started: Instant) -> Result<Exit, Failure> {
    let context = Context::new(&cli.global, started, &|name| std::env::var(name).ok())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start: {e}")))?;
    let exit = runtime.block_on(commands::dispatch(context, cli.command));
    runtime.shutdown_background();
    exit
}
