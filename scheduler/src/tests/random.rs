//! Random lives of a job, from a seed: whatever happens, the rules hold.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use headworks_engine::api::{CheckOutcome, SAMPLE, STALE, WaveDiscard, WaveOutcome};
use headworks_spec::{CheckSpec, Severity, WriteMode};

use super::desk::Desk;
use super::world::{World, append, checked, found, overwrite, pending, table, upsert};
use crate::driver::{Action, ErrorClass, Event, Outcome, Phase, Record, job_view};

const SEEDS: u64 = 3_000;
const EVENTS_MAX: usize = 400;

/// One life. Returns the desk at its end.
fn live(seed: u64) -> Desk {
    let mut rng = Rng::with_seed(seed);
    let sizes: Vec<u64> = (0..rng.u64(1..5)).map(|_| rng.u64(0..70) * 10).collect();
    let mut world = World::new(&sizes);
    world.splits_a_wave = rng.usize(1..6);
    for file in world.files.values_mut() {
        for at in (0..file.size).step_by(10) {
            if rng.u8(..) < 20 {
                file.bad.insert(at);
            }
        }
        for at in (100..file.size).step_by(100) {
            if rng.u8(..) < 40 {
                file.traps.insert(at);
            }
        }
    }
    let mut models = vec![match rng.u8(0..3) {
        0 => append("a"),
        1 => overwrite("a"),
        _ => upsert("a"),
    }];
    if rng.bool() {
        models.push(overwrite("b"));
    }
    let checks = [("x", Severity::Error), ("y", Severity::Warn)];
    let checks = &checks[..rng.usize(0..3)];
    let models = models.into_iter().map(|model| checked(model, checks));
    world.samples = rng.bool();
    let mut desk = Desk::new(world, models.collect());
    for (name, one_in) in [("x", 20), ("y", 3)] {
        if rng.u8(0..one_in) == 0 {
            desk.findings.insert(name.into(), found(rng.u64(1..9)));
        }
    }
    if desk.state.spec.models[0].options.mode == WriteMode::Upsert && rng.bool() {
        let held: Vec<(&str, u64)> = vec![("old-0.parquet", rng.u64(1..9)), ("old-1.parquet", 3)];
        let before = table(1, &World::new(&[]), &held[..rng.usize(0..3)]);
        desk.tables.insert("a".into(), before);
    }
    let trouble = rng.u32(0..30);

    let mut actions = desk.tell(Event::Start);
    let mut awaited = awaited_of(&desk, &actions);
    for _ in 0..EVENTS_MAX {
        if desk.state.outcome().is_some() {
            break;
        }
        let event = if rng.u32(0..100) < trouble {
            trouble_for(&mut rng, &desk, awaited.as_ref())
        } else {
            awaited.as_ref().and_then(|a| desk.answer(a))
        };
        let Some(event) = event else { continue };
        let keeps_act = matches!(event, Event::Cancel(_) | Event::WaveSubmitted(_))
            || (matches!(event, Event::CancelOverdue));
        actions = desk.tell(event);
        let next = awaited_of(&desk, &actions);
        if !keeps_act || matches!(next, Some(ref a) if !matches!(a, Action::CancelWave(_))) {
            awaited = next;
        } else if actions.iter().any(|a| matches!(a, Action::Abandon)) {
            awaited = None;
        } else if let Some(Action::CancelWave(_)) = next {
            awaited = next;
        }
    }
    desk
}

fn awaited_of(desk: &Desk, actions: &[Action]) -> Option<Action> {
    actions
        .iter()
        .rev()
        .find(|a| desk.answer(a).is_some())
        .cloned()
}

/// Something that may go wrong where the job is.
fn trouble_for(rng: &mut Rng, desk: &Desk, awaited: Option<&Action>) -> Option<Event> {
    let name = format!("x{}", rng.u64(..));
    let discard = WaveDiscard {
        files: vec![pending(&name, 1)],
        quarantine: Default::default(),
    };
    let failed = Event::Failed {
        class: ErrorClass::Lake,
        error: "trouble".into(),
    };
    Some(match (rng.u8(0..4), desk.state.phase) {
        (0, _) => Event::Cancel("enough".into()),
        (1, Phase::Running { .. } | Phase::Checking { .. }) => {
            Event::WaveSubmitted(format!("e{}", rng.u8(..)))
        }
        (2, Phase::Running { .. } | Phase::Checking { .. }) if desk.state.stop.is_some() => {
            Event::CancelOverdue
        }
        (_, Phase::Running { .. }) => {
            let outcome = match rng.u8(0..5) {
                4 => WaveOutcome::Failed {
                    class: SAMPLE.into(),
                    error: "trouble".into(),
                    discard,
                },
                0 => WaveOutcome::Failed {
                    class: "engine".into(),
                    error: "trouble".into(),
                    discard,
                },
                1 => WaveOutcome::Failed {
                    class: "input".into(),
                    error: "trouble".into(),
                    discard,
                },
                _ => WaveOutcome::RunAgain {
                    reason: "trouble".into(),
                    discard,
                },
            };
            Event::WaveEnded {
                outcome,
                executor_lost: rng.bool(),
            }
        }
        (_, Phase::Checking { .. }) => {
            let fails = |class: &str| CheckOutcome::Failed {
                class: class.to_owned(),
                error: "trouble".into(),
            };
            let outcome = match rng.u8(0..6) {
                0 => fails("engine"),
                1 => fails(STALE),
                2 => CheckOutcome::Cancelled,
                3 => return Some(failed),
                _ => CheckOutcome::RunAgain {
                    reason: "trouble".into(),
                },
            };
            Event::CheckEnded {
                outcome,
                looked_at: 0,
                executor_lost: rng.bool(),
            }
        }
        (1, Phase::Committing { model })
            if rng.bool() && !desk.state.spec.models[model].checks.is_empty() =>
        {
            Event::MovedOn("trouble".into())
        }
        (1, Phase::Committing { model }) if desk.state.spec.models[model].name == "a" => {
            Event::Overtaken("trouble".into())
        }
        (2, Phase::Committing { .. } | Phase::Quarantining { .. }) => {
            Event::CommitUnknown("trouble".into())
        }
        (3, Phase::Committing { .. } | Phase::Quarantining { .. }) => failed,
        (
            _,
            Phase::Settling { .. }
            | Phase::Resettling { .. }
            | Phase::Opening { .. }
            | Phase::Planning { .. }
            | Phase::Staging { .. },
        ) if rng.bool() => failed,
        _ => return awaited.and_then(|a| desk.answer(a)),
    })
}

fn check(seed: u64, desk: &Desk) {
    let outcome = desk
        .state
        .outcome()
        .unwrap_or_else(|| panic!("seed {seed}: no end: {:?}", desk.state.phase));
    let mut journaled: BTreeSet<String> = BTreeSet::new();
    let mut started = BTreeSet::new();
    let mut staged = BTreeSet::new();
    // Files that a log names, or may name; and those of commits in hand.
    let mut named: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut in_hand: BTreeMap<String, (BTreeSet<(usize, String)>, u64)> = BTreeMap::new();
    let mut discarded: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut quarantine_files: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut kept_rows = 0;
    let bad: usize = desk.world.files.values().map(|f| f.bad.len()).sum();
    let mut committed: Vec<(usize, Option<String>)> = Vec::new();
    let mut ended = false;
    // Checks of each model whose findings are believed, since they began.
    let mut passed: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    for action in &desk.done {
        assert!(!ended, "seed {seed}: {action:?} after the end");
        match action {
            Action::Journal(Record::WaveStarted {
                model,
                wave,
                attempt,
            }) => {
                assert!(
                    started.insert((*model, wave.index, *attempt)),
                    "seed {seed}: an attempt twice"
                );
            }
            Action::Journal(Record::CheckStarted { model, check, .. }) => {
                passed.entry(*model).or_default().truncate(*check);
            }
            Action::Journal(Record::CheckFound { model, found, .. }) => {
                passed.entry(*model).or_default().push(found.passed());
            }
            Action::Journal(Record::CommitIntended { commit_id, .. }) => {
                journaled.insert(commit_id.clone());
            }
            Action::Journal(Record::Committed {
                model,
                quarantine_of,
                commit_id,
                ..
            }) => {
                let key = (*model, quarantine_of.clone());
                assert!(
                    !committed.contains(&key),
                    "seed {seed}: committed twice: {key:?}"
                );
                committed.push(key);
                let (files, rows) = in_hand.remove(commit_id).unwrap();
                named.extend(files);
                kept_rows += if quarantine_of.is_some() { rows } else { 0 };
            }
            Action::Journal(Record::WaveAccepted { model, result, .. }) => {
                let files = result.scans.iter().flat_map(|scan| &scan.quarantine);
                quarantine_files.extend(files.map(|file| (*model, file.path.clone())));
            }
            Action::Discard { model, files } => {
                let quarantine = files.quarantine.values().flatten();
                let files = files.files.iter().chain(quarantine);
                discarded.extend(files.map(|file| (*model, file.path.clone())));
            }
            Action::RunWave { wave, attempt } => {
                let model = started
                    .iter()
                    .any(|(_, index, a)| (index, a) == (&wave.index, attempt));
                assert!(
                    model,
                    "seed {seed}: a wave runs that the journal does not know"
                );
            }
            Action::Stage { model, .. } => {
                assert!(
                    staged.contains(model),
                    "seed {seed}: rows are staged that the journal does not know"
                );
            }
            Action::Journal(Record::RowsStaged { model, .. }) => {
                staged.insert(*model);
            }
            Action::Commit(work) => {
                assert!(
                    journaled.contains(&work.commit_id),
                    "seed {seed}: commit before its journal record"
                );
                if work.quarantine_of.is_none() {
                    let checks = &desk.state.spec.models[work.model].checks;
                    let found = passed.get(&work.model).cloned().unwrap_or_default();
                    assert_eq!(found.len(), checks.len(), "seed {seed}: unchecked");
                    let let_in = |(check, passed): (&CheckSpec, &bool)| {
                        *passed || check.severity == Severity::Warn
                    };
                    assert!(
                        checks.iter().zip(&found).all(let_in),
                        "seed {seed}: committed though a check failed"
                    );
                    // The model has read all files: from now on, no other job may.
                    assert_eq!(
                        kept_rows, bad as u64,
                        "seed {seed}: a table's commit before its quarantine"
                    );
                }
                let files = work.files.iter();
                let files = files.map(|file| (work.model, file.path.clone())).collect();
                let rows = work.files.iter().map(|file| file.rows).sum();
                in_hand.insert(work.commit_id.clone(), (files, rows));
            }
            Action::End(end) => {
                assert_eq!(*end, outcome);
                ended = true;
            }
            _ => {}
        }
    }
    assert!(ended, "seed {seed}");
    assert!(
        named.is_disjoint(&discarded),
        "seed {seed}: discarded though a log names it"
    );
    if outcome == Outcome::Done {
        let models: Vec<usize> = committed
            .iter()
            .filter(|c| c.1.is_none())
            .map(|c| c.0)
            .collect();
        assert_eq!(
            models,
            (0..desk.state.models.len()).collect::<Vec<_>>(),
            "seed {seed}"
        );
        let view = job_view(&desk.state, &Default::default());
        let source = &view.sources[0];
        let accounted = source.written + source.filtered + source.dropped + source.quarantined;
        let truth: u64 = desk.world.files.values().map(|f| f.size / 10).sum();
        assert_eq!((source.read, accounted), (truth, truth), "seed {seed}");
        // A bad record stands in quarantine once, and no file is left behind.
        let mut left = quarantine_files.difference(&named);
        assert!(
            left.all(|file| discarded.contains(file)),
            "seed {seed}: left behind"
        );
        let last_tries = desk
            .commits()
            .into_iter()
            .filter(|c| c.quarantine_of.is_some());
        let kept: u64 = last_tries.flat_map(|c| &c.files).map(|f| f.rows).sum();
        assert_eq!(kept, bad as u64, "seed {seed}");
    } else {
        assert!(desk.state.failure.is_some(), "seed {seed}: no reason");
    }
}

#[test]
fn whatever_happens_the_rules_hold() {
    let mut ends = [0; 3];
    for seed in 0..SEEDS {
        let desk = live(seed);
        check(seed, &desk);
        match desk.state.outcome() {
            Some(Outcome::Done) => ends[0] += 1,
            Some(Outcome::Failed) => ends[1] += 1,
            Some(Outcome::Cancelled) => ends[2] += 1,
            None => {}
        }
    }
    assert!(
        ends.iter().all(|n| *n > SEEDS as u32 / 20),
        "a test that never sees some end is none: {ends:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for seed in 0..20 {
        assert_eq!(
            format!("{:?}", live(seed).done),
            format!("{:?}", live(seed).done)
        );
    }
}
