//! Whether a wave's result may be believed, and what it is.
//!
//! Pure: it looks at what Ballista's graph says of the wave's tasks, and at the
//! reports that they sent.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ballista_core::serde::protobuf::task_status;
use ballista_scheduler::state::execution_stage::{ExecutionStage, TaskInfo};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

use super::reports::Reported;
use crate::api::{TaskReport, WaveResult};
use crate::guards::Guards;
use crate::nodes::{
    CheckReportExec, LakeWriteExec, LedgerFilterExec, ScanReportExec, TouchedFilesExec,
    UnnestReportExec, UpsertExec,
};
use crate::report::TaskId;

/// What the graph says of one stage.
pub(super) struct StageFacts {
    /// Its number.
    pub(super) stage: usize,
    /// How often it was begun before.
    pub(super) attempt: usize,
    /// Whether all of it succeeded.
    pub(super) successful: bool,
    /// Slots of its tasks that succeeded, in the order of binding, with their partitions.
    pub(super) succeeded: Vec<(usize, Vec<usize>)>,
    /// How many reports each task of it owes at least.
    pub(super) owes: Owed,
}

/// Reports that a task owes, by the nodes in its plan.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owed {
    scans: usize,
    filters: usize,
    unnests: usize,
    writes: usize,
    checks: usize,
    touched: usize,
    merges: usize,
}

impl Owed {
    pub(super) fn by(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut owed = Self::default();
        owed.add(plan);
        owed
    }

    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        self.scans += usize::from(plan.is::<ScanReportExec>());
        self.filters += usize::from(plan.is::<LedgerFilterExec>());
        self.unnests += usize::from(plan.is::<UnnestReportExec>());
        self.writes += usize::from(plan.is::<LakeWriteExec>());
        self.checks += usize::from(plan.is::<CheckReportExec>());
        self.touched += usize::from(plan.is::<TouchedFilesExec>());
        self.merges += usize::from(plan.is::<UpsertExec>());
        if plan.is::<UnionExec>() {
            // A partition of a union is one of one child: a task owes what every child would make it owe.
            let children: Vec<Self> = plan.children().into_iter().map(Self::by).collect();
            let least = |f: fn(&Self) -> usize| children.iter().map(f).min().unwrap_or(0);
            self.scans += least(|o| o.scans);
            self.filters += least(|o| o.filters);
            self.unnests += least(|o| o.unnests);
            self.writes += least(|o| o.writes);
            self.checks += least(|o| o.checks);
            self.touched += least(|o| o.touched);
            self.merges += least(|o| o.merges);
            return;
        }
        for child in plan.children() {
            self.add(child);
        }
    }

    fn paid_by(self, reports: &[&TaskReport]) -> bool {
        let count = |f: fn(&TaskReport) -> bool| reports.iter().filter(|r| f(r)).count();
        count(|r| matches!(r, TaskReport::Scan(_))) >= self.scans
            && count(|r| matches!(r, TaskReport::Filter(_))) >= self.filters
            && count(|r| matches!(r, TaskReport::Unnest { .. })) >= self.unnests
            && count(|r| matches!(r, TaskReport::Write(_))) >= self.writes
            && count(|r| matches!(r, TaskReport::Check(_))) >= self.checks
            && count(|r| matches!(r, TaskReport::Touched(_))) >= self.touched
            && count(|r| matches!(r, TaskReport::Merge(_))) >= self.merges
    }
}

impl StageFacts {
    /// Reads them off a stage of a finished job.
    pub(super) fn of(id: usize, stage: &ExecutionStage) -> Self {
        let (attempt, successful) = match stage {
            ExecutionStage::Successful(stage) => (stage.stage_attempt_num, true),
            ExecutionStage::Running(stage) => (stage.stage_attempt_num, false),
            ExecutionStage::UnResolved(stage) => (stage.stage_attempt_num, false),
            ExecutionStage::Resolved(stage) => (stage.stage_attempt_num, false),
            ExecutionStage::Failed(stage) => (stage.stage_attempt_num, false),
        };
        let succeeded =
            |info: &TaskInfo| matches!(info.task_status, task_status::Status::Successful(_));
        let infos = stage.task_infos().unwrap_or_default();
        let succeeded = infos.iter().enumerate().filter(|(_, info)| succeeded(info));
        Self {
            stage: id,
            attempt,
            successful,
            succeeded: succeeded
                .map(|(slot, info)| (slot, info.global_input_partition_ids.clone()))
                .collect(),
            owes: Owed::by(&leaf_owner(stage)),
        }
    }

    /// The slot that counts for each partition: the last that succeeded.
    fn winners(&self) -> HashSet<usize> {
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for (slot, partitions) in &self.succeeded {
            for partition in partitions {
                last.insert(*partition, *slot);
            }
        }
        last.into_values().collect()
    }
}

/// A stage's plan, whatever its state.
fn leaf_owner(stage: &ExecutionStage) -> Arc<dyn ExecutionPlan> {
    match stage {
        ExecutionStage::Successful(stage) => Arc::clone(&stage.plan),
        ExecutionStage::Running(stage) => Arc::clone(&stage.plan),
        ExecutionStage::UnResolved(stage) => Arc::clone(&stage.plan),
        ExecutionStage::Resolved(stage) => Arc::clone(&stage.plan),
        ExecutionStage::Failed(stage) => Arc::clone(&stage.plan),
    }
}

/// What is believed, and the reports that do not count.
pub(super) struct Verdict<'a> {
    pub(super) result: WaveResult,
    pub(super) losers: Vec<&'a Reported>,
}

/// Judges a wave whose job succeeded.
///
/// # Errors
/// Why it must run again.
pub(super) fn judge<'a>(
    engine_job: &str,
    stages: &[StageFacts],
    reports: &'a [Reported],
    guards: Guards,
) -> Result<Verdict<'a>, String> {
    if guards.b1_refuse_retried_stages
        && stages.len() > 1
        && let Some(again) = stages.iter().find(|s| s.attempt > 0)
    {
        return Err(format!(
            "stage {} was tried again ({} times): its rows may be doubled",
            again.stage, again.attempt
        ));
    }
    if let Some(open) = stages.iter().find(|s| !s.successful) {
        return Err(format!(
            "stage {} has not ended though its job has",
            open.stage
        ));
    }
    let mut result = WaveResult {
        engine_job: engine_job.to_owned(),
        ..WaveResult::default()
    };
    let mut losers: Vec<&Reported> = reports.iter().collect();
    for stage in stages {
        for slot in stage.winners() {
            let task = TaskId {
                job: engine_job.to_owned(),
                stage: stage.stage,
                stage_attempt: stage.attempt,
                slot,
            };
            let is_own = |r: &&Reported| match guards.b1_refuse_retried_stages {
                true => r.task == task,
                // As the engine sees it: a slot is a slot, whatever the attempt.
                false => (r.task.stage, r.task.slot) == (task.stage, task.slot),
            };
            let (own, others) = losers.into_iter().partition::<Vec<_>, _>(is_own);
            losers = others;
            let kinds: Vec<&TaskReport> = own.iter().map(|r| &r.report).collect();
            if !stage.owes.paid_by(&kinds) {
                return Err(format!(
                    "a report of task {slot} of stage {} is missing",
                    stage.stage
                ));
            }
            if let Some(first) = own.first() {
                *result.tasks.entry(first.executor_id.clone()).or_default() += 1;
            }
            for reported in own {
                add(&mut result, &reported.report);
            }
        }
    }
    if !guards.b3_last_task_wins {
        // As if every location that the engine lists counted.
        for reported in losers.drain(..) {
            add(&mut result, &reported.report);
        }
    }
    Ok(Verdict { result, losers })
}

fn add(result: &mut WaveResult, report: &TaskReport) {
    let sum = |into: &mut BTreeMap<i32, u64>, from: &BTreeMap<i32, u64>| {
        for (split, n) in from {
            *into.entry(*split).or_default() += n;
        }
    };
    match report {
        TaskReport::Scan(splits) => result.scans.extend(splits.iter().cloned()),
        TaskReport::Filter(removed) => sum(&mut result.filtered, removed),
        TaskReport::Unnest {
            records_in,
            rows_out,
        } => {
            sum(&mut result.unnest_in, records_in);
            sum(&mut result.unnest_out, rows_out);
        }
        TaskReport::Write(outcome) => {
            result.files.extend(outcome.files.iter().cloned());
            sum(&mut result.written, &outcome.rows_by_split);
            result.rows += outcome.rows;
        }
        TaskReport::Check(found) => result.found.get_or_insert_default().add(found),
        TaskReport::Touched(files) => result.touched.extend(files),
        TaskReport::Merge(counts) => result.merged.add(counts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headworks_lake::WriteOutcome;

    fn wrote(stage: usize, attempt: usize, slot: usize, executor: &str, rows: u64) -> Reported {
        let outcome = WriteOutcome {
            files: vec![],
            rows_by_split: BTreeMap::from([(0, rows)]),
            rows,
        };
        Reported {
            task: TaskId {
                job: "j".into(),
                stage,
                stage_attempt: attempt,
                slot,
            },
            executor_id: executor.into(),
            report: TaskReport::Write(outcome),
        }
    }

    fn stage(
        stage: usize,
        attempt: usize,
        succeeded: &[(usize, &[usize])],
        writes: usize,
    ) -> StageFacts {
        let succeeded = succeeded
            .iter()
            .map(|(slot, parts)| (*slot, parts.to_vec()))
            .collect();
        StageFacts {
            stage,
            attempt,
            successful: true,
            succeeded,
            owes: Owed {
                writes,
                ..Owed::default()
            },
        }
    }

    fn rows(stages: &[StageFacts], reports: &[Reported], guards: Guards) -> Result<u64, String> {
        judge("j", stages, reports, guards).map(|v| v.result.rows)
    }

    #[test]
    fn b1_a_wave_of_several_stages_with_a_retried_one_runs_again() {
        let stages = [stage(1, 1, &[(0, &[0])], 0), stage(2, 0, &[(0, &[0])], 1)];
        let reports = [wrote(2, 0, 0, "a", 7)];
        assert!(
            rows(&stages, &reports, Guards::default())
                .unwrap_err()
                .contains("stage 1 was tried again")
        );
        let off = Guards {
            b1_refuse_retried_stages: false,
            ..Guards::default()
        };
        assert_eq!(
            rows(&stages, &reports, off),
            Ok(7),
            "without the guard it would be believed"
        );
        let one = [stage(1, 1, &[(0, &[0])], 1)];
        assert_eq!(
            rows(&one, &[wrote(1, 1, 0, "a", 7)], Guards::default()),
            Ok(7),
            "one stage alone hands nothing on"
        );
    }

    #[test]
    fn b3_the_last_successful_task_of_a_partition_wins() {
        // Partition 0 was done by slot 0, whose executor was lost, and again by slot 2.
        let stages = [stage(1, 0, &[(0, &[0]), (1, &[1]), (2, &[0])], 1)];
        let reports = [
            wrote(1, 0, 0, "lost", 5),
            wrote(1, 0, 1, "b", 3),
            wrote(1, 0, 2, "b", 5),
        ];
        assert_eq!(rows(&stages, &reports, Guards::default()), Ok(8));
        let verdict = judge("j", &stages, &reports, Guards::default()).unwrap();
        assert_eq!(verdict.losers.len(), 1);
        assert_eq!(verdict.losers[0].executor_id, "lost");
        let off = Guards {
            b3_last_task_wins: false,
            ..Guards::default()
        };
        assert_eq!(
            rows(&stages, &reports, off),
            Ok(13),
            "without the guard rows are doubled"
        );
    }

    #[test]
    fn b7_a_missing_report_is_never_taken_for_no_rows() {
        let stages = [stage(1, 0, &[(0, &[0]), (1, &[1])], 1)];
        let error = rows(&stages, &[wrote(1, 0, 0, "a", 5)], Guards::default()).unwrap_err();
        assert!(
            error.contains("a report of task 1 of stage 1 is missing"),
            "{error}"
        );
    }

    #[test]
    fn reports_of_an_earlier_attempt_do_not_count() {
        let stages = [stage(1, 1, &[(0, &[0])], 1)];
        let reports = [wrote(1, 0, 0, "a", 5), wrote(1, 1, 0, "a", 6)];
        assert_eq!(rows(&stages, &reports, Guards::default()), Ok(6));
    }
}
