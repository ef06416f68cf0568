//! A scheduler to work with: one that is running, or one within this process
//! that lives as long as the command.

use std::path::PathBuf;
use std::sync::Arc;

use headworks_engine::{Engine, EngineError};
use headworks_scheduler::journal::Kept;
use headworks_scheduler::local::{LocalCluster, LocalOptions, start_local};

use crate::context::Context;
use crate::errors::Failure;
use crate::records::state_dir;
use crate::service::Scheduler;
use crate::watch::Hold;

/// What a cluster within this process is to be like.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Executor processes; none means one executor within this process.
    pub(crate) executors: Option<u32>,
    /// Cores of each executor; none means all, shared among them.
    pub(crate) cores: Option<u32>,
    /// Where its journal lies, if not where the context says: in a folder that goes with the cluster.
    pub(crate) state_dir: Option<PathBuf>,
}

/// A scheduler, and the cluster around it if that is our own.
pub(crate) struct Cluster {
    scheduler: Scheduler,
    local: Option<LocalCluster>,
}

impl Cluster {
    /// The scheduler that is configured, or a cluster of our own.
    ///
    /// # Errors
    /// When the scheduler does not answer, was asked for what only an own
    /// cluster can do, or a cluster cannot be started here.
    pub(crate) async fn open(context: &Context, wish: Wish) -> Result<Self, Failure> {
        let Some(url) = &context.scheduler else {
            return Self::start(context, wish).await;
        };
        if wish.executors.is_some() || wish.cores.is_some() {
            return Err(Failure::usage(format!(
                "--executors and --cores are for a cluster within this process, but the job would go to {url}\n  \
                 next: leave them out, or give `--scheduler local`"
            )));
        }
        Ok(Self {
            scheduler: Scheduler::connect(url).await?,
            local: None,
        })
    }

    /// A cluster of our own, whatever is configured.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn start(context: &Context, wish: Wish) -> Result<Self, Failure> {
        let (state_dir, journal) = match wish.state_dir {
            Some(folder) => (folder, Kept::WhileItLives),
            None => (state_dir(context)?, Kept::Forever),
        };
        let options = LocalOptions {
            state_dir,
            journal,
            executors: wish.executors.map(|n| n as usize),
            // The cluster's cores are counted together.
            cores: wish
                .cores
                .map(|n| n as usize * wish.executors.unwrap_or(1) as usize),
            work_dir: None,
        };
        let local = start_local(options).await.map_err(|e| {
            Failure::failed(format!("cannot start a cluster within this process: {e:#}"))
        })?;
        let scheduler = Scheduler::connect(&local.url).await?;
        Ok(Self {
            scheduler,
            local: Some(local),
        })
    }

    /// The scheduler.
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The engine of a cluster of our own, for what is asked of it without a job.
    pub(crate) fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.local
            .as_ref()
            .map(|local| Arc::clone(local.scheduler().engine()) as Arc<dyn Engine>)
    }

    /// What Ctrl-C may mean for a job that runs here.
    pub(crate) fn hold(&self) -> Hold {
        if self.local.is_some() {
            Hold::Own
        } else {
            Hold::Submitted
        }
    }

    /// Ends a cluster of our own.
    pub(crate) async fn close(self) {
        if let Some(local) = self.local {
            local.shutdown().await;
        }
    }
}

/// Asks an engine of our own, whatever scheduler is configured, and ends it.
/// Nothing is journaled: nothing runs.
///
/// # Errors
/// When no cluster can be started here, or the answer is an error.
pub(crate) async fn ask_engine<T>(
    context: &Context,
    ask: impl AsyncFnOnce(Arc<dyn Engine>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("headworks-")
        .tempdir()
        .map_err(|e| {
            Failure::failed(format!(
                "cannot make a temporary folder: {e}\n  next: set TMPDIR to a writable one"
            ))
        })?;
    let wish = Wish {
        state_dir: Some(folder.path().to_owned()),
        ..Wish::default()
    };
    let cluster = Cluster::start(context, wish).await?;
    let answer = match cluster.engine() {
        Some(engine) => ask(engine).await,
        None => Err(Failure::failed(
            "a cluster of our own has no engine; please report this",
        )),
    };
    cluster.close().await;
    answer
}

/// What the engine's refusal means to the user.
pub(crate) fn engine_failure(error: EngineError) -> Failure {
    match error {
        EngineError::Configuration(message) => Failure::usage(message),
        EngineError::Input(message) | EngineError::Lake(message) | EngineError::Engine(message) => {
            Failure::failed(message)
        }
    }
}
