//! Turns: at most as many tasks work on an executor as it has cores, though more may be with it.
//!
//! The last thing that a task does is to wait: until its files are durable, until the scheduler has its reports, until
//! Ballista has heard of its end and sent another one. On a disk that is some milliseconds, over a network tens or
//! hundreds. So the scheduler sends tasks ahead, and a task gives its turn up when nothing is left to it but to wait.

use std::sync::Arc;

use datafusion::execution::context::TaskContext;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of one executor. Tasks have theirs in the order in which they came.
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// Of an executor with so many cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Waits for a turn, and puts it into the task's context.
    pub(crate) async fn begin(&self, context: &TaskContext) -> TaskContext {
        // Only a closed semaphore fails, and nobody closes this one.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        let turn = Arc::new(Turn(Mutex::new(permit)));
        let config = context.session_config().clone().with_extension(turn);
        TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            context.runtime_env(),
        )
    }
}

/// The turn of a task: with its context it ends, too.
pub(crate) struct Turn(Mutex<Option<OwnedSemaphorePermit>>);

impl Turn {
    /// The turn of the task that runs in `context`; in tests of one node there is none.
    pub(crate) fn of(context: &TaskContext) -> Option<Arc<Self>> {
        context.session_config().get_extension()
    }

    /// The task has nothing left to do but to wait: another one may begin.
    pub(crate) fn end(&self) {
        *self.0.lock() = None;
    }

    /// Ends it when dropped, whoever still holds the context.
    pub(crate) fn guard(self: Arc<Self>) -> TurnGuard {
        TurnGuard(self)
    }
}

/// Ends a task's turn when dropped.
pub(crate) struct TurnGuard(Arc<Turn>);

impl Drop for TurnGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_ends_when_it_is_said_or_with_the_tasks_context() {
        let turns = Turns::new(2);
        let (first, second) = (TaskContext::default(), TaskContext::default());
        let first = turns.begin(&first).await;
        let second = turns.begin(&second).await;
        let third = TaskContext::default();
        let third = turns.begin(&third);
        tokio::pin!(third);
        assert!(futures::poll!(third.as_mut()).is_pending());
        Turn::of(&first).unwrap().end();
        let third = third.await;
        assert_eq!(turns.0.available_permits(), 0);
        drop((first, second));
        assert_eq!(turns.0.available_permits(), 1);
        // What a task leaves behind may hold its context for longer.
        let held = Turn::of(&third).unwrap();
        drop(third);
        assert_eq!(turns.0.available_permits(), 1);
        drop(Arc::clone(&held).guard());
        assert_eq!(turns.0.available_permits(), 2);
        assert!(Turn::of(&TaskContext::default()).is_none());
    }
}
