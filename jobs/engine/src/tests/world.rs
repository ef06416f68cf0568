//! A scheduler and executors inside the test's process, and a source to read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use headworks_spec::{ByteSize, Format, Model, ModelSpec, Source, SourceSpec, TextFile, Tuning};
use tempfile::TempDir;
use tokio::sync::mpsc::unbounded_channel;
use tonic::service::Routes;

use crate::api::{Engine, ModelPlan, ModelRequest, WaveOutcome, WaveProgress, WaveResult};
use crate::executor::{ExecutorOptions, ExecutorServer};
use crate::guards::Guards;
use crate::report::FailPoint;
use crate::scheduler::{BeforeVerdict, EngineOptions, EngineScheduler};

/// Records of the source, each `<r><id>N</id><k>N mod 7</k></r>`.
pub(super) const RECORDS: u64 = 4_000;

pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) engine: Arc<EngineScheduler>,
    pub(super) executors: Vec<ExecutorServer>,
}

#[derive(Default)]
pub(super) struct Setup {
    pub(super) executors: usize,
    pub(super) cores: usize,
    pub(super) guards: Guards,
    pub(super) fail_point: Option<FailPoint>,
    pub(super) before_verdict: Option<BeforeVerdict>,
    /// So many messages about tasks' ends are lost.
    pub(super) lose_statuses: usize,
    /// How long the engine may take to hear of an end; the default if zero.
    pub(super) end_heard_within: Duration,
}

impl World {
    pub(super) async fn new(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_source(&dir.path().join("data.xml"), RECORDS);
        let mut options = EngineOptions::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        options.guards = setup.guards;
        options.before_verdict = setup.before_verdict;
        options.lose_statuses = Arc::new(AtomicUsize::new(setup.lose_statuses));
        if !setup.end_heard_within.is_zero() {
            options.end_heard_within = setup.end_heard_within;
        }
        let engine = Arc::new(
            EngineScheduler::start(options, Routes::default())
                .await
                .unwrap(),
        );
        let mut world = Self {
            dir,
            engine,
            executors: Vec::new(),
        };
        for index in 0..setup.executors {
            let fail_point = setup.fail_point.clone();
            world
                .add_executor(index, setup.cores.max(1), setup.guards, fail_point)
                .await;
        }
        world
    }

    pub(super) async fn add_executor(
        &mut self,
        index: usize,
        cores: usize,
        guards: Guards,
        fail_point: Option<FailPoint>,
    ) {
        let url = format!("http://{}", self.engine.address());
        let mut options =
            ExecutorOptions::local(&url, cores, &self.dir.path().join(format!("work-{index}")));
        options.guards = guards;
        options.fail_point = fail_point;
        self.executors
            .push(ExecutorServer::start(options).await.unwrap());
    }

    /// A model over the source, cut into `tasks` splits.
    pub(super) async fn request(&self, sql: &str, tasks: u64) -> Arc<ModelRequest> {
        let path = self
            .dir
            .path()
            .join("data.xml")
            .to_string_lossy()
            .into_owned();
        let size = std::fs::metadata(&path).unwrap().len();
        let mut options = Source::new(Format::Xml, vec![path]);
        options.row_tag = vec!["r".into()];
        let spec = SourceSpec {
            name: "src".into(),
            options,
            schema_file: None,
        };
        let settled = self.engine.settle(&spec).await.unwrap();
        let tuning = Tuning {
            split_size: Some(ByteSize::from_bytes(size.div_ceil(tasks))),
            shuffle_partitions: Some(2),
            ..Tuning::default()
        };
        Arc::new(ModelRequest {
            job_id: "job".into(),
            lake: self.dir.path().join("lake").to_string_lossy().into_owned(),
            model: ModelSpec {
                name: "out".into(),
                options: Model::new(sql),
                sql: TextFile {
                    path: "out.sql".into(),
                    text: sql.into(),
                },
                reads_sources: vec!["src".into()],
                reads_models: vec![],
                checks: vec![],
            },
            sources: BTreeMap::from([("src".to_owned(), settled)]),
            tables: BTreeMap::new(),
            tuning,
            revisits: Vec::new(),
            merge: None,
        })
    }

    pub(super) async fn plan(&self, request: &Arc<ModelRequest>) -> ModelPlan {
        self.engine.plan(Arc::clone(request)).await.unwrap()
    }

    /// Runs the model's one wave once; `heard` is told of its progress.
    pub(super) async fn run(
        &self,
        request: &Arc<ModelRequest>,
        mut heard: impl FnMut(&WaveProgress) + Send + 'static,
    ) -> WaveOutcome {
        let plan = self.plan(request).await;
        assert_eq!(plan.waves.len(), 1);
        let (progress, mut events) = unbounded_channel();
        let listening = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                heard(&event);
            }
        });
        let outcome = self
            .engine
            .run_wave(Arc::clone(request), plan.waves[0].clone(), 0, progress)
            .await;
        listening.abort();
        outcome
    }
}

pub(super) fn write_source(path: &Path, records: u64) {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<rs>\n");
    for i in 0..records {
        writeln!(text, "<r><id>{i}</id><k>{}</k></r>", i % 7).unwrap();
    }
    text.push_str("</rs>\n");
    std::fs::write(path, text).unwrap();
}

pub(super) fn accepted(outcome: WaveOutcome) -> WaveResult {
    match outcome {
        WaveOutcome::Accepted(result) => *result,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Rows in the (uncommitted) files that a wave names.
pub(super) fn rows_in_files(result: &WaveResult) -> u64 {
    result.files.iter().map(|f| f.rows).sum()
}
