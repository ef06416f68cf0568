//! What a job's driver knows, and which phase may follow which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use headworks_engine::api::{
    CheckFindings, EngineError, ModelPlan, SettledSource, Wave, WaveDiscard,
};
use headworks_lake::{InputEntry, PendingFile, Snapshot};
use headworks_spec::{JobSpec, Severity};

use super::action::{CommitWork, ModelWork};
use super::audit::FileAccount;
use super::warnings::Warnings;

/// Where a job is. `model` counts from 0 in the order of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accepted, not begun.
    Queued,
    /// Lists files and settles the schema of this source.
    Settling {
        /// The source's index.
        source: usize,
    },
    /// Settles the schema of this source anew, by all of its records, because
    /// the model in hand cannot rely on that of a sample.
    Resettling {
        /// The model's index.
        model: usize,
        /// The source's index.
        source: usize,
    },
    /// Opens the model's table.
    Opening {
        /// The model's index.
        model: usize,
    },
    /// Plans the model.
    Planning {
        /// The model's index.
        model: usize,
    },
    /// Runs an attempt at a wave.
    Running {
        /// The model's index.
        model: usize,
        /// The wave's index.
        wave: u32,
    },
    /// Makes the rows of an upsert's waves readable, for the waves that merge them with the table's.
    Staging {
        /// The model's index.
        model: usize,
    },
    /// Makes one check of the model after the other, over the table as it will
    /// be.
    Checking {
        /// The model's index.
        model: usize,
        /// The check's index.
        check: usize,
    },
    /// Commits the model's table.
    Committing {
        /// The model's index.
        model: usize,
    },
    /// Commits the quarantine of one source after the other: before the model's
    /// table, or once the job has failed.
    Quarantining {
        /// The model's index.
        model: usize,
        /// How many stood before it.
        at: usize,
    },
    /// Over.
    Ended(Outcome),
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All models have committed.
    Done,
    /// It failed; `JobState::failure` says why.
    Failed,
    /// It was stopped on request.
    Cancelled,
}

impl Phase {
    /// Whether `next` may follow. Every legal step of a job stands here, once.
    #[must_use]
    pub fn may_become(self, next: Phase) -> bool {
        use Phase::{
            Checking, Committing, Ended, Opening, Planning, Quarantining, Queued, Resettling,
            Running, Settling, Staging,
        };
        match (self, next) {
            (Ended(_), _) => false,
            // Only behind the last model.
            (
                Queued
                | Settling { .. }
                | Resettling { .. }
                | Planning { .. }
                | Running { .. }
                | Staging { .. }
                | Checking { .. }
                | Quarantining { .. },
                Ended(Outcome::Done),
            ) => false,
            (_, Ended(_)) => true,
            (Queued, Settling { source: 0 }) => true,
            (Settling { source: a }, Settling { source: b }) => b == a + 1,
            (Queued | Settling { .. }, Opening { model }) => model == 0,
            // A sample's schema does not hold, or cannot be proved.
            (Running { model: a, .. } | Opening { model: a }, Resettling { model: b, .. }) => {
                a == b
            }
            (
                Resettling {
                    model: a,
                    source: i,
                },
                Resettling {
                    model: b,
                    source: j,
                },
            ) => a == b && j > i,
            (Resettling { model: a, .. }, Opening { model: b }) => a == b,
            (Opening { model: a }, Planning { model: b }) => a == b,
            // Nothing new to append.
            (Opening { model: a }, Opening { model: b }) => b == a + 1,
            (Planning { model: a }, Running { model: b, wave: 0 }) => a == b,
            // Nothing to run.
            (Planning { model: a }, Committing { model: b }) => a == b,
            (Running { model: a, wave: v }, Running { model: b, wave: w }) => {
                a == b && (w == v || w == v + 1)
            }
            (Running { model: a, .. }, Committing { model: b }) => a == b,
            // An upsert: behind the waves that wrote its rows, and before those that merge them.
            (Running { model: a, .. } | Planning { model: a }, Staging { model: b }) => a == b,
            (Staging { model: a }, Running { model: b, .. }) => a == b,
            // Nothing to run, or all waves are in, or the table has moved on
            // since it was checked.
            (
                Planning { model: a } | Running { model: a, .. } | Committing { model: a },
                Checking { model: b, check: 0 },
            ) => a == b,
            (Checking { model: a, check: i }, Checking { model: b, check: j }) => {
                a == b && (j == i || j == i + 1)
            }
            (Checking { model: a, .. }, Committing { model: b }) => a == b,
            // A table that it reads was overwritten meanwhile: once more.
            (Running { model: a, .. } | Checking { model: a, .. }, Opening { model: b }) => a == b,
            // Bad records go into quarantine before the model commits, and also
            // when it has failed.
            (
                Running { model: a, .. }
                | Planning { model: a }
                | Staging { model: a }
                | Checking { model: a, .. },
                Quarantining { model: b, at: 0 },
            ) => a == b,
            // Done, or (a == b) overtaken by another job: once more.
            (Committing { model: a }, Opening { model: b }) => b == a || b == a + 1,
            (Quarantining { model: a, at: i }, Quarantining { model: b, at: j }) => {
                a == b && j == i + 1
            }
            (Quarantining { model: a, .. }, Committing { model: b }) => a == b,
            _ => false,
        }
    }
}

/// Whose fault a failure is; the words that `JobView.error_class` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The input: look at the file that the message names.
    Input,
    /// The job file: change it.
    Configuration,
    /// A check found that the numbers do not add up.
    Check,
    /// The engine: try again.
    Engine,
    /// The lake's disk: mend it.
    Lake,
}

impl ErrorClass {
    /// The word on the wire and in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Configuration => "configuration",
            Self::Check => "check",
            Self::Engine => "engine",
            Self::Lake => "lake",
        }
    }

    /// From the engine's word; anything unknown is the engine's own.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "input" => Self::Input,
            "configuration" => Self::Configuration,
            "check" => Self::Check,
            "lake" => Self::Lake,
            _ => Self::Engine,
        }
    }
}

impl From<&EngineError> for ErrorClass {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::Configuration(_) => Self::Configuration,
            EngineError::Input(_) => Self::Input,
            EngineError::Lake(_) => Self::Lake,
            EngineError::Engine(_) => Self::Engine,
        }
    }
}

/// Why a job failed or was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault; none for a job that was stopped.
    pub class: Option<ErrorClass>,
    /// What, where, what next.
    pub error: String,
}

/// How far a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelStatus {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It is in hand.
    Running,
    /// Its table has the new version.
    Committed,
    /// Its table is as it was, and stays so.
    Failed,
}

impl ModelStatus {
    /// The word on the wire and in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Committed => "committed",
            Self::Failed => "failed",
        }
    }
}

/// What is known of a model for as long as the job lives.
#[derive(Debug, Clone, Default)]
pub struct ModelState {
    /// How far it is.
    pub status: ModelStatus,
    /// The version it committed, or the table's when nothing was to be done.
    pub version: u64,
    /// Rows it wrote.
    pub rows: u64,
    /// Files it wrote.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// How often it began anew because another job overtook its commit.
    pub restarts: u32,
    /// The next attempt's number for each wave: none is ever used twice, not
    /// even when the model begins anew, because it is part of file names.
    pub next_attempt: BTreeMap<u32, u32>,
    /// The next attempt's number for each check.
    pub next_check_attempt: BTreeMap<usize, u32>,
    /// What it has put into quarantine, by source; kept when it begins anew.
    pub quarantined: BTreeMap<String, Quarantined>,
}

/// What a model has put into the quarantine of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quarantined {
    /// By how many commits: more than one if it began anew and then met records
    /// that were not there.
    pub commits: u32,
    /// Records.
    pub records: u64,
}

/// What a check found, for as long as the job lives.
#[derive(Debug, Clone)]
pub struct CheckState {
    /// The model's table.
    pub model: String,
    /// The check's name.
    pub name: String,
    /// What follows when it fails.
    pub severity: Severity,
    /// What it found.
    pub found: CheckFindings,
}

/// The checks of the model in hand, from the audit to the commit.
#[derive(Debug, Clone)]
pub struct CheckRun {
    /// The commit whose outcome is looked at.
    pub work: CommitWork,
    /// The attempt in hand.
    pub attempt: u32,
    /// How often this check was made again because the engine asked for it.
    pub retries: u32,
    /// How often all were made again because the table moved on.
    pub rounds: u32,
    /// The version of the table that was looked at.
    pub looked_at: u64,
}

/// What is known of the model in hand; dropped when it has ended.
#[derive(Debug, Clone)]
pub struct ModelRun {
    /// What it reads.
    pub work: ModelWork,
    /// How it runs.
    pub plan: Arc<ModelPlan>,
    /// Whether each record is counted from reader to writer: the plan is
    /// row-wise and its source is read by our readers.
    pub counts_records: bool,
    /// The table's version when the inputs were chosen; 0 if it had none.
    pub base: u64,
    /// The wave in hand as it runs now: splits may have been given a known
    /// start, or been merged, by what earlier attempts have taught.
    pub wave: Wave,
    /// The attempt in hand.
    pub attempt: u32,
    /// The engine's id of the attempt, once submitted.
    pub engine_job: Option<String>,
    /// How often this wave ran again because the engine asked for it.
    pub retries: u32,
    /// How often this wave ran again because a split began at a wrong place.
    pub restarts: u32,
    /// One account for each file of each source, (source, path).
    pub accounts: BTreeMap<(String, String), FileAccount>,
    /// Data files of accepted waves.
    pub files: Vec<PendingFile>,
    /// Rows of accepted waves, as the writers counted them.
    pub rows: u64,
    /// Whether a wave had an unnest, so that records and rows are counted apart.
    pub unnests: bool,
    /// Quarantine files of accepted waves that are to be committed, by source.
    pub quarantine: BTreeMap<String, Vec<PendingFile>>,
    /// Quarantine files of accepted waves that no commit will name, by source:
    /// others hold the same records, or their commit was refused.
    pub quarantine_surplus: BTreeMap<String, Vec<PendingFile>>,
    /// The table as it was when the model began; none if it has never been written.
    pub current: Option<Arc<Snapshot>>,
    /// The rows of an upsert, before they are merged with the table's.
    pub staged: Vec<PendingFile>,
    /// An upsert's merge, once its rows are staged.
    pub merge: Option<Merge>,
    /// What the user should hear of this model.
    pub warnings: Warnings,
    /// Its checks, once the audit has passed; none if it has none.
    pub checks: Option<CheckRun>,
    /// Its commit, which waits for that of its quarantine.
    pub commit: Option<CommitWork>,
}

/// What is known of an upsert when its rows are staged.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The inputs of its rows, audited.
    pub inputs: Vec<InputEntry>,
    /// The staged rows.
    pub rows: u64,
    /// The files of the table that hold their keys, as places in its snapshot.
    pub touched: BTreeSet<u32>,
}

impl ModelRun {
    /// Takes all files that no reader will need if the model does not commit.
    pub(super) fn take_files(&mut self) -> WaveDiscard {
        WaveDiscard {
            files: [
                std::mem::take(&mut self.files),
                std::mem::take(&mut self.staged),
            ]
            .concat(),
            quarantine: std::mem::take(&mut self.quarantine_surplus),
        }
    }
}

/// What became of a source's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records.
    pub read: u64,
    /// Of these in the lake.
    pub written: u64,
    /// Of these removed by the query.
    pub filtered: u64,
    /// Of these left out by an option.
    pub dropped: u64,
    /// Of these in quarantine.
    pub quarantined: u64,
    /// Whether written and filtered are known (a row-wise model counted them).
    pub row_wise: bool,
}

/// What a job's driver knows.
#[derive(Debug, Clone)]
pub struct JobState {
    /// The job's id.
    pub job_id: String,
    /// The job.
    pub spec: Arc<JobSpec>,
    /// When it was submitted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// When it ended; 0 until then.
    pub finished_at_ms: u64,
    /// Where it is.
    pub phase: Phase,
    /// The settled sources, by name.
    pub sources: BTreeMap<String, Arc<SettledSource>>,
    /// One for each model.
    pub models: Vec<ModelState>,
    /// The model in hand, from its plan to its end.
    pub run: Option<ModelRun>,
    /// What the model in hand will read, and its table's version; between
    /// opening and planning.
    pub work: Option<(ModelWork, u64)>,
    /// The table of the model in hand, as it was opened; between opening and planning.
    pub current: Option<Arc<Snapshot>>,
    /// Commits of quarantine that are due: source and files, in order. The one
    /// in hand is the first.
    pub quarantine_queue: VecDeque<(String, Vec<PendingFile>)>,
    /// Files of models whose quarantine is committed: (source, path). Who reads
    /// one again asks the quarantine for its bad records.
    pub files_read: BTreeSet<(String, String)>,
    /// Why the job is to stop, once somebody asked.
    pub stop: Option<String>,
    /// Why it failed or was stopped.
    pub failure: Option<Failure>,
    /// Whether the journal has refused a record: nothing more is begun.
    pub journal_failed: bool,
    /// Attempts at waves that have ended.
    pub waves_run: u32,
    /// Of these those that repeated an earlier one.
    pub waves_rerun: u32,
    /// Tasks of accepted waves, by executor.
    pub tasks: BTreeMap<String, u32>,
    /// By source, from the first row-wise model that read it (else the first).
    pub source_counts: BTreeMap<String, SourceCounts>,
    /// What the user should hear though nothing failed.
    pub warnings: Warnings,
    /// The checks that have been made, those of a model together, in order.
    pub checks: Vec<CheckState>,
}

impl JobState {
    /// A job that has not begun.
    #[must_use]
    pub fn new(job_id: String, spec: Arc<JobSpec>, submitted_at_ms: u64) -> Self {
        let models = vec![ModelState::default(); spec.models.len()];
        Self {
            job_id,
            spec,
            submitted_at_ms,
            finished_at_ms: 0,
            phase: Phase::Queued,
            sources: BTreeMap::new(),
            models,
            run: None,
            work: None,
            current: None,
            quarantine_queue: VecDeque::new(),
            files_read: BTreeSet::new(),
            stop: None,
            failure: None,
            journal_failed: false,
            waves_run: 0,
            waves_rerun: 0,
            tasks: BTreeMap::new(),
            source_counts: BTreeMap::new(),
            warnings: Warnings::default(),
            checks: Vec::new(),
        }
    }

    /// Moves on.
    ///
    /// # Panics
    /// If `next` may not follow: a defect of the driver itself.
    pub(super) fn become_phase(&mut self, next: Phase) {
        assert!(
            self.phase.may_become(next),
            "a job cannot go from {:?} to {next:?}",
            self.phase
        );
        self.phase = next;
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The model whose turn it is.
    #[must_use]
    pub fn model_in_hand(&self) -> Option<usize> {
        match self.phase {
            Phase::Opening { model }
            | Phase::Resettling { model, .. }
            | Phase::Planning { model }
            | Phase::Running { model, .. }
            | Phase::Checking { model, .. }
            | Phase::Staging { model }
            | Phase::Committing { model }
            | Phase::Quarantining { model, .. } => Some(model),
            Phase::Queued | Phase::Settling { .. } | Phase::Ended(_) => None,
        }
    }

    /// The id of the model's commit.
    #[must_use]
    pub fn commit_id(&self, model: usize) -> String {
        commit_id(&self.job_id, model, None)
    }

    /// The id of the model's next commit to the quarantine of a source.
    #[must_use]
    pub fn quarantine_commit_id(&self, model: usize, source: &str) -> String {
        let id = commit_id(&self.job_id, model, Some(source));
        match self.models[model].quarantined.get(source) {
            // No source has such a name.
            Some(before) => format!("{id}+{}", before.commits),
            None => id,
        }
    }
}

/// The id of a commit: a function of the job and the table, so that a commit
/// that is tried again is the same commit.
#[must_use]
pub fn commit_id(job_id: &str, model: usize, quarantine_of: Option<&str>) -> String {
    match quarantine_of {
        None => format!("{job_id}-{model}"),
        Some(source) => format!("{job_id}-{model}-quarantine-{source}"),
    }
}
