//! A lake in a bucket of a real S3 server: the same rows as on a disk, nothing to be seen of a job that failed, and
//! nothing left of executors that died.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use headworks_lake::storage::{S3Storage, conformance};
use headworks_tests::fpds::Truth;
use serde_json::{Value, json};

use crate::support::data::{awards_job, fpds_folder, one_file};
use crate::support::wait::until;
use crate::support::{Cluster, Lake, Place};

const BAD: u64 = 7;

/// The contracts of the repository's job, appended.
fn contracts(place: &Place, tuning: &[&str]) -> PathBuf {
    let sql = fpds_folder().join("contracts.sql").canonicalize().unwrap();
    let model = ["partition_by: [fiscal_year]", "mode: append"];
    awards_job(
        place,
        "data",
        "contracts",
        sql.to_str().unwrap(),
        &model,
        tuning,
    )
}

/// What other programs find below a URL.
fn copy(place: &Place, url: &str, name: &str) -> Lake {
    let lake = place.lake(name);
    place.s3().get(url, lake.folder()).unwrap();
    lake
}

#[track_caller]
fn assert_exact(lake: &Lake, truth: &Truth) {
    let row = lake.row("select count(*) n, sum(obligated_amount) s from contracts");
    assert_eq!(row["n"], truth.records);
    assert_eq!(row["s"], truth.sum_obligated);
}

/// `headworks lake VERB ... --lake URL -o json`, which ends with 0.
#[track_caller]
fn lake(place: &Place, url: &str, args: &[&str]) -> Value {
    let mut all = vec!["lake"];
    all.extend(args);
    all.extend(["--lake", url, "-o", "json"]);
    place.headworks(&all).expect(0).json()
}

/// The lake's own suite for storages, against the server. A process finds its settings once, in its environment, so the
/// suite runs in one that is started with those of the server.
#[test]
fn a_real_server_keeps_the_contract_of_a_storage() {
    const NAMED_BY: &str = "HEADWORKS_CONFORMANCE_BUCKET";
    if let Ok(bucket) = std::env::var(NAMED_BY) {
        conformance::check(&|name| Arc::new(S3Storage::new(&format!("s3://{bucket}/x/{name}"))));
        return;
    }
    let place = Place::new();
    let server = place.s3();
    server.make_bucket("conformance").unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "buckets::a_real_server_keeps_the_contract_of_a_storage",
            "--exact",
        ])
        .envs(server.environment())
        .env(NAMED_BY, "conformance")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert_eq!(server.uploads("s3://conformance/").unwrap(), []);
}

#[test]
fn a_lake_in_a_bucket_is_written_queried_compacted_and_verified() {
    let place = Place::new();
    place.s3().make_bucket("lakes").unwrap();
    let truth = one_file(&place, "data", 12_000_000, BAD, 71);
    let url = "s3://lakes/raw/fpds";
    let job = contracts(&place, &["split_size: 1MB", "wave_size: 3MB"]);
    let set = format!("lake={url}");
    let done = place
        .run(&job, &["--set", &set, "--executors", "2", "--cores", "1"])
        .done();
    assert_eq!(done["sources"][0]["quarantined"], BAD);
    assert!(done["waves_run"].as_u64().unwrap() > 2, "{done}");
    assert_eq!(place.s3().uploads("s3://lakes/").unwrap(), []);
    let written = copy(&place, url, "written");
    assert_exact(&written, &truth);
    let sql = "SELECT count(*) AS n FROM \"_quarantine/awards\"";
    let asked = place
        .headworks(&["sql", sql, "--lake", url, "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(asked, json!([{"n": BAD}]));

    // Another run finds nothing new.
    let again = place.run(&job, &["--set", &set]).done();
    assert_eq!(again["sources"][0]["read"], 0, "{again}");

    let compacted = lake(&place, url, &["compact", "contracts"]);
    let (before, after) = (&compacted["files_before"], &compacted["files_after"]);
    assert!(after.as_u64() < before.as_u64(), "{compacted}");
    assert_eq!(compacted["rows"], truth.records);
    let found = copy(&place, url, "compacted");
    assert_exact(&found, &truth);
    assert!(found.visible_files("contracts").len() < written.visible_files("contracts").len());
    let verified = lake(&place, url, &["verify"]);
    assert!(
        verified
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["problems"] == json!([])),
        "{verified}"
    );
    let log = lake(&place, url, &["log", "contracts"]);
    assert_eq!(log[0]["mode"], "compact");
    assert_eq!(log[0]["rows"], log[0]["rows_removed"]);
    let sql = "SELECT count(*) AS n, CAST(sum(obligated_amount) AS VARCHAR) AS s FROM contracts WHERE fiscal_year >= 0";
    let asked = place
        .headworks(&["sql", sql, "--lake", url, "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(asked[0]["n"], truth.records);
    assert_eq!(asked[0]["s"], truth.sum_obligated);

    place
        .headworks(&["lake", "show", "--lake", "s3://no-such-bucket/x"])
        .says(1, &["s3://no-such-bucket/x", "check the bucket's name"]);
}

#[test]
fn executors_that_die_leave_uploads_that_are_not_seen_and_are_collected() {
    let place = Place::new();
    place.s3().make_bucket("lakes").unwrap();
    let truth = one_file(&place, "data", 40_000_000, 0, 72);
    let (url, below) = ("s3://lakes/dead", "s3://lakes/dead/contracts/");
    let job = contracts(&place, &["split_size: 1MB", "wave_size: 8MB"]);
    let set = format!("lake={url}");
    let mut cluster = Cluster::start(&place, 2);
    let mut run = cluster.start_run(&job, &["--set", &set]);
    until("files under way", Duration::from_secs(60), || {
        let uploads = place.s3().uploads(below).unwrap();
        (!uploads.is_empty()).then_some(())
    });
    cluster.kill_executor(1);
    cluster.kill_executor(0);
    cluster.kill_scheduler();
    assert_ne!(run.process().wait(Duration::from_secs(60)), 0);
    assert_eq!(
        copy(&place, url, "killed").visible_files(""),
        Vec::<PathBuf>::new()
    );
    assert_ne!(place.s3().uploads(below).unwrap(), []);

    // They are young: a job might still want them.
    let kept = lake(&place, url, &["gc"]);
    assert_eq!(kept[0]["removed"], json!([]), "{kept}");
    let removed = lake(&place, url, &["gc", "--older-than", "0"]);
    assert_eq!(removed[0]["table"], "contracts", "{removed}");
    assert_eq!(place.s3().uploads(below).unwrap(), []);

    // One executor dies, the job goes on, and what it leaves is all that is left.
    let mut cluster = Cluster::start(&place, 2);
    let run = cluster.start_run(&job, &["--set", &set]);
    cluster.wait_until_at_work(1);
    cluster.kill_executor(1);
    cluster.add_executor();
    run.wait().done();
    lake(&place, url, &["gc", "--older-than", "0"]);
    assert_eq!(place.s3().uploads(below).unwrap(), []);
    assert_exact(&copy(&place, url, "done"), &truth);
    let verified = lake(&place, url, &["verify"]);
    assert!(
        verified
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["problems"] == json!([])),
        "{verified}"
    );
}
