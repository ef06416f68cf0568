//! The real pages of the contract feed against what an independent parser counted in them.

use std::collections::BTreeMap;

use headworks_tests::real_data;
use serde_json::Value;

use crate::support::data::fpds_job;
use crate::support::place::{counts, model};
use crate::support::{Lake, Place};

/// More files of one fiscal year than this would mean that each task wrote its own.
const FILES_A_YEAR_MAX: u64 = 3;

#[test]
fn the_real_feed_gives_the_counts_sums_and_years_that_others_found() {
    let test = "the real feed";
    let Some(pages) = real_data::atom_pages(test).unwrap() else {
        return;
    };
    let Some(real) = real_data::folder(test) else {
        return;
    };
    let expected = std::fs::read(real.join("fpds/atom-pages.expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let records = expected["entries"].as_u64().unwrap();

    let place = Place::new();
    let lake = place.lake("lake");
    let path = format!("sources.awards.path={}/**/*.xml", pages.display());
    let set = ["--set", &lake.setting(), "--set", &path];
    let job = place
        .run(&fpds_job(), &[&set[..], &["--executors", "2"]].concat())
        .done();
    println!("{job}");

    assert_eq!(records, 40_828);
    assert_eq!(counts(&job), [records, records, 0, 0, 0]);
    assert_eq!(job["sources"][0]["files"], expected["files"]);
    assert_eq!(job["sources"][0]["bytes"], expected["bytes"]);
    assert_eq!(model(&job, "contracts")["rows"], records);
    let tables = lake.audit();
    assert_eq!(tables["contracts"]["rows"], records);

    for (key, column) in [
        ("by_type", "record_type"),
        ("by_version", "record_type || ' ' || version"),
        ("by_signed_year", "year(signed_date)::varchar"),
    ] {
        let found = grouped(&lake, column, "count(*)");
        assert_eq!(found, as_map(&expected[key]), "{key}");
    }
    let sums = grouped(&lake, "record_type", "sum(obligated_amount)");
    assert_eq!(sums, as_map(&expected["sum_obligatedAmount_by_type"]));
    let total = lake.row("select sum(obligated_amount) s from contracts");
    assert_eq!(total["s"], expected["sum_obligatedAmount"]);
    let total = lake
        .row("select sum(obligated_amount) s, sum(actions)::bigint n from spend_by_agency_year");
    assert_eq!(total["s"], expected["sum_obligatedAmount"]);
    assert_eq!(total["n"], records);

    // The fiscal year is the partition, and the signed date says which.
    let wrong = lake.row(
        "select count(*) n from contracts
         where fiscal_year::int is distinct from year(signed_date + interval 3 month)",
    );
    assert_eq!(wrong["n"], 0);
    let mut files = BTreeMap::<String, u64>::new();
    for file in lake.visible_files("contracts") {
        let year = file.parent().unwrap().file_name().unwrap();
        *files.entry(year.to_str().unwrap().to_owned()).or_default() += 1;
    }
    let years = lake.row("select count(distinct fiscal_year) n from contracts");
    assert_eq!(years["n"], files.len());
    for (year, count) in files {
        assert!(count <= FILES_A_YEAR_MAX, "{year}: {count} files");
    }
}

fn grouped(lake: &Lake, key: &str, value: &str) -> BTreeMap<String, Value> {
    lake.query(&format!(
        "select {key} k, {value} v from contracts group by 1"
    ))
    .into_iter()
    .map(|row| (row["k"].as_str().unwrap().to_owned(), row["v"].clone()))
    .collect()
}

fn as_map(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().unwrap().clone().into_iter().collect()
}
