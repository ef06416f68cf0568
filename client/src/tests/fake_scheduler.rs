//! A double of the scheduler: the real wire on a real port, one job whose
//! views the test sets.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::Stream;
use headworks_proto::v1::cluster_service_server::{ClusterService, ClusterServiceServer};
use headworks_proto::v1::job_service_server::{JobService, JobServiceServer};
use headworks_proto::v1::{
    AnnounceReply, AnnounceRequest, CancelReply, CancelRequest, ExecutorView, ExecutorsReply,
    ExecutorsRequest, GetRequest, JobState, JobView, ListReply, ListRequest, SubmitReply,
    SubmitRequest, WatchRequest,
};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

use crate::output::job::has_ended;

/// What the double has been asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Specs and request ids.
    pub(crate) submitted: Vec<(String, String)>,
    /// Reasons given.
    pub(crate) cancelled: Vec<String>,
    /// So many times it still says that it cannot take a job yet.
    pub(crate) refusals: u32,
    /// Watches opened.
    pub(crate) watches: u32,
}

#[derive(Clone)]
struct Service {
    job: Arc<watch::Sender<JobView>>,
    asked: Arc<Mutex<Asked>>,
    /// Whether a job that is asked to stop does.
    obeys: bool,
}

/// A running double. It is gone when this is dropped.
pub(crate) struct FakeScheduler {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    service: Service,
    /// Its own: ending it ends the connections too, as a killed process would.
    runtime: Option<Runtime>,
}

impl FakeScheduler {
    /// Serves a job with this first view on a free port.
    pub(crate) fn start(view: JobView) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), view, true)
    }

    /// One that takes requests to stop and does nothing about them.
    pub(crate) fn start_deaf(view: JobView) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), view, false)
    }

    /// Serves at a given address, as a restarted scheduler does.
    pub(crate) fn start_at(address: SocketAddr, view: JobView, obeys: bool) -> Self {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service {
            job: Arc::new(watch::channel(view).0),
            asked: Arc::default(),
            obeys,
        };
        let server = tonic::transport::Server::builder()
            .add_service(JobServiceServer::new(service.clone()))
            .add_service(ClusterServiceServer::new(service.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            server
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self {
            url: format!("http://{address}"),
            address,
            service,
            runtime: Some(runtime),
        }
    }

    /// The job changes.
    pub(crate) fn set(&self, change: impl FnOnce(&mut JobView)) {
        self.service.job.send_modify(change);
    }

    /// The next submissions come too early.
    pub(crate) fn refuse(&self, times: u32) {
        self.service.asked.lock().unwrap().refusals = times;
    }

    /// What it has been asked.
    pub(crate) fn asked<T>(&self, read: impl FnOnce(&Asked) -> T) -> T {
        read(&self.service.asked.lock().unwrap())
    }
}

impl Drop for FakeScheduler {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Service {
    fn check(&self, job_id: &str) -> Result<JobView, Status> {
        let view = self.job.borrow().clone();
        if view.job_id == job_id {
            Ok(view)
        } else {
            Err(Status::not_found(format!(
                "there is no job `{job_id}`; `headworks jobs list` shows them"
            )))
        }
    }
}

#[tonic::async_trait]
impl JobService for Service {
    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitReply>, Status> {
        let request = request.into_inner();
        let mut asked = self.asked.lock().unwrap();
        if asked.refusals > 0 {
            asked.refusals -= 1;
            return Err(Status::unavailable("the scheduler is starting"));
        }
        if request.spec_json == "bad" {
            return Err(Status::invalid_argument("the spec is bad"));
        }
        asked
            .submitted
            .push((request.spec_json, request.request_id));
        Ok(Response::new(SubmitReply {
            job_id: self.job.borrow().job_id.clone(),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<JobView>, Status> {
        self.check(&request.into_inner().job_id).map(Response::new)
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(ListReply {
            jobs: vec![self.job.borrow().clone()],
        }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<JobView, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.check(&request.into_inner().job_id)?;
        self.asked.lock().unwrap().watches += 1;
        let mut job = self.job.subscribe();
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let view = job.borrow_and_update().clone();
                let ended = has_ended(view.state());
                if sender.send(Ok(view)).await.is_err() || ended || job.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelReply>, Status> {
        let request = request.into_inner();
        let view = self.check(&request.job_id)?;
        self.asked
            .lock()
            .unwrap()
            .cancelled
            .push(request.reason.clone());
        let cancelled = !has_ended(view.state());
        if cancelled && self.obeys {
            self.job.send_modify(|view| {
                view.set_state(JobState::Cancelled);
                view.error = request.reason;
            });
        }
        Ok(Response::new(CancelReply { cancelled }))
    }
}

#[tonic::async_trait]
impl ClusterService for Service {
    async fn executors(
        &self,
        _: Request<ExecutorsRequest>,
    ) -> Result<Response<ExecutorsReply>, Status> {
        let executor = ExecutorView {
            id: "e1".into(),
            pid: 1,
            ..ExecutorView::default()
        };
        Ok(Response::new(ExecutorsReply {
            executors: vec![executor],
        }))
    }

    async fn announce(
        &self,
        _: Request<AnnounceRequest>,
    ) -> Result<Response<AnnounceReply>, Status> {
        Err(Status::unimplemented("a double"))
    }
}
