//! The cluster's slots, derived rather than counted, and shared fairly.
//!
//! Ballista counts slots down as it binds tasks and up as their ends are
//! reported; a stage that is rolled back never reports, and its slots are lost
//! for good (B2). Here the free slots of an executor are what it has less the
//! tasks that the active jobs' graphs say run on it: nothing can leak.
//!
//! Jobs share slots fairly: each free slot goes to the job that runs on the
//! fewest. The binding itself is Ballista's own, asked for one task of one job
//! at a time.
//!
//! An executor may have twice as many tasks as slots: those beyond wait there
//! for their [turn](crate::turns).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::task_manager::JobInfoCache;
use parking_lot::Mutex;

use crate::guards::Guards;

/// Ballista's cluster state, with slots of our own.
pub(super) struct SlotState {
    inner: InMemoryClusterState,
    /// Slots in all, by executor.
    totals: Mutex<HashMap<String, u32>>,
    guards: Guards,
}

/// A job as far as slots matter.
struct JobLoad {
    id: JobId,
    running: u32,
    available: usize,
}

impl SlotState {
    pub(super) fn new(guards: Guards) -> Self {
        Self {
            inner: InMemoryClusterState::default(),
            totals: Mutex::default(),
            guards,
        }
    }

    /// Slots in all and free ones, by executor.
    pub(super) async fn slots(
        &self,
        active: &HashMap<JobId, JobInfoCache>,
    ) -> HashMap<String, (u32, u32)> {
        let (used, _) = load(active).await;
        let totals = self.totals.lock().clone();
        let slots = totals.into_iter().map(|(id, total)| {
            let used = used.get(&id).copied().unwrap_or(0);
            (id, (total, total.saturating_sub(used)))
        });
        slots.collect()
    }

    async fn bind_fairly(
        &self,
        active: &HashMap<JobId, JobInfoCache>,
        allowed: Option<&HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let (used, mut jobs) = load(active).await;
        let totals: Vec<(String, u32)> = {
            let totals = self.totals.lock();
            let allowed = |id: &String| allowed.is_none_or(|set| set.contains(id));
            let allowed = totals.iter().filter(|(id, _)| allowed(id));
            allowed.map(|(id, total)| (id.clone(), *total)).collect()
        };
        let slots: usize = totals.iter().map(|(_, total)| *total as usize).sum();
        let is_one = totals.len() == 1;
        let mut free: Vec<(String, i64)> = Vec::new();
        for (id, total) in &totals {
            let used = used.get(id).copied().unwrap_or(0);
            free.push((id.clone(), i64::from(*total) - i64::from(used)));
        }
        let mut bound = Vec::new();
        bind(&mut bound, usize::MAX, &mut free, &mut jobs, active).await?;
        // As many again are sent ahead. But of the last tasks each is to go to the slot that is free first, wherever that
        // is.
        let waiting: usize = jobs.iter().map(|job| job.available).sum();
        let ahead = if is_one {
            waiting
        } else {
            waiting.saturating_sub(slots)
        };
        for ((_, free), (_, total)) in free.iter_mut().zip(&totals) {
            *free += i64::from(*total);
        }
        bind(&mut bound, ahead, &mut free, &mut jobs, active).await?;
        Ok(bound)
    }
}

/// Binds at most so many tasks to free slots.
async fn bind(
    bound: &mut Vec<BoundTask>,
    most: usize,
    free: &mut [(String, i64)],
    jobs: &mut [JobLoad],
    active: &HashMap<JobId, JobInfoCache>,
) -> Result<()> {
    let most = bound.len().saturating_add(most);
    // The emptiest executor first; ids break ties, so that a test can tell.
    while bound.len() < most
        && let Some(slot) = free
            .iter_mut()
            .filter(|(_, n)| *n > 0)
            .max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)))
    {
        let waiting = jobs.iter_mut().filter(|job| job.available > 0);
        let Some(job) =
            waiting.min_by(|a, b| (a.running, a.id.as_str()).cmp(&(b.running, b.id.as_str())))
        else {
            break;
        };
        let Some(info) = active.get(&job.id) else {
            break;
        };
        match bind_one(&slot.0, &job.id, info).await? {
            Some(task) => {
                bound.push(task);
                slot.1 -= 1;
                job.running += 1;
                job.available = info.execution_graph.read().await.available_tasks();
            }
            None => job.available = 0,
        }
    }
    Ok(())
}

/// Slots used on each executor, and each running job's share.
async fn load(active: &HashMap<JobId, JobInfoCache>) -> (HashMap<String, u32>, Vec<JobLoad>) {
    let mut used: HashMap<String, u32> = HashMap::new();
    let mut jobs = Vec::new();
    for (id, info) in active {
        let mut graph = info.execution_graph.write().await;
        graph.revive(); // stages whose inputs are ready become runnable, and countable
        let mut running = 0;
        for task in graph.running_tasks() {
            let slots = graph.task_vcores(task.stage_id, task.task_id).unwrap_or(1);
            *used.entry(task.executor_id).or_default() += slots;
            running += slots;
        }
        jobs.push(JobLoad {
            id: id.clone(),
            running,
            available: graph.available_tasks(),
        });
    }
    (used, jobs)
}

/// Has Ballista bind one task of `job` to one slot of `executor`.
async fn bind_one(executor: &str, job: &JobId, info: &JobInfoCache) -> Result<Option<BoundTask>> {
    let one_slot = InMemoryClusterState::default();
    let spec = ExecutorData {
        executor_id: executor.to_owned(),
        total_vcores: 1,
        available_vcores: 1,
    };
    let metadata = ExecutorMetadata {
        id: executor.to_owned(),
        host: String::new(),
        port: 0,
        grpc_port: 0,
        specification: Default::default(),
        os_info: Default::default(),
    };
    one_slot.register_executor(metadata, spec).await?;
    let job = Arc::new(HashMap::from([(job.clone(), info.clone())]));
    let bound = one_slot
        .bind_schedulable_tasks(TaskDistributionPolicy::RoundRobin, job, None)
        .await?;
    Ok(bound.into_iter().next())
}

#[async_trait::async_trait]
impl ClusterState for SlotState {
    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        if self.guards.b2_derive_slots {
            self.bind_fairly(&active_jobs, executors.as_ref()).await
        } else {
            self.inner
                .bind_schedulable_tasks(distribution, active_jobs, executors)
                .await
        }
    }

    async fn unbind_tasks(&self, executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        self.inner.unbind_tasks(executor_slots).await
    }

    async fn register_executor(
        &self,
        metadata: ExecutorMetadata,
        spec: ExecutorData,
    ) -> Result<()> {
        let (id, total) = (metadata.id.clone(), spec.total_vcores);
        self.inner.register_executor(metadata, spec).await?;
        self.totals.lock().insert(id, total);
        Ok(())
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.inner.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.inner.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.inner.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.inner.save_executor_heartbeat(heartbeat).await
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        self.totals.lock().remove(executor_id);
        self.inner.remove_executor(executor_id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.inner.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.inner.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.inner.cluster_state_events().await
    }
}
