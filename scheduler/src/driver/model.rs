//! The way of one model: its table is opened, it is planned, its waves run
//! one after the other (see `wave`), the audit looks at the numbers, it
//! commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::api::{ModelPlan, Wave};
use headworks_lake::{Audit, InputEntry, Snapshot, copies_of};
use headworks_spec::{Format, OnBadRecord, OnUnknown, WriteMode};

use super::action::{Action, CommitWork, ModelWork, Record};
use super::audit::{self, AuditFailure, FileAccount};
use super::changed;
use super::checks::begin_checks;
use super::merge;
use super::notes::notes;
use super::sample;
use super::state::{ErrorClass, JobState, ModelRun, ModelStatus, Phase, SourceCounts};
use super::step::{begin_model, fail, is_empty, next_quarantine};
use super::warnings::Warnings;
use super::wave::start_wave;

/// So often may a model begin anew because another job took in some of the
/// same files first.
pub(super) const MODEL_RESTARTS_MAX: u32 = 3;

/// The table is open: which files are new to it?
pub(super) fn opened(
    state: &mut JobState,
    model: usize,
    table: Option<&Arc<Snapshot>>,
    now_ms: u64,
) -> Vec<Action> {
    let version = table.map_or(0, |table| table.version);
    let spec = Arc::clone(&state.spec);
    let spec = &spec.models[model];
    let mut inputs = BTreeMap::new();
    for name in &spec.reads_sources {
        if let Some(source) = state.sources.get(name) {
            inputs.insert(name.clone(), source.files.clone());
        }
    }
    let mut replaces = Vec::new();
    // A look-up table is read whole each time: it is no input that could have been taken in.
    let (mut inputs, lookups): (BTreeMap<_, _>, BTreeMap<_, _>) = inputs
        .into_iter()
        .partition(|(source, _)| is_counted(state, source));
    if let (WriteMode::Append, false, Some(table)) = (spec.options.mode, inputs.is_empty(), table) {
        let is_joined = inputs.len() > 1 || !spec.reads_models.is_empty();
        let taken = match changed::choose(spec, &inputs, table, &mut state.warnings) {
            Ok(taken) => taken,
            Err((class, error)) => return fail(state, class, error, now_ms),
        };
        let left: usize = taken.inputs.values().map(Vec::len).sum();
        if left == 0 {
            state.models[model].status = ModelStatus::Committed;
            state.models[model].version = version;
            let mut actions = vec![Action::Journal(Record::ModelUnchanged { model, version })];
            actions.extend(begin_model(state, model + 1, now_ms));
            return actions;
        }
        if taken.left_out > 0 && sample::reads_sampled(state, model) {
            return sample::settle_sampled(state, model, now_ms);
        }
        if is_joined && taken.left_out > 0 {
            let error = format!(
                "model `{}` appends and reads several inputs: {} of their files were taken in by the table's version \
                 {} or before, {left} are new; a join cannot be continued in part: use `mode: overwrite`, or give the \
                 new files a job of their own",
                spec.name, taken.left_out, version
            );
            return fail(state, ErrorClass::Configuration, error, now_ms);
        }
        (inputs, replaces) = (taken.inputs, taken.replaces);
    }
    inputs.extend(lookups);
    let is_read = |source: &String, path: &String| {
        let file = (source.clone(), path.clone());
        state.files_read.contains(&file)
    };
    let revisits = inputs
        .iter()
        .filter(|(source, files)| files.iter().any(|file| is_read(source, &file.path)))
        .map(|(source, _)| source.clone())
        .collect();
    let work = ModelWork {
        model,
        inputs,
        revisits,
        replaces,
    };
    state.work = Some((work.clone(), version));
    state.current = table.cloned();
    state.become_phase(Phase::Planning { model });
    vec![Action::Plan(work)]
}

/// The model is planned: its first wave, or at once its commit.
pub(super) fn planned(
    state: &mut JobState,
    model: usize,
    plan: ModelPlan,
    now_ms: u64,
) -> Vec<Action> {
    let Some((work, base)) = state.work.take() else {
        return fail(
            state,
            ErrorClass::Engine,
            "a plan came for no model".to_owned(),
            now_ms,
        );
    };
    let counts_records = plan.row_wise
        && !work.inputs.is_empty()
        && work.inputs.keys().all(|source| is_counted(state, source));
    let plan = Arc::new(plan);
    let first = plan.waves.first().cloned();
    let mut actions = vec![Action::Journal(Record::ModelPlanned {
        work: work.clone(),
        plan: Arc::clone(&plan),
    })];
    state.run = Some(ModelRun {
        work,
        plan,
        counts_records,
        base,
        wave: first.clone().unwrap_or(Wave {
            index: 0,
            splits: BTreeMap::new(),
            bytes: 0,
            merge: None,
        }),
        attempt: 0,
        engine_job: None,
        retries: 0,
        restarts: 0,
        accounts: BTreeMap::new(),
        files: Vec::new(),
        rows: 0,
        unnests: false,
        quarantine: BTreeMap::new(),
        quarantine_surplus: BTreeMap::new(),
        current: state.current.take(),
        staged: Vec::new(),
        merge: None,
        warnings: Warnings::default(),
        checks: None,
        commit: None,
    });
    actions.extend(match first {
        Some(wave) => start_wave(state, model, wave),
        None => commit(state, model, now_ms),
    });
    actions
}

/// Whether a source is read by our readers, which count. A look-up table in
/// Parquet is read by the engine's own, which knows no records.
pub(super) fn is_counted(state: &JobState, source: &str) -> bool {
    state
        .sources
        .get(source)
        .is_some_and(|source| source.spec.options.format != Format::Parquet)
}

/// What the user reads when the numbers do not add up.
pub(super) fn check_failed(state: &JobState, model: usize, failure: &AuditFailure) -> String {
    format!(
        "model `{}` is not committed, because its numbers do not add up: {failure}; the table is unchanged; run the \
         job again, and report it if it happens again",
        state.spec.models[model].name
    )
}

/// A split inside a file cannot fail at once on a bad record: whether it is one
/// is certain only when the splits before it are verified, which they are now.
fn bad_record_forbidden(state: &JobState, run: &ModelRun) -> Option<String> {
    let forbids = |name: &str| {
        let source = state.sources.get(name);
        source.is_some_and(|source| source.spec.options.on_bad_record == OnBadRecord::Fail)
    };
    let bad = |account: &FileAccount| account.quarantined + account.dropped > account.discarded;
    let ((source, path), account) = run
        .accounts
        .iter()
        .find(|((name, _), account)| forbids(name) && bad(account))?;
    let first = account.first_bad.as_deref().unwrap_or("see the quarantine");
    Some(format!(
        "{path}: {first}; source `{source}` says on_bad_record: fail; mend the file, or say quarantine to go on \
         without such records"
    ))
}

/// The same for elements that a frozen schema lacks.
fn schema_broken(state: &JobState, run: &ModelRun) -> Option<String> {
    run.accounts.iter().find_map(|((source, path), account)| {
        let options = &state.sources.get(source)?.spec.options;
        let first = account.first_unknown.as_ref()?;
        (options.on_unknown == OnUnknown::Freeze).then(|| {
            format!(
                "{path}: {first}; source `{source}` says on_unknown: freeze; add it to the schema, or say \
                 discard_value, discard_row or evolve"
            )
        })
    })
}

/// A later document of a file may contradict what its beginning says of all of
/// it. Like a bad record, it is one for certain only now.
fn conflict(run: &ModelRun) -> Option<String> {
    run.accounts.iter().find_map(|((_, path), account)| {
        let conflict = account.conflict.as_ref()?;
        Some(format!("{path}: {conflict}"))
    })
}

/// All waves are in: the audit, then the checks and the commit.
pub(super) fn commit(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    let Some(run) = &state.run else {
        return Vec::new();
    };
    if let Some(error) = conflict(run)
        .or_else(|| schema_broken(state, run))
        .or_else(|| bad_record_forbidden(state, run))
    {
        return fail(state, ErrorClass::Input, error, now_ms);
    }
    let inputs: BTreeMap<_, _> = run
        .work
        .inputs
        .iter()
        .filter(|(source, _)| is_counted(state, source))
        .map(|(source, files)| (source.clone(), files.clone()))
        .collect();
    let entries = match audit::audit(&inputs, &run.accounts, run.counts_records, run.unnests) {
        Ok(entries) => entries,
        Err(failure) => {
            let error = check_failed(state, model, &failure);
            return fail(state, ErrorClass::Check, error, now_ms);
        }
    };
    let options = &state.spec.models[model].options;
    if options.mode == WriteMode::Upsert {
        return merge::stage(state, model, entries);
    }
    let parts = CommitParts {
        remove: run.work.replaces.clone(),
        inputs: entries,
        audit: if run.counts_records {
            Audit::Records
        } else {
            Audit::Coverage
        },
        base: (options.mode == WriteMode::Append).then_some(run.base),
    };
    intend_commit(state, model, parts, now_ms)
}

/// What a model's commit is made of beside the files of its run: see [`CommitWork`].
pub(super) struct CommitParts {
    pub(super) remove: Vec<String>,
    pub(super) inputs: Vec<InputEntry>,
    pub(super) audit: Audit,
    pub(super) base: Option<u64>,
}

/// Checks the files of the run, and commits them.
pub(super) fn intend_commit(
    state: &mut JobState,
    model: usize,
    parts: CommitParts,
    now_ms: u64,
) -> Vec<Action> {
    let files = state.run.as_ref().map(|run| run.files.clone());
    let commit_id = state.commit_id(model);
    let work = CommitWork {
        model,
        quarantine_of: None,
        commit_id,
        at_ms: now_ms,
        files: files.unwrap_or_default(),
        remove: parts.remove,
        inputs: parts.inputs,
        audit: parts.audit,
        base: parts.base,
        failed: false,
        checked: None,
    };
    begin_checks(state, model, work, now_ms)
}

/// Commits what has been audited and checked: the quarantine of its sources,
/// then the table. Once the table's ledger has a file, no job reads its bad
/// records again; so they are in quarantine before.
pub(super) fn start_commit(
    state: &mut JobState,
    model: usize,
    work: CommitWork,
    now_ms: u64,
) -> Vec<Action> {
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    run.commit = Some(work);
    state.quarantine_queue = std::mem::take(&mut run.quarantine).into_iter().collect();
    next_quarantine(state, model, 0, now_ms)
}

/// Commits the table: the quarantine of its sources has been committed.
pub(super) fn commit_table(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    let Some(run) = &mut state.run else {
        return Vec::new();
    };
    let Some(work) = run.commit.take() else {
        return Vec::new();
    };
    for (source, files) in &run.work.inputs {
        let read = files.iter().map(|file| (source.clone(), file.path.clone()));
        state.files_read.extend(read);
    }
    let work = CommitWork {
        at_ms: now_ms,
        ..work
    };
    let commit_id = work.commit_id.clone();
    state.become_phase(Phase::Committing { model });
    vec![
        Action::Journal(Record::CommitIntended {
            model,
            quarantine_of: None,
            commit_id,
            failed: false,
        }),
        Action::Commit(Box::new(work)),
    ]
}

/// The table has its new version. Now the next model.
pub(super) fn committed(
    state: &mut JobState,
    model: usize,
    version: u64,
    unsettled: Option<String>,
    now_ms: u64,
) -> Vec<Action> {
    let commit_id = state.commit_id(model);
    let mut actions = vec![Action::Journal(Record::Committed {
        model,
        quarantine_of: None,
        commit_id,
        version,
    })];
    let Some(mut run) = state.run.take() else {
        return actions;
    };
    let entry = &mut state.models[model];
    entry.status = ModelStatus::Committed;
    entry.version = version;
    entry.rows = run.rows;
    entry.files = run.files.len() as u64;
    entry.bytes = run.files.iter().map(|file| file.bytes).sum();
    if let Some(line) = unsettled {
        state.warnings.note(line);
    }
    let copies: Vec<_> = copies_of(&run.files).collect();
    run.files.clear();
    let mut surplus = run.take_files();
    surplus.files.extend(copies);
    if !is_empty(&surplus) {
        actions.push(Action::Discard {
            model,
            files: surplus,
        });
    }
    for line in notes(state, model, &run) {
        state.warnings.note(line);
    }
    count_sources(state, &run);
    state.warnings.merge(run.warnings);
    actions.extend(begin_model(state, model + 1, now_ms));
    actions
}

fn count_sources(state: &mut JobState, run: &ModelRun) {
    let row_wise = run.counts_records;
    for (source, files) in &run.work.inputs {
        if state
            .source_counts
            .get(source)
            .is_some_and(|counted| counted.row_wise || !row_wise)
        {
            continue;
        }
        let mut counts = SourceCounts {
            files: files.len() as u64,
            bytes: files.iter().map(|f| f.size).sum(),
            row_wise,
            ..SourceCounts::default()
        };
        for ((_, _), account) in run.accounts.iter().filter(|((name, _), _)| name == source) {
            counts.read += account.read;
            counts.dropped += account.dropped;
            counts.quarantined += account.quarantined;
            if row_wise {
                let (written, filtered) = account.records_written_and_filtered(run.unnests);
                counts.written += written;
                counts.filtered += filtered;
            }
        }
        state.source_counts.insert(source.clone(), counts);
    }
}

/// Another job took in some of the same files, or overwrote a table that this
/// model reads: begin anew.
pub(super) fn overtaken(
    state: &mut JobState,
    model: usize,
    reason: String,
    now_ms: u64,
) -> Vec<Action> {
    if state.models[model].restarts >= MODEL_RESTARTS_MAX {
        let error = format!(
            "model `{}` was overtaken {MODEL_RESTARTS_MAX} times by other jobs that took in the same files, or \
             overwrote a table that it reads: {reason}; the table is as they left it; run the job again when they \
             have ended",
            state.spec.models[model].name
        );
        return fail(state, ErrorClass::Lake, error, now_ms);
    }
    state.models[model].restarts += 1;
    let table = &state.spec.models[model].name;
    state.checks.retain(|made| made.model != *table);
    let mut actions = vec![Action::Journal(Record::ModelRestarted { model, reason })];
    actions.extend(drop_run_of(state, model));
    actions.extend(begin_model(state, model, now_ms));
    actions
}

/// Forgets the model's run, before it begins anew: none of its files will be needed.
pub(super) fn drop_run_of(state: &mut JobState, model: usize) -> Option<Action> {
    let mut run = state.run.take()?;
    let mut files = run.take_files();
    for (source, mut more) in run.quarantine {
        files
            .quarantine
            .entry(source)
            .or_default()
            .append(&mut more);
    }
    (!is_empty(&files)).then_some(Action::Discard { model, files })
}
