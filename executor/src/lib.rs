//! Parses, encodes, serves its shuffle: the executor as a process.
//!
//! The same code runs as the program `headworks-executor` and as the hidden
//! subcommand of the client that starts a local cluster of several processes.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use headworks_engine::executor::{ExecutorOptions, ExecutorServer};

/// Wait before an executor that lost its scheduler looks for it again, in milliseconds.
const RECONNECT_INTERVAL_MS: u64 = 1_000;
/// Bytes of memory in a MiB.
const MIB: usize = 1024 * 1024;

/// How an executor is started.
#[derive(Debug, Clone, Args)]
pub struct ExecutorArgs {
    /// URL of the scheduler, for example http://127.0.0.1:50050
    #[arg(long, value_name = "URL", env = "HEADWORKS_SCHEDULER")]
    pub scheduler: String,
    /// Tasks that run at once; by default one for each core
    #[arg(long, value_name = "N")]
    pub cores: Option<usize>,
    /// Folder for shuffles and spills; by default one under the system's temporary folder
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Address to listen on, at which others reach this executor
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port of its Flight service; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Memory that its tasks may hold, in MiB; by default its cores' share of half the machine's
    #[arg(long, value_name = "MIB")]
    pub memory_mib: Option<usize>,
    /// End when the process that started this one ends
    #[arg(long, hide = true)]
    pub exit_with_parent: bool,
}

/// Runs an executor until it is told to stop. One that loses its scheduler
/// waits for it and registers again, under a new id.
///
/// # Errors
/// If its folder or address cannot be used, or no scheduler answers at the start.
pub async fn run(args: ExecutorArgs) -> anyhow::Result<()> {
    if args.exit_with_parent {
        exit_with_parent();
    }
    let cores = args
        .cores
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let own_dir = std::env::temp_dir().join(format!("headworks-executor-{}", std::process::id()));
    let work_dir = args.work_dir.clone().unwrap_or(own_dir);
    let mut options = ExecutorOptions::local(&args.scheduler, cores, &work_dir);
    options.host.clone_from(&args.host);
    options.port = args.port;
    if let Some(memory) = args.memory_mib {
        options.memory_bytes = memory * MIB;
    }

    let mut stop = std::pin::pin!(stop_signal()?);
    let mut executor = ExecutorServer::start(options.clone()).await?;
    loop {
        say_ready(&executor)?;
        tokio::select! {
            () = &mut stop => {
                executor.shutdown().await;
                break;
            }
            () = executor.ended() => {}
        }
        tracing::warn!(
            "the scheduler is gone, or has given this executor up; registering again at {}",
            args.scheduler
        );
        // Its heartbeats go on until it is told so, and under its old id it would be counted once more.
        executor.shutdown().await;
        executor = loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(RECONNECT_INTERVAL_MS)) => {}
            }
            match ExecutorServer::start(options.clone()).await {
                Ok(executor) => break executor,
                Err(error) => tracing::debug!("not yet: {error}"),
            }
        };
    }
    if args.work_dir.is_none() {
        // Ours alone; what cannot be removed now, the system removes later.
        let _ = std::fs::remove_dir_all(&work_dir);
    }
    Ok(())
}

fn say_ready(executor: &ExecutorServer) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "headworks-executor ready on {} id {}",
        executor.address(),
        executor.id()
    )?;
    out.flush()
}

/// Ends on SIGTERM or Ctrl-C.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Looks, twice a second, whether the process that started this one is still
/// its parent; ends this one when it is not.
fn exit_with_parent() {
    let parent = std::os::unix::process::parent_id();
    std::thread::spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(1);
    });
}
