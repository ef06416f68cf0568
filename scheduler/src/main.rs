//! The scheduler as a program of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use headworks_scheduler::driver::DriverOptions;
use headworks_scheduler::journal::Kept;
use headworks_scheduler::serve::{SchedulerOptions, start};
use headworks_scheduler::state_dir::default_state_dir;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes Headworks jobs and runs them on its executors.
#[derive(Debug, Parser)]
#[command(name = "headworks-scheduler", version)]
struct Arguments {
    /// Address to serve on. Anything but loopback can be reached from outside, and nothing is encrypted. Port 0 picks
    /// a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:50050")]
    bind: SocketAddr,
    /// Folder of the journal, made if missing [default: $HEADWORKS_STATE_DIR, else $XDG_STATE_HOME/headworks, else
    /// ~/.local/state/headworks].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    headworks_engine::pages::keep_small();
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headworks-scheduler: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let state_dir = arguments.state_dir.or_else(default_state_dir).context(
        "no state folder is known: name one with --state-dir, or set HEADWORKS_STATE_DIR",
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let options = SchedulerOptions {
            bind: arguments.bind,
            state_dir,
            journal: Kept::Forever,
            driver: DriverOptions::default(),
        };
        let scheduler = start(options).await?;
        println!("headworks-scheduler ready on {}", scheduler.address());
        tokio::select! {
            _ = terminate.recv() => {}
            done = tokio::signal::ctrl_c() => done?,
        }
        scheduler.shutdown().await;
        Ok(())
    })
}
