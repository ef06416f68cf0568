//! Two jobs at once: they share the executors, and do each other's table no harm.

use serde_json::Value;

use crate::support::data::{awards_job, one_file};
use crate::support::place::model;
use crate::support::{Cluster, Place};

const ACTIONS: &str = "SELECT _hw_offset AS at, awardID.awardContractID.PIID AS piid, \
                       dollarValues.obligatedAmount AS amount FROM awards";

fn worked(job: &Value) -> usize {
    let executors = job["executors"].as_array().unwrap();
    executors
        .iter()
        .filter(|e| e["tasks"].as_u64().unwrap() > 0)
        .count()
}

#[test]
fn a_small_job_does_not_wait_for_a_large_one() {
    let place = Place::new();
    let large_truth = one_file(&place, "large", 400_000_000, 0, 61);
    let small_truth = one_file(&place, "small", 4_000_000, 0, 62);
    place.write("actions.sql", ACTIONS);
    let job = |name: &str| {
        awards_job(
            &place,
            name,
            name,
            "actions.sql",
            &[],
            &["split_size: 500kB"],
        )
    };
    let cluster = Cluster::start(&place, 2);
    let large = cluster.start_run(&job("large"), &[]);
    let large_id = cluster.wait_until_at_work(0);

    let small = cluster.run(&job("small"), &[]).done();
    let large_then = cluster.job(&large_id);
    assert_eq!(
        large_then["state"], "running",
        "the small job waited: {large_then}"
    );
    assert_eq!(model(&small, "small")["rows"], small_truth.records);

    let large = large.wait().done();
    assert_eq!(model(&large, "large")["rows"], large_truth.records);
    assert_eq!(worked(&large), 2, "{large}");
    println!(
        "small: {} ms beside large: {} ms",
        small["timing"]["total_ms"], large["timing"]["total_ms"]
    );
    place.lake("lake").audit();
    cluster.wait_until_all_free();
}

#[test]
fn two_jobs_that_append_to_one_table_both_land() {
    let place = Place::new();
    let truths = [
        one_file(&place, "one", 20_000_000, 0, 63),
        one_file(&place, "two", 20_000_000, 0, 64),
    ];
    place.write("actions.sql", ACTIONS);
    let job = awards_job(
        &place,
        "one",
        "actions",
        "actions.sql",
        &["mode: append"],
        &["split_size: 1MB"],
    );
    let cluster = Cluster::start(&place, 2);
    let two = format!(
        "sources.awards.path={}/**/*.xml",
        place.path("two").display()
    );
    let first = cluster.start_run(&job, &[]);
    let second = cluster.start_run(&job, &["--set", &two]);
    let jobs = [first.wait().done(), second.wait().done()];

    let mut versions: Vec<u64> = jobs
        .iter()
        .map(|job| model(job, "actions")["version"].as_u64().unwrap())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
    let records = truths[0].records + truths[1].records;
    let lake = place.lake("lake");
    assert_eq!(lake.audit()["actions"]["rows"], records);

    // Once more: what the table has taken in already is left out.
    cluster.run(&job, &[]).done();
    assert_eq!(lake.audit()["actions"]["rows"], records);
}
