//! Bad records are in quarantine before the table's ledger has their files.

use std::path::PathBuf;

use headworks_lake::{LogEntry, Table, TableLocation};
use headworks_proto::v1;
use headworks_spec::{Severity, WriteMode};

use super::desk::{Desk, is_table_commit};
use super::engine::{FakeEngine, Script};
use super::jobs::Bench;
use super::world::{World, append, checked, found, model, overwrite, upsert};
use crate::driver::{Action, ErrorClass, Event, ModelStatus, Outcome, Record, commit_id};

/// One file, of two waves' length, with a bad record in each of its waves.
fn world() -> World {
    let mut world = World::new(&[520]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 310]);
    world
}

/// A desk whose model reads the files as those of two sources.
fn desk_of_two_sources() -> Desk {
    let joined = model("a", WriteMode::Overwrite, &["s", "t"], &[]);
    let mut desk = Desk::new(world(), vec![joined]);
    desk.row_wise = false;
    desk
}

fn is_quarantine_of(action: &Action, source: &str) -> bool {
    matches!(action, Action::Commit(work) if work.quarantine_of.as_deref() == Some(source))
}

fn refused() -> Event {
    Event::Failed {
        class: ErrorClass::Configuration,
        error: "the log is a file".into(),
    }
}

/// Files that stand in commits of this source's quarantine.
fn files_for(desk: &Desk, source: &str) -> Vec<String> {
    let commits = desk.commits().into_iter();
    let commits = commits.filter(|c| c.quarantine_of.as_deref() == Some(source));
    let files = commits.flat_map(|c| &c.files);
    files.map(|file| file.path.clone()).collect()
}

#[test]
fn the_quarantine_is_committed_before_the_table_source_by_source() {
    let upserting = checked(upsert("a"), &[("x", Severity::Error)]);
    let mut two_sources = desk_of_two_sources();
    let mut one_source = Desk::new(world(), vec![upserting]);
    let cases = [
        (&mut two_sources, vec![Some("s"), Some("t"), None]),
        (&mut one_source, vec![Some("s"), None]),
    ];
    for (desk, expected) in cases {
        desk.run_until(|_| false);
        desk.assert_done();
        let mut steps = Vec::new();
        for action in &desk.done {
            match action {
                Action::Journal(Record::CommitIntended { quarantine_of, .. }) => {
                    steps.push(("intended", quarantine_of.clone()));
                }
                Action::Commit(work) => steps.push(("tried", work.quarantine_of.clone())),
                Action::Journal(Record::Committed { quarantine_of, .. }) => {
                    steps.push(("done", quarantine_of.clone()));
                }
                Action::Journal(Record::CheckFound { .. }) => steps.push(("checked", None)),
                _ => {}
            }
        }
        steps.retain(|(step, _)| *step != "checked" || desk.state.checks.is_empty());
        let expected: Vec<_> = expected
            .into_iter()
            .flat_map(|to| ["intended", "tried", "done"].map(|step| (step, to.map(str::to_owned))))
            .collect();
        assert_eq!(steps, expected);
        assert!(desk.commits().iter().all(|commit| !commit.failed));
    }
    let checks = one_source.done.iter();
    let checked_at = checks
        .clone()
        .position(|a| matches!(a, Action::Check { .. }));
    let kept_at = checks.clone().position(|a| is_quarantine_of(a, "s"));
    assert!(checked_at < kept_at, "what fails a check is no commit");
}

#[test]
fn a_quarantine_that_cannot_be_committed_fails_the_job_and_leaves_the_table() {
    let mut desk = desk_of_two_sources();
    desk.run_until(|a| is_quarantine_of(a, "s"));
    let actions = desk.tell(refused());
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(desk.state.models[0].status, ModelStatus::Failed);
    let failure = desk.state.failure.clone().unwrap();
    assert_eq!(failure.class, Some(ErrorClass::Lake));
    assert_eq!(
        failure.error,
        "the bad records of source `s` could not be put into quarantine: the log is a file; table `a` is unchanged; \
         run the job again once the cause is mended"
    );
    // What the other source has is kept, as of any job that fails.
    assert_eq!(desk.committed_to(), [(0, Some("s")), (0, Some("t"))]);
    let marked: Vec<bool> = desk.commits().iter().map(|c| c.failed).collect();
    assert_eq!(marked, [false, true]);
    let mut gone = vec!["d-0-0.parquet".to_owned()];
    gone.extend(files_for(&desk, "s"));
    assert_eq!(desk.discarded(), gone, "a refused commit named them");

    // The second one fails: the first is not committed again.
    let mut desk = desk_of_two_sources();
    desk.run_until(|a| is_quarantine_of(a, "t"));
    let actions = desk.tell(refused());
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(desk.committed_to(), [(0, Some("s")), (0, Some("t"))]);
    let kept = files_for(&desk, "s");
    assert!(kept.iter().all(|file| !desk.discarded().contains(file)));

    // It may have happened: the log may name its files.
    let mut desk = desk_of_two_sources();
    desk.run_until(|a| is_quarantine_of(a, "t"));
    desk.tell(Event::CommitUnknown("no answer".into()));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    assert!(desk.table_commits().is_empty());
}

#[test]
fn a_job_that_fails_behind_its_quarantine_does_not_commit_it_again() {
    let mut desk = desk_of_two_sources();
    desk.run_until(is_table_commit);
    desk.tell(refused());
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let expected = [(0, Some("s")), (0, Some("t")), (0, None)];
    assert_eq!(desk.committed_to(), expected);
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
}

#[test]
fn a_model_that_begins_anew_behind_its_quarantine_does_not_commit_it_twice() {
    for spec in [append("a"), upsert("a")] {
        let mut desk = Desk::new(world(), vec![spec, overwrite("b")]);
        desk.run_until(is_table_commit);
        let actions = desk.tell(Event::Overtaken("job j0 was first".into()));
        desk.go_on(actions);
        desk.assert_done();
        let expected = [(0, Some("s")), (0, None), (0, None), (1, None)];
        assert_eq!(desk.committed_to(), expected);
        let kept = files_for(&desk, "s");
        assert_eq!(kept.len(), 2);
        assert!(kept.iter().all(|file| !desk.discarded().contains(file)));
        let plans = desk.done.iter().filter_map(|action| match action {
            Action::Plan(work) => Some(work.revisits.clone()),
            _ => None,
        });
        let plans: Vec<_> = plans.collect();
        let asks = || vec!["s".to_owned()];
        assert_eq!(plans, [vec![], asks(), asks()], "what is there is left out");
        assert!(
            desk.state.warnings.lines().is_empty(),
            "{:?}",
            desk.state.warnings.lines()
        );
    }
}

/// It may read other files then, if the table was overwritten meanwhile.
#[test]
fn what_a_model_finds_bad_when_it_begins_anew_goes_to_quarantine_too() {
    let usual = commit_id("j1", 0, Some("s"));
    for (bad_before, id) in [(false, usual.clone()), (true, format!("{usual}+1"))] {
        let mut desk = Desk::new(World::new(&[520]), vec![append("a")]);
        if bad_before {
            desk.world = world();
        }
        desk.run_until(is_table_commit);
        desk.world.files.get_mut("f0.xml").unwrap().bad.insert(130);
        let actions = desk.tell(Event::Overtaken("job j0 was first".into()));
        desk.go_on(actions);
        desk.assert_done();
        let commits = desk.commits();
        let last = commits
            .iter()
            .rfind(|c| c.quarantine_of.is_some())
            .expect("a commit");
        assert_eq!(last.commit_id, id);
        let rows: u64 = last.files.iter().map(|file| file.rows).sum();
        assert_eq!(rows, 1, "that record alone");
    }
}

#[test]
fn a_table_that_moved_on_is_checked_again_and_its_quarantine_stays() {
    for findings in [0, 2] {
        let checked = checked(append("a"), &[("x", Severity::Error)]);
        let mut desk = Desk::new(world(), vec![checked]);
        desk.run_until(is_table_commit);
        desk.findings.insert("x".into(), found(findings));
        let actions = desk.tell(Event::MovedOn("job j0 was first".into()));
        desk.go_on(actions);
        let mut expected = vec![(0, Some("s")), (0, None)];
        let mut outcome = Outcome::Failed;
        if findings == 0 {
            expected.push((0, None));
            outcome = Outcome::Done;
        }
        assert_eq!(desk.state.outcome(), Some(outcome));
        assert_eq!(desk.committed_to(), expected);
        let kept = files_for(&desk, "s");
        assert!(kept.iter().all(|file| !desk.discarded().contains(file)));
    }
}

#[test]
fn a_stop_waits_for_the_commit_of_the_quarantine_in_hand_alone() {
    for fails in [false, true] {
        let mut desk = desk_of_two_sources();
        let awaited = desk.run_until(|a| is_quarantine_of(a, "s")).unwrap();
        assert!(
            desk.tell(Event::Cancel("enough".into())).len() == 1,
            "noted"
        );
        assert_eq!(desk.state.outcome(), None);
        let event = match fails {
            true => refused(),
            false => desk.answer(&awaited).unwrap(),
        };
        desk.tell(event);
        assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
        assert_eq!(desk.error(), "enough");
        assert_eq!(desk.committed_to(), [(0, Some("s"))]);
        let gone = desk.discarded();
        assert!(gone.contains(&"d-0-0.parquet".to_owned()));
        assert!(gone.iter().any(|file| file.starts_with("q-0-0-t-")));
        let kept = files_for(&desk, "s");
        assert!(kept.iter().all(|file| gone.contains(file) == fails));
        assert_eq!(desk.state.warnings.lines().len(), usize::from(fails));
    }
}

#[test]
fn without_a_journal_no_quarantine_is_committed_and_that_which_is_stays() {
    let mut desk = desk_of_two_sources();
    desk.run_until(|a| is_quarantine_of(a, "t"));
    let (done, undone) = (files_for(&desk, "s"), files_for(&desk, "t"));
    // The record of the first and the intent of the second stand in one batch.
    let actions = desk.tell(Event::JournalFailed("disk full".into()));
    assert!(!actions.iter().any(|a| matches!(a, Action::Commit(_))));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let gone = desk.discarded();
    assert!(undone.iter().all(|file| gone.contains(file)));
    assert!(!done.iter().any(|file| gone.contains(file)));
}

fn quarantine(bench: &Bench) -> Table {
    Table::open(TableLocation::quarantine(&bench.lake(), "s").unwrap())
}

/// Guards against: the table had its new version when its quarantine could not
/// be written, so the next job left the files out, and their bad records were
/// nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn bad_records_that_cannot_be_kept_are_read_again_by_the_next_job() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let folder = PathBuf::from(bench.lake()).join("_quarantine/s/_headworks");
    std::fs::create_dir_all(&folder).unwrap();
    // A file where a folder is to be.
    std::fs::write(folder.join("log"), "").unwrap();
    let view = bench.run(vec![append("a")]).await;
    assert_eq!(view.state(), v1::JobState::Failed);
    assert_eq!(view.error_class, "lake");
    for part in ["could not be put into quarantine", "table `a` is unchanged"] {
        assert!(view.error.contains(part), "{part}: {}", view.error);
    }
    assert_eq!(view.models[0].state, "failed");
    assert_eq!(bench.rows("a"), None);
    std::fs::remove_file(folder.join("log")).unwrap();
    // What cannot be discarded there either is hidden, and `lake gc`'s.
    let (visible, hidden) = bench.files();
    assert_eq!((visible.len(), hidden.len()), (0, 2), "{hidden:?}");

    let view = bench.run(vec![append("a")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!((view.sources[0].read, view.sources[0].quarantined), (52, 2));
    assert_eq!(bench.rows("a"), Some(view.sources[0].written));
    let kept = quarantine(&bench).snapshot().unwrap().unwrap();
    assert_eq!((kept.version, kept.rows()), (1, 2), "each once");
    assert_eq!(bench.files().1, hidden);
}

/// Rows that each job has put into quarantine, commit by commit.
fn by_job(log: &[LogEntry]) -> Vec<(&str, u64)> {
    let entries = log.iter();
    entries.map(|e| (e.job_id.as_str(), e.rows())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_that_was_overtaken_keeps_its_bad_records_once() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let first = bench.run(vec![upsert("a")]).await;
    let scripts = [Script::WaitsForGo];
    engine.scripts.lock().unwrap().extend(scripts);
    let slow = bench.submit(vec![upsert("a")]).await;
    engine.wave_begins.notified().await;
    while !engine.scripts.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let other = bench.run(vec![upsert("a")]).await;
    assert_eq!(other.state(), v1::JobState::Done, "{}", other.error);
    engine.go.notify_one();
    let view = bench.wait(&slow).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(view.models[0].version, 3);
    let lines = bench.journal.log(&slow).unwrap();
    assert!(lines.iter().any(|line| line.line.contains("begins anew")));
    let log = quarantine(&bench).log().unwrap();
    let expected = [
        (first.job_id.as_str(), 2),
        (other.job_id.as_str(), 2),
        (slow.as_str(), 2),
    ];
    assert_eq!(by_job(&log), expected);
    assert_eq!(view.sources[0].quarantined, 2);
    assert_eq!(
        bench.files().1,
        Vec::<String>::new(),
        "nothing hidden is left"
    );
}
