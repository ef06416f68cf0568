//! Splits that began at a wrong place: the wave runs again until they fit.

use headworks_formats::Start;

use super::desk::Desk;
use super::world::{World, overwrite, split};
use crate::driver::{Action, ErrorClass, Event, Outcome, Record};

/// A world in which guesses at these places of `f0.xml` go wrong.
fn trapped(size: u64, splits_a_wave: usize, traps: &[u64]) -> Desk {
    let mut world = World::new(&[size]);
    world.splits_a_wave = splits_a_wave;
    world.files.get_mut("f0.xml").unwrap().traps.extend(traps);
    Desk::new(world, vec![overwrite("a")])
}

/// A split's start, end and known start.
type Piece = (u64, u64, Option<u64>);

/// Index and splits of each attempt at a wave.
fn waves(desk: &Desk) -> Vec<(u32, Vec<Piece>)> {
    let mut waves = Vec::new();
    for action in &desk.done {
        if let Action::RunWave { wave, .. } = action {
            let splits = wave.splits["s"]
                .iter()
                .map(|s| (s.start, s.end, s.known_start))
                .collect();
            waves.push((wave.index, splits));
        }
    }
    waves
}

#[test]
fn a_wrong_guess_is_mended_and_the_later_ones_are_verified_again() {
    let mut desk = trapped(500, 5, &[200, 400]);
    desk.run_until(|_| false);
    desk.assert_done();
    let waves = waves(&desk);
    assert_eq!(waves.len(), 3);
    assert_eq!(waves[1].1[2], (200, 300, Some(200)));
    assert_eq!(waves[1].1[4], (400, 500, None), "still a guess");
    assert_eq!(waves[2].1[4], (400, 500, Some(400)));
    assert_eq!(desk.commits()[0].inputs[0].counts.read, 50);
    assert_eq!((desk.state.waves_run, desk.state.waves_rerun), (3, 2));
    let reasons: Vec<&String> = desk
        .done
        .iter()
        .filter_map(|a| match a {
            Action::Journal(Record::WaveDiscarded { reason, .. }) => Some(reason),
            _ => None,
        })
        .collect();
    assert!(
        reasons[0].contains("f0.xml: a split began inside a record"),
        "{reasons:?}"
    );
    assert_eq!(desk.discarded(), ["d-0-0.parquet", "d-0-1.parquet"]);
}

#[test]
fn a_guess_is_held_against_the_wave_before() {
    let mut desk = trapped(600, 3, &[300]);
    desk.run_until(|_| false);
    desk.assert_done();
    let indexes: Vec<u32> = waves(&desk).iter().map(|w| w.0).collect();
    assert_eq!(indexes, [0, 1, 1]);
}

#[test]
fn after_three_restarts_the_rest_of_the_file_is_one_split_and_restarts_are_no_retries() {
    let traps: Vec<u64> = (1..12).map(|i| i * 100).collect();
    let mut desk = trapped(1200, 12, &traps);
    desk.run_until(|_| false);
    // wave_retries_max is 2 in this job.
    desk.assert_done();
    let waves = waves(&desk);
    assert_eq!(
        waves.len(),
        5,
        "first, three that mend one guess each, one that merges"
    );
    let last = &waves[4].1;
    assert_eq!(last.len(), 5);
    assert_eq!(last[4], (400, 1200, Some(400)));
    assert_eq!(desk.commits()[0].inputs[0].counts.read, 120);
}

#[test]
fn each_file_is_mended_on_its_own() {
    let mut world = World::new(&[300, 300, 300]);
    world.splits_a_wave = 9;
    for path in ["f0.xml", "f2.xml"] {
        world.files.get_mut(path).unwrap().traps.insert(100);
    }
    let mut desk = Desk::new(world, vec![overwrite("a")]);
    desk.run_until(|_| false);
    assert_eq!(waves(&desk).len(), 2, "both in one run");
    desk.assert_done();
}

type Break = fn(&mut headworks_engine::api::WaveResult);

/// Breaks the first wave's result, and says how the job fails.
fn broken(break_it: Break) -> (String, Option<ErrorClass>) {
    let mut desk = trapped(300, 3, &[]);
    let Some(Action::RunWave { wave, attempt }) =
        desk.run_until(|a| matches!(a, Action::RunWave { .. }))
    else {
        panic!()
    };
    let mut result = desk.world.result(&wave, attempt);
    break_it(&mut result);
    let outcome = headworks_engine::api::WaveOutcome::Accepted(Box::new(result));
    desk.tell(Event::WaveEnded {
        outcome,
        executor_lost: false,
    });
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(desk.commits().is_empty());
    assert_eq!(desk.discarded().len(), 1, "its file goes");
    (
        desk.error().to_owned(),
        desk.state.failure.as_ref().and_then(|f| f.class),
    )
}

#[test]
fn what_cannot_be_mended_fails_the_check() {
    let cases: [(&str, Break); 4] = [
        ("bytes 100 to 200 were not read to their end", |r| {
            r.scans.remove(1);
        }),
        ("bytes 100 to 200 were not read to their end", |r| {
            r.scans[1].report.done = false
        }),
        ("began at byte 0, not at the file's beginning", |r| {
            r.scans[0].report.assumed = Start::Guess(0)
        }),
        ("its last split ended at byte 290", |r| {
            r.scans[2].report.reached.offset = 290;
            r.scans[2].report.reached.kind = headworks_formats::SyncKind::Record;
        }),
    ];
    for (expected, break_it) in cases {
        let (error, class) = broken(break_it);
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("f0.xml") && error.contains("the table is unchanged"),
            "{error}"
        );
        assert_eq!(class, Some(ErrorClass::Check));
    }
}

#[test]
fn splits_that_leave_a_gap_or_overlap_are_refused() {
    for (start, end) in [(110, 200), (90, 200)] {
        let mut desk = trapped(300, 3, &[]);
        let actions = desk.run_until(|a| matches!(a, Action::Plan(_)));
        let Some(Action::Plan(work)) = actions else {
            panic!()
        };
        let mut plan = desk.world.plan(&work.inputs, true);
        let splits = plan.waves[0].splits.get_mut("s").unwrap();
        splits[1] = headworks_sources::SplitSpec {
            id: 1,
            ..split("f0.xml", 300, start, end)
        };
        let actions = desk.tell(Event::Planned(Box::new(plan)));
        desk.go_on(actions);
        assert!(
            desk.error()
                .contains(&format!("the next split begins at byte {start}")),
            "{}",
            desk.error()
        );
    }
}

#[test]
fn a_proven_start_that_is_wrong_the_next_time_means_that_the_file_changed() {
    let mut desk = trapped(300, 3, &[100]);
    let is_second = |a: &Action| matches!(a, Action::RunWave { attempt: 1, .. });
    let Some(Action::RunWave { wave, attempt }) = desk.run_until(is_second) else {
        panic!()
    };
    let mut result = desk.world.result(&wave, attempt);
    result.scans[0].report.reached.offset = 110;
    let outcome = headworks_engine::api::WaveOutcome::Accepted(Box::new(result));
    desk.tell(Event::WaveEnded {
        outcome,
        executor_lost: false,
    });
    assert!(
        desk.error()
            .contains("proven to begin at byte 100, now at byte 110"),
        "{}",
        desk.error()
    );
}
