//! Jobs that fail or are stopped leave the table as it was, and give back what they held.

use std::time::Duration;

use crate::support::data::{awards_job, fpds_folder, one_file};
use crate::support::{Cluster, Place};

/// A promise of the design: so soon after a cancel no task runs any more.
const TASKS_STOP_WITHIN: Duration = Duration::from_secs(2);

fn contracts_job(place: &Place, data: &str) -> std::path::PathBuf {
    let sql = fpds_folder().join("contracts.sql").canonicalize().unwrap();
    awards_job(
        place,
        data,
        "contracts",
        sql.to_str().unwrap(),
        &["partition_by: [fiscal_year]"],
        &["split_size: 1MB"],
    )
}

#[test]
fn a_stopped_job_ends_its_tasks_and_leaves_nothing() {
    let place = Place::new();
    one_file(&place, "data", 400_000_000, 0, 81);
    let cluster = Cluster::start(&place, 2);
    let run = cluster.start_run(&contracts_job(&place, "data"), &[]);
    let id = cluster.wait_until_at_work(0);
    assert!(cluster.slots_taken() > 0);

    cluster
        .headworks(&["jobs", "stop", &id, "-o", "json"])
        .expect(0);
    let took = cluster.wait_until_all_free();
    println!("slots free {took:?} after the stop");
    assert!(took <= TASKS_STOP_WITHIN, "{took:?}");

    let outcome = run.wait().expect(1);
    assert_eq!(outcome.last_line()["state"], "cancelled", "{outcome:?}");
    assert_eq!(cluster.job(&id)["state"], "cancelled");
    place.lake("lake").assert_untouched("contracts");
    // One that watches a job that somebody stopped sees it fail.
    cluster.headworks(&["jobs", "watch", &id, "-q"]).expect(1);
    // And stopping it twice is no error.
    cluster.headworks(&["jobs", "stop", &id]).expect(0);
}

#[test]
fn a_job_that_fails_late_leaves_the_table_as_it_was() {
    let place = Place::new();
    let good = one_file(&place, "good", 2_000_000, 0, 82);
    // Many good splits, and one bad record somewhere among them.
    let bad = one_file(&place, "bad", 20_000_000, 1, 83);
    let place_of_bad = &bad.bad_records[0];
    let lake = place.lake("lake");
    let cluster = Cluster::start(&place, 2);
    cluster.run(&contracts_job(&place, "good"), &[]).done();
    let files = lake.visible_files("contracts");

    let outcome = cluster.run(
        &contracts_job(&place, "bad"),
        &["--set", "sources.awards.on_bad_record=fail"],
    );
    let job = outcome.last_line();
    assert_eq!(job["state"], "failed");
    let error = outcome.says(1, &[&place_of_bad.file]);
    assert!(
        error.contains(&place_of_bad.offset.to_string()),
        "no byte {} in: {error}",
        place_of_bad.offset
    );
    assert_eq!(lake.visible_files("contracts"), files);
    assert_eq!(lake.version("contracts"), 1);
    assert_eq!(lake.audit()["contracts"]["rows"], good.records);
    cluster.wait_until_all_free();
}
