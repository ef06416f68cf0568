//! Each guard against a defect of Ballista's: the fault is injected, the wave
//! is exact; with that one guard switched off, the same fault shows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use datafusion::error::DataFusionError;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::world::{RECORDS, Setup, World, accepted};
use crate::api::{Engine, TaskReport, WaveOutcome, WaveProgress};
use crate::guards::Guards;
use crate::report::{FailPoint, Point};

/// How long a cluster of this test may take for a small wave.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Two stages: the scan, and the write behind a shuffle.
const SHUFFLED: &str = "SELECT k, count(*) AS n FROM src GROUP BY k";

/// Holds the tasks that pass a point until it is opened.
pub(super) struct Gate {
    held: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// A gate at `point`, for the tasks that `stops` picks by stage and slot.
    pub(super) fn new(
        point: Point,
        stops: impl Fn(usize, usize) -> bool + Send + Sync + 'static,
    ) -> (Self, FailPoint) {
        let gate = Self {
            held: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        };
        let (held, open) = (Arc::clone(&gate.held), Arc::clone(&gate.open));
        let fail_point: FailPoint = Arc::new(move |task, at| {
            let stop = at == point && stops(task.stage, task.slot);
            let (held, open) = (Arc::clone(&held), Arc::clone(&open));
            Box::pin(async move {
                if stop {
                    held.fetch_add(1, Ordering::SeqCst);
                    // Closed with the gate's end; then everybody may pass.
                    drop(open.acquire().await.map(|permit| permit.forget()));
                }
                Ok(())
            })
        });
        (gate, fail_point)
    }

    pub(super) async fn wait_until_held(&self, tasks: usize) {
        let until = Instant::now() + PATIENCE;
        while self.held() < tasks {
            assert!(Instant::now() < until, "no task came to the gate");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many tasks have come to the gate so far.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) {
        self.open.close();
    }
}

async fn free_slots(world: &World) -> (u32, u32) {
    let executors = world.engine.executors().await;
    (
        executors.iter().map(|e| e.slots_free).sum(),
        executors.iter().map(|e| e.slots_total).sum(),
    )
}

/// Runs a shuffled wave; while its second stage is held on both executors, one
/// of them is lost, so that the stage is rolled back and begun again.
async fn lose_an_executor_in_the_second_stage(guards: Guards) -> (World, WaveOutcome) {
    let first = Arc::new(AtomicBool::new(true));
    let (gate, fail_point) = Gate::new(Point::Writing, move |_, _| first.load(Ordering::SeqCst));
    let mut world = World::new(Setup {
        executors: 2,
        cores: 1,
        guards,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let request = world.request(SHUFFLED, 4).await;
    let lost = world.executors.remove(0);
    let engine = Arc::clone(&world.engine);
    let plan = world.plan(&request).await;
    let (progress, _heard) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        engine
            .run_wave(request, plan.waves[0].clone(), 0, progress)
            .await
    });
    gate.wait_until_held(2).await;
    lost.shutdown().await;
    // Let the loss be seen before anything ends.
    let until = Instant::now() + PATIENCE;
    while world.engine.executors().await.len() > 1 {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(200)).await;
    gate.open();
    let outcome = timeout(PATIENCE, running)
        .await
        .expect("the wave ends")
        .unwrap();
    (world, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_wave_whose_stage_was_tried_again_is_not_believed() {
    let (_world, outcome) = lose_an_executor_in_the_second_stage(Guards::default()).await;
    match outcome {
        WaveOutcome::RunAgain { reason, .. } => assert!(reason.contains("tried again"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let off = Guards {
        b1_refuse_retried_stages: false,
        ..Guards::default()
    };
    let (_world, outcome) = lose_an_executor_in_the_second_stage(off).await;
    assert!(
        matches!(outcome, WaveOutcome::Accepted(_)),
        "without the guard it is believed: {outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_a_rolled_back_stage_gives_its_slots_back() {
    let (world, _) = lose_an_executor_in_the_second_stage(Guards::default()).await;
    let (free, total) = free_slots(&world).await;
    assert_eq!((free, total), (1, 1));
    let request = world.request("SELECT id FROM src", 4).await;
    let result = accepted(
        timeout(PATIENCE, world.run(&request, |_| {}))
            .await
            .expect("slots are there"),
    );
    assert_eq!(result.rows, RECORDS);

    let off = Guards {
        b2_derive_slots: false,
        ..Guards::default()
    };
    let hung = timeout(Duration::from_secs(10), async {
        let (world, _) = lose_an_executor_in_the_second_stage(off).await;
        let request = world.request("SELECT id FROM src", 4).await;
        world.run(&request, |_| {}).await
    });
    assert!(
        hung.await.is_err(),
        "without the guard the slot is lost, and the next wave waits for ever"
    );
}

/// One stage; the first executor to have ended a task is lost while the other
/// one's task is held: the ended task is done again.
async fn lose_an_executor_that_has_ended_a_task(guards: Guards) -> u64 {
    let holding = Arc::new(AtomicBool::new(true));
    let hold = Arc::clone(&holding);
    // Slot 1 goes to the second executor.
    let (gate, fail_point) = Gate::new(Point::Scanned, move |_, slot| {
        slot == 1 && hold.load(Ordering::SeqCst)
    });
    let mut world = World::new(Setup {
        executors: 2,
        cores: 1,
        guards,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let request = world.request("SELECT id FROM src", 2).await;
    let reported = Arc::new(parking_lot::Mutex::new(Vec::<String>::new()));
    let heard = Arc::clone(&reported);
    let engine = Arc::clone(&world.engine);
    let plan = world.plan(&request).await;
    let (progress, mut events) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let WaveProgress::Report {
                executor_id,
                report,
            } = event
                && matches!(*report, TaskReport::Write(_))
            {
                heard.lock().push(executor_id);
            }
        }
    });
    let running = tokio::spawn(async move {
        engine
            .run_wave(request, plan.waves[0].clone(), 0, progress)
            .await
    });
    gate.wait_until_held(1).await;
    let until = Instant::now() + PATIENCE;
    let ended = loop {
        if let Some(id) = reported.lock().first().cloned() {
            break id;
        }
        assert!(Instant::now() < until, "the other task ends");
        sleep(Duration::from_millis(5)).await;
    };
    // Its success must be known before it is lost.
    sleep(Duration::from_millis(200)).await;
    let index = world
        .executors
        .iter()
        .position(|e| e.id() == ended)
        .unwrap();
    world.executors.remove(index).shutdown().await;
    sleep(Duration::from_millis(200)).await;
    holding.store(false, Ordering::SeqCst);
    gate.open();
    accepted(
        timeout(PATIENCE, running)
            .await
            .expect("the wave ends")
            .unwrap(),
    )
    .rows
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_a_task_that_was_done_twice_counts_once() {
    assert_eq!(
        lose_an_executor_that_has_ended_a_task(Guards::default()).await,
        RECORDS
    );
    let off = Guards {
        b3_last_task_wins: false,
        ..Guards::default()
    };
    let doubled = lose_an_executor_that_has_ended_a_task(off).await;
    assert!(
        doubled > RECORDS,
        "without the guard rows are doubled: {doubled}"
    );
}

/// Cancels a wave whose task is held, opens the gate, and counts the batches
/// that the task still writes.
async fn batches_written_after_a_cancel(guards: Guards) -> usize {
    let (gate, hold) = Gate::new(Point::Scanned, |_, _| true);
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let fail_point: FailPoint = Arc::new(move |task, at| {
        count.fetch_add(usize::from(at == Point::Writing), Ordering::SeqCst);
        hold(task, at)
    });
    let world = World::new(Setup {
        executors: 1,
        cores: 1,
        guards,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let request = world.request("SELECT id FROM src", 1).await;
    cancel_while_held(&world, &request, &gate).await;
    sleep(Duration::from_millis(1_000)).await;
    written.load(Ordering::SeqCst)
}

async fn cancel_while_held(world: &World, request: &Arc<crate::api::ModelRequest>, gate: &Gate) {
    let plan = world.plan(request).await;
    let (progress, mut events) = tokio::sync::mpsc::unbounded_channel();
    let (engine, own) = (Arc::clone(&world.engine), Arc::clone(request));
    let running = tokio::spawn(async move {
        engine
            .run_wave(own, plan.waves[0].clone(), 0, progress)
            .await
    });
    let engine_job = loop {
        if let Some(WaveProgress::Submitted { engine_job, .. }) = events.recv().await {
            break engine_job;
        }
    };
    gate.wait_until_held(1).await;
    let asked = Instant::now();
    world.engine.cancel(&engine_job).await;
    let outcome = timeout(PATIENCE, running)
        .await
        .expect("the wave ends")
        .unwrap();
    assert!(
        matches!(outcome, WaveOutcome::Cancelled { .. }),
        "{outcome:?}"
    );
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    // The word travels to the executor.
    sleep(Duration::from_millis(300)).await;
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_cancelled_task_stops() {
    assert_eq!(batches_written_after_a_cancel(Guards::default()).await, 0);
    let off = Guards {
        b4_stop_cancelled_tasks: false,
        ..Guards::default()
    };
    assert!(
        batches_written_after_a_cancel(off).await > 0,
        "without the guard it runs on and writes"
    );
}

/// Gives up a task that is held before its shuffle write, opens the gate, and
/// tells whether it still writes shuffle data.
async fn shuffle_written_after_it_was_given_up(guards: Guards) -> bool {
    let (gate, fail_point) = Gate::new(Point::Scanned, |_, _| true);
    let world = World::new(Setup {
        executors: 1,
        cores: 1,
        guards,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let request = world.request(SHUFFLED, 1).await;
    cancel_while_held(&world, &request, &gate).await;
    let before = shuffle_files(&world);
    sleep(Duration::from_millis(1_000)).await;
    shuffle_files(&world) != before
}

fn shuffle_files(world: &World) -> HashMap<std::path::PathBuf, (u64, SystemTime)> {
    fn walk(folder: &std::path::Path, found: &mut HashMap<std::path::PathBuf, (u64, SystemTime)>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                walk(&entry.path(), found);
            } else if meta.len() > 0 {
                found.insert(entry.path(), (meta.len(), meta.modified().unwrap()));
            }
        }
    }
    let mut found = HashMap::new();
    walk(&world.dir.path().join("work-0"), &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn b5_a_task_that_was_given_up_writes_no_shuffle_data() {
    assert!(!shuffle_written_after_it_was_given_up(Guards::default()).await);
    let off = Guards {
        b5_stop_abandoned_shuffles: false,
        ..Guards::default()
    };
    assert!(
        shuffle_written_after_it_was_given_up(off).await,
        "without the guard its leftovers appear"
    );
}

/// A task fails as the engine's shuffle readers do when the other side dies,
/// and an executor is gone.
async fn fail_while_an_executor_is_lost(guards: Guards) -> WaveOutcome {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let fail_point: FailPoint = Arc::new(move |_, at| {
        let breaks = at == Point::Writing && breaks.load(Ordering::SeqCst);
        Box::pin(async move {
            if breaks {
                Err(DataFusionError::Execution(
                    "h2 protocol error: error reading a body".into(),
                ))
            } else {
                Ok(())
            }
        })
    });
    let mut world = World::new(Setup {
        executors: 2,
        cores: 1,
        guards,
        fail_point: Some(Arc::clone(&fail_point)),
        ..Setup::default()
    })
    .await;
    // The third executor runs no task of the wave: it only dies during it.
    world.add_executor(2, 1, guards, None).await;
    let request = world.request("SELECT id FROM src", 2).await;
    broken.store(true, Ordering::SeqCst);
    let lost = world.executors.pop().unwrap();
    let engine = Arc::clone(&world.engine);
    let plan = world.plan(&request).await;
    let (progress, mut events) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        engine
            .run_wave(request, plan.waves[0].clone(), 0, progress)
            .await
    });
    while !matches!(
        events.recv().await,
        Some(WaveProgress::Submitted { .. }) | None
    ) {}
    lost.shutdown().await;
    timeout(PATIENCE, running)
        .await
        .expect("the wave ends")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_a_wave_that_failed_while_an_executor_was_lost_runs_again() {
    let outcome = fail_while_an_executor_is_lost(Guards::default()).await;
    assert!(
        matches!(&outcome, WaveOutcome::RunAgain { reason, .. } if reason.contains("executor was lost")),
        "{outcome:?}"
    );
    let off = Guards {
        b6_run_again_after_loss: false,
        ..Guards::default()
    };
    let outcome = fail_while_an_executor_is_lost(off).await;
    assert!(
        matches!(outcome, WaveOutcome::Failed { .. }),
        "without the guard the job fails: {outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_a_failure_without_a_loss_is_the_jobs_own() {
    let fail_point: FailPoint = Arc::new(|_, _| {
        Box::pin(async { Err(DataFusionError::Execution("division by zero".into())) })
    });
    let world = World::new(Setup {
        executors: 2,
        cores: 1,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let request = world.request("SELECT id FROM src", 2).await;
    let outcome = world.run(&request, |_| {}).await;
    assert!(
        matches!(&outcome, WaveOutcome::Failed { error, .. } if error.contains("division by zero")),
        "{outcome:?}"
    );
}

/// An executor is lost after the wave's job has succeeded and before its
/// manifest rows are looked at.
async fn lose_an_executor_before_the_verdict(guards: Guards) -> WaveOutcome {
    let doomed: Arc<tokio::sync::Mutex<Option<crate::executor::ExecutorServer>>> = Arc::default();
    let engine: Arc<std::sync::OnceLock<Arc<crate::scheduler::EngineScheduler>>> = Arc::default();
    let (hook_doomed, hook_engine) = (Arc::clone(&doomed), Arc::clone(&engine));
    let before_verdict: crate::scheduler::BeforeVerdict = Arc::new(move || {
        let (doomed, engine) = (Arc::clone(&hook_doomed), Arc::clone(&hook_engine));
        Box::pin(async move {
            let Some(lost) = doomed.lock().await.take() else {
                return;
            };
            lost.shutdown().await;
            let Some(engine) = engine.get() else { return };
            let until = Instant::now() + PATIENCE;
            while engine.executors().await.len() > 1 && Instant::now() < until {
                sleep(Duration::from_millis(5)).await;
            }
        })
    });
    let mut world = World::new(Setup {
        executors: 2,
        cores: 1,
        guards,
        before_verdict: Some(before_verdict),
        ..Setup::default()
    })
    .await;
    assert!(engine.set(Arc::clone(&world.engine)).is_ok());
    *doomed.lock().await = world.executors.pop();
    let request = world.request("SELECT id FROM src", 4).await;
    timeout(PATIENCE, world.run(&request, |_| {}))
        .await
        .expect("the wave ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_manifest_rows_outlive_the_executor_that_wrote_them() {
    assert_eq!(
        accepted(lose_an_executor_before_the_verdict(Guards::default()).await).rows,
        RECORDS
    );
    let off = Guards {
        b7_keep_reports_of_lost_executors: false,
        ..Guards::default()
    };
    let outcome = lose_an_executor_before_the_verdict(off).await;
    assert!(
        matches!(outcome, WaveOutcome::RunAgain { .. }),
        "without the guard they are gone: {outcome:?}"
    );
}

/// A wave of which the engine is not told that a task has ended; none if it has not ended after a while.
async fn lose_the_end_of_a_task(guards: Guards) -> (World, Option<WaveOutcome>) {
    let world = World::new(Setup {
        executors: 2,
        cores: 1,
        guards,
        lose_statuses: 1,
        end_heard_within: Duration::from_millis(500),
        ..Setup::default()
    })
    .await;
    let request = world.request("SELECT id FROM src", 2).await;
    let outcome = timeout(Duration::from_secs(8), world.run(&request, |_| ())).await;
    (world, outcome.ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn b8_a_wave_whose_task_ended_unheard_runs_again() {
    let (world, outcome) = lose_the_end_of_a_task(Guards::default()).await;
    match outcome {
        Some(WaveOutcome::RunAgain { reason, discard }) => {
            assert!(reason.contains("never heard that task"), "{reason}");
            assert_eq!(discard.files.len(), 2, "what both tasks wrote goes");
        }
        other => panic!("{other:?}"),
    }
    // Nothing of it is in the way of the next attempt.
    let request = world.request("SELECT id FROM src", 2).await;
    let run = timeout(PATIENCE, world.run(&request, |_| ()));
    assert_eq!(accepted(run.await.expect("it ends")).rows, RECORDS);

    let off = Guards {
        b8_run_again_when_an_end_is_not_heard: false,
        ..Guards::default()
    };
    let (_world, outcome) = lose_the_end_of_a_task(off).await;
    assert!(
        outcome.is_none(),
        "without the guard it waits for ever: {outcome:?}"
    );
}
