//! `JobService` on the wire, over the [`Registry`].

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use headworks_proto::v1;
use headworks_proto::v1::job_service_server::JobService;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::registry::{Registry, RegistryError, Watched};

/// Jobs that `List` answers with at most, and by default.
const LIST_MAX: u32 = 1_000;
const LIST_DEFAULT: u32 = 50;
/// How often `Watch` answers at most, and by default.
const WATCH_INTERVAL_MS_MIN: u32 = 20;
const WATCH_INTERVAL_MS_DEFAULT: u32 = 200;
/// How often the journal is looked at for a job of another scheduler.
const JOURNAL_INTERVAL_MS: u64 = 500;
/// Views that wait for a slow watcher.
const WATCH_QUEUE_MAX: usize = 4;

/// The service.
#[derive(Clone)]
pub struct JobServiceImpl {
    registry: Registry,
}

impl JobServiceImpl {
    /// Answers for this registry's jobs.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

#[tonic::async_trait]
impl JobService for JobServiceImpl {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitReply>, Status> {
        let request = request.into_inner();
        let job_id = self
            .registry
            .submit(request.spec_json, request.request_id)
            .await
            .map_err(status)?;
        Ok(Response::new(v1::SubmitReply { job_id }))
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::JobView>, Status> {
        let view = self
            .registry
            .view(&request.into_inner().job_id)
            .await
            .map_err(status)?;
        Ok(Response::new(view))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListReply>, Status> {
        let limit = match request.into_inner().limit {
            0 => LIST_DEFAULT,
            limit => limit.min(LIST_MAX),
        };
        let jobs = self.registry.list(limit).await.map_err(status)?;
        Ok(Response::new(v1::ListReply { jobs }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::JobView, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let interval_ms = match request.interval_ms {
            0 => WATCH_INTERVAL_MS_DEFAULT,
            interval_ms => interval_ms.max(WATCH_INTERVAL_MS_MIN),
        };
        let (sender, receiver) = mpsc::channel(WATCH_QUEUE_MAX);
        match self.registry.watch(&request.job_id).await.map_err(status)? {
            Watched::Live(views) => {
                tokio::spawn(follow(
                    views,
                    sender,
                    Duration::from_millis(interval_ms.into()),
                ));
            }
            Watched::Journaled(view) => {
                tokio::spawn(follow_journal(self.registry.clone(), *view, sender));
            }
        }
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelReply>, Status> {
        let request = request.into_inner();
        let cancelled = self
            .registry
            .cancel(&request.job_id, &request.reason)
            .await
            .map_err(status)?;
        Ok(Response::new(v1::CancelReply { cancelled }))
    }
}

/// Sends the view now and at each change until the job has ended; the final
/// view is sent at once, and last. Ends when the watcher has gone.
async fn follow(
    mut views: watch::Receiver<v1::JobView>,
    sender: mpsc::Sender<Result<v1::JobView, Status>>,
    interval: Duration,
) {
    loop {
        let view = views.borrow_and_update().clone();
        let ended = crate::driver::has_ended(view.state());
        if sender.send(Ok(view)).await.is_err() || ended {
            return;
        }
        let next = async {
            // A receiver of its own: what it sees must not count as sent.
            let mut end = views.clone();
            let ended = |view: &v1::JobView| crate::driver::has_ended(view.state());
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                _ = end.wait_for(ended) => return true,
            }
            views.changed().await.is_ok()
        };
        let is_live = tokio::select! {
            is_live = next => is_live,
            () = sender.closed() => return,
        };
        if !is_live {
            // The driver is gone: what it left is the final view.
            let last = views.borrow().clone();
            let _ = sender.send(Ok(last)).await;
            return;
        }
    }
}

/// The same for a job that the journal alone knows of: it is looked at again
/// and again, if another scheduler drives it.
async fn follow_journal(
    registry: Registry,
    mut view: v1::JobView,
    sender: mpsc::Sender<Result<v1::JobView, Status>>,
) {
    loop {
        let ended = crate::driver::has_ended(view.state());
        let job_id = view.job_id.clone();
        if sender.send(Ok(view)).await.is_err() || ended {
            return;
        }
        tokio::time::sleep(Duration::from_millis(JOURNAL_INTERVAL_MS)).await;
        view = match registry.view(&job_id).await {
            Ok(view) => view,
            Err(error) => {
                let _ = sender.send(Err(status(error))).await;
                return;
            }
        };
    }
}

fn status(error: RegistryError) -> Status {
    let text = error.to_string();
    match error {
        RegistryError::Invalid(_) => Status::invalid_argument(text),
        RegistryError::NotReady(_) => Status::unavailable(text),
        RegistryError::Unknown(_) => Status::not_found(text),
        RegistryError::Journal(_) | RegistryError::Broken(_) => Status::internal(text),
    }
}
