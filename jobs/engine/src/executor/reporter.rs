//! Sends a task's reports to the scheduler.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::error::{DataFusionError, Result};
use headworks_proto::v1::ReportRequest;
use headworks_proto::v1::report_service_client::ReportServiceClient;
use tonic::transport::Channel;

use crate::api::TaskReport;
use crate::report::{Reporter, TaskId};

/// How often a report is sent before the task is given up.
const TRIES_MAX: u32 = 6;
/// Wait before the second try, in milliseconds; doubled for each further one.
const BACKOFF_MS: u64 = 100;

/// Reports over the wire, each acknowledged.
#[derive(Debug)]
pub(super) struct WireReporter {
    pub(super) executor_id: String,
    pub(super) channel: Channel,
}

#[async_trait]
impl Reporter for WireReporter {
    async fn report(&self, task: &TaskId, report: TaskReport) -> Result<()> {
        let request = ReportRequest {
            engine_job: task.job.clone(),
            stage: narrow(task.stage),
            stage_attempt: narrow(task.stage_attempt),
            slot: narrow(task.slot),
            executor_id: self.executor_id.clone(),
            report_json: serde_json::to_vec(&report)
                .map_err(|e| DataFusionError::External(Box::new(e)))?,
        };
        let mut client =
            ReportServiceClient::new(self.channel.clone()).max_encoding_message_size(usize::MAX);
        let mut tries = 1;
        loop {
            match client.report(request.clone()).await {
                Ok(_) => return Ok(()),
                Err(status) if tries == TRIES_MAX => {
                    let text = format!("the scheduler does not take a report: {status}");
                    return Err(DataFusionError::IoError(std::io::Error::other(text)));
                }
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(BACKOFF_MS << (tries - 1))).await
                }
            }
            tries += 1;
        }
    }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
