//! The executors that are registered, with their slots.

use std::sync::Arc;

use ballista_scheduler::cluster::ClusterState;

use super::Server;
use super::cluster_state::SlotState;
use super::services::Announced;
use crate::api::ExecutorInfo;

/// Looks at the cluster.
#[derive(Clone)]
pub(super) struct Slots {
    pub(super) server: Server,
    pub(super) state: Arc<SlotState>,
    pub(super) announced: Announced,
}

impl Slots {
    /// The executors, sorted by id.
    pub(super) async fn executors(&self) -> Vec<ExecutorInfo> {
        let active = self.server.state.task_manager.get_running_job_cache();
        let slots = self.state.slots(&active).await;
        let registered = self.state.registered_executor_metadata().await;
        let announced = self.announced.lock();
        let mut executors: Vec<ExecutorInfo> = registered
            .into_iter()
            .filter_map(|metadata| {
                let (slots_total, slots_free) = *slots.get(&metadata.id)?;
                let (pid, address) = announced
                    .get(&metadata.id)
                    .cloned()
                    .unwrap_or_else(|| (0, format!("{}:{}", metadata.host, metadata.port)));
                Some(ExecutorInfo {
                    id: metadata.id,
                    pid,
                    address,
                    slots_total,
                    slots_free,
                })
            })
            .collect();
        executors.sort_by(|a, b| a.id.cmp(&b.id));
        executors
    }
}
