//! The real engine, in this process and with child processes: the scheduler's
//! start-up, its port, and one small job from XML to Parquet.

use std::path::Path;

use headworks_engine::executor::{ExecutorOptions, ExecutorServer};
use headworks_lake::{Table, TableLocation};
use headworks_proto::v1;
use headworks_proto::v1::job_service_client::JobServiceClient;
use tokio_stream::StreamExt;

use crate::journal::Kept;
use crate::local::{LocalOptions, start_local};
use crate::serve::{SchedulerOptions, start};

const RECORDS: usize = 1_000;
const BAD: usize = 7;

const JOB: &str = "
job: small
lake: ./lake
sources:
  rows: {format: xml, path: data.xml, row_tag: row}
models:
  all_rows: {sql: 'SELECT id, kind FROM rows WHERE id >= 100'}
  by_kind: {sql: 'SELECT kind, count(*) AS n FROM all_rows GROUP BY kind'}
tuning: {split_size: 4KB}
";

/// Writes the data; returns the job's message.
fn prepare(dir: &Path) -> String {
    let mut xml = String::from("<rows>");
    for id in 0..RECORDS {
        let end = if id % (RECORDS / BAD) == 5 {
            "</kind"
        } else {
            "</kind>"
        };
        xml.push_str(&format!("<row><id>{id}</id><kind>k{}{end}</row>\n", id % 3));
    }
    xml.push_str("</rows>");
    std::fs::write(dir.join("data.xml"), xml).unwrap();
    let file = dir.join("job.yaml");
    std::fs::write(&file, JOB).unwrap();
    headworks_spec::load(&file, &[], &|_| None)
        .unwrap()
        .to_json()
        .unwrap()
}

fn rows(dir: &Path, table: &str) -> u64 {
    let lake = dir.join("lake");
    let table = Table::open(TableLocation::new(lake.to_str().unwrap(), table).unwrap());
    assert_eq!(table.verify().unwrap().problems, []);
    table.snapshot().unwrap().unwrap().rows()
}

/// Submits over the wire and watches to the end; returns the final view.
async fn submit_and_wait(url: String, spec_json: String) -> v1::JobView {
    let mut client = JobServiceClient::connect(url).await.unwrap();
    let request = v1::SubmitRequest {
        spec_json,
        request_id: String::new(),
    };
    let job_id = client.submit(request).await.unwrap().into_inner().job_id;
    let watch = v1::WatchRequest {
        job_id,
        interval_ms: 0,
    };
    let views: Vec<_> = client
        .watch(watch)
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    views.last().unwrap().as_ref().unwrap().clone()
}

async fn run_small_job(executors: Option<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let spec_json = prepare(dir.path());
    let state_dir = dir.path().join("state");
    let options = LocalOptions {
        journal: Kept::Forever,
        state_dir,
        executors,
        cores: Some(2),
        work_dir: None,
    };
    let cluster = start_local(options).await.unwrap();
    assert_eq!(cluster.pids.len(), executors.unwrap_or(1));
    let view = submit_and_wait(cluster.url.clone(), spec_json).await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);

    let source = &view.sources[0];
    assert_eq!(source.read, RECORDS as u64);
    assert_eq!(
        source.read,
        source.written + source.filtered + source.quarantined
    );
    assert!(source.quarantined >= BAD as u64, "{source:?}");
    assert_eq!(rows(dir.path(), "all_rows"), source.written);
    assert_eq!(rows(dir.path(), "by_kind"), 3);
    let pids: Vec<u32> = view.executors.iter().map(|executor| executor.pid).collect();
    assert!(
        pids.iter().all(|pid| cluster.pids.contains(pid)),
        "{pids:?}"
    );
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_with_the_executor_inside_this_process() {
    run_small_job(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_on_two_child_processes() {
    let own = std::env::current_exe().unwrap();
    if !own
        .ancestors()
        .skip(1)
        .take(2)
        .any(|folder| folder.join("headworks-executor").is_file())
    {
        eprintln!("skipped: a_job_runs_on_two_child_processes: headworks-executor is not built");
        return;
    }
    run_small_job(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_lost_on_purpose_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let spec_json = prepare(dir.path());
    let mut options = SchedulerOptions::local(dir.path().join("state"), Kept::Forever);
    options.driver.faults.lose_one_row = true;
    let scheduler = start(options).await.unwrap();
    let executor = ExecutorOptions::local(&scheduler.url(), 1, &dir.path().join("work"));
    let executor = ExecutorServer::start(executor).await.unwrap();
    let view = submit_and_wait(scheduler.url(), spec_json).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "check")
    );
    assert!(
        view.error.contains("numbers do not add up"),
        "{}",
        view.error
    );
    assert_eq!(view.models[0].state, "failed");
    assert!(
        !dir.path().join("lake/all_rows/_headworks/log").exists(),
        "never committed"
    );
    scheduler.shutdown().await;
    executor.shutdown().await;
}
