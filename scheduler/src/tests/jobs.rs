//! Whole jobs: registry, driver, journal and a real lake over a made-up engine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headworks_lake::{Table, TableLocation};
use headworks_proto::v1;
use headworks_spec::{ModelSpec, WriteMode};
use tempfile::TempDir;

use super::engine::{FakeEngine, Script, files_of};
use super::world::{World, append, job, model, overwrite};
use crate::driver::{DriverOptions, Faults, TableLocks, now_ms};
use crate::journal::{Journal, Kept};
use crate::registry::{Registry, RegistryError, Watched};

/// A scheduler without a port.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) registry: Registry,
    pub(crate) journal: Arc<Journal>,
}

impl Bench {
    pub(crate) fn new(engine: &Arc<FakeEngine>) -> Self {
        Self::with(
            engine,
            DriverOptions {
                loss_wait: Duration::from_millis(50),
                ..DriverOptions::default()
            },
        )
    }

    pub(crate) fn with(engine: &Arc<FakeEngine>, options: DriverOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) =
            Journal::open(&dir.path().join("state"), Kept::Forever, now_ms()).unwrap();
        let journal = Arc::new(journal);
        let registry = Registry::new(Arc::clone(&journal), TableLocks::default(), options);
        registry.set_engine(engine.clone());
        Self {
            dir,
            registry,
            journal,
        }
    }

    pub(crate) fn lake(&self) -> String {
        self.dir.path().join("lake").to_str().unwrap().to_owned()
    }

    pub(crate) async fn submit(&self, models: Vec<ModelSpec>) -> String {
        let spec = job(&self.lake(), models).to_json().unwrap();
        self.registry.submit(spec, String::new()).await.unwrap()
    }

    /// The final view.
    pub(crate) async fn wait(&self, job_id: &str) -> v1::JobView {
        match self.registry.watch(job_id).await.unwrap() {
            Watched::Journaled(view) => *view,
            Watched::Live(mut views) => {
                let ended = |view: &v1::JobView| crate::driver::has_ended(view.state());
                let waited =
                    tokio::time::timeout(Duration::from_secs(20), views.wait_for(ended)).await;
                waited.expect("the job must end").unwrap().clone()
            }
        }
    }

    pub(crate) async fn run(&self, models: Vec<ModelSpec>) -> v1::JobView {
        let job_id = self.submit(models).await;
        self.wait(&job_id).await
    }

    /// Rows of a table's current version; none if it does not exist.
    pub(crate) fn rows(&self, table: &str) -> Option<u64> {
        let table = Table::open(TableLocation::new(&self.lake(), table).unwrap());
        assert_eq!(
            table.verify().unwrap().problems,
            [],
            "every visible file must be in the log"
        );
        table.snapshot().unwrap().map(|snapshot| snapshot.rows())
    }

    pub(crate) fn files(&self) -> (Vec<String>, Vec<String>) {
        files_of(Path::new(&self.lake()))
    }
}

fn world() -> World {
    let mut world = World::new(&[520, 90, 0]);
    world.files.get_mut("f0.xml").unwrap().bad.extend([20, 310]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_to_its_end_and_its_numbers_are_true() {
    let engine = FakeEngine::scripted(
        world(),
        [Script::NotBelieved, Script::Sound, Script::LosesExecutor],
    );
    let bench = Bench::new(&engine);
    let models = vec![
        overwrite("a"),
        model("b", WriteMode::Overwrite, &["s"], &["a"]),
    ];
    let view = bench.run(models).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    // 61 records, of which 2 bad; every fourth is filtered.
    assert_eq!(bench.rows("a"), Some(43));
    assert_eq!(bench.rows("b"), Some(43));
    let source = &view.sources[0];
    assert_eq!((source.files, source.bytes, source.read), (3, 610, 61));
    assert_eq!(
        (source.written, source.filtered, source.quarantined),
        (43, 16, 2)
    );
    assert_eq!(view.models[0].rows, 43);
    assert_eq!(view.models[1].state, "committed");
    assert_eq!(view.waves_rerun, 2);
    assert_eq!(view.executors[0].pid, 11);
    assert!(view.first_task_ms > 0 && view.total_ms >= view.first_task_ms);
    let quarantine = Table::open(TableLocation::quarantine(&bench.lake(), "s").unwrap());
    assert_eq!(quarantine.snapshot().unwrap().unwrap().rows(), 2);
    assert_eq!(
        bench.files().1,
        Vec::<String>::new(),
        "nothing hidden is left"
    );
    // The journal says the same once the job is no longer live.
    assert_eq!(bench.journal.view(&view.job_id).unwrap().unwrap(), view);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_row_refuses_the_commit() {
    let engine = FakeEngine::new(world());
    let faults = Faults { lose_one_row: true };
    let bench = Bench::with(
        &engine,
        DriverOptions {
            faults,
            ..DriverOptions::default()
        },
    );
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(view.state(), v1::JobState::Failed);
    assert_eq!(view.error_class, "check");
    assert!(
        view.error.contains("numbers do not add up"),
        "{}",
        view.error
    );
    assert_eq!(bench.rows("a"), None, "the table is as it was");
    assert_eq!(bench.files().1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_leaves_the_table_as_it_was_and_keeps_its_quarantine() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    bench.run(vec![overwrite("a")]).await;
    let before = bench.files().0;
    engine
        .scripts
        .lock()
        .unwrap()
        .extend([Script::Sound, Script::Fails("input")]);
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "input")
    );
    assert_eq!(view.error, "f0.xml: byte 7: not XML");
    assert_eq!(bench.rows("a"), Some(43));
    let after: Vec<String> = bench
        .files()
        .0
        .into_iter()
        .filter(|f| !before.contains(f))
        .collect();
    assert!(
        after.iter().all(|f| f.starts_with("_quarantine/s/")) && after.len() == 1,
        "{after:?}"
    );
    let log = Table::open(TableLocation::quarantine(&bench.lake(), "s").unwrap())
        .log()
        .unwrap();
    assert_eq!(
        log.iter().map(|entry| entry.job_failed).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(bench.files().1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_stopped_ends_within_two_seconds_and_leaves_nothing() {
    for (script, state) in [
        (Script::WaitsForCancel, "hears"),
        (Script::IsDeaf, "is deaf"),
    ] {
        let engine = FakeEngine::scripted(world(), [Script::Sound, script]);
        let options = DriverOptions {
            cancel_wait: Duration::from_millis(200),
            ..DriverOptions::default()
        };
        let bench = Bench::with(&engine, options);
        let job_id = bench.submit(vec![overwrite("a")]).await;
        engine.wave_begins.notified().await;
        engine.wave_begins.notified().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = Instant::now();
        assert!(bench.registry.cancel(&job_id, "enough").await.unwrap());
        let view = bench.wait(&job_id).await;
        assert!(asked.elapsed() < Duration::from_secs(2), "{state}");
        assert_eq!(
            (view.state(), view.error.as_str()),
            (v1::JobState::Cancelled, "enough"),
            "{state}"
        );
        assert_eq!(bench.rows("a"), None);
        // What a deaf engine still wrote goes when it ends.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(bench.files(), (Vec::new(), Vec::new()), "{state}");
        assert!(!bench.registry.cancel(&job_id, "again").await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_can_be_stopped_while_it_looks_for_its_files() {
    let engine = FakeEngine::new(world());
    engine.holds_settling.store(true, Ordering::Relaxed);
    let bench = Bench::new(&engine);
    let job_id = bench.submit(vec![overwrite("a")]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(bench.registry.cancel(&job_id, "").await.unwrap());
    let view = bench.wait(&job_id).await;
    assert_eq!(
        (view.state(), view.error.as_str()),
        (v1::JobState::Cancelled, "stopped on request")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_that_append_the_same_files_to_one_table_add_them_once() {
    let engine = FakeEngine::scripted(world(), [Script::WaitsForGo, Script::WaitsForGo]);
    let bench = Bench::new(&engine);
    // Both have looked at the table before either commits.
    let first = bench.submit(vec![append("a")]).await;
    let second = bench.submit(vec![append("a")]).await;
    engine.wave_begins.notified().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.go.notify_waiters();
    engine.go.notify_one();
    let (first, second) = (bench.wait(&first).await, bench.wait(&second).await);
    assert_eq!(first.state(), v1::JobState::Done, "{}", first.error);
    assert_eq!(second.state(), v1::JobState::Done, "{}", second.error);
    assert_eq!(bench.rows("a"), Some(43));
    let mut rows = [first.models[0].rows, second.models[0].rows];
    rows.sort_unstable();
    assert_eq!(
        rows,
        [0, 43],
        "the one that came later had nothing new to append"
    );
    assert_eq!(bench.files().1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_that_overwrite_one_table_both_end_and_the_later_stays() {
    let engine = FakeEngine::scripted(world(), [Script::WaitsForGo, Script::WaitsForGo]);
    let bench = Bench::new(&engine);
    let jobs = [
        bench.submit(vec![overwrite("a")]).await,
        bench.submit(vec![overwrite("a")]).await,
    ];
    engine.wave_begins.notified().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.go.notify_waiters();
    engine.go.notify_one();
    let mut versions = Vec::new();
    for job_id in &jobs {
        let view = bench.wait(job_id).await;
        assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
        versions.push(view.models[0].version);
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
    assert_eq!(bench.rows("a"), Some(43));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_breaks_ends_its_job() {
    let engine = FakeEngine::scripted(world(), [Script::Panics]);
    let bench = Bench::new(&engine);
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "engine")
    );
    assert!(view.error.contains("please report it"), "{}", view.error);
    let journaled = bench.journal.view(&view.job_id).unwrap().unwrap();
    assert_eq!(journaled.state(), v1::JobState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_journal_refuses_is_not_done() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let journal = rusqlite::Connection::open(bench.journal.path()).unwrap();
    journal
        .execute("ALTER TABLE commits RENAME TO gone", [])
        .unwrap();
    let view = bench.run(vec![overwrite("a")]).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "engine")
    );
    assert!(
        view.error.contains("the journal cannot be written"),
        "{}",
        view.error
    );
    assert_eq!(
        bench.rows("a"),
        None,
        "no commit that the journal does not know of"
    );
    assert_eq!(bench.files(), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_files_is_the_jobs_fault() {
    let engine = FakeEngine::new(World::default());
    let view = Bench::new(&engine).run(vec![overwrite("a")]).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "configuration")
    );
    assert!(view.error.contains("no file matches"), "{}", view.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_written_is_a_clear_error() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let spec = job("gs://bucket/x", vec![overwrite("a")])
        .to_json()
        .unwrap();
    let job_id = bench.registry.submit(spec, String::new()).await.unwrap();
    let view = bench.wait(&job_id).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "configuration")
    );
    assert!(view.error.contains("gs://"), "{}", view.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_makes_one_job() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let spec = job(&bench.lake(), vec![overwrite("a")]).to_json().unwrap();
    let first = bench
        .registry
        .submit(spec.clone(), "r1".into())
        .await
        .unwrap();
    let again = bench
        .registry
        .submit(spec.clone(), "r1".into())
        .await
        .unwrap();
    let other = bench.registry.submit(spec, "r2".into()).await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first, other);
    bench.wait(&first).await;
    bench.wait(&other).await;
    assert_eq!(bench.registry.list(10).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_job_is_refused() {
    let engine = FakeEngine::new(world());
    let bench = Bench::new(&engine);
    let lake = bench.lake();
    let mut no_source = (*job(&lake, vec![overwrite("a")])).clone();
    no_source.sources.clear();
    let cases = [
        ("{}".to_owned(), "not a job message"),
        (job(&lake, Vec::new()).to_json().unwrap(), "has no model"),
        (
            no_source.to_json().unwrap(),
            "model `a` reads `s`, which is no source",
        ),
        (
            job(&lake, vec![overwrite("a"), overwrite("a")])
                .to_json()
                .unwrap(),
            "two models are named `a`",
        ),
        (
            job(
                &lake,
                vec![
                    model("a", WriteMode::Overwrite, &["s"], &["b"]),
                    overwrite("b"),
                ],
            )
            .to_json()
            .unwrap(),
            "model `a` reads `b`, which no model before it makes",
        ),
    ];
    for (spec, expected) in cases {
        let error = bench
            .registry
            .submit(spec, String::new())
            .await
            .unwrap_err();
        assert!(matches!(error, RegistryError::Invalid(_)));
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(bench.registry.list(10).await.unwrap().is_empty());
}
