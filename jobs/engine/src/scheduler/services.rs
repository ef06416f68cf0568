//! The engine's own services beside Ballista's: who is there, and what tasks report.

use std::collections::HashMap;
use std::sync::Arc;

use headworks_proto::v1::cluster_service_server::ClusterService;
use headworks_proto::v1::report_service_server::ReportService;
use headworks_proto::v1::{
    AnnounceReply, AnnounceRequest, ExecutorView, ExecutorsReply, ExecutorsRequest, ReportReply,
    ReportRequest,
};
use parking_lot::Mutex;
use tonic::{Request, Response, Status};

use super::reports::{ReportStore, Reported};
use super::slots::Slots;
use crate::api::WaveDiscard;
use crate::report::TaskId;

/// Processes and addresses that executors have announced, by executor id.
pub(super) type Announced = Arc<Mutex<HashMap<String, (u32, String)>>>;

/// `ClusterService` over the slots of the cluster.
pub(super) struct Cluster {
    pub(super) slots: Slots,
    pub(super) announced: Announced,
}

#[tonic::async_trait]
impl ClusterService for Cluster {
    async fn executors(
        &self,
        _request: Request<ExecutorsRequest>,
    ) -> Result<Response<ExecutorsReply>, Status> {
        let executors = self
            .slots
            .executors()
            .await
            .into_iter()
            .map(|e| ExecutorView {
                id: e.id,
                pid: e.pid,
                address: e.address,
                slots_total: e.slots_total,
                slots_free: e.slots_free,
            });
        Ok(Response::new(ExecutorsReply {
            executors: executors.collect(),
        }))
    }

    async fn announce(
        &self,
        request: Request<AnnounceRequest>,
    ) -> Result<Response<AnnounceReply>, Status> {
        let request = request.into_inner();
        self.announced
            .lock()
            .insert(request.id, (request.pid, request.address));
        Ok(Response::new(AnnounceReply {}))
    }
}

/// `ReportService` over the store.
pub(super) struct Reports {
    pub(super) store: Arc<ReportStore>,
    /// Takes the files of reports that come too late.
    pub(super) late: Arc<dyn Fn(String, WaveDiscard) + Send + Sync>,
}

#[tonic::async_trait]
impl ReportService for Reports {
    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportReply>, Status> {
        let request = request.into_inner();
        let report = serde_json::from_slice(&request.report_json)
            .map_err(|e| Status::invalid_argument(format!("not a report of this version: {e}")))?;
        let task = TaskId {
            job: request.engine_job.clone(),
            stage: request.stage as usize,
            stage_attempt: request.stage_attempt as usize,
            slot: request.slot as usize,
        };
        if let Some(discard) = self.store.put(Reported {
            task,
            executor_id: request.executor_id,
            report,
        }) {
            (self.late)(request.engine_job, discard);
        }
        Ok(Response::new(ReportReply {}))
    }
}
