//! Daily prices: maps as rows, appended and upserted as they come.

use headworks_tests::stocks::{self, Truth};
use headworks_tests::{folder, real_data};
use serde_json::Value;

use super::{Pipeline, copy_files};
use crate::support::compare::assert_same_as_duckdb;
use crate::support::place::{counts, model};
use crate::support::{Lake, Place};

const STOCKS: Pipeline = Pipeline {
    name: "stocks",
    variable: "STOCKS_DATA",
};

/// Holds a lake against the generator's truth. `root` is what the names of its files begin with.
#[track_caller]
fn assert_truth(lake: &Lake, truth: &Truth, root: &str) {
    let prices = lake.query(
        "select symbol, count(*) as days, min(date)::varchar as first, max(date)::varchar as last,
            arg_max(close, date)::varchar as last_close, sum(volume)::bigint as volume
         from daily_prices group by symbol order by symbol",
    );
    let expected: Vec<Value> = truth
        .by_symbol
        .iter()
        .map(|(symbol, share)| {
            let mut row = serde_json::to_value(share).unwrap();
            row["symbol"] = symbol.as_str().into();
            row
        })
        .collect();
    assert_eq!(prices, expected);
    let delivered = lake.row("select count(*) n, count(distinct delivery) files from deliveries");
    assert_eq!(delivered["n"], truth.records);
    assert_eq!(
        delivered["files"],
        truth.files - truth.bad_documents.len() as u64
    );
    // What the service said in place of prices, file by file.
    let bad: Vec<String> = lake
        .query("select distinct file from quarantine_daily order by file")
        .iter()
        .map(|row| row["file"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = truth
        .bad_documents
        .iter()
        .map(|bad| format!("{root}/{}", bad.file))
        .collect();
    assert_eq!(bad, expected);
}

#[test]
fn the_sample_of_stocks_gives_the_generators_answers() {
    let place = Place::new();
    let lake = place.lake("lake");
    let (sample, _) = STOCKS.sample();
    let options = stocks::Options {
        symbols: 3,
        days: 16,
        window: 5,
        seed: 2026,
    };
    let truth = stocks::generate(&options, &place.path("again")).unwrap();
    // Its truth lies beside the year's folder.
    let job = STOCKS.run_and_compare(&place, &sample.join("2025"), &lake);
    assert_truth(&lake, &truth, sample.to_str().unwrap());
    let bad = truth.bad_documents.len() as u64;
    assert!(bad > 0);
    assert_eq!(
        counts(&job),
        [truth.records + bad, truth.records, 0, 0, bad]
    );
}

#[test]
fn days_come_one_after_another_and_each_is_taken_in_once() {
    let place = Place::new();
    let all = place.path("all");
    let options = stocks::Options {
        days: 12,
        ..stocks::Options::new(72)
    };
    let truth = stocks::generate(&options, &all).unwrap();
    let arrived = place.path("arrived");
    std::fs::create_dir(&arrived).unwrap();
    let last_days = |file: &str| file.starts_with("2025/12/");
    let early = copy_files(&all, &arrived, |file| {
        file != folder::TRUTH_FILE && !last_days(file)
    });
    let lake = place.lake("lake");

    let first = STOCKS.run_and_compare(&place, &arrived, &lake);
    let rows_then = model(&first, "deliveries")["rows"].as_u64().unwrap();
    assert!(rows_then > 0 && rows_then < truth.records);

    // Nothing new: nothing is added, and the upsert changes nothing.
    let prices = lake.query("from daily_prices order by all");
    place.run(&STOCKS.job(), &["--set", &lake.setting()]).done();
    assert_eq!(
        lake.row("select count(*) n from deliveries")["n"],
        rows_then
    );
    assert!(
        lake.query("from daily_prices order by all") == prices,
        "another run, other prices"
    );
    lake.audit();

    // The last days arrive, and correct the day before them.
    let late = copy_files(&all, &arrived, last_days);
    assert_eq!(early + late, truth.files);
    let third = place.run(&STOCKS.job(), &["--set", &lake.setting()]).done();
    assert_eq!(
        model(&third, "deliveries")["rows"],
        truth.records - rows_then,
        "{third}"
    );
    lake.audit();
    assert_same_as_duckdb("stocks", &arrived, None, &lake);
    assert_truth(&lake, &truth, arrived.to_str().unwrap());
}

#[test]
fn stocks_on_two_executors_from_bucket_to_bucket() {
    let place = Place::new();
    let data = place.path("data");
    let options = stocks::Options {
        symbols: 8,
        ..stocks::Options::new(73)
    };
    let truth = stocks::generate(&options, &data).unwrap();
    // It holds no price, and would be quarantined as what it is.
    std::fs::remove_file(data.join(folder::TRUTH_FILE)).unwrap();
    let (_, lake) = STOCKS.run_in_buckets_and_compare(&place, &data);
    assert_truth(&lake, &truth, "s3://raw/stocks");
}

#[test]
fn the_real_prices_are_one_row_a_share_and_day() {
    let test = "the real prices";
    let Some(real) = real_data::folder(test).map(|folder| folder.join("stocks")) else {
        return;
    };
    if !real.is_dir() {
        println!("skipped: {test}: no {}", real.display());
        return;
    }
    let place = Place::new();
    let data = place.path("data");
    copy_files(&real, &data, |_| true);
    // The same days once more, in another file, and what the service says when it is asked too often.
    std::fs::copy(
        data.join("IBM_daily.json"),
        place.path("data/IBM_again.json"),
    )
    .unwrap();
    place.write("data/note.json", r#"{"Note": "Thank you for using us!"}"#);
    place.write(
        "data/error.json",
        r#"{"Error Message": "Invalid API call."}"#,
    );
    let (job, lake) = STOCKS.run_in_buckets_and_compare(&place, &data);
    assert_eq!(counts(&job), [5_988, 5_986, 0, 0, 2]);
    let days = lake.query("select symbol, count(*) n from daily_prices group by all order by all");
    let days: Vec<(&str, u64)> = days
        .iter()
        .map(|row| (row["symbol"].as_str().unwrap(), row["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        days,
        [
            ("AAPL", 5_386),
            ("AMZN", 100),
            ("IBM", 100),
            ("JPM", 100),
            ("MSFT", 100),
            ("TSLA", 100)
        ]
    );
    let first = lake.row("select open::varchar o, volume v from daily_prices where symbol = 'AAPL' and date = '1998-01-02'");
    assert_eq!(first, serde_json::json!({"o": "13.6300", "v": 6_411_700}));
}
