//! What the driver asks of the engine, in the driver's own words: no type of
//! Ballista's appears here, so the driver can be tested without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use headworks_formats::{Sampled, SplitReport};
use headworks_lake::schema::SchemaRef;
use headworks_lake::{LakeError, PendingFile, Snapshot, WriteOutcome};
use headworks_sources::{InputFile, SourceSchema, SplitSpec};
use headworks_spec::{Format, ModelSpec, SourceSpec};
use serde::{Deserialize, Serialize};

pub use crate::check::{CheckFindings, CheckOutcome, CheckRequest, EXAMPLES_MAX};

/// A source whose files are listed and whose schema is settled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettledSource {
    /// The source as the job file has it.
    pub spec: SourceSpec,
    /// Its files, sorted by path.
    pub files: Vec<InputFile>,
    /// Its settled schema.
    pub schema: SourceSchema,
    /// If the schema was inferred from a sample: what that leaves open. A wave that reads what refutes it fails with
    /// [`SAMPLE`]; if none does, the schema is the one that all records give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

/// A model to be planned, with all that its SQL can name.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// The job's id: part of file names, of quarantine rows.
    pub job_id: String,
    /// Where the lake is.
    pub lake: String,
    /// The model.
    pub model: ModelSpec,
    /// The sources its SQL reads, by name.
    pub sources: BTreeMap<String, SettledSource>,
    /// The committed tables its SQL reads, by name.
    pub tables: BTreeMap<String, Arc<Snapshot>>,
    /// Sizes and bounds of the job.
    pub tuning: headworks_spec::Tuning,
    /// Sources of which an earlier model of the job, or this one before it began anew, has read some of the same files.
    /// Each record is put into quarantine once, by the first model that it is bad for.
    pub revisits: Vec<String>,
    /// For the waves of an upsert that have a [`MergeStep`].
    pub merge: Option<MergeInput>,
}

/// What an upsert merges.
#[derive(Debug, Clone)]
pub struct MergeInput {
    /// The table as the model found it; none if it has never been written.
    pub current: Option<Arc<Snapshot>>,
    /// The model's rows, staged in the table's folder: see `headworks_lake::Table::stage`.
    pub staged: Vec<PendingFile>,
    /// Their schema.
    pub schema: SchemaRef,
}

impl MergeInput {
    /// The columns of the table after the merge: those that it has, and those of the new rows.
    ///
    /// # Errors
    /// `LakeError::Invalid` names a column whose types do not go together.
    pub fn table_schema(&self) -> Result<SchemaRef, LakeError> {
        match &self.current {
            Some(current) => headworks_lake::schema::merge(&current.schema, &self.schema),
            None => Ok(Arc::clone(&self.schema)),
        }
    }
}

/// What a wave of an upsert does once the model's rows are staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeStep {
    /// Finds the files of the table that hold a key of the staged rows: [`WaveResult::touched`].
    Find,
    /// Writes the staged rows and those of these files anew, each key once: [`WaveResult::merged`].
    Rewrite {
        /// Places in `Snapshot::files` of the table as the model found it.
        files: BTreeSet<u32>,
    },
}

/// Rows that an upsert merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeCounts {
    /// Rows of the query that went in.
    pub staged: u64,
    /// Rows of the table that went in.
    pub current: u64,
    /// Rows that came out.
    pub kept: u64,
}

impl MergeCounts {
    /// Adds another task's.
    pub fn add(&mut self, other: &Self) {
        self.staged += other.staged;
        self.current += other.current;
        self.kept += other.kept;
    }
}

impl SettledSource {
    /// Whether it is read record by record, by readers of ours, which count. A look-up table in Parquet is read by the
    /// engine's own, which knows no records.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.spec.options.format != Format::Parquet
    }
}

impl ModelRequest {
    /// The sources that are read record by record, by name.
    pub fn record_sources(&self) -> impl Iterator<Item = (&String, &SettledSource)> {
        let sources = self.sources.iter();
        sources.filter(|(_, source)| source.has_records())
    }
}

/// How a model will run. Serialisable, so that the journal can keep it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelPlan {
    /// Row-wise: one source; projection, filter, unnest only. Its ledger is in records.
    pub row_wise: bool,
    /// The rows that are written, as the lake's JSON of a schema.
    pub schema: serde_json::Value,
    /// What runs, in order; each wave is one job of the engine.
    pub waves: Vec<Wave>,
    /// The plan as text, for `headworks plan`.
    pub explain: String,
    /// The stages of its first wave, in the order in which they can run.
    #[serde(default)]
    pub stages: Vec<PlannedStage>,
    /// For an upsert, those of the wave that merges its rows with the table's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merge_stages: Vec<PlannedStage>,
}

/// A part of a plan that runs without a shuffle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// Its number, from 1.
    pub stage: u32,
    /// How many tasks run it.
    pub tasks: u32,
    /// The stages whose rows it reads.
    pub reads: Vec<u32>,
    /// Its plan as text.
    pub plan: String,
}

/// Bounded work that runs as one job of the engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wave {
    /// Counted from 0 within the model.
    pub index: u32,
    /// The splits of each source, each list in the order of path and offset.
    /// Split ids are unique within the wave.
    pub splits: BTreeMap<String, Vec<SplitSpec>>,
    /// Bytes of all splits.
    pub bytes: u64,
    /// What it does instead of reading splits, if it is a later wave of an upsert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeStep>,
}

/// One task's report: what it read, filtered or wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskReport {
    /// A scan's end: one entry a split, in order.
    Scan(Vec<ScannedSplit>),
    /// A filter's end: rows it removed, by split id.
    Filter(BTreeMap<i32, u64>),
    /// An unnest's end, by split id: records that went in, rows that came out.
    Unnest {
        /// Records in.
        records_in: BTreeMap<i32, u64>,
        /// Rows out.
        rows_out: BTreeMap<i32, u64>,
    },
    /// A writer's end.
    Write(WriteOutcome),
    /// A check's end: what this task found.
    Check(CheckFindings),
    /// A task's end: all of its work is done, and the engine is about to hear of it.
    Ended,
    /// The end of a search for files of the table: places in `Snapshot::files`.
    Touched(BTreeSet<u32>),
    /// A merge's end.
    Merge(MergeCounts),
}

/// What a scan says of one split.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScannedSplit {
    /// The source's name.
    pub source: String,
    /// The split, as it was planned.
    pub split: SplitSpec,
    /// The parser's account.
    pub report: SplitReport,
    /// Quarantine files that hold this split's bad records, not yet visible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<PendingFile>,
    /// The first bad record: its line, its byte and what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<String>,
}

/// All that an accepted wave produced: reports of winning tasks only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WaveResult {
    /// The engine's id of the attempt that won.
    pub engine_job: String,
    /// Scanned splits, in no order.
    pub scans: Vec<ScannedSplit>,
    /// Rows filtered, by split id.
    pub filtered: BTreeMap<i32, u64>,
    /// Records that went into an unnest, by split id; empty without one.
    pub unnest_in: BTreeMap<i32, u64>,
    /// Rows that came out of an unnest, by split id.
    pub unnest_out: BTreeMap<i32, u64>,
    /// Data files, not yet visible.
    pub files: Vec<PendingFile>,
    /// Rows written, by split id (row-wise models only).
    pub written: BTreeMap<i32, u64>,
    /// Rows written in all.
    pub rows: u64,
    /// Files of the table that hold keys of an upsert, as places in `Snapshot::files`.
    #[serde(default)]
    pub touched: BTreeSet<u32>,
    /// Rows that an upsert merged.
    #[serde(default)]
    pub merged: MergeCounts,
    /// Tasks finished, by executor id.
    pub tasks: BTreeMap<String, u32>,
    /// What a check found; only of a wave that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<CheckFindings>,
}

/// The class of a failure because a table that the model reads has a new
/// version, and the files of the one it was planned over are gone: plan anew.
pub const STALE: &str = "stale";

/// The class of a failure because a source's schema is one of a sample, and a record refutes it: settle the source
/// by all of its records, and plan anew.
pub const SAMPLE: &str = "sample";

/// How an attempt at a wave ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum WaveOutcome {
    /// Believed: nothing happened in it that the engine is known to get wrong.
    Accepted(Box<WaveResult>),
    /// Not believed, or failed for a reason that another run may not have.
    RunAgain {
        /// Why, for the log.
        reason: String,
        /// Files of the attempt, to be discarded.
        discard: WaveDiscard,
    },
    /// Failed for good.
    Failed {
        /// "input", "configuration", "lake", "engine", [`STALE`] or [`SAMPLE`].
        class: String,
        /// What, where, what next.
        error: String,
        /// Files of the attempt, to be discarded.
        discard: WaveDiscard,
    },
    /// Stopped on request.
    Cancelled {
        /// Files of the attempt, to be discarded.
        discard: WaveDiscard,
    },
}

/// Files that an attempt has written in vain.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WaveDiscard {
    /// Under the model's table.
    pub files: Vec<PendingFile>,
    /// Under the quarantine tables, by source.
    pub quarantine: BTreeMap<String, Vec<PendingFile>>,
}

/// What the driver hears while a wave runs.
#[derive(Debug, Clone)]
pub enum WaveProgress {
    /// Submitted under this id of the engine.
    Submitted {
        /// The engine's id.
        engine_job: String,
        /// Its tasks that scan sources.
        tasks_total: u32,
    },
    /// A task has reported; not known yet to be a winner.
    Report {
        /// Which executor.
        executor_id: String,
        /// What.
        report: Box<TaskReport>,
    },
}

/// An executor as the engine sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecutorInfo {
    /// Its id, new at each start.
    pub id: String,
    /// Its process, 0 until it has announced itself.
    pub pid: u32,
    /// host:port of its Flight service.
    pub address: String,
    /// Slots in all.
    pub slots_total: u32,
    /// Slots that no task of an active job uses.
    pub slots_free: u32,
}

/// A refusal or failure of the engine outside a wave.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum EngineError {
    /// The job asks for what cannot be: change the job.
    #[error("{0}")]
    Configuration(String),
    /// The input is at fault: the message names the file.
    #[error("{0}")]
    Input(String),
    /// The lake is at fault: the message names the path.
    #[error("{0}")]
    Lake(String),
    /// The engine itself failed: try again.
    #[error("{0}")]
    Engine(String),
}

/// What the driver needs of an engine. `EngineScheduler` is the real one.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Lists a source's files and settles its schema (given, or inferred).
    ///
    /// # Errors
    /// `Configuration` for a pattern without a match or a schema file that
    /// does not fit, `Input` for files that cannot be read.
    async fn settle(&self, source: &SourceSpec) -> Result<SettledSource, EngineError>;

    /// The same, at once if it can be: the schema may be that of a sample ([`SettledSource::sampled`]).
    ///
    /// # Errors
    /// As [`Engine::settle`].
    async fn settle_by_sample(&self, source: &SourceSpec) -> Result<SettledSource, EngineError> {
        self.settle(source).await
    }

    /// The source with the same files, and the schema of all their records.
    ///
    /// # Errors
    /// As [`Engine::settle`].
    async fn settle_again(&self, source: &SettledSource) -> Result<SettledSource, EngineError>;

    /// Plans a model and cuts it into waves.
    ///
    /// # Errors
    /// `Configuration` for SQL that does not plan, or a plan that the engine
    /// would run wrongly (the message names the leaf).
    async fn plan(&self, request: Arc<ModelRequest>) -> Result<ModelPlan, EngineError>;

    /// Runs one attempt at a wave to its end and judges it. `attempt`, counted
    /// from 0, is for the engine's log. Dropping the future does not stop the
    /// wave; `cancel` does.
    async fn run_wave(
        &self,
        request: Arc<ModelRequest>,
        wave: Wave,
        attempt: u32,
        progress: tokio::sync::mpsc::UnboundedSender<WaveProgress>,
    ) -> WaveOutcome;

    /// Makes sure that each check of a model can be made, over a candidate
    /// without new files.
    ///
    /// # Errors
    /// `Configuration` for a column that is not there, SQL that does not plan,
    /// or what the engine would run wrongly; the message names the check.
    async fn plan_checks(&self, request: Arc<CheckRequest>) -> Result<(), EngineError>;

    /// Makes one attempt at a check, by its index, and judges it as a wave. What
    /// the files' statistics answer is answered at once, without an id of the
    /// engine. `attempt` and cancelling are as of [`Engine::run_wave`].
    async fn run_check(
        &self,
        request: Arc<CheckRequest>,
        check: usize,
        attempt: u32,
        progress: tokio::sync::mpsc::UnboundedSender<WaveProgress>,
    ) -> CheckOutcome;

    /// Stops the wave that runs under this id of the engine; its `run_wave`
    /// then ends with `Cancelled`. Tasks end within 2 seconds.
    async fn cancel(&self, engine_job: &str);

    /// The executors that are registered now.
    async fn executors(&self) -> Vec<ExecutorInfo>;
}
