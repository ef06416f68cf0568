//! The journal outlives the scheduler.

use crate::support::data::{awards_job, fpds_job, one_file};
use crate::support::{Cluster, Place};

#[test]
fn a_restarted_scheduler_answers_for_jobs_of_before() {
    let place = Place::new();
    let lake = place.lake("lake");
    let mut cluster = Cluster::start(&place, 1);
    let done = cluster.run(&fpds_job(), &["--set", &lake.setting()]).done();
    let id = done["job_id"].as_str().unwrap();
    let before = cluster.job(id);
    cluster.kill_scheduler();

    let cluster = Cluster::scheduler_only(&place, "state");
    let listed = cluster.jobs();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["job_id"], done["job_id"]);
    let after = cluster.job(id);
    assert_eq!(after, before);
    assert_eq!(after["state"], "done");
    assert_eq!(after["models"], done["models"]);
    assert_eq!(after["sources"], done["sources"]);
}

#[test]
fn a_job_that_died_with_its_scheduler_is_interrupted_and_its_table_as_it_was() {
    let place = Place::new();
    let small = one_file(&place, "small", 1_000_000, 0, 71);
    let large = one_file(&place, "large", 300_000_000, 0, 72);
    let lake = place.lake("lake");
    let sql = "SELECT _hw_offset AS at, awardID.awardContractID.PIID AS piid FROM awards";
    place.write("actions.sql", sql);
    let job = awards_job(
        &place,
        "small",
        "actions",
        "actions.sql",
        &[],
        &["split_size: 1MB"],
    );
    let path = format!(
        "sources.awards.path={}/**/*.xml",
        place.path("large").display()
    );
    let mut cluster = Cluster::start(&place, 2);
    cluster.run(&job, &[]).done();
    let files = lake.visible_files("");

    let client = cluster.start_run(&job, &["--set", &path]);
    let id = cluster.wait_until_at_work(1);
    cluster.kill_scheduler();
    // The client can't know how the job ended; that is not success.
    let outcome = client.wait();
    assert!(outcome.code == 1 || outcome.code == 2, "{outcome:?}");
    drop(cluster);

    let mut cluster = Cluster::scheduler_only(&place, "state");
    assert_eq!(cluster.job(&id)["state"], "interrupted");
    assert_eq!(lake.visible_files(""), files);
    assert_eq!(lake.audit()["actions"]["rows"], small.records);
    // And the next job does what the interrupted one should have done.
    cluster.add_executor();
    cluster.run(&job, &["--set", &path]).done();
    assert_eq!(lake.audit()["actions"]["rows"], large.records);
}
