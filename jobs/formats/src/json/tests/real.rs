//! Real files, where they are to be had, against `serde_json`.

use std::io::Read;

use serde_json::Value;

use super::run::{head, inferred, options, read, read_chain, read_split, tree};
use crate::json::{JsonOptions, JsonPath};
use crate::tests::files::real_data;
use crate::{InferOptions, Split, schema_file};

fn bytes_of(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = real_data() else {
        println!("skipped: {name}: no real data");
        return None;
    };
    let bytes = std::fs::read(folder.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    Some(plain)
}

/// The values of a file, or the items of its array.
fn values(bytes: &[u8]) -> Vec<Value> {
    let stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let values: Vec<Value> = stream.map(Result::unwrap).collect();
    match &values[..] {
        [Value::Array(items)] => items.clone(),
        _ => values,
    }
}

#[test]
fn real_files_have_the_records_that_another_parser_reads() {
    for name in [
        "json/people.json",
        "json/people_array.json",
        "json/with-array-fields.json",
        "json/with-map-fields.json",
        "json/gharchive.ndjson.gz",
        "json/github-events.json",
        "json/yelp_business.ndjson",
    ] {
        let Some(bytes) = bytes_of(name) else {
            continue;
        };
        let expected = values(&bytes);
        let options = options(|_| {});
        assert!(head(&options, &bytes).unwrap().can_be_split(), "{name}");
        let config = inferred(&options, &bytes).unwrap();
        let whole = read(&config, &bytes);
        assert!(whole.bad.is_empty(), "{name}: {:?}", whole.bad[0]);
        assert_eq!(whole.rows.len(), expected.len(), "{name}");
        assert!(
            whole.unknown.is_empty() && whole.bad_values.is_empty(),
            "{name}"
        );
        for (row, record) in whole.rows.iter().zip(&expected) {
            holds(row, record, name);
        }
        let (parts, _) = read_split(&config, &bytes, Split::whole(), 777).unwrap();
        assert_eq!(parts, whole, "{name}");
        let cuts: Vec<usize> = (1..bytes.len()).step_by(bytes.len() / 50 + 1).collect();
        let parts = read_chain(&config, &bytes, &cuts, 1 << 12).unwrap();
        assert_eq!(parts, whole, "{name}");
    }
}

/// Panics if a row lacks something of the record. Numbers and times are looked at no closer than whether they are there.
fn holds(row: &Value, record: &Value, name: &str) {
    match (row, record) {
        (_, Value::Null) => {}
        (Value::Object(row), Value::Object(record)) => {
            for (key, value) in record.iter().filter(|(_, value)| !value.is_null()) {
                let found = row.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
                holds(found, value, name);
            }
        }
        (Value::Array(row), Value::Array(record)) => {
            assert_eq!(row.len(), record.len(), "{name}");
            row.iter()
                .zip(record)
                .for_each(|(row, record)| holds(row, record, name));
        }
        (Value::String(row), Value::String(record)) => assert_eq!(row, record, "{name}"),
        (Value::Bool(row), Value::Bool(record)) => assert_eq!(row, record, "{name}"),
        (Value::Number(row), Value::Number(record)) => assert_eq!(row, record, "{name}"),
        _ => {}
    }
}

#[test]
fn bytes_that_are_no_text_are_one_bad_record() {
    let Some(bytes) = bytes_of("json/malformed_utf8.json") else {
        return;
    };
    let config = super::run::config("{a: int64}");
    let outcome = read(&config, &bytes);
    assert_eq!((outcome.rows.len(), outcome.bad.len()), (2, 1));
}

#[test]
fn utf16_is_read_after_it_was_transcoded() {
    let Some(bytes) = bytes_of("json/utf16WithBOM.json") else {
        return;
    };
    let options = options(|_| {});
    let head = head(&options, &bytes).unwrap();
    let text = head.transcoder().unwrap().push(&bytes, true).unwrap();
    let config = inferred(&options, &text).unwrap();
    let outcome = read(&config, &text);
    assert_eq!(outcome.rows.len(), values(&text).len());
    assert_eq!(outcome.rows[0]["firstName"], "Chris");
}

#[test]
fn daily_series_are_rows() {
    for (name, days) in [
        ("stocks/AAPL_full.json", 5386),
        ("stocks/IBM_daily.json", 100),
    ] {
        let Some(bytes) = bytes_of(name) else {
            continue;
        };
        let path = |text: &str| JsonPath::parse(text).unwrap();
        let options = JsonOptions {
            records: Some(path("$[\"Time Series (Daily)\"].*")),
            key_column: Some("day".to_string()),
            keep: [(
                "symbol".to_string(),
                path("$[\"Meta Data\"][\"2. Symbol\"]"),
            )]
            .into(),
            rename: [("4. close".to_string(), "close".to_string())].into(),
            ..JsonOptions::default()
        };
        let schema = tree(&options, &bytes)
            .to_schema(&InferOptions::from(&options))
            .unwrap();
        assert!(
            schema_file::write(&schema)
                .unwrap()
                .contains("\n  day: date\n")
        );
        let config = inferred(&options, &bytes).unwrap();
        let outcome = read(&config, &bytes);
        assert_eq!((outcome.rows.len(), outcome.bad.len()), (days, 0), "{name}");
        let record = &values(&bytes)[0];
        let series = record["Time Series (Daily)"].as_object().unwrap();
        let closes: Vec<&Value> = series.values().map(|day| &day["4. close"]).collect();
        let mut found: Vec<&Value> = outcome.rows.iter().map(|row| &row["close"]).collect();
        found.reverse();
        let mut sorted = closes.clone();
        sorted.sort_by_key(|close| close.to_string());
        found.sort_by_key(|close| close.to_string());
        assert_eq!(found, sorted, "{name}");
        assert!(
            outcome
                .rows
                .iter()
                .all(|row| row["symbol"] == record["Meta Data"]["2. Symbol"])
        );
    }
}
