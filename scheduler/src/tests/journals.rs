//! What a journal tells after its scheduler has gone, at every step.

use std::path::Path;
use std::sync::Arc;

use headworks_lake::{Table, TableLocation};
use headworks_proto::v1;
use headworks_spec::Severity;
use prost::Message;

use super::desk::Desk;
use super::engine::FakeEngine;
use super::jobs::Bench;
use super::world::{World, checked, found, overwrite};
use crate::driver::{
    Action, JobState, ModelStatus, Record, TableLocks, commit_id, job_view, now_ms, state_text,
};
use crate::journal::{Journal, JournalError, Kept, NewJob, Submitted};
use crate::recovery;

fn world() -> World {
    let mut world = World::new(&[520, 90]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 310]);
    world
}

fn submit(journal: &Journal, state: &JobState, request_id: &str) -> Submitted {
    let spec_json = state.spec.to_json().unwrap();
    let models: Vec<String> = state.spec.models.iter().map(|m| m.name.clone()).collect();
    let view = job_view(state, &Default::default());
    let job = NewJob {
        job_id: &state.job_id,
        spec_json: &spec_json,
        models: &models,
        request_id,
        view: &view,
    };
    journal.submit(&job).unwrap()
}

fn open(folder: &Path) -> (Journal, Vec<String>) {
    Journal::open(folder, Kept::Forever, 9_000).unwrap()
}

/// Lives a job on, and drops the journal after each record: what it says then
/// must be what was known then.
#[test]
fn reopened_after_each_step_it_tells_what_was_known() {
    let checks = [("x", Severity::Error), ("y", Severity::Warn)];
    let models = vec![checked(overwrite("a"), &checks), overwrite("b")];
    let mut finished = Desk::new(world(), models);
    finished.findings.insert("y".into(), found(2));
    finished.run_until(|_| false);
    let records: Vec<Record> = finished
        .done
        .iter()
        .filter_map(|action| {
            if let Action::Journal(record) = action {
                Some(record.clone())
            } else {
                None
            }
        })
        .collect();
    assert!(records.len() > 15, "{}", records.len());

    for count in 0..=records.len() {
        let dir = tempfile::tempdir().unwrap();
        let state = JobState::new("j1".into(), Arc::clone(&finished.state.spec), 1_000);
        let (mut accepted, mut committed, mut checks_found) = (0, 0, 0);
        {
            let (journal, orphans) = open(dir.path());
            assert!(orphans.is_empty());
            submit(&journal, &state, "");
            for (at, record) in records[..count].iter().enumerate() {
                let ends = matches!(record, Record::Ended { .. });
                let view = if ends {
                    job_view(&finished.state, &Default::default())
                } else {
                    job_view(&state, &Default::default())
                };
                journal
                    .append("j1", std::slice::from_ref(record), &view, 2_000 + at as u64)
                    .unwrap();
                accepted += usize::from(matches!(record, Record::WaveAccepted { .. }));
                committed += usize::from(matches!(record, Record::Committed { .. }));
                checks_found += usize::from(matches!(record, Record::CheckFound { .. }));
            }
        }
        let (journal, orphans) = open(dir.path());
        let ended = count == records.len();
        assert_eq!(
            orphans,
            if ended { vec![] } else { vec!["j1".to_owned()] },
            "after {count}"
        );
        let view = journal.view("j1").unwrap().unwrap();
        let expected = if ended {
            v1::JobState::Done
        } else {
            v1::JobState::Interrupted
        };
        assert_eq!(view.state(), expected, "after {count}");

        // All that is needed to take it up.
        let job = journal.load("j1").unwrap().unwrap();
        assert_eq!(job.spec_json, finished.state.spec.to_json().unwrap());
        assert_eq!(job.state, state_text(expected));
        let waves = || job.models.iter().flat_map(|model| &model.waves);
        let results: Vec<_> = waves().filter(|wave| wave.state == "accepted").collect();
        assert_eq!(results.len(), accepted, "after {count}");
        assert!(
            results
                .iter()
                .all(|wave| !wave.result.as_ref().unwrap().scans.is_empty())
        );
        assert!(
            !waves().any(|wave| wave.state == "running"),
            "none runs any more"
        );
        let checks = || job.models.iter().flat_map(|model| &model.checks);
        let known: Vec<_> = checks().filter_map(|check| check.found.clone()).collect();
        assert_eq!(known.len(), checks_found, "after {count}");
        assert_eq!(known, [found(0), found(2)][..checks_found]);
        assert!(!checks().any(|check| check.state == "running"));
        assert_eq!(
            job.commits
                .iter()
                .filter(|commit| commit.version.is_some())
                .count(),
            committed
        );
        if let Some(Record::CommitIntended { commit_id, .. }) =
            count.checked_sub(1).map(|last| &records[last])
        {
            let commit = job
                .commits
                .iter()
                .find(|commit| commit.commit_id == *commit_id)
                .unwrap();
            assert_eq!(commit.version, None, "intended, not known to be done");
        }
        for model in job
            .models
            .iter()
            .filter(|model| model.state == ModelStatus::Committed.as_str())
        {
            assert_eq!(model.plan.as_ref().unwrap().waves.len(), 3);
            assert_eq!(model.inputs.as_ref().unwrap()["s"].len(), 2);
        }
        if count > 2 {
            assert_eq!(job.sources["s"].files.len(), 2);
        }
        // Opened once more, nothing changes; once its tables are settled, it is over.
        for is_over in [ended, true] {
            let (other, again) = open(dir.path());
            let left = if is_over { Vec::new() } else { orphans.clone() };
            assert_eq!(again, left, "after {count}");
            assert_eq!(other.view("j1").unwrap().unwrap().state(), expected);
            let lines = other.log("j1").unwrap();
            let interrupted = lines.iter().filter(|l| l.line.starts_with("interrupted"));
            assert_eq!(interrupted.count(), usize::from(!ended));
            assert_eq!(other.settled("j1", 9_500).unwrap(), !is_over);
        }
    }
}

#[test]
fn a_job_of_a_living_scheduler_is_let_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = open(dir.path());
    let desk = Desk::new(world(), vec![overwrite("a")]);
    submit(&first, &desk.state, "");
    // Another one in the same folder, and one that only looks.
    let (second, orphans) = open(dir.path());
    assert!(orphans.is_empty());
    let looking = Journal::open_to_read(dir.path()).unwrap().unwrap();
    for journal in [&second, &looking] {
        assert_eq!(
            journal.view("j1").unwrap().unwrap().state(),
            v1::JobState::Queued
        );
    }
    drop(first);
    assert_eq!(
        looking.view("j1").unwrap().unwrap().state(),
        v1::JobState::Interrupted,
        "shown so, not touched"
    );
    assert_eq!(looking.load("j1").unwrap().unwrap().state, "queued");
    assert!(looking.list(10).unwrap()[0].error.contains("run it again"));
}

/// A process that is killed cannot remove its lock file; the lock goes with it.
#[test]
fn a_lock_file_without_a_lock_is_that_of_a_dead_scheduler() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let desk = Desk::new(world(), vec![overwrite("a")]);
    submit(&journal, &desk.state, "");
    let is_lock = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "lock");
    let files = || {
        std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let locks: Vec<_> = files().filter(is_lock).collect();
    assert_eq!(locks.len(), 1);
    drop(journal);
    std::fs::write(&locks[0], "").unwrap();
    let (_journal, orphans) = open(dir.path());
    assert_eq!(orphans, ["j1"]);
    assert!(!locks[0].exists(), "swept up");
    assert_eq!(files().filter(is_lock).count(), 1, "that of the living one");
}

/// A lake that is gone for good does not hold up schedulers for ever.
#[test]
fn tables_of_an_old_job_are_tried_to_be_settled_once() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut desk = Desk::new(world(), vec![overwrite("a")]);
    for (id, submitted_at_ms) in [("j1", 1), ("j2", 700_000_000)] {
        desk.state.job_id = id.into();
        desk.state.submitted_at_ms = submitted_at_ms;
        submit(&journal, &desk.state, "");
    }
    drop(journal);
    let week_later = || {
        Journal::open(dir.path(), Kept::Forever, 700_000_000)
            .unwrap()
            .1
    };
    assert_eq!(week_later(), ["j1", "j2"]);
    assert_eq!(week_later(), ["j2"]);
}

#[test]
fn a_request_is_taken_once_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(world(), vec![overwrite("a")]);
    assert_eq!(
        submit(&open(dir.path()).0, &desk.state, "r"),
        Submitted::New
    );
    desk.state.job_id = "j2".into();
    assert_eq!(
        submit(&open(dir.path()).0, &desk.state, "r"),
        Submitted::Before("j1".into())
    );
    assert_eq!(submit(&open(dir.path()).0, &desk.state, ""), Submitted::New);
    let ids: Vec<String> = open(dir.path())
        .0
        .list(10)
        .unwrap()
        .into_iter()
        .map(|v| v.job_id)
        .collect();
    assert_eq!(ids, ["j2", "j1"], "the newest first");
}

#[test]
fn a_folder_without_a_journal_and_one_of_a_later_format() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Journal::open_to_read(dir.path()).unwrap().is_none());
    drop(open(dir.path()));
    let file = dir.path().join(crate::journal::JOURNAL_FILE);
    rusqlite::Connection::open(&file)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    for error in [
        Journal::open(dir.path(), Kept::Forever, 1).map(|_| ()),
        Journal::open_to_read(dir.path()).map(|_| ()),
    ] {
        let error = error.unwrap_err();
        assert!(
            matches!(error, JournalError::Later { found: 99, .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("later version of Headworks"),
            "{error}"
        );
    }
    let error = Journal::open(Path::new("/proc/none"), Kept::Forever, 1).unwrap_err();
    assert!(error.to_string().contains("--state-dir"), "{error}");
}

#[test]
fn a_log_has_a_line_for_each_step() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut desk = Desk::new(world(), vec![overwrite("a")]);
    submit(&journal, &desk.state, "");
    desk.run_until(|_| false);
    for action in &desk.done {
        if let Action::Journal(record) = action {
            let view = job_view(&desk.state, &Default::default());
            journal
                .append("j1", std::slice::from_ref(record), &view, 5_000)
                .unwrap();
        }
    }
    let lines: Vec<String> = journal
        .log("j1")
        .unwrap()
        .into_iter()
        .map(|line| line.line)
        .collect();
    assert_eq!(lines[0], "submitted");
    assert!(
        lines.contains(&"source `s`: 2 files, 610 bytes".to_owned()),
        "{lines:#?}"
    );
    assert!(
        lines.contains(&"model `a`, wave 1: begins, 3 splits, 220 bytes".to_owned()),
        "{lines:#?}"
    );
    assert!(
        lines.contains(&"model `a`: committed version 1".to_owned()),
        "{lines:#?}"
    );
    assert_eq!(lines.last().unwrap(), "done");
    assert!(journal.log("none").unwrap().is_empty());
}

/// A scheduler that dies between the log entry of a commit and the journal's
/// record of it: the next one finds the commit. If it was of a version that
/// committed the quarantine behind the table, the bad records are brought there.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_journal_did_not_hear_of_is_found() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    let job_id = view.job_id;
    let lake = bench.lake();
    let rows = bench.rows("a");
    // Back to the instant after the entry: journal and quarantine know nothing.
    let quarantine = std::path::PathBuf::from(&lake).join("_quarantine/s");
    let pending = quarantine.join("_headworks/pending");
    std::fs::create_dir_all(&pending).unwrap();
    let (journal, state_dir) = (&bench.journal, bench.dir.path().join("state"));
    let file = rusqlite::Connection::open(journal.path()).unwrap();
    for wave in &journal.load(&job_id).unwrap().unwrap().models[0].waves {
        for scan in &wave.result.as_ref().unwrap().scans {
            for file in &scan.quarantine {
                std::fs::rename(quarantine.join(&file.path), quarantine.join(&file.temp)).unwrap();
            }
        }
    }
    std::fs::remove_dir_all(quarantine.join("_headworks/log")).unwrap();
    for mark in ["settled.json", "manifest.json"] {
        let _ = std::fs::remove_file(quarantine.join("_headworks").join(mark));
    }
    let mut shown = journal.view(&job_id).unwrap().unwrap();
    shown.models[0] = v1::ModelView {
        table: "a".into(),
        state: "running".into(),
        ..Default::default()
    };
    shown.set_state(v1::JobState::Committing);
    file.execute_batch(
        "UPDATE jobs SET ended_at_ms = NULL, state = 'committing', instance = 'dead';
         UPDATE models SET state = 'running', version = NULL;
         DELETE FROM commits WHERE quarantine_of IS NOT NULL;
         UPDATE commits SET state = 'intended', version = NULL;",
    )
    .unwrap();
    file.execute("UPDATE jobs SET view = ?1", [shown.encode_to_vec()])
        .unwrap();

    let (next, orphans) = Journal::open(&state_dir, Kept::Forever, now_ms()).unwrap();
    assert_eq!(orphans, [job_id.as_str()]);
    let next = Arc::new(next);
    recovery::recover(&next, &TableLocks::default(), &orphans).await;

    let found = next.view(&job_id).unwrap().unwrap();
    assert_eq!(found.state(), v1::JobState::Interrupted);
    assert_eq!(
        (found.models[0].state.as_str(), found.models[0].version),
        ("committed", 1)
    );
    assert_eq!(Some(found.models[0].rows), rows);
    let job = next.load(&job_id).unwrap().unwrap();
    let done: Vec<(String, Option<u64>)> = job
        .commits
        .iter()
        .map(|c| (c.commit_id.clone(), c.version))
        .collect();
    assert_eq!(done[0], (commit_id(&job_id, 0, None), Some(1)));
    let quarantine = Table::open(TableLocation::quarantine(&lake, "s").unwrap());
    assert_eq!(quarantine.snapshot().unwrap().unwrap().rows(), 2);
    assert!(found.finished_at_ms > 0);
    assert_eq!(
        Journal::open(&state_dir, Kept::Forever, now_ms())
            .unwrap()
            .1,
        [""; 0]
    );
    // And once more: nothing is done twice.
    recovery::recover(&next, &TableLocks::default(), &orphans).await;
    assert_eq!(quarantine.snapshot().unwrap().unwrap().version, 1);
}

/// A scheduler that dies between the log entry of a quarantine and the journal's
/// record of it, before the model commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_the_journal_did_not_hear_of_is_found() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    let (job_id, lake) = (view.job_id, std::path::PathBuf::from(bench.lake()));
    std::fs::remove_dir_all(lake.join("a")).unwrap();
    let file = rusqlite::Connection::open(bench.journal.path()).unwrap();
    file.execute_batch(
        "UPDATE jobs SET ended_at_ms = NULL, state = 'committing', instance = 'dead';
         UPDATE models SET state = 'running', version = NULL;
         DELETE FROM commits WHERE quarantine_of IS NULL;
         UPDATE commits SET state = 'intended', version = NULL;",
    )
    .unwrap();
    let state_dir = bench.dir.path().join("state");
    // The first scheduler that starts cannot reach the lake.
    let away = lake.with_extension("away");
    std::fs::rename(&lake, &away).unwrap();
    std::fs::write(&lake, "").unwrap();
    let open = || Journal::open(&state_dir, Kept::Forever, now_ms()).unwrap();
    let (first, orphans) = open();
    assert_eq!(orphans, [job_id.as_str()]);
    let first = Arc::new(first);
    recovery::recover(&first, &TableLocks::default(), &orphans).await;
    let seen = first.view(&job_id).unwrap().unwrap();
    assert_eq!(seen.state(), v1::JobState::Interrupted);
    assert_eq!(
        first.load(&job_id).unwrap().unwrap().commits[0].version,
        None
    );
    std::fs::remove_file(&lake).unwrap();
    std::fs::rename(&away, &lake).unwrap();

    let (next, orphans) = open();
    assert_eq!(orphans, [job_id.as_str()], "tried again");
    let next = Arc::new(next);
    recovery::recover(&next, &TableLocks::default(), &orphans).await;
    assert_eq!(open().1, [""; 0]);
    let job = next.load(&job_id).unwrap().unwrap();
    let done: Vec<_> = job
        .commits
        .iter()
        .map(|c| (c.quarantine_of.as_deref(), c.version))
        .collect();
    assert_eq!(done, [(Some("s"), Some(1))]);
    assert_eq!(job.models[0].state, "running", "its table has no version");
    assert_eq!(bench.rows("a"), None);
}

/// A scheduler that stops lets go of its jobs; the next one shows them.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_stops_leaves_its_jobs_interrupted() {
    let engine = FakeEngine::scripted(world(), [super::engine::Script::WaitsForCancel]);
    let bench = Bench::new(&engine);
    let job_id = bench.submit(vec![overwrite("a")]).await;
    engine.wave_begins.notified().await;
    bench.registry.shutdown().await;
    let view = bench.registry.view(&job_id).await.unwrap();
    assert_eq!(view.state(), v1::JobState::Interrupted);
    assert!(
        bench
            .registry
            .submit("{}".into(), String::new())
            .await
            .is_err()
    );
    let job = bench.journal.load(&job_id).unwrap().unwrap();
    assert_eq!(job.models[0].waves[0].state, "interrupted");
}
