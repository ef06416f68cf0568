//! The decisions, event by event: what follows from what.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::api::{WaveDiscard, WaveOutcome};
use headworks_lake::Snapshot;
use headworks_spec::ModelSpec;

use super::world::{World, append, job, model, overwrite, pending};
use crate::driver::{
    Action, CommitWork, ErrorClass, Event, JobState, ModelStatus, ModelWork, Outcome, Phase, Record, job_view, step,
};

/// A driver without a shell: answers each awaited action as a sound world would.
pub(crate) struct Desk {
    pub(crate) state: JobState,
    pub(crate) world: World,
    pub(crate) row_wise: bool,
    /// All actions so far.
    pub(crate) done: Vec<Action>,
    /// Tables that exist: name to version and inputs.
    pub(crate) tables: BTreeMap<String, Arc<Snapshot>>,
    now_ms: u64,
}

impl Desk {
    pub(crate) fn new(world: World, models: Vec<ModelSpec>) -> Self {
        let state = JobState::new("j1".into(), job("/lake", models), 1_000);
        Self { state, world, row_wise: true, done: Vec::new(), tables: BTreeMap::new(), now_ms: 1_000 }
    }

    /// One event; returns its actions.
    pub(crate) fn tell(&mut self, event: Event) -> Vec<Action> {
        self.now_ms += 1;
        let actions = step(&mut self.state, event, self.now_ms);
        self.done.extend(actions.iter().cloned());
        actions
    }

    /// The event with which a sound world answers an awaited action.
    pub(crate) fn answer(&self, action: &Action) -> Option<Event> {
        Some(match action {
            Action::Settle(source) => {
                Event::Settled(Box::new(self.world.settled(&self.state.spec.sources[*source])))
            }
            Action::Open(model) => Event::Opened(self.tables.get(&self.state.spec.models[*model].name).cloned()),
            Action::Plan(work) => Event::Planned(Box::new(self.world.plan(&work.inputs, self.row_wise))),
            Action::RunWave { wave, attempt } => accepted(&self.world, wave, *attempt),
            Action::CancelWave(_) => Event::WaveEnded {
                outcome: WaveOutcome::Cancelled { discard: WaveDiscard::default() },
                executor_lost: false,
            },
            Action::Commit(_) => Event::Committed { version: 1, unsettled: None },
            _ => return None,
        })
    }

    /// Goes on with sound answers until `stop` says so of an awaited action,
    /// which is returned unanswered, or until the end.
    pub(crate) fn run_until(&mut self, stop: impl Fn(&Action) -> bool) -> Option<Action> {
        let mut actions = self.tell(Event::Start);
        loop {
            let awaited = actions.iter().rev().find(|a| self.answer(a).is_some())?.clone();
            if stop(&awaited) {
                return Some(awaited);
            }
            let event = self.answer(&awaited)?;
            actions = self.tell(event);
        }
    }

    pub(crate) fn go_on(&mut self, mut actions: Vec<Action>) {
        while let Some(event) = actions.iter().rev().find_map(|a| self.answer(a)) {
            actions = self.tell(event);
        }
    }

    pub(crate) fn commits(&self) -> Vec<&CommitWork> {
        self.done.iter().filter_map(|a| if let Action::Commit(work) = a { Some(work.as_ref()) } else { None }).collect()
    }

    pub(crate) fn discarded(&self) -> Vec<String> {
        let mut names = Vec::new();
        for action in &self.done {
            if let Action::Discard { files, .. } = action {
                names.extend(files.files.iter().chain(files.quarantine.values().flatten()).map(|f| f.path.clone()));
            }
        }
        names
    }

    pub(crate) fn error(&self) -> &str {
        self.state.failure.as_ref().map_or("", |failure| &failure.error)
    }
}

pub(crate) fn accepted(world: &World, wave: &headworks_engine::api::Wave, attempt: u32) -> Event {
    Event::WaveEnded {
        outcome: WaveOutcome::Accepted(Box::new(world.result(wave, attempt))),
        executor_lost: false,
    }
}

fn table(version: u64, world: &World) -> Arc<Snapshot> {
    let mut inputs = headworks_lake::Snapshot {
        version,
        schema: Arc::new(arrow::datatypes::Schema::empty()),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files: Vec::new(),
        inputs: Default::default(),
    };
    for file in world.inputs() {
        let entry = headworks_lake::InputEntry {
            path: file.path.clone(),
            size: file.size,
            etag: Some(format!("mtime:{}", file.modified_ms)),
            bytes_covered: file.size,
            ..Default::default()
        };
        inputs.inputs.insert(file.path, entry);
    }
    Arc::new(inputs)
}

fn is_wave(action: &Action) -> bool {
    matches!(action, Action::RunWave { .. })
}

fn run_again(reason: &str, file: &str) -> Event {
    let discard = WaveDiscard { files: vec![pending(file, 1)], quarantine: BTreeMap::new() };
    Event::WaveEnded { outcome: WaveOutcome::RunAgain { reason: reason.into(), discard }, executor_lost: false }
}

fn failed(class: &str, executor_lost: bool) -> Event {
    let discard = WaveDiscard { files: vec![pending("lost", 1)], quarantine: BTreeMap::new() };
    let outcome = WaveOutcome::Failed { class: class.into(), error: "f0.xml: byte 7".into(), discard };
    Event::WaveEnded { outcome, executor_lost }
}

#[test]
fn a_job_of_two_models_commits_them_in_order() {
    let models = vec![overwrite("a"), model("b", headworks_spec::WriteMode::Overwrite, &[], &["a"])];
    let mut desk = Desk::new(World::new(&[250, 30, 0]), models);
    assert!(desk.run_until(|_| false).is_none());
    assert_eq!(desk.state.outcome(), Some(Outcome::Done), "{}", desk.error());
    let commits = desk.commits();
    assert_eq!(commits.len(), 2);
    assert_eq!((commits[0].model, commits[1].model), (0, 1));
    let covered: Vec<(&str, u64)> = commits[0].inputs.iter().map(|i| (i.path.as_str(), i.bytes_covered)).collect();
    assert_eq!(covered, [("f0.xml", 250), ("f1.xml", 30), ("f2.xml", 0)]);
    let view = job_view(&desk.state, &Default::default());
    let source = &view.sources[0];
    assert_eq!((source.files, source.bytes, source.read), (3, 280, 28));
    assert_eq!((source.written, source.filtered, source.quarantined), (20, 8, 0));
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
        let Some(Action::RunWave { attempt: next, .. }) = actions.last() else { panic!("{actions:?}") };
        assert_eq!(*next, attempt);
    }
    desk.tell(run_again("a stage was tried again", "x3"));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(desk.error().contains("was run 3 times") && desk.error().contains("a stage was tried again"));
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
            assert_eq!(desk.state.failure.as_ref().and_then(|f| f.class), Some(ErrorClass::parse(class)));
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
    assert!(desk.error().contains("byte 7"), "the cause stays: {}", desk.error());
}

#[test]
fn a_source_read_by_two_models_is_quarantined_once() {
    let mut world = World::new(&[250]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 240]);
    let mut desk = Desk::new(world, vec![overwrite("a"), overwrite("b")]);
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done), "{}", desk.error());
    let kinds: Vec<(usize, Option<&str>)> =
        desk.commits().iter().map(|c| (c.model, c.quarantine_of.as_deref())).collect();
    assert_eq!(kinds, [(0, None), (0, Some("s")), (1, None)]);
    assert_eq!(desk.commits()[1].files.len(), 2);
    assert!(!desk.commits()[1].failed);
    assert_eq!(desk.discarded().len(), 2, "what the second model's engine wrote all the same");
}

#[test]
fn append_leaves_out_what_the_ledger_has() {
    let old = World::new(&[250]);
    let mut desk = Desk::new(World::new(&[250, 30]), vec![append("a")]);
    desk.tables.insert("a".into(), table(7, &old));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done), "{}", desk.error());
    let commits = desk.commits();
    let paths: Vec<&str> = commits[0].inputs.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["f1.xml"]);
    assert_eq!(commits[0].base, Some(7), "another job may have taken it in since");

    // Nothing new at all: nothing runs, nothing is committed.
    let mut desk = Desk::new(World::new(&[250]), vec![append("a"), overwrite("b")]);
    desk.tables.insert("a".into(), table(7, &old));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(desk.state.models[0].version, 7);
    assert_eq!(desk.commits().iter().map(|c| c.model).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_file_that_changed_is_appended_and_the_user_is_told() {
    let old = World::new(&[250]);
    let mut desk = Desk::new(World::new(&[260]), vec![append("a")]);
    desk.tables.insert("a".into(), table(7, &old));
    desk.run_until(|_| false);
    assert_eq!(desk.commits()[0].inputs.len(), 1);
    assert!(desk.state.warnings.lines()[0].contains("f0.xml has changed"), "{:?}", desk.state.warnings.lines());
}

#[test]
fn a_join_is_not_appended_in_part() {
    let joined = model("a", headworks_spec::WriteMode::Append, &["s", "t"], &[]);
    let mut desk = Desk::new(World::new(&[250, 30]), vec![joined]);
    desk.row_wise = false;
    desk.tables.insert("a".into(), table(7, &World::new(&[250])));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(desk.state.failure.as_ref().unwrap().class, Some(ErrorClass::Configuration));
    assert!(desk.error().contains("2 of their files were taken in") && desk.error().contains("2 are new"));
}

#[test]
fn an_overtaken_append_begins_anew_without_what_the_other_took() {
    let mut desk = Desk::new(World::new(&[250, 30]), vec![append("a")]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tables.insert("a".into(), table(1, &World::new(&[250])));
    let actions = desk.tell(Event::Overtaken("f0.xml was taken in by job j0".into()));
    assert_eq!(desk.discarded(), ["d-0-0.parquet", "d-1-0.parquet"]);
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done), "{}", desk.error());
    let last = desk.commits().pop().unwrap().clone();
    assert_eq!(last.inputs.iter().map(|i| i.path.as_str()).collect::<Vec<_>>(), ["f1.xml"]);
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
fn stopping_in_each_phase() {
    type Stop = fn(&Action) -> bool;
    // (where, actions that must follow, how it ends once all is answered)
    let cases: [(&str, Stop, &str, Outcome); 5] = [
        ("settling", |a| matches!(a, Action::Settle(_)), "Abandon", Outcome::Cancelled),
        ("opening", |a| matches!(a, Action::Open(_)), "Abandon", Outcome::Cancelled),
        ("planning", |a| matches!(a, Action::Plan(_)), "Abandon", Outcome::Cancelled),
        ("running", is_wave, "CancelWave", Outcome::Cancelled),
        // The one model's commit is under way: the job is done.
        ("committing", |a| matches!(a, Action::Commit(_)), "", Outcome::Done),
    ];
    for (name, stop, expected, outcome) in cases {
        let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
        let awaited = desk.run_until(stop).unwrap();
        if name == "running" {
            desk.tell(Event::WaveSubmitted("e0".into()));
        }
        let actions = desk.tell(Event::Cancel("enough".into()));
        if !expected.is_empty() {
            assert!(actions.iter().any(|a| format!("{a:?}").starts_with(expected)), "{name}: {actions:?}");
        }
        if desk.state.outcome().is_none() {
            let event = actions.iter().rev().find_map(|a| desk.answer(a)).or_else(|| desk.answer(&awaited)).unwrap();
            let actions = desk.tell(event);
            desk.go_on(actions);
        }
        assert_eq!(desk.state.outcome(), Some(outcome), "{name}");
        if outcome == Outcome::Cancelled {
            assert_eq!(desk.error(), "enough");
            assert!(desk.commits().is_empty());
            assert_eq!(job_view(&desk.state, &Default::default()).error_class, "");
        }
        assert!(desk.tell(Event::Cancel("again".into())).is_empty(), "{name}: nothing after the end");
    }
}

#[test]
fn a_stop_before_the_wave_is_submitted_reaches_it_later() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(is_wave);
    let actions = desk.tell(Event::Cancel("enough".into()));
    assert!(!actions.iter().any(|a| matches!(a, Action::CancelWave(_))));
    let actions = desk.tell(Event::WaveSubmitted("e0".into()));
    assert!(matches!(actions.last(), Some(Action::CancelWave(id)) if id == "e0"), "{actions:?}");
    // The engine does not end it in time.
    let actions = desk.tell(Event::CancelOverdue);
    assert!(matches!(actions.first(), Some(Action::Abandon)), "{actions:?}");
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
}

#[test]
fn a_wave_that_succeeds_while_it_is_stopped_is_thrown_away() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    let Some(Action::RunWave { wave, attempt }) = desk.run_until(is_wave) else { panic!() };
    desk.tell(Event::WaveSubmitted("e0".into()));
    desk.tell(Event::Cancel("enough".into()));
    let event = accepted(&desk.world, &wave, attempt);
    desk.tell(event);
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    assert!(desk.commits().is_empty());
}

#[test]
fn without_a_journal_nothing_is_begun() {
    let mut desk = Desk::new(World::new(&[600]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 1));
    let actions = desk.tell(Event::JournalFailed("disk full".into()));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(!actions.iter().any(|a| matches!(a, Action::Journal(_) | Action::Commit(_))), "{actions:?}");
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    assert!(desk.error().contains("disk full"));
}

#[test]
fn files_of_a_commit_that_may_have_happened_are_left_to_the_lake() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tell(Event::CommitUnknown("the entry cannot be read back".into()));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(desk.discarded().is_empty());
}

#[test]
fn an_event_out_of_turn_fails_the_job_and_says_so() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::Plan(_)));
    desk.tell(Event::Committed { version: 1, unsettled: None });
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(desk.error().contains("heard `committed` in phase Planning"), "{}", desk.error());
}

#[test]
fn legal_phases_are_those_written_down() {
    use Phase::{Committing, Ended, Opening, Planning, Quarantining, Queued, Running, Settling};
    let legal = [
        (Queued, Settling { source: 0 }),
        (Settling { source: 0 }, Settling { source: 1 }),
        (Settling { source: 1 }, Opening { model: 0 }),
        (Opening { model: 0 }, Planning { model: 0 }),
        (Planning { model: 0 }, Running { model: 0, wave: 0 }),
        (Running { model: 0, wave: 0 }, Running { model: 0, wave: 1 }),
        (Running { model: 0, wave: 1 }, Committing { model: 0 }),
        (Committing { model: 0 }, Quarantining { model: 0, at: 0 }),
        (Quarantining { model: 0, at: 0 }, Opening { model: 1 }),
        (Running { model: 0, wave: 1 }, Ended(Outcome::Failed)),
    ];
    for (from, to) in legal {
        assert!(from.may_become(to), "{from:?} to {to:?}");
    }
    let illegal = [
        (Queued, Running { model: 0, wave: 0 }),
        (Opening { model: 0 }, Committing { model: 0 }),
        (Running { model: 0, wave: 0 }, Running { model: 0, wave: 2 }),
        (Running { model: 0, wave: 0 }, Opening { model: 1 }),
        (Running { model: 0, wave: 0 }, Ended(Outcome::Done)),
        (Committing { model: 0 }, Committing { model: 0 }),
        (Ended(Outcome::Done), Opening { model: 0 }),
        (Ended(Outcome::Failed), Ended(Outcome::Done)),
    ];
    for (from, to) in illegal {
        assert!(!from.may_become(to), "{from:?} to {to:?}");
    }
}

#[test]
fn the_work_of_a_model_names_its_inputs_and_its_quarantine() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a"), overwrite("b")]);
    desk.run_until(|_| false);
    let works: Vec<&ModelWork> =
        desk.done.iter().filter_map(|a| if let Action::Plan(work) = a { Some(work) } else { None }).collect();
    assert_eq!(works[0].quarantines, ["s"]);
    assert!(works[1].quarantines.is_empty(), "the first model has quarantined the source");
    assert_eq!(works[1].inputs["s"].len(), 1);
}
