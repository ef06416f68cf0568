//! The main job on a real cluster: both executors work, the numbers are the generator's, and the same job gives the
//! same rows however many processes run it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::data::{awards_in, awards_job, fpds_folder, fpds_job, one_file};
use crate::support::place::{counts, model};
use crate::support::{Cluster, Lake, Place};

const BIG_BYTES: u64 = 40_000_000;
const BAD: u64 = 7;

/// All of both tables in an order of their own: what two runs are compared by.
fn content(lake: &Lake) -> Vec<Vec<Value>> {
    ["contracts", "spend_by_agency_year"]
        .map(|table| lake.query(&format!("select * from {table} order by all")))
        .to_vec()
}

#[test]
fn one_big_file_over_two_executors_gives_the_truth_and_the_same_rows_as_in_process() {
    let place = Place::new();
    let truth = one_file(&place, "data", BIG_BYTES, BAD, 41);
    let cluster = Cluster::start(&place, 2);
    let lake = place.lake("lake");
    let awards = awards_in(&place, "data");
    let settings = ["--set", &awards, "--set", "tuning.split_size=2MB"];

    let job = cluster
        .run(
            &fpds_job(),
            &[&settings[..], &["--set", &lake.setting()]].concat(),
        )
        .done();

    // Both executors, by their process ids, and both did something.
    let mut pids = Vec::new();
    for executor in job["executors"].as_array().unwrap() {
        assert!(executor["tasks"].as_u64().unwrap() > 0, "{job}");
        pids.push(executor["pid"].as_u64().unwrap());
    }
    pids.sort_unstable();
    assert_eq!(pids, cluster.executor_ids(), "{job}");

    // The numbers, by the account, by the independent reader, and by our own.
    assert_eq!(
        counts(&job),
        [truth.records + BAD, truth.records, 0, 0, BAD]
    );
    assert_eq!(model(&job, "contracts")["rows"], truth.records);
    let tables = lake.audit();
    assert_eq!(tables["contracts"]["rows"], truth.records);
    assert_eq!(tables["quarantine_awards"]["rows"], BAD);
    assert_sums(&lake, &truth.sum_obligated, truth.records);
    assert_groups(
        &lake,
        "agency_id",
        &truth.records_by_agency,
        &truth.sum_obligated_by_agency,
    );
    let ours = place
        .headworks(&[
            "sql",
            "--lake",
            lake.folder().to_str().unwrap(),
            "-o",
            "csv",
            "SELECT count(*), sum(obligated_amount) FROM contracts",
        ])
        .expect(0);
    assert_eq!(
        ours.stdout.lines().last().unwrap(),
        format!("{},{}", truth.records, truth.sum_obligated)
    );

    // Each bad record stands in quarantine, at its very byte.
    let bad: Vec<(String, u64, u64)> = lake
        .query("select file, \"offset\", line from quarantine_awards order by file, \"offset\"")
        .iter()
        .map(|row| {
            (
                row["file"].as_str().unwrap().to_owned(),
                row["offset"].as_u64().unwrap(),
                row["line"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected: Vec<(String, u64, u64)> = truth
        .bad_records
        .iter()
        .map(|bad| {
            let file = place.path("data").join(&bad.file);
            (file.to_str().unwrap().to_owned(), bad.offset, bad.line)
        })
        .collect();
    assert_eq!(bad, expected);

    // The same rows in one process, and in two that the client starts itself.
    let expected = content(&lake);
    for (name, more) in [
        ("one-process", &[][..]),
        ("two-processes", &["--executors", "2"][..]),
    ] {
        let other = place.lake(name);
        let set = ["--set", &other.setting()];
        let job = place
            .run(&fpds_job(), &[&settings[..], &set, more].concat())
            .done();
        assert_eq!(
            counts(&job),
            [truth.records + BAD, truth.records, 0, 0, BAD]
        );
        other.audit();
        assert!(content(&other) == expected, "{name}: other rows");
    }
}

#[test]
fn both_executors_read_splits_of_one_file_and_each_byte_once() {
    let place = Place::new();
    let truth = one_file(&place, "data", BIG_BYTES, 0, 42);
    let sql = fpds_folder().join("contracts.sql").canonicalize().unwrap();
    // Without a shuffle every task is one of the scan.
    let job = awards_job(
        &place,
        "data",
        "contracts",
        sql.to_str().unwrap(),
        &["partition_by: [fiscal_year]", "distribute: none"],
        &["split_size: 2MB"],
    );
    let cluster = Cluster::start(&place, 2);
    let job = cluster.run(&job, &[]).done();
    let executors = job["executors"].as_array().unwrap();
    assert_eq!(executors.len(), 2, "{job}");
    let tasks: u64 = executors.iter().map(|e| e["tasks"].as_u64().unwrap()).sum();
    assert_eq!(tasks, BIG_BYTES.div_ceil(2_000_000), "{job}");

    let lake = place.lake("lake");
    let log = lake
        .folder()
        .join("contracts/_headworks/log/00000000000000000001.json");
    let log: Value = serde_json::from_slice(&std::fs::read(log).unwrap()).unwrap();
    let input = &log["inputs"][0];
    assert_eq!(log["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(input["bytes_covered"], truth.bytes);
    assert_eq!(input["size"], truth.bytes);
    assert_eq!(input["read"], truth.records);
    // No record twice: each has a byte of its own.
    let row = lake
        .row("select count(*) n, count(distinct (source_file, source_offset)) d from contracts");
    assert_eq!(row["n"], truth.records);
    assert_eq!(row["d"], truth.records);
    lake.audit();
}

#[test]
fn any_number_of_executors_reads_the_same() {
    let place = Place::new();
    let truth = one_file(&place, "data", 8_000_000, 2, 43);
    let mut cluster = Cluster::scheduler_only(&place, "state");
    for executors in 1..=3 {
        cluster.add_executor();
        cluster.wait_until_all_free();
        let lake = place.lake(&format!("lake-{executors}"));
        let job = cluster
            .run(
                &fpds_job(),
                &[
                    "--set",
                    &awards_in(&place, "data"),
                    "--set",
                    &lake.setting(),
                    "--set",
                    "tuning.split_size=300kB",
                ],
            )
            .done();
        assert_eq!(counts(&job), [truth.records + 2, truth.records, 0, 0, 2]);
        assert_sums(&lake, &truth.sum_obligated, truth.records);
    }
}

#[track_caller]
fn assert_sums(lake: &Lake, sum: &str, records: u64) {
    for sql in [
        "select count(*) n, sum(obligated_amount) s from contracts",
        "select sum(actions)::bigint n, sum(obligated_amount) s from spend_by_agency_year",
    ] {
        let row = lake.row(sql);
        assert_eq!(row["n"], records, "{sql}");
        assert_eq!(row["s"], sum, "{sql}");
    }
}

#[track_caller]
fn assert_groups(
    lake: &Lake,
    column: &str,
    counts: &BTreeMap<String, u64>,
    sums: &BTreeMap<String, String>,
) {
    let rows = lake.query(&format!(
        "select {column} k, count(*) n, sum(obligated_amount) s from contracts group by k order by k"
    ));
    assert_eq!(rows.len(), counts.len());
    for row in rows {
        let key = row["k"].as_str().unwrap();
        assert_eq!(row["n"], counts[key], "{key}");
        assert_eq!(row["s"].as_str().unwrap(), sums[key], "{key}");
    }
}
