//! The guards against Ballista's defects, each with a switch that tests use to
//! show that the guard is needed. Everywhere else all are on.

/// Which guards are on. Names follow the defects' numbers in `ARCHITECTURE.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// B1: a wave of several stages is believed only if no stage was tried again.
    pub b1_refuse_retried_stages: bool,
    /// B2: free slots are derived from the tasks that run, not counted.
    pub b2_derive_slots: bool,
    /// B3: only the last successful task of each partition counts.
    pub b3_last_task_wins: bool,
    /// B4: a cancelled task really stops.
    pub b4_stop_cancelled_tasks: bool,
    /// B5: a task that was given up writes no further shuffle data.
    pub b5_stop_abandoned_shuffles: bool,
    /// B6: a wave that failed while an executor was lost runs again.
    pub b6_run_again_after_loss: bool,
    /// B7: manifest rows go to the scheduler before the task ends, and so
    /// outlive the executor.
    pub b7_keep_reports_of_lost_executors: bool,
    /// B8: a wave runs again when the engine did not hear of a task's end.
    pub b8_run_again_when_an_end_is_not_heard: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            b1_refuse_retried_stages: true,
            b2_derive_slots: true,
            b3_last_task_wins: true,
            b4_stop_cancelled_tasks: true,
            b5_stop_abandoned_shuffles: true,
            b6_run_again_after_loss: true,
            b7_keep_reports_of_lost_executors: true,
            b8_run_again_when_an_end_is_not_heard: true,
        }
    }
}
