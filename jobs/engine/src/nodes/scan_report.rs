//! Sits on a source's scan, collects what its splits count, keeps their bad
//! records, and reports both as the task ends.

use std::collections::BTreeSet;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use futures::stream::try_unfold;
use headworks_formats::{BadRecord, SplitReport};
use headworks_lake::{QuarantineWriter, Quarantined};
use headworks_sources::scan::{QuarantineTarget, read_partition};
use headworks_sources::{ErrorClass, RecordSource, ScanObserver, SplitSpec, TaskError};
use parking_lot::Mutex;

use super::unary::prelude::*;
use crate::api::{ScannedSplit, TaskReport};
use crate::report::{Point, TaskId, TaskServices};

/// Passes a source's rows on; reports its splits when all are read.
#[derive(Debug, Clone)]
pub struct ScanReportExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ScanReportExec {
    /// On top of a scan of a source of ours.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            properties: Arc::clone(input.properties()),
            input,
        }
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input)
    }
}

/// The source of ours that a leaf scans, if it is one.
#[must_use]
pub fn source_of(plan: &dyn ExecutionPlan) -> Option<(&FileScanConfig, &RecordSource)> {
    let exec = plan.downcast_ref::<DataSourceExec>()?;
    let config = exec.data_source().downcast_ref::<FileScanConfig>()?;
    let source = config.file_source().downcast_ref::<RecordSource>()?;
    Some((config, source))
}

impl DisplayAs for ScanReportExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "ScanReportExec")
    }
}

impl ExecutionPlan for ScanReportExec {
    unary_node!("ScanReportExec", nothing below);

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let (config, source) = source_of(self.input.as_ref()).ok_or_else(|| {
            DataFusionError::Internal("ScanReportExec does not stand on a source's scan".into())
        })?;
        let quarantine = source.spec().quarantine.clone();
        let files = match quarantine.as_ref().is_some_and(|target| target.revisits) {
            true => source.paths(config, partition)?,
            false => BTreeSet::new(),
        };
        let ledger = Arc::new(ScanLedger {
            source: source.spec().source.clone(),
            quarantine,
            files,
            file_stem: task.file_stem(partition),
            kept: Mutex::default(),
        });
        // The plan is shared by the tasks of a stage: each observes a scan of its own.
        let observer: Arc<dyn ScanObserver> = Arc::clone(&ledger) as _;
        let input = read_partition(config, &source.with_observer(observer), partition, &context)?;
        let stream = try_unfold((input, ledger), move |(mut input, ledger)| {
            let (task, services) = (task.clone(), Arc::clone(&services));
            async move {
                if let Some(batch) = input.next().await.transpose()? {
                    services.pass(&task, Point::Scanned).await?;
                    return Ok::<_, DataFusionError>(Some((batch, (input, ledger))));
                }
                services
                    .reporter
                    .report(&task, TaskReport::Scan(ledger.finish()?))
                    .await?;
                Ok(None)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}

/// What one task's scan has counted and kept.
#[derive(Debug)]
struct ScanLedger {
    source: String,
    quarantine: Option<QuarantineTarget>,
    /// The files that the task reads, if an earlier model read some of them.
    files: BTreeSet<String>,
    file_stem: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    splits: Vec<ScannedSplit>,
    quarantine: Option<QuarantineWriter>,
    /// What an earlier model put into quarantine, once that is asked.
    known: Option<Quarantined>,
    /// Of the split that is being read.
    first_bad: Option<String>,
}

impl ScanLedger {
    fn finish(&self) -> Result<Vec<ScannedSplit>> {
        let mut kept = self.kept.lock();
        let files = match kept.quarantine.take() {
            Some(writer) => writer.finish().map_err(lake_error)?.files,
            None => Vec::new(),
        };
        let mut splits = std::mem::take(&mut kept.splits);
        if let Some(first) = splits.first_mut() {
            first.quarantine = files; // of all the task's splits
        }
        Ok(splits)
    }
}

impl ScanLedger {
    /// What an earlier model of the job put into quarantine of the task's files, if one read any of them.
    fn known<'a>(
        &self,
        target: &QuarantineTarget,
        known: &'a mut Option<Quarantined>,
    ) -> Result<Option<&'a Quarantined>> {
        if !target.revisits {
            return Ok(None);
        }
        if known.is_none() {
            let QuarantineTarget { lake, job_id, .. } = target;
            let found = Quarantined::read(lake, &self.source, job_id, &self.files);
            *known = Some(found.map_err(lake_error)?);
        }
        Ok(known.as_ref())
    }
}

impl ScanObserver for ScanLedger {
    fn bad_records(&self, split: &SplitSpec, records: Vec<BadRecord>) -> Result<()> {
        let mut kept = self.kept.lock();
        if let (None, Some(first)) = (&kept.first_bad, records.first()) {
            kept.first_bad = Some(format!(
                "line {}, record at byte {}: {}",
                first.line_in_split, first.offset, first.reason
            ));
        }
        let Some(target) = &self.quarantine else {
            return Ok(());
        };
        let kept = &mut *kept;
        let known = self.known(target, &mut kept.known)?;
        let is_new = |record: &BadRecord| {
            !known.is_some_and(|known| known.has(&split.path, signed(record.offset)))
        };
        let mut records = records.into_iter().filter(is_new).peekable();
        if records.peek().is_none() {
            return Ok(());
        }
        let writer = match &mut kept.quarantine {
            Some(writer) => writer,
            none => none.insert(
                QuarantineWriter::new(&target.lake, &self.source, &self.file_stem, &target.job_id)
                    .map_err(lake_error)?,
            ),
        };
        for record in records {
            writer
                .write(&headworks_lake::BadRecord {
                    file: &split.path,
                    offset: signed(record.offset),
                    line: Some(signed(record.line_in_split)),
                    reason: &record.reason.to_string(),
                    raw: record.raw.as_bytes(),
                    raw_bytes: signed(record.raw_bytes),
                })
                .map_err(lake_error)?;
        }
        Ok(())
    }

    fn split_done(&self, split: &SplitSpec, report: SplitReport) {
        let source = self.source.clone();
        let mut kept = self.kept.lock();
        let first_bad = kept.first_bad.take();
        kept.splits.push(ScannedSplit {
            source,
            split: split.clone(),
            report,
            quarantine: Vec::new(),
            first_bad,
        });
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A failure of the lake inside a task.
pub(super) fn lake_error(error: headworks_lake::LakeError) -> DataFusionError {
    // A store that was busy for longer than its client waits may be well when the wave runs again.
    let class = if error.is_transient() {
        ErrorClass::Engine
    } else {
        ErrorClass::Lake
    };
    TaskError::new(class, error.to_string()).into_datafusion()
}
