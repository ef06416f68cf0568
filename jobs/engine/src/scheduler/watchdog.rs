//! Whether the engine has missed the end of a task, so that its wave would wait for ever.
//!
//! An executor tells Ballista's scheduler once that a task has ended; if that message is lost, nobody sends it again
//! (B8). It tells us before, over our own channel, which is acknowledged. So a task that has told us, and that still
//! runs in Ballista's graph a good while later, will run there for ever: its wave is run again.

use std::collections::HashMap;
use std::time::Duration;

use ballista_core::JobId;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use tokio::time::Instant;

use crate::report::TaskId;

/// How long the engine may take to hear of an end that we have heard of, in milliseconds. It takes some tens on a
/// cluster that is well.
pub(super) const END_HEARD_WITHIN_MS_MAX: u64 = 30_000;

/// The tasks that run, as the graph has it.
pub(super) fn running_tasks(job: &JobId, graph: &dyn ExecutionGraph) -> Vec<TaskId> {
    let running = graph.running_tasks().into_iter();
    running
        .filter_map(|task| match graph.stages().get(&task.stage_id) {
            Some(ExecutionStage::Running(stage)) => Some(TaskId {
                job: job.to_string(),
                stage: task.stage_id,
                stage_attempt: stage.stage_attempt_num,
                slot: task.task_id,
            }),
            _ => None,
        })
        .collect()
}

/// A task that runs as the graph has it, though it said at least `within` ago that it had ended.
pub(super) fn not_heard<'a>(
    running: &'a [TaskId],
    ended: &HashMap<TaskId, Instant>,
    now: Instant,
    within: Duration,
) -> Option<&'a TaskId> {
    running.iter().find(|task| {
        let ended = ended.get(task);
        ended.is_some_and(|ended| now.duration_since(*ended) >= within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_missed_only_when_it_was_told_long_ago_of_this_very_attempt() {
        let task = |stage_attempt: usize, slot: usize| TaskId {
            job: "j".into(),
            stage: 2,
            stage_attempt,
            slot,
        };
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let within = Duration::from_secs(30);
        let ended = HashMap::from([(task(0, 0), at(0)), (task(0, 1), at(20))]);
        let running = [task(0, 1), task(0, 0), task(0, 2)];
        let missed = |running: &[TaskId], now| not_heard(running, &ended, now, within).cloned();
        assert_eq!(missed(&running, at(29)), None);
        assert_eq!(missed(&running, at(30)), Some(task(0, 0)));
        assert_eq!(missed(&[task(0, 1)], at(30)), None);
        assert_eq!(missed(&[task(0, 1)], at(50)), Some(task(0, 1)));
        assert_eq!(missed(&[task(1, 0)], at(90)), None, "a later attempt");
        assert_eq!(missed(&[task(0, 2)], at(900)), None, "it works still");
        assert_eq!(missed(&[], at(900)), None);
    }
}
