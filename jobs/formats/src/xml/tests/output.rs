//! What comes out: columns, batches, counts of what the schema lacks.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;

use super::run::{config, config_with, read_whole};
use crate::xml::{Split, XmlReader};

#[test]
fn what_the_schema_lacks_is_counted_with_an_example() {
    let config = config_with(&["r"], "{a: text, s: {fields: {b: text}}}", |options| {
        options.limits.unknown_paths_max = 5;
    });
    let document = "<r i='1'><a t='x'>1</a><new>n</new><s><b/>text<c><d>deep</d></c></s></r>\
                    <r><new/><a><e/></a><more/><s>only</s></r><r><n>&bad;</n></r>";
    let (outcome, report) = read_whole(&config, document.as_bytes());
    assert_eq!(
        outcome.rows,
        [json!({"a": "1", "s": {"b": ""}}), json!({"a": "", "s": {}})]
    );
    let counts: Vec<_> = report
        .unknown
        .iter()
        .map(|(path, c)| (path.as_str(), c.count, c.example.as_str()))
        .collect();
    let expected = [
        ("_i", 1, "1"),
        ("a/_t", 1, "x"),
        ("new", 2, "n"),
        ("s/_VALUE", 2, "text"),
        ("s/c", 1, "<d>deep</d>"),
    ];
    assert_eq!(counts, expected);
    assert_eq!(report.unknown_more, 2);
}

/// Only one of the two was in the report.
#[test]
fn an_attribute_and_an_element_of_one_path_are_counted_together() {
    let config = config(&["r"], "{a: text}");
    let (_, report) = read_whole(&config, b"<r><_x>1</_x></r><r x='2'><_x>3</_x></r>");
    let count = &report.unknown["_x"];
    assert_eq!((count.count, count.example.as_str()), (3, "1"));
}

#[test]
fn meta_columns_and_projections() {
    let full = config(
        &["r", "q"],
        "{a: text, s: {fields: {b: int64, c: text}}, z: int64}",
    );
    let narrow = DataType::Struct(vec![Field::new("c", DataType::Utf8, true)].into());
    let output = Schema::new(vec![
        Field::new("_hw_row_tag", DataType::Utf8, false),
        Field::new("s", narrow, true),
        Field::new("_hw_offset", DataType::Int64, false),
    ]);
    let document = "<rs><r><a>x</a><s><b>1</b><c>y</c></s></r><n:q><z>not read</z><w/></n:q></rs>";
    let with = |output: Schema| {
        let config = crate::XmlConfig::new(
            full.options().clone(),
            full.schema().clone(),
            Arc::new(output),
        )
        .unwrap();
        read_whole(&Arc::new(config), document.as_bytes())
    };
    let (outcome, report) = with(output);
    let rows = [
        json!({"_hw_row_tag": "r", "s": {"c": "y"}, "_hw_offset": 4}),
        json!({"_hw_row_tag": "q", "_hw_offset": 42}),
    ];
    assert_eq!(outcome.rows, rows);
    assert_eq!(report.unknown.keys().collect::<Vec<_>>(), ["w"]);
    let (outcome, _) = with(Schema::empty());
    assert_eq!(outcome.rows, [json!({}), json!({})]);
}

#[test]
fn a_pack_of_files_makes_one_batch() {
    let config = config(&["r"], "{a: int64}");
    let files = [
        "<rs><r><a>1</a></r><r><a>x&amp;</a></r>\n</rs>",
        "<x/>",
        "<rs>\n<r><a>2</a><b/></r>&<r/></rs>",
    ];
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let mut reports = Vec::new();
    for file in files {
        reader.next_split(Split::whole());
        let fed = reader.feed(file.as_bytes(), true).unwrap();
        assert_eq!(
            (fed.consumed, fed.state),
            (file.len(), crate::FedState::Done)
        );
        reports.push((reader.report(), reader.take_bad().len()));
    }
    assert_eq!(reader.pending_rows(), 3);
    assert_eq!(
        super::rows::rows(&reader.take_batch().unwrap().unwrap()),
        [json!({"a": 1}), json!({"a": 2}), json!({})]
    );
    for (file, (report, bad)) in files.iter().zip(reports) {
        let (outcome, alone) = read_whole(&config, file.as_bytes());
        assert_eq!((&report, bad), (&alone, outcome.bad.len()), "{file}");
    }
}

#[test]
fn batches_are_bounded_by_rows_and_bytes() {
    let document = "<r><a>12345</a><l/><l/></r>".repeat(100);
    for (rows_max, bytes_max, at_most) in [(7, 1 << 20, 7), (8192, 270, 11), (8192, 1, 1)] {
        let config = config_with(
            &["r"],
            "{a: text, l: {list: {fields: {d: 'decimal(38,0)'}}}}",
            |options| {
                options.limits.batch_rows_max = rows_max;
                options.limits.batch_bytes_max = bytes_max;
            },
        );
        let mut reader = XmlReader::new(config, Split::whole());
        let mut rows = 0;
        loop {
            let from = reader.position() as usize;
            let fed = reader.feed(&document.as_bytes()[from..], true).unwrap();
            if let Some(batch) = reader.take_batch().unwrap() {
                assert!(batch.num_rows() <= at_most, "{} rows", batch.num_rows());
                rows += batch.num_rows();
            }
            if fed.state == crate::FedState::Done {
                break;
            }
        }
        assert_eq!(rows, 100);
    }
}
