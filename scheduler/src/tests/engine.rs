//! An engine without a cluster: it reads the made-up files of a [`World`] and
//! writes real Parquet through the lake's own writers, so that commits,
//! quarantine and clean-up are the real ones.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use headworks_engine::api::{
    CheckFindings, CheckOutcome, CheckRequest, Engine, EngineError, ExecutorInfo, MergeCounts,
    MergeStep, ModelPlan, ModelRequest, SettledSource, TaskReport, Wave, WaveDiscard, WaveOutcome,
    WaveProgress, WaveResult,
};
use headworks_lake::{
    BadRecord, PartitionedWriter, QuarantineWriter, Quarantined, TableLocation, WriteOutcome,
    WriterConfig,
};
use headworks_spec::{SourceSpec, WriteMode};
use tokio::sync::{Notify, mpsc};

use super::world::{World, is_kept};

const SPLIT_COLUMN: &str = "_hw_split";

/// What an attempt at a wave does.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// What it should.
    Sound,
    /// Writes its files; then is not believed.
    NotBelieved,
    /// Fails as the engine fails when an executor dies, whose loss shows later.
    LosesExecutor,
    /// Fails with this class.
    Fails(&'static str),
    /// Writes its files, then waits until it is cancelled.
    WaitsForCancel,
    /// The same, and takes its time to end.
    IsDeaf,
    /// Waits for `go`, then does what it should.
    WaitsForGo,
    /// Breaks the driver.
    Panics,
}

/// The engine.
pub(crate) struct FakeEngine {
    pub(crate) world: Mutex<World>,
    pub(crate) row_wise: bool,
    /// The ids in each file that it wrote, by path.
    rows: Mutex<HashMap<String, Vec<i64>>>,
    pub(crate) scripts: Mutex<VecDeque<Script>>,
    pub(crate) executors: Mutex<Vec<ExecutorInfo>>,
    /// Settling waits until this is off.
    pub(crate) holds_settling: AtomicBool,
    pub(crate) go: Notify,
    /// What the next checks come to; those beyond find nothing.
    pub(crate) checks: Mutex<VecDeque<CheckOutcome>>,
    /// Checks wait to be cancelled while this is on; if it is off by then, they
    /// end as if nothing had happened.
    pub(crate) holds_checks: AtomicBool,
    /// Version and rows of the table that each check looked at.
    pub(crate) looked_at: Mutex<Vec<(u64, u64)>>,
    pub(crate) wave_begins: Notify,
    cancelled: Notify,
}

impl FakeEngine {
    pub(crate) fn new(world: World) -> Arc<Self> {
        Self::scripted(world, [])
    }

    pub(crate) fn scripted(world: World, scripts: impl IntoIterator<Item = Script>) -> Arc<Self> {
        let executor = |id: &str, pid| ExecutorInfo {
            id: id.into(),
            pid,
            address: "127.0.0.1:1".into(),
            slots_total: 1,
            slots_free: 1,
        };
        Arc::new(Self {
            world: Mutex::new(world),
            row_wise: true,
            rows: Mutex::default(),
            scripts: Mutex::new(scripts.into_iter().collect()),
            executors: Mutex::new(vec![executor("x1", 11), executor("x2", 12)]),
            holds_settling: AtomicBool::new(false),
            go: Notify::new(),
            checks: Mutex::default(),
            holds_checks: AtomicBool::new(false),
            looked_at: Mutex::default(),
            wave_begins: Notify::new(),
            cancelled: Notify::new(),
        })
    }

    /// Reads a wave's splits and writes their rows and bad records.
    fn run(&self, request: &ModelRequest, wave: &Wave, attempt: u32) -> WaveResult {
        let world = self.world.lock().unwrap().clone();
        let mut result = world.result(wave, attempt);
        let name = format!(
            "{}-{}-{}-{attempt}",
            request.job_id, request.model.name, wave.index
        );
        let fields = vec![
            Field::new("id", DataType::Int64, false),
            Field::new(SPLIT_COLUMN, DataType::Int32, false),
        ];
        let schema = Arc::new(Schema::new(fields));
        let table = TableLocation::new(&request.lake, &request.model.name).unwrap();
        let mut config = WriterConfig::new(table, name.clone());
        config.split_column = Some(SPLIT_COLUMN.into());
        config.staged = request.model.options.mode == WriteMode::Upsert;
        let mut written_ids = Vec::new();
        let mut writer = PartitionedWriter::new(config, schema.clone()).unwrap();
        for scan in &mut result.scans {
            let file = &world.files[&scan.split.path];
            let (mut ids, mut bad) = (Vec::new(), Vec::new());
            for offset in file.records(&scan.split) {
                match file.bad.contains(&offset) {
                    true => bad.push(offset as i64),
                    false if is_kept(offset) => ids.push(offset as i64),
                    false => {}
                }
            }
            let splits = Int32Array::from(vec![scan.split.id; ids.len()]);
            written_ids.extend(&ids);
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids)), Arc::new(splits)];
            writer
                .write(&RecordBatch::try_new(schema.clone(), columns).unwrap())
                .unwrap();
            scan.quarantine.clear();
            if !bad.is_empty() {
                let attempt = format!("{name}-{}", scan.split.id);
                let (lake, source, job_id) = (&request.lake, &scan.source, &request.job_id);
                let mut quarantine = QuarantineWriter::new(lake, source, &attempt, job_id).unwrap();
                let path = &scan.split.path;
                let known = match request.revisits.contains(source) {
                    true => {
                        Quarantined::read(lake, source, job_id, &[path.clone()].into()).unwrap()
                    }
                    false => Quarantined::default(),
                };
                bad.retain(|offset| !known.has(path, *offset));
                for offset in bad {
                    let record = BadRecord {
                        file: path,
                        offset,
                        line: None,
                        reason: "made up",
                        raw: b"<r>",
                        raw_bytes: 3,
                    };
                    quarantine.write(&record).unwrap();
                }
                scan.quarantine = quarantine.finish().unwrap().files;
            }
        }
        let written = writer.finish().unwrap();
        self.remember(&written, written_ids);
        result.rows = written.rows;
        result.files = written.files;
        result.written = written.rows_by_split;
        result
    }

    /// What is written is small enough for one file.
    fn remember(&self, written: &WriteOutcome, ids: Vec<i64>) {
        assert!(written.files.len() <= 1);
        if let Some(file) = written.files.first() {
            self.rows.lock().unwrap().insert(file.path.clone(), ids);
        }
    }

    fn ids_in<'a>(&self, paths: impl Iterator<Item = &'a String>) -> Vec<i64> {
        let rows = self.rows.lock().unwrap();
        paths.flat_map(|path| rows[path].clone()).collect()
    }

    /// Merges staged rows, whose key is their id, with those of the table.
    fn merge(
        &self,
        request: &ModelRequest,
        wave: &Wave,
        step: &MergeStep,
        attempt: u32,
    ) -> WaveResult {
        let merge = request.merge.as_ref().unwrap();
        let root = TableLocation::new(&request.lake, &request.model.name)
            .unwrap()
            .root();
        for file in &merge.staged {
            assert!(
                root.join(&file.path).exists(),
                "rows that are merged can be read"
            );
        }
        let staged = self.ids_in(merge.staged.iter().map(|file| &file.path));
        let current = merge
            .current
            .as_ref()
            .map_or(&[][..], |current| &current.files);
        let mut result = WaveResult::default();
        match step {
            MergeStep::Find => {
                for (place, file) in (0..).zip(current) {
                    let ids = self.ids_in(std::iter::once(&file.path));
                    if ids.iter().any(|id| staged.contains(id)) {
                        result.touched.insert(place);
                    }
                }
            }
            MergeStep::Rewrite { files } => {
                let paths = files.iter().map(|place| &current[*place as usize].path);
                let held = self.ids_in(paths);
                let all: BTreeSet<i64> = staged.iter().chain(&held).copied().collect();
                let ids: Vec<i64> = all.into_iter().collect();
                result.merged = MergeCounts {
                    staged: staged.len() as u64,
                    current: held.len() as u64,
                    kept: ids.len() as u64,
                };
                let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
                let table = TableLocation::new(&request.lake, &request.model.name).unwrap();
                let name = format!("{}-m{}-{attempt}", request.job_id, wave.index);
                let config = WriterConfig::new(table, name);
                let mut writer = PartitionedWriter::new(config, schema.clone()).unwrap();
                let column: ArrayRef = Arc::new(Int64Array::from(ids.clone()));
                writer
                    .write(&RecordBatch::try_new(schema, vec![column]).unwrap())
                    .unwrap();
                let written = writer.finish().unwrap();
                self.remember(&written, ids);
                result.rows = written.rows;
                result.files = written.files;
            }
        }
        result
    }
}

fn discard_of(result: &WaveResult) -> WaveDiscard {
    let mut discard = WaveDiscard {
        files: result.files.clone(),
        ..WaveDiscard::default()
    };
    for scan in &result.scans {
        let files = scan.quarantine.iter().cloned();
        discard
            .quarantine
            .entry(scan.source.clone())
            .or_default()
            .extend(files);
    }
    discard
}

#[async_trait]
impl Engine for FakeEngine {
    async fn settle(&self, source: &SourceSpec) -> Result<SettledSource, EngineError> {
        while self.holds_settling.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let world = self.world.lock().unwrap();
        if world.files.is_empty() {
            return Err(EngineError::Configuration(format!(
                "source `{}`: no file matches *.xml",
                source.name
            )));
        }
        Ok(world.settled(source))
    }

    async fn settle_again(&self, source: &SettledSource) -> Result<SettledSource, EngineError> {
        self.settle(&source.spec).await
    }

    async fn plan(&self, request: Arc<ModelRequest>) -> Result<ModelPlan, EngineError> {
        for table in &request.model.reads_models {
            assert!(
                request.tables.contains_key(table),
                "a table that the model reads is missing"
            );
        }
        let inputs = request
            .sources
            .iter()
            .map(|(name, source)| (name.clone(), source.files.clone()))
            .collect();
        Ok(self.world.lock().unwrap().plan(&inputs, self.row_wise))
    }

    async fn run_wave(
        &self,
        request: Arc<ModelRequest>,
        wave: Wave,
        attempt: u32,
        progress: mpsc::UnboundedSender<WaveProgress>,
    ) -> WaveOutcome {
        let script = self
            .scripts
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Script::Sound);
        let engine_job = format!("e-{}-{}-{attempt}", request.model.name, wave.index);
        let _ = progress.send(WaveProgress::Submitted {
            engine_job,
            tasks_total: 1,
        });
        self.wave_begins.notify_one();
        if let Script::WaitsForGo = script {
            self.go.notified().await;
        }
        let result = match &wave.merge {
            Some(step) => self.merge(&request, &wave, step, attempt),
            None => self.run(&request, &wave, attempt),
        };
        let report = Box::new(TaskReport::Scan(result.scans.clone()));
        let _ = progress.send(WaveProgress::Report {
            executor_id: "x1".into(),
            report,
        });
        let discard = discard_of(&result);
        match script {
            Script::Sound | Script::WaitsForGo => WaveOutcome::Accepted(Box::new(result)),
            Script::NotBelieved => WaveOutcome::RunAgain {
                reason: "stage 1 was tried again".into(),
                discard,
            },
            Script::LosesExecutor => {
                self.executors.lock().unwrap().remove(1);
                WaveOutcome::Failed {
                    class: "engine".into(),
                    error: "h2 protocol error".into(),
                    discard,
                }
            }
            Script::Fails(class) => WaveOutcome::Failed {
                class: class.into(),
                error: "f0.xml: byte 7: not XML".into(),
                discard,
            },
            Script::WaitsForCancel => {
                self.cancelled.notified().await;
                WaveOutcome::Cancelled { discard }
            }
            Script::IsDeaf => {
                self.cancelled.notified().await;
                tokio::time::sleep(Duration::from_millis(400)).await;
                WaveOutcome::Accepted(Box::new(result))
            }
            Script::Panics => panic!("made up"),
        }
    }

    async fn plan_checks(&self, request: Arc<CheckRequest>) -> Result<(), EngineError> {
        match request.model.checks.iter().find(|c| c.name == "absurd") {
            Some(check) => Err(EngineError::Configuration(format!(
                "check `{}`: no column `x`",
                check.name
            ))),
            None => Ok(()),
        }
    }

    async fn run_check(
        &self,
        request: Arc<CheckRequest>,
        check: usize,
        attempt: u32,
        progress: mpsc::UnboundedSender<WaveProgress>,
    ) -> CheckOutcome {
        let candidate = &request.candidate;
        let (version, rows) = (candidate.version, candidate.rows());
        self.looked_at.lock().unwrap().push((version, rows));
        let folder = Path::new(&request.lake).join(&request.model.name);
        for file in &candidate.files {
            assert!(folder.join(&file.path).is_file(), "{}", file.path);
        }
        let _ = progress.send(WaveProgress::Submitted {
            engine_job: format!("c-{}-{check}-{attempt}", request.model.name),
            tasks_total: 0,
        });
        self.wave_begins.notify_one();
        if self.holds_checks.load(Ordering::Relaxed) {
            self.cancelled.notified().await;
            if self.holds_checks.load(Ordering::Relaxed) {
                return CheckOutcome::Cancelled;
            }
        }
        let next = self.checks.lock().unwrap().pop_front();
        next.unwrap_or(CheckOutcome::Found(CheckFindings::default()))
    }

    async fn cancel(&self, _engine_job: &str) {
        self.cancelled.notify_waiters();
        self.cancelled.notify_one();
    }

    async fn executors(&self) -> Vec<ExecutorInfo> {
        self.executors.lock().unwrap().clone()
    }
}

/// Every file of a lake that is not under a log or a mark: what a reader
/// could see, and hidden ones, apart.
pub(crate) fn files_of(lake: &Path) -> (Vec<String>, Vec<String>) {
    let (mut visible, mut hidden) = (Vec::new(), Vec::new());
    let mut folders = vec![lake.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".parquet") {
                visible.push(
                    path.strip_prefix(lake)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                );
            } else if name.ends_with(".tmp") {
                hidden.push(name);
            }
        }
    }
    (visible, hidden)
}
