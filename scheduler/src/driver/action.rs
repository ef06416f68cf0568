//! All that a job's driver can ask for. The shell performs a batch in its
//! order and stops at the first journal record that cannot be written.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::api::{
    CheckFindings, ModelPlan, SettledSource, Wave, WaveDiscard, WaveResult,
};
use headworks_lake::{Audit, InputEntry, PendingFile};
use headworks_sources::InputFile;

use super::state::{Failure, Outcome};

/// A thing to be done.
#[derive(Debug, Clone)]
pub enum Action {
    /// Write this down, durably, before anything behind it is done.
    Journal(Record),
    /// Settle the source with this index: `Settled` or `Failed`.
    Settle(usize),
    /// Settle the source with this index by all of its records, with the files
    /// that it has: `Settled` or `Failed`.
    SettleAgain(usize),
    /// Open the table of the model with this index: `Opened` or `Failed`.
    Open(usize),
    /// Plan the model: `Planned` or `Failed`.
    Plan(ModelWork),
    /// Run one attempt at a wave: `WaveSubmitted`, then `WaveEnded`.
    RunWave {
        /// The wave, with what earlier attempts have taught.
        wave: Wave,
        /// Part of file names; never used twice for one wave of one model.
        attempt: u32,
    },
    /// Make one attempt at a check: `WaveSubmitted` if the engine has to run
    /// it, then `CheckEnded`, `Overtaken` or `Failed`.
    Check {
        /// The commit whose outcome is looked at; none to look at the same as
        /// the check before.
        candidate: Option<Box<CommitWork>>,
        /// The model's index.
        model: usize,
        /// The check's index.
        check: usize,
        /// For the engine's log; never used twice for one check of one model.
        attempt: u32,
    },
    /// Ask the engine to stop the wave or check in hand: `WaveEnded`,
    /// `CheckEnded` or `CancelOverdue`.
    CancelWave(String),
    /// Forget the act in hand (settle, open, plan); it has changed nothing.
    Abandon,
    /// Make staged files readable: `Staged` or `Failed`.
    Stage {
        /// The model's index.
        model: usize,
        /// The files.
        files: Vec<PendingFile>,
    },
    /// Commit: `Committed`, `Overtaken`, `MovedOn`, `CommitUnknown` or `Failed`.
    Commit(Box<CommitWork>),
    /// Remove files that no commit will name. Failing is not fatal: they are
    /// hidden, and the lake's clean-up finds them.
    Discard {
        /// The model's index.
        model: usize,
        /// The files.
        files: WaveDiscard,
    },
    /// The job has ended.
    End(Outcome),
}

/// What the engine needs to know of a model to plan it, and to run its waves.
#[derive(Debug, Clone)]
pub struct ModelWork {
    /// The model's index in the job.
    pub model: usize,
    /// The files of each source that it reads; a subset of the settled ones.
    pub inputs: BTreeMap<String, Vec<InputFile>>,
    /// Those of its sources of which an earlier model, or this one before it began anew, has read some of the same
    /// files and committed their quarantine.
    pub revisits: Vec<String>,
    /// The files of its table that go because inputs have changed, by path.
    pub replaces: Vec<String>,
}

/// One commit to one table.
#[derive(Debug, Clone)]
pub struct CommitWork {
    /// The model whose run it belongs to.
    pub model: usize,
    /// None: the model's own table. Else the quarantine of this source.
    pub quarantine_of: Option<String>,
    /// Chosen before; a second commit with the same id changes nothing.
    pub commit_id: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The data files.
    pub files: Vec<PendingFile>,
    /// The files of the table that go, by path, beside those that the mode removes.
    pub remove: Vec<String>,
    /// The inputs taken in, with their counts.
    pub inputs: Vec<InputEntry>,
    /// Whether `inputs` account for each record, or for bytes alone.
    pub audit: Audit,
    /// The version that the job knew when it chose its inputs: a later commit
    /// must not have taken in one of them (`append`). None: the newest.
    pub base: Option<u64>,
    /// Whether the job has failed (quarantine only: kept, and marked).
    pub failed: bool,
    /// The version over which the model's checks were made, if they were, and
    /// if it matters.
    pub checked: Option<u64>,
}

impl Record {
    /// Whether nothing may be done if this cannot be written.
    #[must_use]
    pub fn is_vital(&self) -> bool {
        !matches!(self, Self::Note(_) | Self::WaveSubmitted { .. })
    }
}

/// What the journal keeps. Together these are all that is needed to take an
/// interrupted job up again.
#[derive(Debug, Clone)]
pub enum Record {
    /// The job has begun.
    Started,
    /// A source's files and schema.
    SourceSettled(Arc<SettledSource>),
    /// A model's inputs and plan.
    ModelPlanned {
        /// What it reads.
        work: ModelWork,
        /// How it will run.
        plan: Arc<ModelPlan>,
    },
    /// An attempt at a wave is about to be submitted.
    WaveStarted {
        /// The model's index.
        model: usize,
        /// The wave as this attempt runs it.
        wave: Wave,
        /// Which attempt.
        attempt: u32,
    },
    /// The engine's id of the attempt.
    WaveSubmitted {
        /// The model's index.
        model: usize,
        /// The wave's index.
        wave: u32,
        /// Which attempt.
        attempt: u32,
        /// The engine's id.
        engine_job: String,
    },
    /// The attempt's result is believed; its manifest rows are in it.
    WaveAccepted {
        /// The model's index.
        model: usize,
        /// The wave's index.
        wave: u32,
        /// Which attempt.
        attempt: u32,
        /// What it produced.
        result: Arc<WaveResult>,
    },
    /// The attempt came to nothing.
    WaveDiscarded {
        /// The model's index.
        model: usize,
        /// The wave's index.
        wave: u32,
        /// Which attempt.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// An attempt at a check is about to be made.
    CheckStarted {
        /// The model's index.
        model: usize,
        /// The check's index.
        check: usize,
        /// Which attempt.
        attempt: u32,
    },
    /// What the attempt found is believed.
    CheckFound {
        /// The model's index.
        model: usize,
        /// The check's index.
        check: usize,
        /// Which attempt.
        attempt: u32,
        /// What.
        found: CheckFindings,
    },
    /// The attempt came to nothing.
    CheckDiscarded {
        /// The model's index.
        model: usize,
        /// The check's index.
        check: usize,
        /// Which attempt.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// The rows of an upsert are about to be made readable for its merge.
    RowsStaged {
        /// The model's index.
        model: usize,
        /// How many.
        rows: u64,
    },
    /// A commit is about to be tried.
    CommitIntended {
        /// The model's index.
        model: usize,
        /// None: the model's table. Else the quarantine of this source.
        quarantine_of: Option<String>,
        /// The commit's id.
        commit_id: String,
        /// Whether it keeps the quarantine of a job that failed.
        failed: bool,
    },
    /// A commit has its log entry.
    Committed {
        /// The model's index.
        model: usize,
        /// None: the model's table. Else the quarantine of this source.
        quarantine_of: Option<String>,
        /// The commit's id.
        commit_id: String,
        /// The version that it made.
        version: u64,
    },
    /// Nothing was left to append: the table stays at its version.
    ModelUnchanged {
        /// The model's index.
        model: usize,
        /// The table's version.
        version: u64,
    },
    /// The model's waves were discarded and it begins anew.
    ModelRestarted {
        /// The model's index.
        model: usize,
        /// Why.
        reason: String,
    },
    /// The model did not commit and will not.
    ModelFailed {
        /// The model's index.
        model: usize,
    },
    /// A line for the job's log.
    Note(String),
    /// The job has ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Why, unless it is done.
        failure: Option<Failure>,
    },
}
