//! The nine tables of a marketplace.

use std::collections::BTreeMap;
use std::io::Write;

use headworks_tests::{folder, olist, real_data};
use serde_json::Value;

use super::{Pipeline, copy_files};
use crate::support::place::model;
use crate::support::{Lake, Place};

const OLIST: Pipeline = Pipeline {
    name: "olist",
    variable: "OLIST_DATA",
};

/// The table that is staged from each file.
const STAGED: [(&str, &str); 9] = [
    ("olist_customers_dataset.csv", "staged_customers"),
    ("olist_geolocation_dataset.csv", "staged_geolocation"),
    ("olist_order_items_dataset.csv", "staged_order_items"),
    ("olist_order_payments_dataset.csv", "staged_order_payments"),
    ("olist_order_reviews_dataset.csv", "staged_order_reviews"),
    ("olist_orders_dataset.csv", "staged_orders"),
    ("olist_products_dataset.csv", "staged_products"),
    ("olist_sellers_dataset.csv", "staged_sellers"),
    ("product_category_name_translation.csv", "staged_categories"),
];

/// Holds a job's account and lake against the generator's truth.
#[track_caller]
fn assert_truth(job: &Value, lake: &Lake, truth: &Value) {
    for (file, table) in STAGED {
        assert_eq!(
            model(job, table)["rows"],
            truth["records_by_file"][file],
            "{table}"
        );
    }
    assert_eq!(model(job, "customers")["rows"], truth["persons"]);
    assert_eq!(model(job, "monthly_revenue")["rows"], truth["revenue_rows"]);
    let sums = lake.row("select sum(items_value)::varchar p, sum(freight_value)::varchar f, sum(paid_value)::varchar v from orders");
    assert_eq!(sums["p"], truth["sum_price"]);
    assert_eq!(sums["f"], truth["sum_freight"]);
    assert_eq!(sums["v"], truth["sum_paid"]);
    for (key, column) in [
        ("revenue_by_category", "category"),
        ("revenue_by_state", "customer_state"),
    ] {
        let found = lake.query(&format!(
            "select {column} k, sum(revenue)::varchar v from monthly_revenue group by 1"
        ));
        let found: BTreeMap<String, Value> = found
            .iter()
            .map(|row| (row["k"].as_str().unwrap().to_owned(), row["v"].clone()))
            .collect();
        let expected: BTreeMap<String, Value> = truth[key]
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .collect();
        assert_eq!(found, expected, "{key}");
    }
    let months = lake.query("select purchase_month m, count(*) n from orders group by 1");
    assert_eq!(
        months.len(),
        truth["orders_by_month"].as_object().unwrap().len()
    );
    for month in months {
        assert_eq!(
            month["n"],
            truth["orders_by_month"][month["m"].as_str().unwrap()],
            "{month}"
        );
    }
    let breaks = lake.row("select count(*) n from staged_order_reviews where review_comment_message like '%' || chr(13) || chr(10) || '%'");
    assert_eq!(breaks["n"], truth["reviews_of_several_lines"]);
}

#[test]
fn the_sample_of_olist_gives_the_generators_answers() {
    let place = Place::new();
    let lake = place.lake("lake");
    let (sample, truth) = OLIST.sample();
    let job = OLIST.run_and_compare(&place, &sample, &lake);
    assert_truth(&job, &lake, &truth);
    // Orders lie in a folder for each month, in both tables of them.
    for table in ["staged_orders", "orders"] {
        for file in lake.visible_files(table) {
            let folder = file
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap();
            assert!(
                folder.starts_with("purchase_month=2017-")
                    || folder.starts_with("purchase_month=2018-"),
                "{folder}"
            );
        }
    }
}

#[test]
fn olist_on_two_executors_from_bucket_to_bucket() {
    let place = Place::new();
    let data = place.path("data");
    let truth = olist::generate(
        &olist::Options {
            orders: 1500,
            seed: 74,
        },
        &data,
    )
    .unwrap();
    let (job, lake) = OLIST.run_in_buckets_and_compare(&place, &data);
    assert_truth(&job, &lake, &serde_json::to_value(truth).unwrap());
}

#[test]
fn an_item_of_no_order_stops_the_job_and_leaves_the_tables_as_they_were() {
    let place = Place::new();
    let lake = place.lake("lake");
    let data = place.path("data");
    let (sample, _) = OLIST.sample();
    copy_files(&sample, &data, |file| file != folder::TRUTH_FILE);
    OLIST.run_and_compare(&place, &data, &lake);
    let version = lake.version("staged_order_items");
    let items = lake.query("from staged_order_items order by all");

    let path = data.join("olist_order_items_dataset.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    let (_, rest) = last.split_once(',').unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    writeln!(file, "00000000000000000000000000000000,{rest}").unwrap();
    place
        .run(&OLIST.job(), &["--set", &lake.setting()])
        .says(3, &["staged_order_items", "order_id", "staged_orders"]);
    assert_eq!(lake.version("staged_order_items"), version);
    assert!(lake.query("from staged_order_items order by all") == items);
    lake.audit();
}

#[test]
fn the_real_tables_of_the_marketplace_are_what_duckdb_reads() {
    let test = "the real tables of the marketplace";
    let Some(data) = real_data::unpacked(test, "olist/olist-sample.tar.zst").unwrap() else {
        return;
    };
    let place = Place::new();
    let (job, lake) = OLIST.run_in_buckets_and_compare(&place, &data);
    for (table, rows) in [
        ("staged_orders", 8_135),
        ("staged_order_items", 8_365),
        ("staged_order_reviews", 8_225),
        ("staged_geolocation", 45_928),
        ("orders", 8_135),
        ("customers", 8_016),
        ("monthly_revenue", 3_163),
    ] {
        assert_eq!(model(&job, table)["rows"], rows, "{table}");
    }
    let breaks = lake.row("select count(*) n from staged_order_reviews where review_comment_message like '%' || chr(13) || chr(10) || '%'");
    assert_eq!(breaks["n"], 436);
}
