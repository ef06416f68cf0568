//! Made-up files, and what a correct engine would say of them.
//!
//! A file of `size` bytes has a record at every tenth byte. The query keeps
//! all but every fourth record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headworks_engine::api::{
    CheckFindings, ModelPlan, ScannedSplit, SettledSource, Wave, WaveResult,
};
use headworks_formats::{SplitReport, Start, SyncKind, SyncPoint};
use headworks_lake::{DataFile, InputEntry, PendingFile, Snapshot};
use headworks_sources::{InputFile, SourceSchema, SplitSpec};
use headworks_spec::{
    CheckRule, CheckSpec, Format, JOB_SPEC_VERSION, JobSpec, Model, ModelSpec, Severity, Source,
    SourceSpec, TextFile, Tuning, WriteMode,
};

use super::reports;

pub(crate) const RECORD_BYTES: u64 = 10;

/// A file of the world.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeFile {
    pub(crate) size: u64,
    /// Offsets of records that are bad.
    pub(crate) bad: BTreeSet<u64>,
    /// Of these those that an earlier model put into quarantine.
    pub(crate) quarantined: Option<BTreeSet<u64>>,
    /// Split starts at which a guess goes wrong.
    pub(crate) traps: BTreeSet<u64>,
}

impl FakeFile {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    fn first_record_from(&self, at: u64) -> SyncPoint {
        let offset = at.div_ceil(RECORD_BYTES) * RECORD_BYTES;
        if offset < self.size {
            SyncPoint {
                offset,
                kind: SyncKind::Record,
            }
        } else {
            SyncPoint {
                offset: self.size,
                kind: SyncKind::Eof,
            }
        }
    }

    /// Offsets of the split's records, as a reader that begins rightly finds them.
    pub(crate) fn records(&self, split: &SplitSpec) -> Vec<u64> {
        let from = split.known_start.unwrap_or(split.start).max(split.start);
        (0..self.size)
            .step_by(RECORD_BYTES as usize)
            .filter(|at| *at >= from && *at < split.end)
            .collect()
    }

    /// Those of them that are bad.
    fn bad_in(&self, split: &SplitSpec) -> impl Iterator<Item = &u64> {
        let records = self.records(split);
        self.bad.iter().filter(move |at| records.contains(at))
    }

    /// What a reader says of a split.
    pub(crate) fn read(&self, split: &SplitSpec) -> SplitReport {
        let assumed = split.reader_start();
        let records = self.records(split);
        let mut report = reports::whole_file(self.size, records.len() as u64);
        report.assumed = assumed;
        report.end = split.end;
        report.reached = self.first_record_from(split.end);
        report.quarantined = self.bad_in(split).count() as u64;
        report.emitted = report.read - report.quarantined;
        report.first = match assumed {
            Start::Known(at) => {
                if at >= split.end {
                    report.reached = SyncPoint {
                        offset: at,
                        kind: self.first_record_from(at).kind,
                    };
                }
                SyncPoint {
                    offset: at,
                    kind: SyncKind::Given,
                }
            }
            Start::File => self.first_record_from(0),
            Start::Guess(at) => {
                let mut first = self.first_record_from(at);
                if self.traps.contains(&at) {
                    // Takes something inside a record for a record.
                    first = SyncPoint {
                        offset: at + 3,
                        kind: SyncKind::Record,
                    };
                    report.read += 1;
                    report.emitted += 1;
                }
                first
            }
        };
        report
    }
}

/// Whether the query keeps the record.
pub(crate) fn is_kept(offset: u64) -> bool {
    !(offset / RECORD_BYTES).is_multiple_of(4)
}

/// All files, by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) files: BTreeMap<String, FakeFile>,
    pub(crate) split_bytes: u64,
    pub(crate) splits_a_wave: usize,
    /// Whether sources have the schema of a sample at first.
    pub(crate) samples: bool,
}

impl World {
    /// One file a size, named `f0.xml`, `f1.xml`, ...
    pub(crate) fn new(sizes: &[u64]) -> Self {
        let files = sizes
            .iter()
            .enumerate()
            .map(|(i, size)| (format!("f{i}.xml"), FakeFile::new(*size)));
        Self {
            files: files.collect(),
            split_bytes: 100,
            splits_a_wave: 3,
            samples: false,
        }
    }

    pub(crate) fn inputs(&self) -> Vec<InputFile> {
        let inputs = self.files.iter();
        inputs
            .map(|(path, file)| InputFile {
                path: path.clone(),
                size: file.size,
                modified_ms: 1,
                etag: None,
                member: None,
                whole: false,
                guessed: false,
            })
            .collect()
    }

    pub(crate) fn settled(&self, spec: &SourceSpec) -> SettledSource {
        let schema = SourceSchema::from_yaml("s", "fields:\n  id: int64\n").unwrap();
        SettledSource {
            spec: spec.clone(),
            files: self.inputs(),
            schema,
            sampled: None,
        }
    }

    /// The plan over some of the files.
    pub(crate) fn plan(
        &self,
        inputs: &BTreeMap<String, Vec<InputFile>>,
        row_wise: bool,
    ) -> ModelPlan {
        let mut pieces: Vec<(String, SplitSpec)> = Vec::new();
        for (source, files) in inputs {
            for file in files {
                let mut start = 0;
                loop {
                    let end = (start + self.split_bytes).min(file.size);
                    pieces.push((source.clone(), split(&file.path, file.size, start, end)));
                    start = end;
                    if start >= file.size {
                        break;
                    }
                }
            }
        }
        let per_wave = if row_wise {
            self.splits_a_wave
        } else {
            pieces.len().max(1)
        };
        let mut waves = Vec::new();
        for (index, chunk) in pieces.chunks(per_wave).enumerate() {
            let mut wave = Wave {
                index: index as u32,
                splits: BTreeMap::new(),
                bytes: 0,
                merge: None,
            };
            for (id, (source, split)) in chunk.iter().enumerate() {
                wave.bytes += split.bytes();
                let split = SplitSpec {
                    id: id as i32,
                    pack: id as u32,
                    ..split.clone()
                };
                wave.splits.entry(source.clone()).or_default().push(split);
            }
            waves.push(wave);
        }
        let schema =
            serde_json::json!({"fields": [{"name": "id", "type": "int64", "nullable": false}]});
        ModelPlan {
            row_wise,
            schema,
            waves,
            explain: "fake".into(),
            stages: Vec::new(),
            merge_stages: Vec::new(),
        }
    }

    /// The result of a wave, its files made up.
    pub(crate) fn result(&self, wave: &Wave, attempt: u32) -> WaveResult {
        let mut result = WaveResult {
            engine_job: format!("e{}-{attempt}", wave.index),
            ..WaveResult::default()
        };
        for (source, splits) in &wave.splits {
            for split in splits {
                let file = &self.files[&split.path];
                let report = file.read(split);
                let lies = report.read - file.records(split).len() as u64;
                let kept = file
                    .records(split)
                    .into_iter()
                    .filter(|at| !file.bad.contains(at) && is_kept(*at));
                let written = kept.count() as u64 + lies;
                result.filtered.insert(split.id, report.emitted - written);
                result.written.insert(split.id, written);
                let known = file.quarantined.iter().flatten();
                let known = file
                    .bad_in(split)
                    .filter(|at| known.clone().any(|k| k == *at));
                let quarantine = match report.quarantined - known.count() as u64 {
                    0 => Vec::new(),
                    rows => vec![pending(
                        &format!("q-{}-{attempt}-{source}-{}", wave.index, split.id),
                        rows,
                    )],
                };
                result.scans.push(ScannedSplit {
                    source: source.clone(),
                    split: split.clone(),
                    report,
                    quarantine,
                    first_bad: None,
                });
            }
        }
        result.rows = result.written.values().sum();
        if result.rows > 0 {
            result
                .files
                .push(pending(&format!("d-{}-{attempt}", wave.index), result.rows));
        }
        result.tasks.insert("x1".into(), 1);
        result
    }
}

pub(crate) fn split(path: &str, file_size: u64, start: u64, end: u64) -> SplitSpec {
    SplitSpec {
        id: 0,
        path: path.into(),
        file_size,
        start,
        end,
        known_start: None,
        member: None,
        content: None,
        pack: 0,
    }
}

pub(crate) fn pending(name: &str, rows: u64) -> PendingFile {
    PendingFile {
        temp: format!("_headworks/pending/.{name}.tmp"),
        path: format!("{name}.parquet"),
        rows,
        bytes: rows * 8,
        partition: Default::default(),
        stats: Default::default(),
        copy: None,
    }
}

/// A model: name, mode, sources and models that it reads.
pub(crate) fn model(name: &str, mode: WriteMode, sources: &[&str], models: &[&str]) -> ModelSpec {
    let mut options = Model::new(format!("{name}.sql"));
    options.mode = mode;
    let texts = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    ModelSpec {
        name: name.into(),
        options,
        sql: TextFile {
            path: format!("{name}.sql"),
            text: "SELECT 1".into(),
        },
        reads_sources: texts(sources),
        reads_models: texts(models),
        checks: Vec::new(),
    }
}

/// The model with checks, by name and severity.
pub(crate) fn checked(model: ModelSpec, checks: &[(&str, Severity)]) -> ModelSpec {
    let checks = checks.iter().map(|(name, severity)| CheckSpec {
        name: (*name).to_owned(),
        severity: *severity,
        rule: CheckRule::NotNull {
            columns: vec!["id".to_owned()],
        },
        reads: Vec::new(),
    });
    ModelSpec {
        checks: checks.collect(),
        ..model
    }
}

/// What a check finds that this many rows break.
pub(crate) fn found(failing_rows: u64) -> CheckFindings {
    let examples = (0..failing_rows.min(5)).map(|row| format!("{{\"id\":{row}}}"));
    CheckFindings {
        failing_rows,
        examples: examples.collect(),
    }
}

/// A job over the source `s`.
pub(crate) fn job(lake: &str, models: Vec<ModelSpec>) -> Arc<JobSpec> {
    let source = |name: &str| SourceSpec {
        name: name.into(),
        options: Source::new(Format::Xml, vec!["*.xml".into()]),
        schema_file: None,
    };
    let mut names: Vec<&str> = models
        .iter()
        .flat_map(|m| m.reads_sources.iter().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    Arc::new(JobSpec {
        v: JOB_SPEC_VERSION,
        job: "test".into(),
        lake: lake.into(),
        sources: names.into_iter().map(source).collect(),
        tuning: Tuning {
            wave_retries_max: 2,
            ..Tuning::default()
        },
        models,
    })
}

pub(crate) fn overwrite(name: &str) -> ModelSpec {
    model(name, WriteMode::Overwrite, &["s"], &[])
}

/// A model that upserts by the one column that there is.
pub(crate) fn upsert(name: &str) -> ModelSpec {
    let mut spec = model(name, WriteMode::Upsert, &["s"], &[]);
    spec.options.key = vec!["id".into()];
    spec
}

/// A table at this version, with these data files, that has taken in all files of `world`.
pub(crate) fn table(version: u64, world: &World, files: &[(&str, u64)]) -> Arc<Snapshot> {
    let inputs = world.inputs().into_iter().map(|file| {
        let entry = InputEntry {
            path: file.path.clone(),
            size: file.size,
            etag: Some(format!("mtime:{}", file.modified_ms)),
            bytes_covered: file.size,
            ..InputEntry::default()
        };
        (file.path, entry)
    });
    let files = files.iter().map(|(path, rows)| DataFile {
        path: (*path).to_owned(),
        rows: *rows,
        bytes: rows * 8,
        partition: Default::default(),
        stats: Default::default(),
        added_in: version,
        schema: Arc::new(arrow::datatypes::Schema::empty()),
    });
    Arc::new(Snapshot {
        version,
        schema: Arc::new(arrow::datatypes::Schema::empty()),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files: files.collect(),
        inputs: inputs.collect(),
        history: Default::default(),
    })
}

pub(crate) fn append(name: &str) -> ModelSpec {
    model(name, WriteMode::Append, &["s"], &[])
}
