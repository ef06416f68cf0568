//! The events against a parser that knows nothing of the generator (serde_json).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;

use super::*;
use crate::folder::TRUTH_FILE;
use crate::text::decimal;

fn generated(options: &Options) -> (tempfile::TempDir, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(options, folder.path()).unwrap();
    (folder, truth)
}

fn lines(folder: &Path, file: &str) -> Vec<String> {
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let mut text = String::new();
    if file.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    assert!(text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn cents(amount: f64) -> i128 {
    let cents = (amount * 100.0).round();
    assert!((amount - cents / 100.0).abs() < 1e-9, "{amount}");
    cents as i128
}

/// A table in CSV whose fields hold no line breaks, by its first column.
fn table(folder: &Path, file: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let (key, rest) = line.split_once(',').unwrap();
            let second = if let Some(quoted) = rest.strip_prefix('"') {
                let end = quoted.find("\",").unwrap();
                quoted[..end].replace("\"\"", "\"")
            } else {
                rest.split(',').next().unwrap().to_owned()
            };
            (key.to_owned(), second)
        })
        .collect()
}

#[test]
fn the_truth_is_what_another_parser_finds() {
    let (folder, truth) = generated(&Options {
        files: 7,
        dimensions: true,
        gzip: true,
        ..Options::new(Size::Records(20_000), 3)
    });
    let tiers = table(folder.path(), dimensions::USERS_FILE);
    let categories = table(folder.path(), dimensions::PRODUCTS_FILE);
    assert_eq!(tiers.len() as u64, dimensions::USERS);
    assert_eq!(categories.len() as u64, dimensions::PRODUCTS);

    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let (mut of_lines, mut anonymous) = (0, 0);
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    let mut sums: [BTreeMap<String, i128>; 3] = Default::default();
    for (file, records) in &truth.records_by_file {
        let lines = lines(folder.path(), file);
        assert_eq!(lines.len() as u64, *records, "{file}");
        for line in lines {
            let record: Value = serde_json::from_str(&line).unwrap();
            let record = record.as_object().unwrap();
            assert_eq!(record.len(), 18, "{line}");
            let paid = record["amount"].as_f64().map_or(0, cents);
            of_lines += paid;
            let id = record["event_id"].as_str().unwrap().to_owned();
            if let Some(first) = seen.get(&id) {
                assert_eq!(first, &line, "an event delivered again is the same");
                continue;
            }
            seen.insert(id, line.clone());
            *by_type
                .entry(record["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
            anonymous += u64::from(record["user_id"].is_null());
            if paid > 0 {
                let product = &categories[record["product_id"].as_str().unwrap()];
                let user = &tiers[&record["user_id"].to_string()];
                let country = record["geo"]["country"].as_str().unwrap();
                for (sum, key) in sums.iter_mut().zip([product, user, country]) {
                    *sum.entry(key.to_owned()).or_default() += paid;
                }
            }
        }
    }
    assert_eq!(truth.records, 20_000);
    assert_eq!(truth.events, seen.len() as u64);
    let again = truth.records - truth.events;
    assert!((120..=280).contains(&again), "{again} delivered again");
    assert_eq!(by_type, truth.events_by_type);
    assert_eq!(anonymous, truth.anonymous);
    assert_eq!(decimal(of_lines), truth.sum_amount);
    let total = |sums: &BTreeMap<String, i128>| decimal(sums.values().sum());
    for sum in &sums {
        assert_eq!(total(sum), truth.revenue);
    }
    let texts = |sums: &BTreeMap<String, i128>| -> BTreeMap<String, String> {
        sums.iter()
            .map(|(key, cents)| (key.clone(), decimal(*cents)))
            .collect()
    };
    assert_eq!(texts(&sums[0]), truth.revenue_by_category);
    assert_eq!(texts(&sums[1]), truth.revenue_by_tier);
    assert_eq!(texts(&sums[2]), truth.revenue_by_country);
    let folders: BTreeSet<&str> = truth
        .records_by_file
        .keys()
        .map(|file| &file[..10])
        .collect();
    assert_eq!(folders.len(), 7, "each of few files has a day of its own");
}

#[test]
fn a_record_has_the_size_of_the_benchmarks() {
    let (_folder, truth) = generated(&Options::new(Size::Records(20_000), 4));
    let mean = truth.bytes / truth.records;
    assert!((484..=504).contains(&mean), "{mean}");
    let (_folder, truth) = generated(&Options::new(Size::Bytes(3_000_000), 4));
    assert!(
        (2_950_000..=3_050_000).contains(&truth.bytes),
        "{}",
        truth.bytes
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_other_ones() {
    let options = Options {
        files: 3,
        dimensions: true,
        ..Options::new(Size::Records(500), 5)
    };
    let (one, truth) = generated(&options);
    let (two, _) = generated(&options);
    let (other, _) = generated(&Options { seed: 6, ..options });
    let files = truth.records_by_file.keys().map(String::as_str).chain([
        dimensions::USERS_FILE,
        dimensions::PRODUCTS_FILE,
        TRUTH_FILE,
    ]);
    for file in files {
        let read = |folder: &tempfile::TempDir| std::fs::read(folder.path().join(file)).unwrap();
        assert!(read(&one) == read(&two), "{file}");
        assert!(read(&one) != read(&other), "{file}");
    }
}

#[test]
fn no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        files: 0,
        ..Options::new(Size::Records(1), 1)
    };
    assert!(matches!(
        generate(&options, folder.path()),
        Err(Error::Options(_))
    ));
}
