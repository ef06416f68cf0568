//! An executor: registers with a scheduler, runs its tasks, serves its shuffle.
//!
//! Ballista's own start-up listens to the process's signals and keeps one
//! process-wide flag, so it cannot live inside a client's process; this one is
//! composed of the same public parts.

mod memory;
mod reporter;
mod stoppable;
mod value_fault;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::ExecutorStoppedParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::{ConfigProducer, RuntimeProducer};
use ballista_executor::executor::Executor;
use ballista_executor::executor_process::{ExecutorProcessConfig, structure_executor_metadata};
use ballista_executor::executor_server;
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use ballista_executor::runtime_cache::DefaultSessionRuntimeCache;
use ballista_executor::shutdown::ShutdownNotifier;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use headworks_proto::v1::AnnounceRequest;
use headworks_proto::v1::cluster_service_client::ClusterServiceClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint};

use crate::api::EngineError;
use crate::codec::HeadworksCodec;
use crate::guards::Guards;
use crate::report::{FailPoint, TaskServices};
use crate::session;
use reporter::WireReporter;

/// How often an executor tells the scheduler that it lives, in seconds.
pub const HEARTBEAT_SECONDS: u64 = 1;
/// How long the scheduler may take to answer a first call, in seconds.
const CONNECT_SECONDS_MAX: u64 = 10;
/// Messages between scheduler and executor are at most this long, in bytes.
const MESSAGE_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// What an executor is told when it starts.
#[derive(Clone)]
pub struct ExecutorOptions {
    /// The scheduler's URL.
    pub scheduler: String,
    /// The address that its services bind to, and that others reach it at.
    pub host: String,
    /// Port of its Flight service; 0 picks a free one.
    pub port: u16,
    /// Tasks at once.
    pub cores: usize,
    /// Where shuffles and spills are kept.
    pub work_dir: PathBuf,
    /// Memory that its tasks may hold, in bytes.
    pub memory_bytes: usize,
    /// For tests only.
    #[doc(hidden)]
    pub guards: Guards,
    /// For tests only.
    #[doc(hidden)]
    pub fail_point: Option<FailPoint>,
}

impl ExecutorOptions {
    /// On loopback, at a free port.
    #[must_use]
    pub fn local(scheduler: &str, cores: usize, work_dir: &Path) -> Self {
        Self {
            scheduler: scheduler.to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 0,
            cores: cores.max(1),
            work_dir: work_dir.to_owned(),
            memory_bytes: memory::for_cores(cores),
            guards: Guards::default(),
            fail_point: None,
        }
    }
}

/// An executor that runs.
pub struct ExecutorServer {
    id: String,
    address: SocketAddr,
    shutdown: ShutdownNotifier,
    scheduler: SchedulerGrpcClient<Channel>,
    /// Ends when the executor has lost its scheduler, or was told to stop by it.
    ended: mpsc::Receiver<bool>,
}

impl ExecutorServer {
    /// Starts one; it has registered when this returns.
    ///
    /// # Errors
    /// If the scheduler does not answer, or ports or the folder cannot be used.
    pub async fn start(options: ExecutorOptions) -> Result<Self, EngineError> {
        let fail = |what: &str, e: &dyn std::fmt::Display| {
            EngineError::Engine(format!("executor: {what}: {e}"))
        };
        let work_dir = options.work_dir.clone();
        std::fs::create_dir_all(&work_dir).map_err(|e| {
            EngineError::Configuration(format!(
                "executor: its folder {} cannot be made: {e}",
                work_dir.display()
            ))
        })?;
        let channel = connect(&options.scheduler).await?;
        let listener = TcpListener::bind((options.host.as_str(), options.port))
            .await
            .map_err(|e| {
                EngineError::Configuration(format!(
                    "executor: cannot listen on {}:{}: {e}",
                    options.host, options.port
                ))
            })?;
        let address = listener.local_addr().map_err(|e| fail("no address", &e))?;
        let id = uuid::Uuid::new_v4().to_string();

        let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> = BallistaCodec::new(
            Arc::new(ballista_core::serde::BallistaLogicalExtensionCodec::default()),
            Arc::new(HeadworksCodec::default()),
        );
        let config = Arc::new(ExecutorProcessConfig {
            executor_id: id.clone(),
            bind_host: options.host.clone(),
            external_host: Some(options.host.clone()),
            port: address.port(),
            grpc_port: free_port(&options.host)
                .await
                .map_err(|e| fail("no free port", &e))?,
            vcores: options.cores,
            grpc_max_decoding_message_size: MESSAGE_BYTES_MAX,
            grpc_max_encoding_message_size: MESSAGE_BYTES_MAX,
            executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
            ..ExecutorProcessConfig::default()
        });
        let vcores = u32::try_from(options.cores).unwrap_or(u32::MAX);
        let metadata = structure_executor_metadata(&config, vcores);
        let runtime = session::executor_runtime(&work_dir, options.memory_bytes)
            .map_err(|e| fail("no runtime", &e))?;
        let functions =
            session::functions(&session::state(session::config(1), Arc::clone(&runtime)));
        let runtime_producer: RuntimeProducer = Arc::new(move |_| Ok(Arc::clone(&runtime)));
        let reporter = Arc::new(WireReporter {
            executor_id: id.clone(),
            channel: channel.clone(),
        });
        let services = Arc::new(TaskServices {
            reporter,
            fail_point: options.fail_point.clone(),
        });
        let config_producer: ConfigProducer =
            Arc::new(move || session::config(1).with_extension(Arc::clone(&services)));

        let executor = Arc::new(
            Executor::new(
                metadata,
                &work_dir.to_string_lossy(),
                Arc::clone(&runtime_producer),
                config_producer,
                Arc::new(functions),
                Arc::new(LoggingMetricsCollector::default()),
                options.cores,
                Arc::new(stoppable::StoppableEngine::new(
                    options.guards,
                    options.cores,
                )),
            )
            .with_session_runtime_cache(Some(Arc::new(
                DefaultSessionRuntimeCache::new(
                    runtime_producer,
                    Arc::new(|base, _, _| Ok(base)),
                    0,
                ),
            ))),
        );

        let shutdown = ShutdownNotifier::new();
        let mut flight_stop = shutdown.subscribe_for_shutdown();
        let flight = FlightServiceServer::new(BallistaFlightService::new(
            work_dir.to_string_lossy().into_owned(),
        ))
        .max_decoding_message_size(MESSAGE_BYTES_MAX as usize)
        .max_encoding_message_size(MESSAGE_BYTES_MAX as usize);
        tokio::spawn(async move {
            let served = tonic::transport::Server::builder()
                .add_service(flight)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), flight_stop.recv());
            if let Err(error) = served.await {
                tracing::error!("the executor's Flight service ended: {error}");
            }
        });

        let scheduler = SchedulerGrpcClient::new(channel.clone())
            .max_encoding_message_size(MESSAGE_BYTES_MAX as usize)
            .max_decoding_message_size(MESSAGE_BYTES_MAX as usize);
        let (stop, mut stopped) = mpsc::channel(1);
        let (ended_sender, ended) = mpsc::channel(1);
        let mut server = executor_server::startup(
            scheduler.clone(),
            config,
            executor,
            codec,
            stop,
            &shutdown,
            ExecutorHealth::new(),
        )
        .await
        .map_err(|e| fail("it could not register", &e))?;
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.recv() => tracing::info!("the scheduler told this executor to stop"),
                result = &mut server => tracing::warn!("the executor's service ended: {result:?}"),
            }
            let _ = ended_sender.send(true).await;
        });
        let announcement = AnnounceRequest {
            id: id.clone(),
            pid: std::process::id(),
            address: address.to_string(),
        };
        ClusterServiceClient::new(channel)
            .announce(announcement)
            .await
            .map_err(|e| fail("the scheduler does not know it", &e))?;
        Ok(Self {
            id,
            address,
            shutdown,
            scheduler,
            ended,
        })
    }

    /// Its id, new at each start.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The address of its Flight service.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the executor can do no more: its scheduler is gone, or told
    /// it to stop.
    pub async fn ended(&mut self) {
        self.ended.recv().await;
    }

    /// Tells the scheduler, then stops.
    pub async fn shutdown(mut self) {
        let goodbye = ExecutorStoppedParams {
            executor_id: self.id.clone(),
            reason: "the executor was shut down".into(),
        };
        let told = self.scheduler.executor_stopped(goodbye);
        // The scheduler may be gone already.
        let _ = tokio::time::timeout(Duration::from_millis(500), told).await;
        let _ = self.shutdown.notify_shutdown.send(());
    }
}

async fn connect(url: &str) -> Result<Channel, EngineError> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|e| {
            EngineError::Configuration(format!("the scheduler's URL {url} is not one: {e}"))
        })?
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX));
    endpoint.connect().await.map_err(|e| {
        EngineError::Engine(format!(
            "no scheduler answers at {url}: {e}; check that it runs and the address is right"
        ))
    })
}

/// A port that nobody listens on now; Ballista binds it itself a moment later.
async fn free_port(host: &str) -> std::io::Result<u16> {
    Ok(TcpListener::bind((host, 0)).await?.local_addr()?.port())
}
