//! The scheduler's services as this program calls them: one place for the
//! address, the bounds of a message, and what a failure means to the user.

use std::time::{Duration, Instant};

use headworks_proto::v1::cluster_service_client::ClusterServiceClient;
use headworks_proto::v1::job_service_client::JobServiceClient;
use headworks_proto::v1::{
    CancelRequest, ExecutorView, ExecutorsRequest, GetRequest, JobView, ListRequest, SubmitRequest,
    WatchRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

use crate::errors::{Failure, unreachable};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT_MS: u64 = 5000;
/// How long a scheduler that cannot take a job yet is asked again.
const SUBMIT_MS_MAX: u64 = 10_000;
/// Between two attempts.
const SUBMIT_PAUSE_MS: u64 = 200;
/// A silent connection is tried this often, so that a dead one is noticed.
const KEEP_ALIVE_INTERVAL_MS: u64 = 10_000;
/// The largest message taken or sent: a job file with its SQL and schemas, or a long list of jobs.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection to one scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Scheduler {
    url: String,
    jobs: JobServiceClient<Channel>,
    cluster: ClusterServiceClient<Channel>,
}

impl Scheduler {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let refused = |e: &dyn std::error::Error| Failure::usage(unreachable(url, &innermost(e)));
        let channel = Endpoint::from_shared(url.to_owned())
            .map_err(|e| refused(&e))?
            .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
            .http2_keep_alive_interval(Duration::from_millis(KEEP_ALIVE_INTERVAL_MS))
            .tcp_nodelay(true)
            .connect()
            .await
            .map_err(|e| refused(&e))?;
        Ok(Self {
            url: url.to_owned(),
            jobs: JobServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            cluster: ClusterServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Submits a job, again if the scheduler is starting or the answer was
    /// lost: the same `request_id` makes one job, however often it is sent.
    ///
    /// # Errors
    /// When the scheduler refuses the job, or stays away.
    pub(crate) async fn submit(
        &self,
        spec_json: String,
        request_id: String,
    ) -> Result<String, Failure> {
        let begun = Instant::now();
        let request = SubmitRequest {
            spec_json,
            request_id,
        };
        loop {
            match self.jobs.clone().submit(request.clone()).await {
                Ok(reply) => return Ok(reply.into_inner().job_id),
                Err(status)
                    if status.code() == Code::Unavailable
                        && begun.elapsed() < Duration::from_millis(SUBMIT_MS_MAX) =>
                {
                    tokio::time::sleep(Duration::from_millis(SUBMIT_PAUSE_MS)).await;
                }
                Err(status) => return Err(self.failure("submit the job", &status)),
            }
        }
    }

    /// One job.
    ///
    /// # Errors
    /// When there is no such job.
    pub(crate) async fn get(&self, job_id: &str) -> Result<JobView, Failure> {
        let request = GetRequest {
            job_id: job_id.to_owned(),
        };
        let reply = self
            .jobs
            .clone()
            .get(request)
            .await
            .map_err(|e| self.failure("show the job", &e))?;
        Ok(reply.into_inner())
    }

    /// The newest jobs first.
    ///
    /// # Errors
    /// When the scheduler cannot answer.
    pub(crate) async fn list(&self, limit: u32) -> Result<Vec<JobView>, Failure> {
        let reply = self
            .jobs
            .clone()
            .list(ListRequest { limit })
            .await
            .map_err(|e| self.failure("list the jobs", &e))?;
        Ok(reply.into_inner().jobs)
    }

    /// The job's views until it has ended.
    ///
    /// # Errors
    /// As tonic has them: the caller decides which may pass.
    pub(crate) async fn views(
        &self,
        job_id: &str,
        interval: Duration,
    ) -> Result<Streaming<JobView>, tonic::Status> {
        let interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        let request = WatchRequest {
            job_id: job_id.to_owned(),
            interval_ms,
        };
        Ok(self.jobs.clone().watch(request).await?.into_inner())
    }

    /// Asks a job to stop; whether it was still running.
    ///
    /// # Errors
    /// When there is no such job.
    pub(crate) async fn cancel(&self, job_id: &str, reason: &str) -> Result<bool, Failure> {
        let request = CancelRequest {
            job_id: job_id.to_owned(),
            reason: reason.to_owned(),
        };
        let reply = self
            .jobs
            .clone()
            .cancel(request)
            .await
            .map_err(|e| self.failure("stop the job", &e))?;
        Ok(reply.into_inner().cancelled)
    }

    /// The executors registered now.
    ///
    /// # Errors
    /// When the scheduler cannot answer.
    pub(crate) async fn executors(&self) -> Result<Vec<ExecutorView>, Failure> {
        let reply = self
            .cluster
            .clone()
            .executors(ExecutorsRequest {})
            .await
            .map_err(|e| self.failure("list the executors", &e))?;
        Ok(reply.into_inner().executors)
    }

    /// What a status means to the user.
    pub(crate) fn failure(&self, doing: &str, status: &tonic::Status) -> Failure {
        Failure::from_status(doing, &self.url, status)
    }
}

/// The last cause of an error: "Connection refused" rather than "transport error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
