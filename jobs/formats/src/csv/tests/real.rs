//! The Olist tables, where they are to be had.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow::datatypes::DataType;

use super::run::{read_chain, read_split, read_whole};
use crate::csv::{CsvConfig, CsvInferrer, CsvOptions};
use crate::record::{FedState, Split};
use crate::tests::files::real_data;

/// Tables, and how many records they have, counted with another reader.
const TABLES: [(&str, usize); 9] = [
    ("olist_customers_dataset.csv", 8135),
    ("olist_geolocation_dataset.csv", 45928),
    ("olist_order_items_dataset.csv", 8365),
    ("olist_order_payments_dataset.csv", 8924),
    ("olist_order_reviews_dataset.csv", 8225),
    ("olist_orders_dataset.csv", 8135),
    ("olist_products_dataset.csv", 5460),
    ("olist_sellers_dataset.csv", 1610),
    ("product_category_name_translation.csv", 71),
];

/// How much of a table is cut at every byte.
const EXCERPT_BYTES: usize = 16_000;

/// The archive of the tables.
fn archive() -> Option<PathBuf> {
    let archive = real_data()?.join("olist/olist-sample.tar.zst");
    archive.is_file().then_some(archive)
}

/// A table out of the archive.
fn unpack(archive: &PathBuf, table: &str) -> Option<Vec<u8>> {
    let output = Command::new("tar")
        .args(["--use-compress-program", "zstd -d --long=27", "-xOf"])
        .arg(archive)
        .args(["--wildcards", &format!("*{table}")])
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

#[test]
fn the_olist_tables_have_their_known_records() {
    let Some(archive) = archive() else {
        println!("skipped: the_olist_tables_have_their_known_records: no real data");
        return;
    };
    for (table, records) in TABLES {
        let Some(bytes) = unpack(&archive, table) else {
            println!("skipped: {table}: tar or zstd is missing");
            continue;
        };
        let options = Arc::new(CsvOptions::default());
        let mut inferrer = CsvInferrer::new(options.clone(), Split::whole());
        assert_eq!(inferrer.feed(&bytes, true).unwrap().state, FedState::Done);
        let schema = inferrer
            .finish()
            .to_schema(&options.as_ref().into())
            .unwrap();
        let schema = Arc::new(schema);
        let config = CsvConfig::new(options.as_ref().clone(), schema.clone(), schema).unwrap();
        let config = Arc::new(config);
        let (whole, report) = read_whole(&config, &bytes);
        assert_eq!((whole.rows.len(), whole.bad.len()), (records, 0), "{table}");
        assert!(report.unknown.is_empty() && report.bad_values.is_empty());
        let (part, _) = read_split(&config, &bytes, Split::whole(), 1000);
        assert_eq!(part, whole, "{table}: buffers of 1000 bytes");
        for step in [10_007, 65_536, 300_001] {
            let cuts: Vec<usize> = (step..bytes.len()).step_by(step).collect();
            let (parts, again) = read_chain(&config, &bytes, &cuts, 4096);
            assert_eq!(parts, whole, "{table}, a cut every {step} bytes");
            assert!(
                again <= cuts.len() / 20,
                "{table}: {again} of {} splits were read again",
                cuts.len()
            );
        }
    }
}

/// Texts of several lines between quotes, cut at every byte.
#[test]
fn the_olist_reviews_are_cut_at_every_byte() {
    let Some(bytes) = archive().and_then(|archive| unpack(&archive, TABLES[4].0)) else {
        println!("skipped: the_olist_reviews_are_cut_at_every_byte: no real data");
        return;
    };
    let end = bytes[..EXCERPT_BYTES]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap();
    let bytes = &bytes[..=end];
    let names = "review_id order_id review_score review_comment_title review_comment_message \
        review_creation_date review_answer_timestamp";
    let fields: Vec<String> = names
        .split_whitespace()
        .map(|n| format!("{n}: text"))
        .collect();
    let config = super::run::config(&format!("{{{}}}", fields.join(", ")));
    assert!(
        config
            .schema()
            .fields()
            .iter()
            .all(|f| *f.data_type() == DataType::Utf8)
    );
    let (whole, report) = read_whole(&config, bytes);
    assert!(
        report.newlines > report.read + 3,
        "no text has several lines"
    );
    let mut restarts = 0;
    for cut in 1..=bytes.len() {
        let (parts, again) = read_chain(&config, bytes, &[cut], usize::MAX);
        assert_eq!(parts, whole, "cut at {cut}");
        restarts += again;
    }
    assert!(
        restarts * 50 < bytes.len(),
        "{restarts} of {} guesses were wrong",
        bytes.len()
    );
    for chunk in [1, 2, 3, 7, 64, 1000] {
        let (part, _) = read_split(&config, bytes, Split::whole(), chunk);
        assert_eq!(part, whole, "buffers of {chunk} bytes");
    }
}
