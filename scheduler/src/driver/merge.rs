//! An upsert behind its waves: its rows are staged, one more wave finds the files of the table that hold their keys,
//! and another writes these rows and files anew. The commit puts its files in the place of those.
//!
//! The staged rows do not change, nor do the table's files: so a wave that runs again finds and writes the same, and
//! the rows that went in and came out can be held against what is known of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use headworks_engine::api::{MergeStep, Wave, WaveResult};
use headworks_lake::{Audit, InputEntry};

use super::action::{Action, Record};
use super::audit::AuditFailure;
use super::model::{CommitParts, check_failed, intend_commit};
use super::quarantine::all_files;
use super::state::{ErrorClass, JobState, Merge, ModelRun, Phase};
use super::step::fail;
use super::wave::{discard_attempt, start_wave};

/// All rows are written, and the audit has agreed: they become readable.
pub(super) fn stage(state: &mut JobState, model: usize, inputs: Vec<InputEntry>) -> Vec<Action> {
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    run.staged = std::mem::take(&mut run.files);
    let rows = run.rows;
    run.merge = Some(Merge {
        inputs,
        rows,
        touched: BTreeSet::new(),
    });
    let files = run.staged.clone();
    state.become_phase(Phase::Staging { model });
    vec![
        Action::Journal(Record::RowsStaged { model, rows }),
        Action::Stage { model, files },
    ]
}

/// The rows can be read: which files of the table hold their keys?
pub(super) fn staged(state: &mut JobState, model: usize) -> Vec<Action> {
    let Some(run) = &state.run else {
        return Vec::new();
    };
    let current = run.current.as_ref();
    let has_files = current.is_some_and(|current| !current.files.is_empty());
    let step = if has_files && !run.staged.is_empty() {
        MergeStep::Find
    } else {
        MergeStep::Rewrite {
            files: BTreeSet::new(),
        }
    };
    let wave = merge_wave(run, step);
    start_wave(state, model, wave)
}

/// The wave behind the last one.
fn merge_wave(run: &ModelRun, step: MergeStep) -> Wave {
    let index = match run.wave.merge {
        Some(_) => run.wave.index + 1,
        None => u32::try_from(run.plan.waves.len()).unwrap_or(u32::MAX),
    };
    let bytes = match &step {
        MergeStep::Find => 0,
        MergeStep::Rewrite { files } => {
            let staged: u64 = run.staged.iter().map(|file| file.bytes).sum();
            staged + touched(run, files).map(|file| file.bytes).sum::<u64>()
        }
    };
    Wave {
        index,
        splits: Default::default(),
        bytes,
        merge: Some(step),
    }
}

/// The files of the table at these places.
fn touched<'a>(
    run: &'a ModelRun,
    places: &'a BTreeSet<u32>,
) -> impl Iterator<Item = &'a headworks_lake::DataFile> {
    let files = run
        .current
        .as_ref()
        .map_or(&[][..], |current| &current.files);
    places.iter().filter_map(|place| files.get(*place as usize))
}

/// A wave that merges has come to a result that is believed.
pub(super) fn wave_accepted(
    state: &mut JobState,
    model: usize,
    step: &MergeStep,
    result: WaveResult,
    now_ms: u64,
) -> Vec<Action> {
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    let verdict = match step {
        MergeStep::Find => check_places(run, &result.touched),
        MergeStep::Rewrite { files } => check_rows(run, files, &result),
    };
    if let Err(failure) = verdict {
        let error = check_failed(state, model, &failure);
        let mut actions = discard_attempt(state, all_files(&result), &error);
        actions.extend(fail(state, ErrorClass::Check, error, now_ms));
        return actions;
    }
    (run.retries, run.restarts) = (0, 0);
    for (executor, tasks) in &result.tasks {
        *state.tasks.entry(executor.clone()).or_default() += tasks;
    }
    let accepted = Record::WaveAccepted {
        model,
        wave: run.wave.index,
        attempt: run.attempt,
        result: Arc::new(result.clone()),
    };
    let mut actions = vec![Action::Journal(accepted)];
    actions.extend(match step {
        MergeStep::Find => {
            let files = result.touched;
            if let Some(merge) = &mut run.merge {
                merge.touched.clone_from(&files);
            }
            let wave = merge_wave(run, MergeStep::Rewrite { files });
            start_wave(state, model, wave)
        }
        MergeStep::Rewrite { .. } => {
            run.files = result.files;
            run.rows = result.rows;
            commit(state, model, now_ms)
        }
    });
    actions
}

fn check_places(run: &ModelRun, places: &BTreeSet<u32>) -> Result<(), AuditFailure> {
    let files = run
        .current
        .as_ref()
        .map_or(0, |current| current.files.len());
    match places.last().filter(|place| **place as usize >= files) {
        Some(place) => Err(AuditFailure::NoSuchFile {
            place: *place,
            files,
        }),
        None => Ok(()),
    }
}

/// What went into the merge is what was staged and what the files hold, and what came out of it is what was written.
fn check_rows(
    run: &ModelRun,
    places: &BTreeSet<u32>,
    result: &WaveResult,
) -> Result<(), AuditFailure> {
    let staged = run.merge.as_ref().map_or(0, |merge| merge.rows);
    let current = touched(run, places).map(|file| file.rows).sum();
    let in_files = result.files.iter().map(|file| file.rows).sum();
    let merged = result.merged;
    for (what, expected, counted) in [
        ("staged rows went into the merge", staged, merged.staged),
        ("rows of the table went into it", current, merged.current),
        (
            "rows came out of it, by the writers' count",
            merged.kept,
            result.rows,
        ),
        (
            "rows came out of it, by the data files'",
            merged.kept,
            in_files,
        ),
    ] {
        if expected != counted {
            return Err(AuditFailure::Merge {
                what,
                expected,
                counted,
            });
        }
    }
    Ok(())
}

/// The new files take the place of those whose rows they hold.
fn commit(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    let Some(run) = &state.run else {
        return Vec::new();
    };
    let Some(merge) = &run.merge else {
        return Vec::new();
    };
    let remove = touched(run, &merge.touched).map(|file| file.path.clone());
    let parts = CommitParts {
        remove: remove.collect(),
        inputs: merge.inputs.clone(),
        // The records are those of the staged rows; the files hold others too.
        audit: Audit::Coverage,
        base: Some(run.base),
    };
    intend_commit(state, model, parts, now_ms)
}
