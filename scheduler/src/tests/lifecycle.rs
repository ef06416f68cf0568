//! The decisions, event by event: what follows from what.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::api::{WaveDiscard, WaveOutcome};
use headworks_lake::Snapshot;

use super::desk::{Desk, is_wave};
use super::world::{World, append, model, overwrite, pending};
use crate::driver::{
    Action, ErrorClass, Event, ModelStatus, ModelWork, Outcome, Phase, Record, job_view,
};

pub(crate) fn table(version: u64, world: &World) -> Arc<Snapshot> {
    super::world::table(version, world, &[])
}

fn run_again(reason: &str, file: &str) -> Event {
    let discard = WaveDiscard {
        files: vec![pending(file, 1)],
        quarantine: BTreeMap::new(),
    };
    Event::WaveEnded {
        outcome: WaveOutcome::RunAgain {
            reason: reason.into(),
            discard,
        },
        executor_lost: false,
    }
}

fn failed(class: &str, executor_lost: bool) -> Event {
    let discard = WaveDiscard {
        files: vec![pending("lost", 1)],
        quarantine: BTreeMap::new(),
    };
    let outcome = WaveOutcome::Failed {
        class: class.into(),
        error: "f0.xml: byte 7".into(),
        discard,
    };
    Event::WaveEnded {
        outcome,
        executor_lost,
    }
}

#[test]
fn a_job_of_two_models_commits_them_in_order() {
    let models = vec![
        overwrite("a"),
        model("b", headworks_spec::WriteMode::Overwrite, &[], &["a"]),
    ];
    let mut desk = Desk::new(World::new(&[250, 30, 0]), models);
    assert!(desk.run_until(|_| false).is_none());
    desk.assert_done();
    let commits = desk.commits();
    assert_eq!(commits.len(), 2);
    assert_eq!((commits[0].model, commits[1].model), (0, 1));
    let covered: Vec<(&str, u64)> = commits[0]
        .inputs
        .iter()
        .map(|i| (i.path.as_str(), i.bytes_covered))
        .collect();
    assert_eq!(covered, [("f0.xml", 250), ("f1.xml", 30), ("f2.xml", 0)]);
    let view = job_view(&desk.state, &Default::default());
    let source = &view.sources[0];
    assert_eq!((source.files, source.bytes, source.read), (3, 280, 28));
    assert_eq!(
        (source.written, source.filtered, source.quarantined),
        (20, 8, 0)
    );
    assert_eq!(view.models[0].rows, 20);
    assert_eq!((view.waves_run, view.waves_rerun), (2, 0));
    assert!(desk.discarded().is_empty());
}

#[test]
fn what_is_acted_on_is_journaled_before() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|_| false);
    let position = |wanted: &dyn Fn(&Action) -> bool| desk.done.iter().position(wanted).unwrap();
    let started = position(&|a| matches!(a, Action::Journal(Record::WaveStarted { .. })));
    let run = position(&is_wave);
    let accepted = position(&|a| matches!(a, Action::Journal(Record::WaveAccepted { .. })));
    let intended = position(&|a| matches!(a, Action::Journal(Record::CommitIntended { .. })));
    let commit = position(&|a| matches!(a, Action::Commit(_)));
    let ended = position(&|a| matches!(a, Action::Journal(Record::Ended { .. })));
    let end = position(&|a| matches!(a, Action::End(_)));
    let order = [started, run, accepted, intended, commit, ended, end];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_wave_is_run_again_a_bounded_number_of_times_and_each_attempt_has_its_own_number() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(is_wave);
    for attempt in 1..=2 {
        let actions = desk.tell(run_again("a stage was tried again", &format!("x{attempt}")));
        let Some(Action::RunWave { attempt: next, .. }) = actions.last() else {
            panic!("{actions:?}")
        };
        assert_eq!(*next, attempt);
    }
    desk.tell(run_again("a stage was tried again", "x3"));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(
        desk.error().contains("was run 3 times")
            && desk.error().contains("a stage was tried again")
    );
    assert_eq!(desk.discarded(), ["x1.parquet", "x2.parquet", "x3.parquet"]);
    assert_eq!((desk.state.waves_run, desk.state.waves_rerun), (3, 2));
}

#[test]
fn failures_by_class() {
    // (class, executor lost, whether the wave runs again)
    let cases = [
        ("engine", true, true),
        ("engine", false, false),
        ("input", true, false),
        ("lake", true, false),
        ("configuration", false, false),
    ];
    for (class, lost, again) in cases {
        let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
        desk.run_until(is_wave);
        let actions = desk.tell(failed(class, lost));
        assert_eq!(desk.discarded(), ["lost.parquet"], "{class}");
        assert_eq!(actions.iter().any(is_wave), again, "{class}, {lost}");
        if !again {
            assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
            assert_eq!(
                desk.state.failure.as_ref().and_then(|f| f.class),
                Some(ErrorClass::parse(class))
            );
            assert_eq!(desk.state.models[0].status, ModelStatus::Failed);
            assert!(desk.error().contains("f0.xml: byte 7"));
        }
    }
}

#[test]
fn a_failed_job_discards_what_its_model_wrote_and_keeps_the_quarantine_marked() {
    let mut world = World::new(&[600]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    let mut desk = Desk::new(world, vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 1));
    let actions = desk.tell(failed("input", false));
    assert_eq!(desk.discarded(), ["lost.parquet", "d-0-0.parquet"]);
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let commits = desk.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].quarantine_of.as_deref(), Some("s"));
    assert!(commits[0].failed);
    assert_eq!(commits[0].files.len(), 1);
    assert!(
        desk.error().contains("byte 7"),
        "the cause stays: {}",
        desk.error()
    );
}

/// The models that put bad records into quarantine, and how many.
fn quarantined(desk: &Desk) -> Vec<(usize, u64)> {
    let commits = desk.commits().into_iter();
    commits
        .filter(|c| c.quarantine_of.is_some())
        .map(|c| (c.model, c.files.iter().map(|f| f.rows).sum()))
        .collect()
}

#[test]
fn a_source_read_by_two_models_is_quarantined_once() {
    let mut world = World::new(&[250]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 240]);
    let mut desk = Desk::new(world, vec![overwrite("a"), overwrite("b")]);
    desk.run_until(|_| false);
    desk.assert_done();
    let expected = [(0, Some("s")), (0, None), (1, None)];
    assert_eq!(desk.committed_to(), expected);
    assert_eq!(desk.commits()[0].files.len(), 2);
    assert!(!desk.commits()[0].failed);
    assert!(desk.discarded().is_empty());
}

#[test]
fn what_is_bad_for_a_later_model_alone_goes_to_quarantine_with_that() {
    let mut world = World::new(&[250]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    let mut desk = Desk::new(world, vec![overwrite("a"), overwrite("b")]);
    let is_second = |a: &Action| matches!(a, Action::Plan(work) if work.model == 1);
    let plan = desk.run_until(is_second).unwrap();
    // The second model reads columns that the first did not.
    desk.world.files.get_mut("f0.xml").unwrap().bad.insert(130);
    desk.go_on(vec![plan]);
    desk.assert_done();
    assert_eq!(quarantined(&desk), [(0, 1), (1, 1)]);
    let warnings = desk.state.warnings.lines();
    assert!(
        warnings[0].contains("1 more bad records of source `s` went to quarantine with model `b`"),
        "{warnings:?}"
    );
}

#[test]
fn two_models_that_read_parts_of_a_source_quarantine_each_file_once() {
    let mut world = World::new(&[250, 30]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 240]);
    world.files.get_mut("f1.xml").unwrap().bad.insert(10);
    // The first model has the first file already; the second reads both.
    let mut desk = Desk::new(world, vec![append("a"), overwrite("b")]);
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250])));
    desk.run_until(|_| false);
    desk.assert_done();
    assert_eq!(quarantined(&desk), [(0, 1), (1, 2)]);
}

#[test]
fn append_leaves_out_what_the_ledger_has() {
    let old = World::new(&[250]);
    let mut desk = Desk::new(World::new(&[250, 30]), vec![append("a")]);
    desk.tables.insert("a".into(), table(7, &old));
    desk.run_until(|_| false);
    desk.assert_done();
    let commits = desk.commits();
    let paths: Vec<&str> = commits[0].inputs.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["f1.xml"]);
    assert_eq!(
        commits[0].base,
        Some(7),
        "another job may have taken it in since"
    );

    // Nothing new at all: nothing runs, nothing is committed.
    let mut desk = Desk::new(World::new(&[250]), vec![append("a"), overwrite("b")]);
    desk.tables.insert("a".into(), table(7, &old));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(desk.state.models[0].version, 7);
    assert_eq!(
        desk.commits().iter().map(|c| c.model).collect::<Vec<_>>(),
        [1]
    );
}

#[test]
fn a_join_is_not_appended_in_part() {
    let joined = model("a", headworks_spec::WriteMode::Append, &["s", "t"], &[]);
    let mut desk = Desk::new(World::new(&[250, 30]), vec![joined]);
    desk.row_wise = false;
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250])));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(
        desk.state.failure.as_ref().unwrap().class,
        Some(ErrorClass::Configuration)
    );
    assert!(
        desk.error().contains("2 of their files were taken in")
            && desk.error().contains("2 are new")
    );
}

#[test]
fn an_overtaken_append_begins_anew_without_what_the_other_took() {
    let mut desk = Desk::new(World::new(&[250, 30]), vec![append("a")]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tables
        .insert("a".into(), table(1, &World::new(&[250])));
    let actions = desk.tell(Event::Overtaken("f0.xml was taken in by job j0".into()));
    assert_eq!(desk.discarded(), ["d-0-0.parquet", "d-1-0.parquet"]);
    desk.go_on(actions);
    desk.assert_done();
    let last = desk.commits().pop().unwrap().clone();
    assert_eq!(
        last.inputs
            .iter()
            .map(|i| i.path.as_str())
            .collect::<Vec<_>>(),
        ["f1.xml"]
    );
    let attempts: Vec<u32> = desk
        .done
        .iter()
        .filter_map(|a| match a {
            Action::RunWave { wave, attempt } if wave.index == 0 => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [0, 1], "file names must never be used twice");
}

#[test]
fn an_event_out_of_turn_fails_the_job_and_says_so() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::Plan(_)));
    desk.tell(Event::Committed {
        version: 1,
        unsettled: None,
    });
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(
        desk.error().contains("heard `committed` in phase Planning"),
        "{}",
        desk.error()
    );
}

#[test]
fn legal_phases_are_those_written_down() {
    use Phase::{
        Committing, Ended, Opening, Planning, Quarantining, Queued, Resettling, Running, Settling,
        Staging,
    };
    let legal = [
        (Queued, Settling { source: 0 }),
        (Settling { source: 0 }, Settling { source: 1 }),
        (Settling { source: 1 }, Opening { model: 0 }),
        (
            Running { model: 1, wave: 2 },
            Resettling {
                model: 1,
                source: 0,
            },
        ),
        (
            Opening { model: 1 },
            Resettling {
                model: 1,
                source: 0,
            },
        ),
        (
            Resettling {
                model: 1,
                source: 0,
            },
            Resettling {
                model: 1,
                source: 2,
            },
        ),
        (
            Resettling {
                model: 1,
                source: 0,
            },
            Opening { model: 1 },
        ),
        (Opening { model: 0 }, Planning { model: 0 }),
        (Planning { model: 0 }, Running { model: 0, wave: 0 }),
        (Running { model: 0, wave: 0 }, Running { model: 0, wave: 1 }),
        (Running { model: 0, wave: 1 }, Committing { model: 0 }),
        (
            Running { model: 0, wave: 1 },
            Quarantining { model: 0, at: 0 },
        ),
        (
            Quarantining { model: 0, at: 0 },
            Quarantining { model: 0, at: 1 },
        ),
        (Quarantining { model: 0, at: 1 }, Committing { model: 0 }),
        (Quarantining { model: 0, at: 1 }, Ended(Outcome::Cancelled)),
        (Committing { model: 0 }, Opening { model: 1 }),
        (Running { model: 0, wave: 1 }, Ended(Outcome::Failed)),
        (Running { model: 0, wave: 1 }, Staging { model: 0 }),
        (Staging { model: 0 }, Running { model: 0, wave: 2 }),
        (Staging { model: 0 }, Quarantining { model: 0, at: 0 }),
        (Staging { model: 0 }, Ended(Outcome::Cancelled)),
    ];
    for (from, to) in legal {
        assert!(from.may_become(to), "{from:?} to {to:?}");
    }
    let illegal = [
        (Queued, Running { model: 0, wave: 0 }),
        (
            Resettling {
                model: 0,
                source: 0,
            },
            Resettling {
                model: 0,
                source: 0,
            },
        ),
        (
            Resettling {
                model: 0,
                source: 0,
            },
            Opening { model: 1 },
        ),
        (
            Resettling {
                model: 0,
                source: 0,
            },
            Ended(Outcome::Done),
        ),
        (Opening { model: 0 }, Committing { model: 0 }),
        (Running { model: 0, wave: 0 }, Running { model: 0, wave: 2 }),
        (Running { model: 0, wave: 0 }, Opening { model: 1 }),
        (Running { model: 0, wave: 0 }, Ended(Outcome::Done)),
        (Committing { model: 0 }, Committing { model: 0 }),
        (Committing { model: 0 }, Quarantining { model: 0, at: 0 }),
        (Quarantining { model: 0, at: 0 }, Opening { model: 0 }),
        (Quarantining { model: 0, at: 0 }, Opening { model: 1 }),
        (Quarantining { model: 0, at: 0 }, Committing { model: 1 }),
        (Quarantining { model: 0, at: 0 }, Ended(Outcome::Done)),
        (
            Quarantining { model: 0, at: 1 },
            Quarantining { model: 0, at: 0 },
        ),
        (Staging { model: 0 }, Committing { model: 0 }),
        (Staging { model: 0 }, Running { model: 1, wave: 0 }),
        (Staging { model: 0 }, Ended(Outcome::Done)),
        (Ended(Outcome::Done), Opening { model: 0 }),
        (Ended(Outcome::Failed), Ended(Outcome::Done)),
    ];
    for (from, to) in illegal {
        assert!(!from.may_become(to), "{from:?} to {to:?}");
    }
}

#[test]
fn the_work_of_a_model_names_its_inputs_and_what_was_read_before() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a"), overwrite("b")]);
    desk.run_until(|_| false);
    let works: Vec<&ModelWork> = desk
        .done
        .iter()
        .filter_map(|a| {
            if let Action::Plan(work) = a {
                Some(work)
            } else {
                None
            }
        })
        .collect();
    assert!(works[0].revisits.is_empty());
    assert_eq!(works[1].revisits, ["s"]);
    assert_eq!(works[1].inputs["s"].len(), 1);
}

/// Two jobs overwrote one lake; the second one's model read files that the
/// first one's commit had removed, and its job failed.
#[test]
fn a_model_whose_input_table_was_overwritten_begins_anew() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::RunWave { .. }));
    let actions = desk.tell(Event::WaveEnded {
        outcome: WaveOutcome::Failed {
            class: headworks_engine::api::STALE.to_owned(),
            error: "contracts/a.parquet not found".to_owned(),
            discard: WaveDiscard::default(),
        },
        executor_lost: false,
    });
    assert!(
        actions.iter().any(|a| matches!(a, Action::Open(0))),
        "{actions:?}"
    );
    desk.go_on(actions);
    desk.assert_done();
}
