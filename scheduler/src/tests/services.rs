//! The service on a real port.

use std::sync::Arc;

use headworks_proto::v1;
use headworks_proto::v1::job_service_client::JobServiceClient;
use headworks_proto::v1::job_service_server::JobServiceServer;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::transport::{Channel, Server};

use super::engine::{FakeEngine, Script};
use super::jobs::Bench;
use super::world::{World, job, overwrite};
use crate::driver::{TableLocks, now_ms};
use crate::journal::{Journal, Kept};
use crate::registry::Registry;
use crate::service::JobServiceImpl;

async fn serve(registry: Registry) -> JobServiceClient<Channel> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = JobServiceServer::new(JobServiceImpl::new(registry));
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    JobServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap()
}

fn submit_request(bench: &Bench) -> v1::SubmitRequest {
    let spec_json = job(&bench.lake(), vec![overwrite("a")]).to_json().unwrap();
    v1::SubmitRequest {
        spec_json,
        request_id: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_submitted_watched_and_remembered() {
    let engine = FakeEngine::scripted(World::new(&[520]), [Script::WaitsForGo]);
    let bench = Bench::new(&engine);
    let mut client = serve(bench.registry.clone()).await;
    let job_id = client
        .submit(submit_request(&bench))
        .await
        .unwrap()
        .into_inner()
        .job_id;
    let watch = v1::WatchRequest {
        job_id: job_id.clone(),
        interval_ms: 20,
    };
    let mut views = client.watch(watch).await.unwrap().into_inner();
    let first = views.next().await.unwrap().unwrap();
    assert!(!crate::driver::has_ended(first.state()));
    engine.wave_begins.notified().await;
    engine.go.notify_one();
    let mut last = first;
    while let Some(view) = views.next().await {
        last = view.unwrap();
    }
    assert_eq!(last.state(), v1::JobState::Done, "{}", last.error);
    assert_eq!(last.progress.unwrap().bytes_done, 520);

    // A scheduler of after a restart answers the same.
    bench.registry.shutdown().await;
    let (journal, _) =
        Journal::open(&bench.dir.path().join("state"), Kept::Forever, now_ms()).unwrap();
    let registry = Registry::new(Arc::new(journal), TableLocks::default(), Default::default());
    let mut client = serve(registry).await;
    assert_eq!(
        client
            .get(v1::GetRequest {
                job_id: job_id.clone()
            })
            .await
            .unwrap()
            .into_inner(),
        last
    );
    let list = client
        .list(v1::ListRequest { limit: 0 })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.jobs, [last.clone()]);
    let watch = v1::WatchRequest {
        job_id: job_id.clone(),
        interval_ms: 0,
    };
    let views: Vec<_> = client
        .watch(watch)
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    assert_eq!(views.len(), 1);
    let cancel = v1::CancelRequest {
        job_id,
        reason: String::new(),
    };
    assert!(!client.cancel(cancel).await.unwrap().into_inner().cancelled);
    // It has no engine yet.
    let status = client.submit(submit_request(&bench)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_job_is_stopped() {
    let engine = FakeEngine::scripted(World::new(&[520]), [Script::WaitsForCancel]);
    let bench = Bench::new(&engine);
    let mut client = serve(bench.registry.clone()).await;
    let job_id = client
        .submit(submit_request(&bench))
        .await
        .unwrap()
        .into_inner()
        .job_id;
    engine.wave_begins.notified().await;
    let watch = v1::WatchRequest {
        job_id: job_id.clone(),
        interval_ms: 60_000,
    };
    let views = client.watch(watch).await.unwrap().into_inner();
    let cancel = v1::CancelRequest {
        job_id,
        reason: "not needed".into(),
    };
    assert!(client.cancel(cancel).await.unwrap().into_inner().cancelled);
    // The end is told at once, however long the interval.
    let all = tokio::time::timeout(std::time::Duration::from_secs(5), views.collect::<Vec<_>>())
        .await
        .unwrap();
    let last = all.last().unwrap().as_ref().unwrap();
    assert_eq!(
        (last.state(), last.error.as_str()),
        (v1::JobState::Cancelled, "not needed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let engine = FakeEngine::new(World::new(&[520]));
    let bench = Bench::new(&engine);
    let mut client = serve(bench.registry.clone()).await;
    let unknown = client
        .get(v1::GetRequest {
            job_id: "none".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(
        unknown.message().contains("`none`") && unknown.message().contains("jobs list"),
        "{unknown}"
    );
    let watch = client
        .watch(v1::WatchRequest {
            job_id: "none".into(),
            interval_ms: 0,
        })
        .await
        .unwrap_err();
    assert_eq!(watch.code(), Code::NotFound);
    let bad = v1::SubmitRequest {
        spec_json: "{\"v\": 99}".into(),
        request_id: String::new(),
    };
    let bad = client.submit(bad).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    assert!(bad.message().contains("version 99"), "{bad}");
}
