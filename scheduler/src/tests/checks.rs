//! Checks before the commit: which are made when, and what follows from what
//! they find.

use std::sync::atomic::Ordering;

use headworks_engine::api::{CheckOutcome, STALE};
use headworks_proto::v1;
use headworks_spec::Severity::{Error, Warn};

use super::desk::Desk;
use super::engine::{FakeEngine, Script};
use super::jobs::Bench;
use super::lifecycle::table;
use super::world::{World, append, checked, found, overwrite};
use crate::driver::{Action, ErrorClass, Event, Outcome, Phase, Record, job_view};

fn is_check(action: &Action) -> bool {
    matches!(action, Action::Check { .. })
}

fn ended(outcome: CheckOutcome, executor_lost: bool) -> Event {
    Event::CheckEnded {
        outcome,
        looked_at: 0,
        executor_lost,
    }
}

/// Model, check and attempt of each check that was asked for.
fn asked(desk: &Desk) -> Vec<(usize, usize, u32)> {
    let asked = desk.done.iter().filter_map(|action| match action {
        Action::Check {
            model,
            check,
            attempt,
            ..
        } => Some((*model, *check, *attempt)),
        _ => None,
    });
    asked.collect()
}

#[test]
fn checks_are_made_between_audit_and_commit_each_journaled_before() {
    let models = vec![checked(overwrite("a"), &[("x", Error), ("y", Warn)])];
    let mut desk = Desk::new(World::new(&[250]), models);
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(asked(&desk), [(0, 0, 0), (0, 1, 0)]);
    let at = |wanted: &dyn Fn(&Action) -> bool| desk.done.iter().position(wanted).unwrap();
    let order = [
        at(&|a| matches!(a, Action::Journal(Record::WaveAccepted { .. }))),
        at(&|a| matches!(a, Action::Journal(Record::CheckStarted { check: 0, .. }))),
        at(&|a| {
            matches!(
                a,
                Action::Check {
                    check: 0,
                    candidate: Some(_),
                    ..
                }
            )
        }),
        at(&|a| matches!(a, Action::Journal(Record::CheckFound { check: 0, .. }))),
        at(&|a| matches!(a, Action::Journal(Record::CheckStarted { check: 1, .. }))),
        at(&|a| {
            matches!(
                a,
                Action::Check {
                    check: 1,
                    candidate: None,
                    ..
                }
            )
        }),
        at(&|a| matches!(a, Action::Journal(Record::CommitIntended { .. }))),
        at(&|a| matches!(a, Action::Commit(_))),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let view = job_view(&desk.state, &Default::default());
    let shown: Vec<(&str, &str, bool)> = view
        .checks
        .iter()
        .map(|c| (c.name.as_str(), c.severity.as_str(), c.passed))
        .collect();
    assert_eq!(shown, [("x", "error", true), ("y", "warn", true)]);
}

#[test]
fn what_is_looked_at_is_what_is_committed() {
    for (model, version, checked_over) in [(append("a"), 7, Some(7)), (overwrite("a"), 7, None)] {
        let mut desk = Desk::new(
            World::new(&[250, 30]),
            vec![checked(model, &[("x", Error)])],
        );
        desk.tables
            .insert("a".into(), table(version, &World::new(&[250])));
        let Some(Action::Check {
            candidate: Some(candidate),
            ..
        }) = desk.run_until(is_check)
        else {
            panic!("no check")
        };
        let event = desk.answer(&desk.done.last().unwrap().clone()).unwrap();
        let actions = desk.tell(event);
        desk.go_on(actions);
        let commits = desk.commits();
        assert_eq!(commits[0].files, candidate.files);
        assert_eq!(commits[0].inputs, candidate.inputs);
        assert_eq!(
            commits[0].checked, checked_over,
            "an overwrite keeps no row"
        );
    }
}

#[test]
fn a_check_that_fails_leaves_the_table_and_all_of_them_are_told() {
    let mut world = World::new(&[600]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    let checks = [("x", Error), ("y", Warn), ("z", Error), ("good", Error)];
    let mut desk = Desk::new(
        world,
        vec![checked(overwrite("a"), &checks), overwrite("b")],
    );
    for (name, rows) in [("x", 12), ("y", 1), ("z", 1)] {
        desk.findings.insert(name.into(), found(rows));
    }
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let class = desk.state.failure.as_ref().and_then(|f| f.class);
    assert_eq!(class, Some(ErrorClass::Check));
    assert_eq!(asked(&desk).len(), 4, "the others are made all the same");
    for part in [
        "model `a` is not committed",
        "check `x` failed for 12 rows, such as {\"id\":0}, {\"id\":1}, {\"id\":2}; check `z` failed for 1 row, such as",
        "the table is unchanged",
        "`severity: warn`",
    ] {
        assert!(desk.error().contains(part), "{part}: {}", desk.error());
    }
    assert!(!desk.error().contains("`y`"));
    assert_eq!(
        desk.state.warnings.lines(),
        ["model `a`: check `y` failed for 1 row, such as {\"id\":0}"]
    );
    // What the model wrote goes; its bad records are kept, and marked.
    assert_eq!(desk.discarded(), ["d-0-0.parquet", "d-1-0.parquet"]);
    let commits = desk.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].quarantine_of.as_deref(), Some("s"));
    assert!(commits[0].failed);
    let view = job_view(&desk.state, &Default::default());
    let rows: Vec<u64> = view.checks.iter().map(|c| c.failing_rows).collect();
    assert_eq!(rows, [12, 1, 1, 0]);
    assert_eq!(view.checks[0].examples.len(), 5);
    assert_eq!(view.error_class, "check");
}

#[test]
fn a_check_that_only_warns_lets_the_commit_through() {
    let mut desk = Desk::new(
        World::new(&[250]),
        vec![checked(overwrite("a"), &[("y", Warn)])],
    );
    desk.findings.insert("y".into(), found(2));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(desk.commits().len(), 1);
    assert_eq!(desk.state.warnings.lines().len(), 1);
    assert!(!job_view(&desk.state, &Default::default()).checks[0].passed);
}

#[test]
fn a_check_that_is_not_believed_is_made_again_a_bounded_number_of_times() {
    let again = || CheckOutcome::RunAgain {
        reason: "stage 1 was tried again".into(),
    };
    let failed = |class: &str| CheckOutcome::Failed {
        class: class.into(),
        error: "h2 protocol error".into(),
    };
    let mut desk = Desk::new(
        World::new(&[250]),
        vec![checked(overwrite("a"), &[("x", Error)])],
    );
    desk.run_until(is_check);
    desk.tell(ended(again(), false));
    desk.tell(ended(failed("engine"), true));
    assert_eq!(asked(&desk), [(0, 0, 0), (0, 0, 1), (0, 0, 2)]);
    desk.tell(ended(again(), false));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(
        desk.error().contains("was made 3 times") && desk.error().contains("stage 1"),
        "{}",
        desk.error()
    );
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);

    for (class, lost) in [("engine", false), ("input", true), ("configuration", false)] {
        let mut desk = Desk::new(
            World::new(&[250]),
            vec![checked(overwrite("a"), &[("x", Error)])],
        );
        desk.run_until(is_check);
        desk.tell(ended(failed(class), lost));
        let failure = desk.state.failure.as_ref().unwrap();
        assert_eq!(failure.class, Some(ErrorClass::parse(class)));
        assert!(desk.error().contains("h2 protocol"));
    }
}

/// Guards against: the findings of a round that came to nothing were shown
/// beside those of the next.
#[test]
fn a_table_that_moved_on_is_checked_again_and_each_check_stands_once() {
    let checks = [("x", Error), ("y", Error)];
    let mut desk = Desk::new(World::new(&[250]), vec![checked(append("a"), &checks)]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tables.insert("a".into(), table(3, &World::new(&[])));
    let actions = desk.tell(Event::MovedOn("job j0 has committed version 3".into()));
    assert_eq!(desk.state.phase, Phase::Checking { model: 0, check: 0 });
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(asked(&desk), [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]);
    assert_eq!(desk.commits().last().unwrap().checked, Some(3));
    assert_eq!(desk.state.checks.len(), 2);
    assert!(
        desk.discarded().is_empty(),
        "what was written is still good"
    );

    let mut desk = Desk::new(World::new(&[250]), vec![checked(append("a"), &checks)]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    for _ in 0..11 {
        let mut actions = desk.tell(Event::MovedOn("again".into()));
        while let Some(check) = actions.iter().rev().find(|a| is_check(a)).cloned() {
            let event = desk.answer(&check).unwrap();
            actions = desk.tell(event);
        }
    }
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(
        desk.error().contains("checked 11 times"),
        "{}",
        desk.error()
    );
}

#[test]
fn a_table_that_was_overwritten_while_it_was_checked_begins_anew() {
    let checks = [("x", Error), ("y", Error)];
    let mut desk = Desk::new(World::new(&[250]), vec![checked(append("a"), &checks)]);
    desk.run_until(|a| matches!(a, Action::Check { check: 1, .. }));
    let stale = CheckOutcome::Failed {
        class: STALE.into(),
        error: "a/b.parquet not found".into(),
    };
    let actions = desk.tell(ended(stale, false));
    assert!(actions.iter().any(|a| matches!(a, Action::Open(0))));
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(desk.state.checks.len(), 2);
    assert_eq!(desk.commits().len(), 1);
}

#[test]
fn a_job_that_is_stopped_while_it_checks_commits_nothing() {
    let mut world = World::new(&[250]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    let start = || {
        let mut desk = Desk::new(
            world.clone(),
            vec![checked(overwrite("a"), &[("x", Error)])],
        );
        desk.run_until(is_check);
        desk
    };
    // It runs already: it is cancelled.
    let mut desk = start();
    desk.tell(Event::WaveSubmitted("e1".into()));
    let actions = desk.tell(Event::Cancel("enough".into()));
    assert!(matches!(actions.last(), Some(Action::CancelWave(job)) if job == "e1"));
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    assert_eq!(desk.discarded().len(), 2, "data and quarantine");
    // It does not run yet: cancelled as soon as it does.
    let mut desk = start();
    assert!(
        !desk
            .tell(Event::Cancel("enough".into()))
            .iter()
            .any(|a| matches!(a, Action::CancelWave(_)))
    );
    let actions = desk.tell(Event::WaveSubmitted("e1".into()));
    assert!(matches!(actions.last(), Some(Action::CancelWave(_))));
    // It passes before the cancellation comes through.
    desk.tell(ended(CheckOutcome::Found(found(0)), false));
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    assert!(desk.commits().is_empty());
    // It does not end.
    let mut desk = start();
    desk.tell(Event::Cancel("enough".into()));
    let actions = desk.tell(Event::CancelOverdue);
    assert!(matches!(actions[0], Action::Abandon));
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    // The table could not be looked at.
    let mut desk = start();
    desk.tell(Event::Cancel("enough".into()));
    desk.tell(Event::Failed {
        class: ErrorClass::Lake,
        error: "no disk".into(),
    });
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
}

#[test]
fn phases_of_checks() {
    use Phase::{Checking, Committing, Ended, Opening, Planning, Quarantining, Running};
    let checking = |model, check| Checking { model, check };
    for (from, to, legal) in [
        (Planning { model: 0 }, checking(0, 0), true),
        (Running { model: 1, wave: 2 }, checking(1, 0), true),
        (checking(0, 0), checking(0, 0), true),
        (checking(0, 0), checking(0, 1), true),
        (checking(0, 1), Committing { model: 0 }, true),
        (Committing { model: 0 }, checking(0, 0), true),
        (checking(0, 1), Opening { model: 0 }, true),
        (checking(0, 1), Quarantining { model: 0, at: 0 }, true),
        (checking(0, 1), Ended(Outcome::Failed), true),
        (Running { model: 0, wave: 0 }, checking(0, 1), false),
        (checking(0, 0), checking(0, 2), false),
        (checking(0, 0), checking(1, 0), false),
        (checking(0, 0), Committing { model: 1 }, false),
        (checking(0, 0), Opening { model: 1 }, false),
        (checking(0, 0), Ended(Outcome::Done), false),
    ] {
        assert_eq!(from.may_become(to), legal, "{from:?} to {to:?}");
    }
}

fn world() -> World {
    let mut world = World::new(&[520, 90]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_sees_the_table_as_it_will_be_and_a_failing_one_leaves_it() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let model = || checked(append("a"), &[("x", Error), ("y", Warn)]);
    let view = bench.run(vec![model()]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    let rows = bench.rows("a").unwrap();
    assert_eq!(*engine.looked_at.lock().unwrap(), [(1, rows), (1, rows)]);

    engine.looked_at.lock().unwrap().clear();
    let more = World::new(&[520, 90, 250]);
    engine.world.lock().unwrap().files = more.files;
    engine
        .checks
        .lock()
        .unwrap()
        .push_back(CheckOutcome::Found(found(3)));
    let (files, _) = bench.files();
    let view = bench.run(vec![model()]).await;
    assert_eq!(view.state(), v1::JobState::Failed);
    assert_eq!(view.error_class, "check", "{}", view.error);
    assert_eq!(bench.rows("a"), Some(rows));
    assert_eq!(bench.files(), (files, Vec::new()), "as if it had never run");
    let looked_at = engine.looked_at.lock().unwrap().clone();
    assert_eq!(looked_at.len(), 2);
    assert!(
        looked_at.iter().all(|seen| *seen == (2, looked_at[0].1)) && looked_at[0].1 > rows,
        "the rows of before and the new ones: {looked_at:?}"
    );
    // The journal says the same once the job is no longer live.
    assert_eq!(bench.journal.view(&view.job_id).unwrap().unwrap(), view);
    let job = bench.journal.load(&view.job_id).unwrap().unwrap();
    let kept: Vec<_> = job.models[0]
        .checks
        .iter()
        .map(|c| (c.check, c.state.as_str(), c.found.clone().unwrap()))
        .collect();
    assert_eq!(kept, [(0, "found", found(3)), (1, "found", found(0))]);

    // The rows are let in when nothing is found any more.
    let view = bench.run(vec![model()]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(bench.rows("a"), Some(looked_at[0].1));
}

/// Guards against: a check that passed over rows that another job's commit had
/// changed before its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_job_in_between_is_checked_too() {
    let engine = FakeEngine::scripted(world(), [Script::Sound, Script::Sound]);
    let bench = Bench::new(&engine);
    let view = bench.run(vec![append("a")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    let before = bench.rows("a").unwrap();

    // The job is held while it checks; another one appends other files.
    engine.holds_checks.store(true, Ordering::Relaxed);
    engine.world.lock().unwrap().files = World::new(&[520, 90, 250]).files;
    let held = bench
        .submit(vec![checked(append("a"), &[("x", Error)])])
        .await;
    while engine.looked_at.lock().unwrap().is_empty() {
        engine.wave_begins.notified().await;
    }
    let mut files = World::new(&[]).files;
    files.insert("other.xml".into(), super::world::FakeFile::new(400));
    let ours = std::mem::replace(&mut engine.world.lock().unwrap().files, files);
    let other = bench.run(vec![append("a")]).await;
    assert_eq!(other.state(), v1::JobState::Done, "{}", other.error);
    engine.world.lock().unwrap().files = ours;
    let between = bench.rows("a").unwrap();
    engine.holds_checks.store(false, Ordering::Relaxed);
    // It passes, over a table that is there no more.
    headworks_engine::api::Engine::cancel(engine.as_ref(), "").await;
    let view = bench.wait(&held).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    let seen = engine.looked_at.lock().unwrap().clone();
    let after = bench.rows("a").unwrap();
    assert!(before < between && between < after);
    assert_eq!(seen.len(), 2, "checked again: {seen:?}");
    assert_eq!(seen[1], (3, after));
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_cannot_be_made_are_found_before_anything_runs() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let view = bench
        .run(vec![checked(overwrite("a"), &[("absurd", Error)])])
        .await;
    assert_eq!(view.state(), v1::JobState::Failed);
    assert_eq!(view.error_class, "configuration", "{}", view.error);
    assert_eq!(view.waves_run, 0);

    let mut model = checked(overwrite("a"), &[("x", Error)]);
    model.checks[0].reads = vec!["nowhere".into()];
    let view = bench.run(vec![model]).await;
    assert_eq!(view.error_class, "configuration", "{}", view.error);
    assert!(
        view.error.contains("reads table `nowhere`"),
        "{}",
        view.error
    );
    assert_eq!(view.waves_run, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_stops_while_it_checks_leaves_the_check_interrupted() {
    let engine = FakeEngine::new(world());
    engine.holds_checks.store(true, Ordering::Relaxed);
    let bench = Bench::new(&engine);
    let job_id = bench
        .submit(vec![checked(overwrite("a"), &[("x", Error)])])
        .await;
    while engine.looked_at.lock().unwrap().is_empty() {
        engine.wave_begins.notified().await;
    }
    bench.registry.shutdown().await;
    let view = bench.registry.view(&job_id).await.unwrap();
    assert_eq!(view.state(), v1::JobState::Interrupted);
    let job = bench.journal.load(&job_id).unwrap().unwrap();
    assert_eq!(job.models[0].checks[0].state, "interrupted");
    assert_eq!(bench.rows("a"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_stopped_while_it_checks() {
    let engine = FakeEngine::new(world());
    engine.holds_checks.store(true, Ordering::Relaxed);
    let bench = Bench::new(&engine);
    let job_id = bench
        .submit(vec![checked(overwrite("a"), &[("x", Error)])])
        .await;
    while engine.looked_at.lock().unwrap().is_empty() {
        engine.wave_begins.notified().await;
    }
    assert!(bench.registry.cancel(&job_id, "enough").await.unwrap());
    let view = bench.wait(&job_id).await;
    assert_eq!(view.state(), v1::JobState::Cancelled, "{}", view.error);
    assert_eq!(bench.rows("a"), None);
    assert_eq!(bench.files(), (Vec::new(), Vec::new()));
}
