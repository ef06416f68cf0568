//! All that a job's driver can hear: the whole alphabet, in one enum.

use std::sync::Arc;

use headworks_engine::api::{CheckOutcome, ModelPlan, SettledSource, WaveOutcome};
use headworks_lake::Snapshot;

use super::state::ErrorClass;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The job is to begin.
    Start,
    /// A source is settled.
    Settled(Box<SettledSource>),
    /// The model's table has been opened (and an unsettled commit finished).
    /// None if it has never been written.
    Opened(Option<Arc<Snapshot>>),
    /// The model is planned.
    Planned(Box<ModelPlan>),
    /// The wave or check in hand runs under this id of the engine.
    WaveSubmitted(String),
    /// The wave in hand has ended.
    WaveEnded {
        /// How.
        outcome: WaveOutcome,
        /// Whether an executor was lost while it ran.
        executor_lost: bool,
    },
    /// The check in hand has ended.
    CheckEnded {
        /// How.
        outcome: CheckOutcome,
        /// The version of the table, 0 for none, that the commit would follow.
        looked_at: u64,
        /// Whether an executor was lost while it ran.
        executor_lost: bool,
    },
    /// The rows of an upsert can be read.
    Staged,
    /// The commit in hand has its log entry.
    Committed {
        /// The version that it made.
        version: u64,
        /// What is left to be finished by whoever opens the table next, if
        /// something is; in words for the user.
        unsettled: Option<String>,
    },
    /// The commit in hand was refused, because another job took in some of the
    /// same files since this model's table was opened. Nothing was written.
    Overtaken(String),
    /// The commit in hand was refused, because the table has moved on since the
    /// checks looked at it. Nothing was written.
    MovedOn(String),
    /// It cannot be told whether the commit in hand has its log entry.
    CommitUnknown(String),
    /// The act in hand failed (settle, open, plan, check, commit); nothing was done.
    Failed {
        /// Whose fault.
        class: ErrorClass,
        /// What, where, what next.
        error: String,
    },
    /// The journal could not be written. What stood behind it in its batch was
    /// not done.
    JournalFailed(String),
    /// Somebody wants the job to stop.
    Cancel(String),
    /// The engine was asked to stop the wave in hand and did not in time.
    CancelOverdue,
}

impl Event {
    /// A word for the event, for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Settled(_) => "settled",
            Self::Opened(_) => "opened",
            Self::Planned(_) => "planned",
            Self::WaveSubmitted(_) => "wave submitted",
            Self::WaveEnded { .. } => "wave ended",
            Self::CheckEnded { .. } => "check ended",
            Self::Staged => "staged",
            Self::Committed { .. } => "committed",
            Self::Overtaken(_) => "overtaken",
            Self::MovedOn(_) => "moved on",
            Self::CommitUnknown(_) => "commit unknown",
            Self::Failed { .. } => "failed",
            Self::JournalFailed(_) => "journal failed",
            Self::Cancel(_) => "cancel",
            Self::CancelOverdue => "cancel overdue",
        }
    }
}
