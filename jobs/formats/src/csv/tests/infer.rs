//! What is learned from records.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};

use super::run::{head, options, random, read_whole};
use crate::csv::{CsvConfig, CsvInferrer, CsvOptions};
use crate::infer::{SampleRatio, TypeTree};
use crate::record::{FedState, Split, Start};
use crate::values::Pattern;

fn learn(options: &CsvOptions, bytes: &[u8], split: Split, chunk: usize) -> TypeTree {
    let mut inferrer = CsvInferrer::new(Arc::new(options.clone()), split);
    inferrer.set_head(head(options, bytes));
    let mut length = chunk;
    loop {
        let from = inferrer.position() as usize;
        let to = from.saturating_add(length).min(bytes.len());
        match inferrer
            .feed(&bytes[from..to], to == bytes.len())
            .unwrap()
            .state
        {
            FedState::NeedInput { at_least } => length = at_least.max(chunk),
            FedState::BatchReady => panic!("makes no batches"),
            FedState::Done => break,
        }
    }
    let report = inferrer.report();
    assert_eq!(report.read, report.emitted + report.quarantined);
    inferrer.finish()
}

fn schema(options: &CsvOptions, bytes: &[u8]) -> Schema {
    let tree = learn(options, bytes, Split::whole(), usize::MAX);
    tree.to_schema(&options.into()).unwrap()
}

fn types(options: &CsvOptions, bytes: &[u8]) -> Vec<(String, DataType)> {
    let schema = schema(options, bytes);
    let fields = schema.fields().iter();
    fields
        .map(|f| (f.name().clone(), f.data_type().clone()))
        .collect()
}

#[test]
fn columns_get_the_types_of_their_values() {
    let text = b"zip,price,n,quoted,day,at,flag,none,mixed,spaced\n\
        01310,12.50,1,\"5\",2024-01-02,2024-01-02 03:04:05,true,,1, 1\n\
        20031,9.9,-2,\"6\",,2024-01-02,false,\"\",x,2\n\
        1,2\n";
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let expected = [
        ("at", timestamp),
        ("day", DataType::Date32),
        ("flag", DataType::Boolean),
        ("mixed", DataType::Utf8),
        ("n", DataType::Int64),
        ("none", DataType::Utf8),
        ("price", DataType::Decimal128(4, 2)),
        ("quoted", DataType::Int64),
        ("spaced", DataType::Utf8),
        ("zip", DataType::Utf8),
    ];
    let expected = expected.map(|(name, data_type)| (name.to_string(), data_type));
    assert_eq!(types(&CsvOptions::default(), text), expected);

    let trimmed = options(|o| o.ignore_surrounding_spaces = true);
    assert_eq!(types(&trimmed, text)[8].1, DataType::Int64);
    let nulls = options(|o| o.null_values = vec!["x".into()]);
    assert_eq!(types(&nulls, text)[3].1, DataType::Int64);
    let dates = options(|o| o.date_format = Some(Pattern::new("dd.MM.yyyy").unwrap()));
    assert_eq!(types(&dates, b"d\n31.12.2024\n")[0].1, DataType::Date32);
    let corrupt = options(|o| {
        o.on_bad_record = crate::OnBadRecord::Keep;
        o.corrupt_record_column = Some("raw".into());
    });
    assert_eq!(
        types(&corrupt, b"a\n1\n"),
        [
            ("a".to_string(), DataType::Int64),
            ("raw".to_string(), DataType::Utf8)
        ]
    );
}

#[test]
fn the_order_of_records_files_and_splits_does_not_matter() {
    let mut random = random();
    let values = [
        "1",
        "-2",
        "1.5",
        "007",
        "x",
        "",
        "\"\"",
        "2024-01-01",
        "true",
        "1e3",
        "\"a\nb\"",
    ];
    let options = CsvOptions::default();
    for _ in 0..200 {
        let common = random.usize(1..values.len());
        let mut lines: Vec<String> = (0..random.usize(1..30))
            .map(|_| {
                let value = |r: &mut fastrand::Rng| values[r.usize(..common)];
                format!("{},{}\n", value(&mut random), value(&mut random))
            })
            .collect();
        let text = format!("a,b\n{}", lines.concat());
        let whole = learn(&options, text.as_bytes(), Split::whole(), usize::MAX);
        assert_eq!(learn(&options, text.as_bytes(), Split::whole(), 3), whole);
        random.shuffle(&mut lines);
        let shuffled = format!("a,b\n{}", lines.concat());
        assert_eq!(
            learn(&options, shuffled.as_bytes(), Split::whole(), 7),
            whole
        );

        // Splits at line ends outside quotes, merged in reverse.
        let at = 4 + lines[..lines.len() / 2].concat().len() as u64;
        let first = Split {
            start: Start::File,
            end: at - 1,
        };
        let second = Split {
            start: Start::Known(at),
            end: u64::MAX,
        };
        let mut merged = learn(&options, shuffled.as_bytes(), second, 5);
        if at > 4 {
            merged.merge(&learn(&options, shuffled.as_bytes(), first, 5));
        }
        assert_eq!(merged, whole, "{shuffled:?}");
    }
}

/// What is inferred takes every value that it was inferred from.
#[test]
fn an_inferred_schema_fits() {
    let text = b"a,b,c\n1,x,1.5\n,\"y\nz\",2\n3,,\"\"\n";
    let options = CsvOptions::default();
    let schema = Arc::new(schema(&options, text));
    let config = CsvConfig::new(options, schema.clone(), schema).unwrap();
    let (outcome, report) = read_whole(&Arc::new(config), text);
    assert_eq!((outcome.rows.len(), report.quarantined), (3, 0));
    assert!(report.unknown.is_empty());
}

#[test]
fn a_sample_is_the_same_however_the_file_is_cut() {
    let sampled = options(|o| o.sample_ratio = SampleRatio::new(0.3).unwrap());
    let text = format!(
        "a\n{}",
        (0..1000).map(|i| format!("{i}\n")).collect::<String>()
    );
    let whole = learn(&sampled, text.as_bytes(), Split::whole(), usize::MAX);
    assert!((200..400).contains(&whole.records), "{}", whole.records);
    let parts = [
        (Start::File, 1000),
        (Start::Guess(1000), 2500),
        (Start::Guess(2500), u64::MAX),
    ];
    let mut merged = TypeTree::default();
    for (start, end) in parts {
        merged.merge(&learn(&sampled, text.as_bytes(), Split { start, end }, 100));
    }
    assert_eq!(merged, whole);
}

#[test]
fn files_with_other_columns_are_learned_together() {
    let mut inferrer = CsvInferrer::new(Arc::default(), Split::whole());
    for file in [b"a,b\n1,2\n".as_slice(), b"b,c\nx,3\n"] {
        inferrer.next_file();
        inferrer.feed(file, true).unwrap();
    }
    let schema = inferrer
        .finish()
        .to_schema(&(&CsvOptions::default()).into())
        .unwrap();
    let shown: Vec<String> = schema
        .fields()
        .iter()
        .map(|f| format!("{} {}", f.name(), f.data_type()))
        .collect();
    assert_eq!(shown, ["a Int64", "b Utf8", "c Int64"]);
}
