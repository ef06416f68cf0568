//! A whole cluster on this machine: a scheduler inside this process, and
//! either one executor inside it too, or several as child processes. The plan
//! and the code are those of any other cluster.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use headworks_engine::api::Engine;
use headworks_engine::executor::{ExecutorOptions, ExecutorServer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::journal::Kept;
use crate::serve::{RunningScheduler, SchedulerOptions, start};

/// How long executors may take to register.
const REGISTER_WAIT_MS_MAX: u64 = 30_000;
/// How often to look whether they have.
const REGISTER_LOOK_INTERVAL_MS: u64 = 10;

/// What a local cluster is told when it starts.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Where the journal is.
    pub state_dir: PathBuf,
    /// What the journal is to outlive.
    pub journal: Kept,
    /// None: one executor inside this process. Else so many child processes.
    pub executors: Option<usize>,
    /// Cores of all executors together; by default all that the machine has.
    pub cores: Option<usize>,
    /// Where executors keep their shuffles; by default a temporary folder,
    /// removed at the end.
    pub work_dir: Option<PathBuf>,
}

/// A cluster on this machine. Dropped without `shutdown`, its child processes
/// are killed.
pub struct LocalCluster {
    /// The scheduler's URL.
    pub url: String,
    /// The executors' processes; this one's if the executor is inside it.
    pub pids: Vec<u32>,
    scheduler: RunningScheduler,
    inside: Option<ExecutorServer>,
    children: Vec<Child>,
    _work_dir: Option<TempDir>,
}

/// Starts a scheduler and its executors; returns when all have registered.
///
/// # Errors
/// If the state folder cannot be used, or an executor does not start.
pub async fn start_local(options: LocalOptions) -> anyhow::Result<LocalCluster> {
    let scheduler = start(SchedulerOptions::local(options.state_dir, options.journal)).await?;
    let url = scheduler.url();
    let (work_dir, temporary) = match options.work_dir {
        Some(folder) => (folder, None),
        None => {
            let folder = tempfile::Builder::new()
                .prefix("headworks-")
                .tempdir()
                .context("cannot make a temporary folder for the executors; set TMPDIR to a writable one")?;
            (folder.path().to_owned(), Some(folder))
        }
    };
    let all_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = options.cores.unwrap_or(all_cores).max(1);
    let mut cluster = LocalCluster {
        url,
        pids: Vec::new(),
        scheduler,
        inside: None,
        children: Vec::new(),
        _work_dir: temporary,
    };
    match options.executors {
        None => {
            let executor =
                ExecutorServer::start(ExecutorOptions::local(&cluster.url, cores, &work_dir))
                    .await?;
            cluster.inside = Some(executor);
            cluster.pids.push(std::process::id());
        }
        Some(count) => {
            let count = count.max(1);
            for index in 0..count {
                // The first ones get the cores that cannot be shared evenly.
                let share = (cores / count + usize::from(index < cores % count)).max(1);
                let child = spawn_executor(
                    &cluster.url,
                    share,
                    &work_dir.join(format!("executor-{index}")),
                )?;
                cluster.pids.extend(child.id());
                cluster.children.push(child);
            }
        }
    }
    let expected = cluster.children.len().max(1);
    cluster.wait_for_executors(expected).await?;
    Ok(cluster)
}

impl LocalCluster {
    /// The scheduler inside this process.
    #[must_use]
    pub fn scheduler(&self) -> &RunningScheduler {
        &self.scheduler
    }

    /// Stops everything.
    pub async fn shutdown(mut self) {
        self.scheduler.shutdown().await;
        if let Some(executor) = self.inside.take() {
            executor.shutdown().await;
        }
        for child in &mut self.children {
            if let Err(error) = child.kill().await {
                tracing::warn!("an executor's process could not be ended: {error}");
            }
        }
    }

    async fn wait_for_executors(&mut self, expected: usize) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_millis(REGISTER_WAIT_MS_MAX);
        loop {
            let found = self.scheduler.engine().executors().await.len();
            if found >= expected {
                return Ok(());
            }
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    bail!(
                        "an executor ended before it had registered: {status}; its messages stand above"
                    );
                }
            }
            if Instant::now() >= until {
                bail!(
                    "only {found} of {expected} executors registered within {REGISTER_WAIT_MS_MAX} ms"
                );
            }
            tokio::time::sleep(Duration::from_millis(REGISTER_LOOK_INTERVAL_MS)).await;
        }
    }
}

/// Starts an executor as a child process that ends with this one.
fn spawn_executor(url: &str, cores: usize, work_dir: &Path) -> anyhow::Result<Child> {
    let (program, subcommand) = executor_program()?;
    std::fs::create_dir_all(work_dir)
        .with_context(|| format!("cannot make {}", work_dir.display()))?;
    let mut command = Command::new(&program);
    command.args(subcommand);
    command.args([
        "--scheduler",
        url,
        "--cores",
        &cores.to_string(),
        "--exit-with-parent",
        "--work-dir",
    ]);
    command
        .arg(work_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if let Some(stdout) = child.stdout.take() {
        // Its ready line is for supervisors; nobody must block on writing it.
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!("executor: {line}");
            }
        });
    }
    Ok(child)
}

/// The program that is an executor: the client has it as a hidden subcommand;
/// any other program finds `headworks-executor` or `headworks` beside itself.
fn executor_program() -> anyhow::Result<(PathBuf, Option<&'static str>)> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    if own.file_stem().is_some_and(|stem| stem == "headworks") {
        return Ok((own, Some("executor")));
    }
    // Test programs lie one folder deeper.
    for folder in own.ancestors().skip(1).take(2) {
        for (name, subcommand) in [
            ("headworks-executor", None),
            ("headworks", Some("executor")),
        ] {
            let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if program.is_file() {
                return Ok((program, subcommand));
            }
        }
    }
    bail!(
        "cannot find `headworks-executor` beside {}; install it there",
        own.display()
    )
}
