//! How far the model in hand is: for the user's eyes alone, no decision hangs
//! on it. A task that reports may still turn out not to be a winner; when its
//! wave runs again, the count goes back to where the wave began.

use std::collections::{BTreeMap, BTreeSet};

use headworks_engine::api::{ExecutorInfo, ScannedSplit, TaskReport, WaveProgress, WaveResult};

/// Counts of one stretch of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of splits that were read to their end.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// Of these bad ones.
    pub bad_records: u64,
    /// Tasks that have ended.
    pub tasks: u32,
}

impl Counts {
    fn add(&mut self, scan: &ScannedSplit) {
        self.bytes += scan.split.bytes();
        self.records += scan.report.read;
        self.bad_records += scan.report.quarantined + scan.report.dropped;
    }
}

/// Progress of the model in hand, and what is known of the executors.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Bytes of all the model's waves.
    pub bytes_total: u64,
    /// Scanning tasks of the waves so far.
    pub tasks_total: u32,
    /// Milliseconds from the job's submission to the end of its first task.
    pub first_task_ms: u64,
    /// Process ids of executors, by id; those that have gone too.
    pub pids: BTreeMap<String, u32>,
    accepted: Counts,
    accepted_tasks_total: u32,
    wave: Counts,
}

impl Progress {
    /// A model with this many bytes to read begins.
    pub fn begin_model(&mut self, bytes_total: u64) {
        let pids = std::mem::take(&mut self.pids);
        *self = Self {
            bytes_total,
            first_task_ms: self.first_task_ms,
            pids,
            ..Self::default()
        };
    }

    /// A wave, or another attempt at one, begins.
    pub fn begin_wave(&mut self) {
        self.wave = Counts::default();
        self.tasks_total = self.accepted_tasks_total;
    }

    /// The wave's result is believed: it says better than its reports what
    /// was done, since some of them may still be on their way.
    pub fn wave_accepted(&mut self, result: &WaveResult, since_submission_ms: u64) {
        let mut seen = BTreeSet::new();
        for scan in result
            .scans
            .iter()
            .filter(|scan| seen.insert(scan.split.id))
        {
            self.accepted.add(scan);
        }
        self.accepted.tasks = self.tasks_total;
        self.accepted_tasks_total = self.tasks_total;
        self.wave = Counts::default();
        self.task_ended(since_submission_ms);
    }

    /// Takes a report in. `since_submission_ms` is the job's age.
    pub fn hear(&mut self, progress: &WaveProgress, since_submission_ms: u64) {
        match progress {
            WaveProgress::Submitted { tasks_total, .. } => {
                self.tasks_total = self.accepted_tasks_total + tasks_total;
            }
            WaveProgress::Report { report, .. } => {
                if let TaskReport::Scan(splits) = report.as_ref() {
                    self.wave.tasks += 1;
                    for split in splits {
                        self.wave.add(split);
                    }
                }
                self.task_ended(since_submission_ms);
            }
        }
    }

    fn task_ended(&mut self, since_submission_ms: u64) {
        if self.first_task_ms == 0 {
            self.first_task_ms = since_submission_ms.max(1);
        }
    }

    /// Remembers the executors' process ids.
    pub fn see_executors(&mut self, executors: &[ExecutorInfo]) {
        for executor in executors.iter().filter(|e| e.pid != 0) {
            self.pids.insert(executor.id.clone(), executor.pid);
        }
    }

    /// The model's counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            bytes: self.accepted.bytes + self.wave.bytes,
            records: self.accepted.records + self.wave.records,
            bad_records: self.accepted.bad_records + self.wave.bad_records,
            tasks: self.accepted.tasks + self.wave.tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::reports;

    fn scan(bytes: u64, records: u64) -> ScannedSplit {
        reports::scan("s", "a.xml", 0, bytes, reports::whole_file(bytes, records))
    }

    fn report(bytes: u64, records: u64) -> WaveProgress {
        let report = Box::new(TaskReport::Scan(vec![scan(bytes, records)]));
        WaveProgress::Report {
            executor_id: "e".into(),
            report,
        }
    }

    fn submitted(tasks_total: u32) -> WaveProgress {
        WaveProgress::Submitted {
            engine_job: "j".into(),
            tasks_total,
        }
    }

    #[test]
    fn a_wave_that_runs_again_is_not_counted_twice() {
        let mut progress = Progress::default();
        progress.begin_model(300);
        progress.begin_wave();
        progress.hear(&submitted(1), 30);
        progress.hear(&report(100, 10), 40);
        // Scanned twice by one query: read once. Some reports are late.
        let result = WaveResult {
            scans: vec![scan(100, 10), scan(100, 10)],
            ..WaveResult::default()
        };
        progress.wave_accepted(&result, 45);
        for _ in 0..3 {
            progress.begin_wave();
            progress.hear(&submitted(2), 50);
            progress.hear(&report(50, 5), 60);
        }
        let counts = progress.counts();
        assert_eq!((counts.bytes, counts.records, counts.tasks), (150, 15, 2));
        assert_eq!(progress.tasks_total, 3);
        assert_eq!(progress.first_task_ms, 40);
        progress.begin_model(10);
        assert_eq!(progress.counts(), Counts::default());
        assert_eq!(progress.first_task_ms, 40, "belongs to the job");
    }
}
