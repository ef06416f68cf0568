//! The README's first command, on the sample that the repository holds.

use serde_json::Value;

use crate::support::Place;
use crate::support::data::{fpds_folder, fpds_job};
use crate::support::place::{counts, model};

fn truth(shape: &str) -> Value {
    let path = fpds_folder().join(format!("sample/{shape}/truth.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_sample_job_runs_from_a_fresh_checkout_and_an_independent_reader_agrees() {
    let place = Place::new();
    let lake = place.lake("lake");
    let job = place.run(&fpds_job(), &["--set", &lake.setting()]).done();
    let (archive, atom) = (truth("archive"), truth("atom"));
    let records = archive["records"].as_u64().unwrap() + atom["records"].as_u64().unwrap();

    assert_eq!(job["v"], 1);
    assert_eq!(counts(&job), [records, records, 0, 0, 0]);
    assert_eq!(model(&job, "contracts")["rows"], records);
    let tables = lake.audit();
    assert_eq!(tables["contracts"]["rows"], records);
    assert_eq!(tables["contracts"]["version"], 1);
    for (shape, truth) in [("archive", archive), ("atom", atom)] {
        let row = lake.row(&format!(
            "select count(*) n, sum(obligated_amount) s from contracts where source_file like '%/sample/{shape}/%'"
        ));
        assert_eq!(row["n"], truth["records"], "{shape}");
        assert_eq!(row["s"], truth["sum_obligated"], "{shape}");
    }
    // How soon is a benchmark's question; that it is told is this test's.
    let first = job["timing"]["first_task_ms"].as_u64().unwrap();
    assert!(first <= job["timing"]["total_ms"].as_u64().unwrap());
    println!("first task of the sample job after {first} ms");
}

#[test]
fn running_it_again_overwrites_and_the_old_files_go() {
    let place = Place::new();
    let lake = place.lake("lake");
    let first = place.run(&fpds_job(), &["--set", &lake.setting()]).done();
    let second = place.run(&fpds_job(), &["--set", &lake.setting()]).done();
    assert_eq!(model(&second, "contracts")["version"], 2);
    assert_eq!(
        model(&first, "contracts")["rows"],
        model(&second, "contracts")["rows"]
    );
    let tables = lake.audit();
    assert_eq!(
        tables["contracts"]["rows"],
        model(&second, "contracts")["rows"]
    );
}

#[test]
fn what_needs_a_scheduler_says_so_without_one() {
    let place = Place::new();
    let job = fpds_job();
    for args in [
        &["submit", job.to_str().unwrap()][..],
        &["executors"],
        &["jobs", "stop", "some-id"],
    ] {
        place.headworks(args).says(2, &["--scheduler"]);
    }
}
