//! The scheduler's side: Ballista's scheduler with our state, our services and
//! yours on one port, and waves that are run and judged.

mod cluster_state;
mod judge;
mod reports;
mod services;
mod slots;
mod watchdog;
mod wave;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::serve::ListenerExt;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::serde::{BallistaCodec, BallistaLogicalExtensionCodec};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::metrics::default_metrics_collector;
use ballista_scheduler::scheduler_server::{JobIdGenerator, SchedulerServer};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use headworks_lake::{Table, TableLocation};
use headworks_proto::v1::cluster_service_server::ClusterServiceServer;
use headworks_proto::v1::report_service_server::ReportServiceServer;
use headworks_spec::SourceSpec;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tonic::service::Routes;

use crate::api::{
    CheckOutcome, CheckRequest, Engine, EngineError, ExecutorInfo, ModelPlan, ModelRequest,
    SettledSource, Wave, WaveDiscard, WaveOutcome, WaveProgress,
};
use crate::codec::HeadworksCodec;
use crate::guards::Guards;
use crate::{plan, session};
use cluster_state::SlotState;
use reports::ReportStore;
use services::{Announced, Cluster, Reports};
use slots::Slots;
use wave::WaveRunner;

/// Ballista's scheduler, with the plans that we send.
type Server = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// An executor that has not been heard of for so long is lost, in seconds.
pub const EXECUTOR_TIMEOUT_SECONDS: u64 = 5;
/// Messages are at most this long, in bytes.
const MESSAGE_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// What the engine is told when it starts.
#[derive(Clone)]
pub struct EngineOptions {
    /// Where it listens; port 0 picks a free one.
    pub bind: SocketAddr,
    /// An executor that has not been heard of for so long is lost, in seconds.
    pub executor_timeout_seconds: u64,
    /// For tests only.
    #[doc(hidden)]
    pub guards: Guards,
    /// For tests only: waited for after a wave's job has ended and before the
    /// wave is judged.
    #[doc(hidden)]
    pub before_verdict: Option<BeforeVerdict>,
    /// How long the engine may take to hear of a task's end.
    #[doc(hidden)]
    pub end_heard_within: Duration,
    /// For tests only: so many messages about tasks' ends are lost.
    #[doc(hidden)]
    pub lose_statuses: Arc<AtomicUsize>,
}

/// What a test does before a verdict.
#[doc(hidden)]
pub type BeforeVerdict = Arc<dyn Fn() -> futures::future::BoxFuture<'static, ()> + Send + Sync>;

impl EngineOptions {
    /// The defaults.
    #[must_use]
    pub fn new(bind: SocketAddr) -> Self {
        Self {
            bind,
            executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
            guards: Guards::default(),
            before_verdict: None,
            end_heard_within: Duration::from_millis(watchdog::END_HEARD_WITHIN_MS_MAX),
            lose_statuses: Arc::default(),
        }
    }
}

/// The engine of a scheduler: [`Engine`] over Ballista.
pub struct EngineScheduler {
    address: SocketAddr,
    slots: Slots,
    runner: WaveRunner,
    cancelled: Arc<Mutex<HashSet<String>>>,
    server: Server,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    lakes: Lakes,
}

/// Ids that nobody can guess: Ballista's paths of shuffles are made of them.
struct RandomIds;

#[async_trait]
impl JobIdGenerator for RandomIds {
    async fn next_id(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

impl EngineScheduler {
    /// Starts it; `routes` are served beside its own services.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(options: EngineOptions, routes: Routes) -> Result<Self, EngineError> {
        let listener = TcpListener::bind(options.bind).await.map_err(|e| {
            EngineError::Configuration(format!(
                "cannot listen on {}: {e}; choose another --bind",
                options.bind
            ))
        })?;
        let address = listener
            .local_addr()
            .map_err(|e| EngineError::Engine(e.to_string()))?;
        let fail = |e: &dyn std::fmt::Display| {
            EngineError::Engine(format!("the scheduler cannot start: {e}"))
        };

        let config = Arc::new(SchedulerConfig {
            external_host: address.ip().to_string(),
            bind_host: address.ip().to_string(),
            bind_port: address.port(),
            scheduling_policy: ballista_core::config::TaskSchedulingPolicy::PushStaged,
            task_distribution: TaskDistributionPolicy::RoundRobin,
            executor_timeout_seconds: options.executor_timeout_seconds,
            expire_dead_executor_interval_seconds: 1,
            grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX,
            grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX,
            grpc_client_max_message_size: MESSAGE_BYTES_MAX,
            override_config_producer: Some(Arc::new(|| session::config(1))),
            override_physical_codec: Some(Arc::new(HeadworksCodec::default())),
            job_id_generator: Some(Arc::new(RandomIds)),
            ..SchedulerConfig::default()
        });
        let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> = BallistaCodec::new(
            Arc::new(BallistaLogicalExtensionCodec::default()),
            Arc::new(HeadworksCodec::default()),
        );
        let state = Arc::new(SlotState::new(options.guards));
        let job_state = Arc::new(InMemoryJobState::new(
            config.scheduler_id.clone(),
            Arc::new(|config| Ok(session::state(config, session::runtime()?))),
            Arc::new(|| session::config(1)),
        ));
        let cluster = BallistaCluster::new(Arc::clone(&state) as _, Arc::clone(&job_state) as _);
        let metrics = default_metrics_collector().map_err(|e| fail(&e))?;
        let mut server = Server::new(
            config.scheduler_endpoint(),
            cluster,
            codec,
            Arc::clone(&config),
            metrics,
        );
        server.init().await.map_err(|e| fail(&e))?;

        let announced = Announced::default();
        let slots = Slots {
            server: server.clone(),
            state,
            announced: Arc::clone(&announced),
        };
        let reports = Arc::new(ReportStore::default());
        let lakes = Lakes::default();
        let late_lakes = lakes.clone();
        let late = Arc::new(move |job: String, discard| late_lakes.discard_late(&job, discard));
        let routes = routes
            .add_service(
                SchedulerGrpcServer::new(server.clone())
                    .max_decoding_message_size(MESSAGE_BYTES_MAX as usize)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX as usize),
            )
            .add_service(ClusterServiceServer::new(Cluster {
                slots: slots.clone(),
                announced,
            }))
            .add_service(
                ReportServiceServer::new(Reports {
                    store: Arc::clone(&reports),
                    late,
                })
                .max_decoding_message_size(MESSAGE_BYTES_MAX as usize),
            );
        let (stop, stopped) = oneshot::channel::<()>();
        let app = losing_statuses(routes.into_axum_router(), options.lose_statuses)
            .into_make_service_with_connect_info::<SocketAddr>();
        // Else two short answers on one connection are 40 ms apart: the second waits until the other side has said that
        // it has the first, and that side waits too.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::warn!("a connection will be slow: {error}");
            }
        });
        tokio::spawn(async move {
            // A dropped sender stops it too.
            let served = axum::serve(listener, app)
                .with_graceful_shutdown(async move { drop(stopped.await) });
            if let Err(error) = served.await {
                tracing::error!("the scheduler's services ended: {error}");
            }
        });
        let cancelled = Arc::new(Mutex::new(HashSet::new()));
        let runner = WaveRunner {
            server: server.clone(),
            job_state,
            reports,
            slots: slots.clone(),
            cancelled: Arc::clone(&cancelled),
            guards: options.guards,
            before_verdict: options.before_verdict,
            end_heard_within: options.end_heard_within,
        };
        Ok(Self {
            address,
            slots,
            runner,
            cancelled,
            server,
            stop: Mutex::new(Some(stop)),
            lakes,
        })
    }

    /// The address that it really serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops serving.
    pub async fn shutdown(&self) {
        drop(self.stop.lock().take());
    }

    /// Slots of the whole cluster, at least 1.
    async fn slots_total(&self) -> u32 {
        self.slots
            .executors()
            .await
            .iter()
            .map(|e| e.slots_total)
            .sum::<u32>()
            .max(1)
    }
}

#[async_trait]
impl Engine for EngineScheduler {
    async fn settle(&self, source: &SourceSpec) -> Result<SettledSource, EngineError> {
        plan::settle(source.clone(), plan::Look::All).await
    }

    async fn settle_by_sample(&self, source: &SourceSpec) -> Result<SettledSource, EngineError> {
        plan::settle(source.clone(), plan::Look::Sample).await
    }

    async fn settle_again(&self, source: &SettledSource) -> Result<SettledSource, EngineError> {
        plan::settle_again(source.clone()).await
    }

    async fn plan(&self, request: Arc<ModelRequest>) -> Result<ModelPlan, EngineError> {
        plan::plan_model(&request, self.slots_total().await).await
    }

    async fn run_wave(
        &self,
        request: Arc<ModelRequest>,
        wave: Wave,
        attempt: u32,
        progress: UnboundedSender<WaveProgress>,
    ) -> WaveOutcome {
        let planned = plan::wave_plan(&request, &wave, self.slots_total().await).await;
        let (ctx, physical) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                return WaveOutcome::Failed {
                    class: class_word(&error).to_owned(),
                    error: error.to_string(),
                    discard: WaveDiscard::default(),
                };
            }
        };
        let tasks = wave
            .splits
            .values()
            .map(|splits| splits.last().map_or(0, |s| s.pack + 1))
            .sum();
        let name = format!(
            "{}/{}/{}.{attempt}",
            request.job_id, request.model.name, wave.index
        );
        let lake = WaveLake {
            lake: request.lake.clone(),
            table: request.model.name.clone(),
        };
        let (forward, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let lakes = self.lakes.clone();
        let own = lake.clone();
        tokio::spawn(async move {
            while let Some(event) = heard.recv().await {
                if let WaveProgress::Submitted { engine_job, .. } = &event {
                    lakes.remember(engine_job.clone(), own.clone());
                }
                // Nobody need listen.
                let _ = progress.send(event);
            }
        });
        let (outcome, losers) = self.runner.run(&name, ctx, physical, tasks, forward).await;
        if let Some(losers) = losers {
            lake.discard(losers);
        }
        outcome
    }

    async fn plan_checks(&self, request: Arc<CheckRequest>) -> Result<(), EngineError> {
        plan::plan_checks(&request, self.slots_total().await).await
    }

    async fn run_check(
        &self,
        request: Arc<CheckRequest>,
        check: usize,
        attempt: u32,
        progress: UnboundedSender<WaveProgress>,
    ) -> CheckOutcome {
        if let Some(found) = plan::found_in_log(&request, check) {
            return CheckOutcome::Found(found);
        }
        let planned = plan::check_plan(&request, check, self.slots_total().await).await;
        let (ctx, physical) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                return CheckOutcome::Failed {
                    class: class_word(&error).to_owned(),
                    error: error.to_string(),
                };
            }
        };
        let name = format!(
            "{}/{}/check-{check}.{attempt}",
            request.job_id, request.model.name
        );
        let (outcome, _) = self.runner.run(&name, ctx, physical, 0, progress).await;
        outcome.into()
    }

    async fn cancel(&self, engine_job: &str) {
        self.cancelled.lock().insert(engine_job.to_owned());
        if let Err(error) = self.server.cancel_job(engine_job.to_owned().into()).await {
            tracing::warn!("the engine did not take the cancellation of {engine_job}: {error}");
        }
    }

    async fn executors(&self) -> Vec<ExecutorInfo> {
        self.slots.executors().await
    }
}

/// The class of a wave or check that cannot be planned.
fn class_word(error: &EngineError) -> &'static str {
    match error {
        EngineError::Configuration(_) => "configuration",
        _ => "engine",
    }
}

/// Loses messages about tasks' ends, if a test wants it.
fn losing_statuses(router: axum::Router, lose: Arc<AtomicUsize>) -> axum::Router {
    if lose.load(Ordering::SeqCst) == 0 {
        return router;
    }
    let less = |left: usize| left.checked_sub(1);
    let filter = move |request: Request, next: Next| {
        let is_lost = request.uri().path().ends_with("/UpdateTaskStatus")
            && lose
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
                .is_ok();
        async move {
            match is_lost {
                true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                false => next.run(request).await,
            }
        }
    };
    router.layer(from_fn(filter))
}

/// Where a wave writes.
#[derive(Debug, Clone)]
struct WaveLake {
    lake: String,
    table: String,
}

impl WaveLake {
    /// Removes files that do not count, in the background. They are hidden, so
    /// one that stays behind is only a matter of space, and of `lake gc`.
    fn discard(&self, discard: WaveDiscard) {
        if discard.files.is_empty() && discard.quarantine.is_empty() {
            return;
        }
        let own = self.clone();
        tokio::task::spawn_blocking(move || {
            let mut found = vec![(TableLocation::new(&own.lake, &own.table), discard.files)];
            for (source, files) in discard.quarantine {
                found.push((TableLocation::quarantine(&own.lake, &source), files));
            }
            for (location, files) in found {
                let discarded = location.and_then(|location| Table::open(location).discard(&files));
                if let Err(error) = discarded {
                    tracing::warn!("files that do not count stay behind: {error}");
                }
            }
        });
    }
}

/// Waves whose lakes are remembered.
const WAVE_LAKES_MAX: usize = 10_000;

/// Where each wave writes, by the engine's id: for reports that come too late.
#[derive(Debug, Clone, Default)]
struct Lakes(Arc<Mutex<std::collections::HashMap<String, WaveLake>>>);

impl Lakes {
    fn remember(&self, engine_job: String, lake: WaveLake) {
        let mut lakes = self.0.lock();
        if lakes.len() >= WAVE_LAKES_MAX {
            // What comes late for one of these stays hidden, for `lake gc`.
            lakes.clear();
        }
        lakes.insert(engine_job, lake);
    }

    fn discard_late(&self, engine_job: &str, discard: WaveDiscard) {
        let lake = self.0.lock().get(engine_job).cloned();
        if let Some(lake) = lake {
            lake.discard(discard);
        }
    }
}
