//! Keeps what tasks report, by wave, until the wave is judged.
//!
//! Reports live here, not on the executor that sent them: an executor that
//! dies after its task has succeeded takes nothing along (B7).

use std::collections::{HashMap, VecDeque};

use headworks_lake::PendingFile;
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::api::{TaskReport, WaveDiscard, WaveProgress};
use crate::report::TaskId;

/// A report and who sent it.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) task: TaskId,
    pub(crate) executor_id: String,
    pub(crate) report: TaskReport,
}

/// Judged waves that are remembered, so that a report of theirs is known to
/// come too late. One that comes later still is kept for nobody, and its hidden
/// files are left to `lake gc`.
const JUDGED_WAVES_MAX: usize = 10_000;

/// The reports of waves that have not been judged.
#[derive(Debug, Default)]
pub(crate) struct ReportStore {
    waves: Mutex<Waves>,
}

#[derive(Debug, Default)]
struct Waves {
    by_job: HashMap<String, WaveReports>,
    /// Judged ones, in the order of their verdicts.
    judged: VecDeque<String>,
}

#[derive(Debug, Default)]
struct WaveReports {
    reports: Vec<Reported>,
    listener: Option<UnboundedSender<WaveProgress>>,
    /// Judged: whatever comes now is of a task that was given up.
    closed: bool,
}

impl ReportStore {
    /// Takes a report in. Gives back the files of a report that comes too late.
    pub(crate) fn put(&self, reported: Reported) -> Option<WaveDiscard> {
        let mut waves = self.waves.lock();
        let wave = waves.by_job.entry(reported.task.job.clone()).or_default();
        if wave.closed {
            return Some(files_of(std::iter::once(&reported)));
        }
        if let Some(listener) = &wave.listener {
            // Nobody listens any more: the wave goes on all the same.
            let _ = listener.send(progress(&reported));
        }
        wave.reports.push(reported);
        None
    }

    /// Sends a wave's reports, those of before included, to `listener`.
    pub(crate) fn listen(&self, job: &str, listener: UnboundedSender<WaveProgress>) {
        let mut waves = self.waves.lock();
        let wave = waves.by_job.entry(job.to_owned()).or_default();
        for reported in &wave.reports {
            let _ = listener.send(progress(reported));
        }
        wave.listener = Some(listener);
    }

    /// Ends a wave: its reports so far.
    pub(crate) fn close(&self, job: &str) -> Vec<Reported> {
        let mut waves = self.waves.lock();
        let wave = waves.by_job.entry(job.to_owned()).or_default();
        wave.closed = true;
        wave.listener = None;
        let reports = std::mem::take(&mut wave.reports);
        waves.judged.push_back(job.to_owned());
        if waves.judged.len() > JUDGED_WAVES_MAX
            && let Some(oldest) = waves.judged.pop_front()
        {
            waves.by_job.remove(&oldest);
        }
        reports
    }
}

fn progress(reported: &Reported) -> WaveProgress {
    WaveProgress::Report {
        executor_id: reported.executor_id.clone(),
        report: Box::new(reported.report.clone()),
    }
}

/// All files that the reports name.
pub(crate) fn files_of<'a>(reports: impl Iterator<Item = &'a Reported>) -> WaveDiscard {
    let mut discard = WaveDiscard::default();
    for reported in reports {
        match &reported.report {
            TaskReport::Write(outcome) => discard.files.extend(outcome.files.iter().cloned()),
            TaskReport::Scan(splits) => {
                for split in splits {
                    let files: &[PendingFile] = &split.quarantine;
                    if !files.is_empty() {
                        discard
                            .quarantine
                            .entry(split.source.clone())
                            .or_default()
                            .extend(files.iter().cloned());
                    }
                }
            }
            TaskReport::Filter(_)
            | TaskReport::Unnest { .. }
            | TaskReport::Touched(_)
            | TaskReport::Merge(_)
            | TaskReport::Check(_) => {}
        }
    }
    discard
}
