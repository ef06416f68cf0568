//! How tasks tell the driver what they did: by whom, for which task, and over
//! what channel. A report is acknowledged before the task ends, so a task that
//! is known to have succeeded has always been heard.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use futures::future::BoxFuture;

use crate::api::TaskReport;

/// One attempt at a task, as Ballista names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The engine's id of the wave.
    pub job: String,
    /// The stage.
    pub stage: usize,
    /// How often the stage was begun before.
    pub stage_attempt: usize,
    /// The task's slot in the stage: a task that is tried again has another.
    pub slot: usize,
}

impl TaskId {
    /// Reads `TID {job}/{stage}.{stage attempt}/{slot}.{task attempt}`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("TID ")?.split('/');
        let (job, stage, slot) = (parts.next()?, parts.next()?, parts.next()?);
        let (stage, stage_attempt) = stage.split_once('.')?;
        let (slot, _task_attempt) = slot.split_once('.')?;
        Some(Self {
            job: job.to_owned(),
            stage: stage.parse().ok()?,
            stage_attempt: stage_attempt.parse().ok()?,
            slot: slot.parse().ok()?,
        })
    }

    /// The task that runs in `context`.
    ///
    /// # Errors
    /// If the context is not that of a task of Ballista's.
    pub fn of(context: &TaskContext) -> Result<Self> {
        context
            .task_id()
            .as_deref()
            .and_then(Self::parse)
            .ok_or_else(|| {
                DataFusionError::Internal(format!("no task id in {:?}", context.task_id()))
            })
    }

    /// A name for files, unique for each attempt at each partition of a task.
    #[must_use]
    pub fn file_stem(&self, partition: usize) -> String {
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!(
            "{}-{}.{}-{}-{partition}-{}",
            self.job,
            self.stage,
            self.stage_attempt,
            self.slot,
            &random[..8]
        )
    }
}

/// Where reports go.
#[async_trait]
pub trait Reporter: Send + Sync + fmt::Debug {
    /// Delivers a report; returns once it is acknowledged.
    ///
    /// # Errors
    /// `IoError` if it could not be delivered: the task is then tried again.
    async fn report(&self, task: &TaskId, report: TaskReport) -> Result<()>;
}

/// A place in a task at which a test can hold it, or make it fail.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A scan has read a batch.
    Scanned,
    /// A writer is about to write a batch.
    Writing,
    /// A writer has nothing left to do but to wait for the disk.
    Written,
    /// A check is about to count a batch.
    Checking,
}

/// What a test does at a [`Point`]: the task waits for the future, and fails
/// with its error.
#[doc(hidden)]
pub type FailPoint = Arc<dyn Fn(&TaskId, Point) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// What an executor lends its tasks, as an extension of their session.
pub struct TaskServices {
    /// Where reports go.
    pub reporter: Arc<dyn Reporter>,
    /// For tests only.
    #[doc(hidden)]
    pub fail_point: Option<FailPoint>,
}

impl fmt::Debug for TaskServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskServices")
            .field("reporter", &self.reporter)
            .finish_non_exhaustive()
    }
}

impl TaskServices {
    /// The services of the executor that runs in `context`.
    ///
    /// # Errors
    /// If the task does not run on an executor of ours.
    pub fn of(context: &TaskContext) -> Result<Arc<Self>> {
        context
            .session_config()
            .get_extension::<Self>()
            .ok_or_else(|| {
                DataFusionError::Internal("this task does not run on a Headworks executor".into())
            })
    }

    /// Passes a point at which tests interfere.
    pub(crate) async fn pass(&self, task: &TaskId, point: Point) -> Result<()> {
        match &self.fail_point {
            Some(fail_point) => fail_point(task, point).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids() {
        let id = TaskId::parse("TID 3kTq/2.1/17.3").unwrap();
        assert_eq!(
            id,
            TaskId {
                job: "3kTq".into(),
                stage: 2,
                stage_attempt: 1,
                slot: 17
            }
        );
        for bad in ["", "TID ", "TID a/b.c/d.e", "TID a/1/2", "a/1.0/2.0"] {
            assert_eq!(TaskId::parse(bad), None, "{bad}");
        }
        assert_ne!(id.file_stem(0), id.file_stem(0));
    }
}
