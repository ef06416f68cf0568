//! Starts a scheduler: journal, jobs, engine, and one port for all of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use headworks_engine::api::Engine;
use headworks_engine::scheduler::{EngineOptions, EngineScheduler};
use headworks_proto::v1::job_service_server::JobServiceServer;
use tonic::service::Routes;

use crate::driver::{self, DriverOptions, TableLocks};
use crate::journal::{Journal, Kept};
use crate::recovery;
use crate::registry::{Registry, SPEC_BYTES_MAX};
use crate::service::JobServiceImpl;

/// What a scheduler is told when it starts.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens: other than loopback only if this says so. Port 0
    /// picks a free one.
    pub bind: SocketAddr,
    /// Where its journal is.
    pub state_dir: PathBuf,
    /// What the journal is to outlive.
    pub journal: Kept,
    /// Bounds and waits of the jobs' drivers.
    pub driver: DriverOptions,
}

impl SchedulerOptions {
    /// On loopback, at a free port.
    #[must_use]
    pub fn local(state_dir: PathBuf, journal: Kept) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            state_dir,
            journal,
            driver: DriverOptions::default(),
        }
    }
}

/// A scheduler that serves.
pub struct RunningScheduler {
    engine: Arc<EngineScheduler>,
    registry: Registry,
}

/// Starts a scheduler. It takes jobs when this returns; the tables of jobs
/// that an earlier one left behind have been settled.
///
/// # Errors
/// If the state folder or the address cannot be used.
pub async fn start(options: SchedulerOptions) -> anyhow::Result<RunningScheduler> {
    let (state_dir, kept) = (options.state_dir.clone(), options.journal);
    let opened = move || Journal::open(&state_dir, kept, driver::now_ms());
    let (journal, interrupted) = tokio::task::spawn_blocking(opened).await??;
    let journal = Arc::new(journal);
    let locks = TableLocks::default();
    recovery::recover(&journal, &locks, &interrupted).await;

    let registry = Registry::new(journal, locks, options.driver);
    let service = JobServiceServer::new(JobServiceImpl::new(registry.clone()))
        .max_decoding_message_size(SPEC_BYTES_MAX + 64 * 1024)
        .max_encoding_message_size(usize::MAX);
    let engine = EngineScheduler::start(EngineOptions::new(options.bind), Routes::new(service))
        .await
        .with_context(|| format!("cannot serve on {}", options.bind))?;
    let engine = Arc::new(engine);
    registry.set_engine(Arc::clone(&engine) as Arc<dyn Engine>);
    Ok(RunningScheduler { engine, registry })
}

impl RunningScheduler {
    /// The address that it really serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.engine.address()
    }

    /// Its URL for clients and executors.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The cluster that it schedules on.
    #[must_use]
    pub fn engine(&self) -> &Arc<EngineScheduler> {
        &self.engine
    }

    /// Its jobs.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Lets go of all jobs, then stops serving. Unfinished jobs stay in the
    /// journal as interrupted.
    pub async fn shutdown(self) {
        self.registry.shutdown().await;
        self.engine.shutdown().await;
    }
}
