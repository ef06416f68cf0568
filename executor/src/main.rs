//! The program `headworks-executor`.

use std::process::ExitCode;

use clap::Parser;
use headworks_executor::{ExecutorArgs, run};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the tasks of a Headworks cluster.
#[derive(Parser)]
#[command(name = "headworks-executor", version)]
struct Cli {
    #[command(flatten)]
    args: ExecutorArgs,
}

fn main() -> ExitCode {
    headworks_engine::pages::keep_small();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("headworks-executor: no threads can be started: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(run(cli.args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headworks-executor: {error:#}");
            ExitCode::from(2)
        }
    }
}
