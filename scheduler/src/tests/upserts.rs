//! An upsert's way from its staged rows to its commit.

use std::collections::BTreeSet;

use headworks_engine::api::{MergeStep, WaveDiscard, WaveOutcome, WaveResult};
use headworks_lake::Audit;
use headworks_proto::v1;

use super::desk::{Desk, is_wave};
use super::engine::{FakeEngine, Script};
use super::jobs::Bench;
use super::world::{World, overwrite, pending, table, upsert};
use crate::driver::{Action, ErrorClass, Event, Outcome, Phase, Record};

fn merge_steps(desk: &Desk) -> Vec<(u32, MergeStep)> {
    let steps = desk.done.iter().filter_map(|action| match action {
        Action::RunWave { wave, .. } => Some((wave.index, wave.merge.clone()?)),
        _ => None,
    });
    steps.collect()
}

#[test]
fn an_upsert_puts_its_files_in_the_place_of_those_that_it_touches() {
    let world = World::new(&[520]);
    let mut desk = Desk::new(world.clone(), vec![upsert("a")]);
    let files = [("old-0.parquet", 5), ("old-1.parquet", 7)];
    desk.tables.insert("a".into(), table(4, &world, &files));
    assert!(desk.run_until(|_| false).is_none());
    desk.assert_done();
    // Two waves wrote the rows.
    let all = BTreeSet::from([0, 1]);
    assert_eq!(
        merge_steps(&desk),
        [(2, MergeStep::Find), (3, MergeStep::Rewrite { files: all })]
    );
    let commits = desk.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].remove, ["old-0.parquet", "old-1.parquet"]);
    assert_eq!(
        (commits[0].base, commits[0].audit),
        (Some(4), Audit::Coverage)
    );
    let paths: Vec<_> = commits[0].files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["m-3-0.parquet"]);
    let read: u64 = commits[0]
        .inputs
        .iter()
        .map(|input| input.counts.read)
        .sum();
    assert_eq!(read, 52, "the ledger is that of the rows that were merged");
    assert_eq!(
        desk.discarded(),
        ["d-0-0.parquet", "d-1-0.parquet"],
        "staged rows are not needed any more"
    );
    assert_eq!(desk.state.models[0].rows, 39 + 12);
    // Whatever the table took in before, an upsert reads its sources whole.
    assert_eq!(commits[0].inputs.len(), 1);
    let position = |wanted: &dyn Fn(&Action) -> bool| desk.done.iter().position(wanted).unwrap();
    let order = [
        position(&|a| matches!(a, Action::Journal(Record::RowsStaged { rows: 39, .. }))),
        position(&|a| matches!(a, Action::Stage { .. })),
        position(&|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 2)),
        position(&|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 3)),
        position(&|a| matches!(a, Action::Journal(Record::CommitIntended { .. }))),
        position(&|a| matches!(a, Action::Commit(_))),
        position(&|a| matches!(a, Action::Discard { .. })),
    ];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_first_upsert_looks_for_no_files_but_still_takes_each_key_once() {
    let mut desk = Desk::new(World::new(&[250]), vec![upsert("a")]);
    desk.run_until(|_| false);
    desk.assert_done();
    let rewrite = MergeStep::Rewrite {
        files: BTreeSet::new(),
    };
    assert_eq!(merge_steps(&desk), [(1, rewrite)]);
    assert_eq!(
        (desk.commits()[0].base, desk.commits()[0].remove.len()),
        (Some(0), 0)
    );
}

/// A wave of the merge that runs again does so with what is staged, and is bounded like any other.
#[test]
fn a_wave_of_the_merge_runs_again_like_any_other() {
    let world = World::new(&[250]);
    let mut desk = Desk::new(world.clone(), vec![upsert("a")]);
    desk.tables
        .insert("a".into(), table(1, &world, &[("old.parquet", 5)]));
    let is_merge =
        |action: &Action| matches!(action, Action::RunWave { wave, .. } if wave.index == 2);
    desk.run_until(is_merge);
    for attempt in 1..=2 {
        let actions = desk.tell(Event::WaveEnded {
            outcome: WaveOutcome::RunAgain {
                reason: "stage 1 was tried again".into(),
                discard: WaveDiscard {
                    files: vec![pending(&format!("x{attempt}"), 1)],
                    ..WaveDiscard::default()
                },
            },
            executor_lost: false,
        });
        assert!(
            matches!(actions.last(), Some(Action::RunWave { attempt: next, wave })
                if *next == attempt && wave.merge.is_some()),
            "{actions:?}"
        );
    }
    let actions = desk.done.clone();
    desk.go_on(actions);
    desk.assert_done();
    assert_eq!(desk.commits()[0].files[0].path, "m-2-2.parquet");
    assert_eq!(
        desk.discarded(),
        ["x1.parquet", "x2.parquet", "d-0-0.parquet"]
    );
}

#[test]
fn a_merge_whose_rows_do_not_add_up_is_no_commit() {
    type Spoil = fn(&mut WaveResult);
    let spoils: [(Spoil, &str); 5] = [
        (
            |r| r.merged.staged -= 1,
            "18 staged rows went into the merge, but 17 were counted",
        ),
        (
            |r| r.merged.current += 1,
            "5 rows of the table went into it, but 6 were counted",
        ),
        (
            |r| r.rows -= 1,
            "23 rows came out of it, by the writers' count, but 22 were counted",
        ),
        (
            |r| r.files.clear(),
            "23 rows came out of it, by the data files', but 0 were counted",
        ),
        (|r| r.merged.kept += 1, "24 rows came out of it"),
    ];
    for (spoil, said) in spoils {
        let world = World::new(&[250]);
        let mut desk = Desk::new(world.clone(), vec![upsert("a")]);
        desk.tables
            .insert("a".into(), table(1, &world, &[("old.parquet", 5)]));
        let wave = desk
            .run_until(|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 2))
            .unwrap();
        let Some(Event::WaveEnded {
            outcome: WaveOutcome::Accepted(mut result),
            executor_lost,
        }) = desk.answer(&wave)
        else {
            panic!("a merge is accepted")
        };
        spoil(&mut result);
        let outcome = WaveOutcome::Accepted(result);
        desk.tell(Event::WaveEnded {
            outcome,
            executor_lost,
        });
        let failure = desk.state.failure.clone().unwrap();
        assert_eq!(failure.class, Some(ErrorClass::Check), "{said}");
        assert!(failure.error.contains(said), "{said}: {}", failure.error);
        assert!(desk.commits().is_empty());
        assert!(
            desk.discarded().contains(&"d-0-0.parquet".to_owned()),
            "staged rows go"
        );
    }
    // A file that the table does not have.
    let world = World::new(&[250]);
    let mut desk = Desk::new(world.clone(), vec![upsert("a")]);
    desk.tables
        .insert("a".into(), table(1, &world, &[("old.parquet", 5)]));
    desk.run_until(|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 1));
    let result = WaveResult {
        touched: BTreeSet::from([0, 1]),
        ..WaveResult::default()
    };
    desk.tell(Event::WaveEnded {
        outcome: WaveOutcome::Accepted(Box::new(result)),
        executor_lost: false,
    });
    assert!(
        desk.error()
            .contains("touches file 1 of the table, which has 1"),
        "{}",
        desk.error()
    );
}

#[test]
fn an_overtaken_upsert_begins_anew_over_the_newer_version() {
    let world = World::new(&[250]);
    let mut desk = Desk::new(world.clone(), vec![upsert("a")]);
    desk.tables
        .insert("a".into(), table(1, &world, &[("old.parquet", 5)]));
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tables
        .insert("a".into(), table(2, &world, &[("newer.parquet", 3)]));
    let actions = desk.tell(Event::Overtaken("job j0 has committed version 2".into()));
    assert_eq!(desk.discarded(), ["m-2-0.parquet", "d-0-0.parquet"]);
    desk.go_on(actions);
    desk.assert_done();
    let last = desk.commits().pop().unwrap().clone();
    assert_eq!(
        (last.base, last.remove),
        (Some(2), vec!["newer.parquet".to_owned()])
    );
    assert_eq!(last.files[0].path, "m-2-1.parquet", "no name is used twice");
}

#[test]
fn rows_that_cannot_be_staged_fail_the_job_and_a_stop_ends_it_there() {
    let mut desk = Desk::new(World::new(&[250]), vec![upsert("a")]);
    desk.run_until(|a| matches!(a, Action::Stage { .. }));
    assert_eq!(desk.state.phase, Phase::Staging { model: 0 });
    let mut stopped = Desk::new(World::new(&[250]), vec![upsert("a")]);
    stopped.run_until(|a| matches!(a, Action::Stage { .. }));
    desk.tell(Event::Failed {
        class: ErrorClass::Lake,
        error: "disk full".into(),
    });
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    let actions = stopped.tell(Event::Cancel("enough".into()));
    assert!(matches!(actions[1], Action::Abandon), "{actions:?}");
    assert_eq!(stopped.state.outcome(), Some(Outcome::Cancelled));
    assert_eq!(stopped.discarded(), ["d-0-0.parquet"]);
}

/// Over a real lake: files that hold no key of the new rows stay, the others are written anew, and nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_upserted_on_a_disk() {
    let mut world = World::new(&[520]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(20);
    let engine = FakeEngine::new(world);
    let bench = Bench::new(&engine);
    let view = bench.run(vec![upsert("a")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(bench.rows("a"), Some(38));
    // One that is not believed and one whose executor is lost run again.
    engine.scripts.lock().unwrap().extend([
        Script::Sound,
        Script::Sound,
        Script::NotBelieved,
        Script::Sound,
        Script::LosesExecutor,
    ]);
    engine
        .world
        .lock()
        .unwrap()
        .files
        .get_mut("f0.xml")
        .unwrap()
        .size = 600;
    let view = bench.run(vec![upsert("a"), overwrite("b")]).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(view.waves_rerun, 2);
    // Offsets 0 to 590 but every fourth, and the bad one.
    assert_eq!(bench.rows("a"), Some(44));
    let location = headworks_lake::TableLocation::new(&bench.lake(), "a").unwrap();
    let log = headworks_lake::Table::open(location.clone()).log().unwrap();
    assert_eq!(
        (log[1].mode.word(), log[1].remove.len(), log[1].rows()),
        ("upsert", 1, 44)
    );
    assert_eq!(
        bench.files().1,
        Vec::<String>::new(),
        "nothing hidden is left"
    );
    let staged = location.root().join("_headworks/staged");
    assert!(!staged.exists(), "nor staged");
    let log = bench.journal.log(&view.job_id).unwrap();
    let says = |words: &str| log.iter().any(|line| line.line.contains(words));
    assert!(
        says("rows are staged, to be merged with the table's"),
        "{log:#?}"
    );
    assert!(
        says("merges the new rows with 1 files of the table"),
        "{log:#?}"
    );
}

/// An upsert whose table another job changes while it runs begins anew, and both land.
#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_that_was_overtaken_lands_on_the_newer_version() {
    let engine = FakeEngine::new(World::new(&[250]));
    let bench = Bench::new(&engine);
    bench.run(vec![upsert("a")]).await;
    engine.scripts.lock().unwrap().push_back(Script::WaitsForGo);
    let slow = bench.submit(vec![upsert("a")]).await;
    engine.wave_begins.notified().await;
    while bench.registry.view(&slow).await.unwrap().waves_run == 0
        && engine.scripts.lock().unwrap().len() == 1
    {
        tokio::task::yield_now().await;
    }
    let other = bench.run(vec![upsert("a")]).await;
    assert_eq!(other.state(), v1::JobState::Done, "{}", other.error);
    engine.go.notify_one();
    let view = bench.wait(&slow).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!((view.models[0].version, bench.rows("a")), (3, Some(18)));
    assert!(is_anew(&bench, &slow));
}

fn is_anew(bench: &Bench, job_id: &str) -> bool {
    let log = bench.journal.log(job_id).unwrap();
    log.iter().any(|line| line.line.contains("begins anew"))
}

#[test]
fn a_merge_waits_for_all_waves() {
    let mut desk = Desk::new(World::new(&[1000]), vec![upsert("a")]);
    let first = desk.run_until(is_wave);
    assert!(matches!(first, Some(Action::RunWave { wave, .. }) if wave.merge.is_none()));
    assert!(!desk.done.iter().any(|a| matches!(a, Action::Stage { .. })));
}
