//! What the options say of bad records, bad values, unknown columns and filters: as for all formats.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use super::run::{config_with, head, options, read_every_way, read_split, read_whole};
use crate::csv::{CsvConfig, CsvOptions, CsvReader};
use crate::record::{
    LeafPredicate, LeafTest, Literal, OFFSET_COLUMN, OnBadRecord, OnBadValue, OnUnknown,
    ReadFailure, Split, Start,
};

const BAD: &[u8] = b"a,b\n1,x\n2\nz,y\n\"3\"4,q\n5,r\n";

fn shown(rows: &[Vec<Option<String>>]) -> Vec<String> {
    let value = |v: &Option<String>| v.clone().unwrap_or("-".to_string());
    rows.iter()
        .map(|row| row.iter().map(value).collect::<Vec<_>>().join("|"))
        .collect()
}

#[test]
fn bad_records_are_quarantined_dropped_kept_or_fail() {
    let fields = "{a: int64, b: text}";
    let (outcome, report) = read_every_way(&config_with(fields, CsvOptions::default()), BAD, "q");
    assert_eq!(shown(&outcome.rows), ["1|x", "5|r"]);
    assert_eq!((report.read, report.quarantined), (5, 3));

    let drop = options(|o| o.on_bad_record = OnBadRecord::Drop);
    let (outcome, report) = read_every_way(&config_with(fields, drop), BAD, "drop");
    assert_eq!(shown(&outcome.rows), ["1|x", "5|r"]);
    assert_eq!((report.read, report.dropped, outcome.bad.len()), (5, 3, 0));

    let keep = options(|o| {
        o.on_bad_record = OnBadRecord::Keep;
        o.corrupt_record_column = Some("raw".into());
    });
    let keep = config_with("{a: int64, b: text, raw: text}", keep);
    let (outcome, report) = read_every_way(&keep, BAD, "keep");
    let rows = ["1|x|-", "-|-|2\n", "-|-|z,y\n", "-|-|\"3\"4,q\n", "5|r|-"];
    assert_eq!(shown(&outcome.rows), rows);
    assert_eq!((report.emitted, report.kept_bad), (5, 3));

    let fail = config_with(fields, options(|o| o.on_bad_record = OnBadRecord::Fail));
    let mut reader = CsvReader::new(fail.clone(), Split::whole());
    let Err(ReadFailure::BadRecord(bad)) = reader.feed(BAD, true) else {
        panic!("does not fail");
    };
    assert_eq!((bad.offset, bad.line_in_split), (8, 2));
    // A guess cannot know.
    let split = Split {
        start: Start::Guess(4),
        end: u64::MAX,
    };
    let (outcome, _) = read_split(&fail, BAD, split, usize::MAX);
    assert_eq!(outcome.bad.len(), 3);
}

#[test]
fn bad_values_become_null_and_are_counted() {
    let null = options(|o| o.on_bad_value = OnBadValue::Null);
    let config = config_with("{a: int64, b: text}", null);
    let text = b"a,b\nx,1\n\"y\"\"\",2\n3,\n";
    let (outcome, report) = read_every_way(&config, text, "null");
    assert_eq!(shown(&outcome.rows), ["-|1", "-|2", "3|-"]);
    let count = &report.bad_values["a"];
    assert_eq!(
        (count.count, count.record_offset, count.example.as_str()),
        (2, 4, "x")
    );
}

#[test]
fn columns_beyond_the_schema_are_unknown() {
    let text = b"a,extra,b\n1,,x\n2,\"new\"\"\",y\n3,,z\n";
    let of = |on_unknown| {
        config_with(
            "{a: int64, b: text}",
            options(|o| o.on_unknown = on_unknown),
        )
    };
    for on_unknown in [OnUnknown::DiscardValue, OnUnknown::Evolve] {
        let (outcome, report) = read_every_way(&of(on_unknown), text, "discard_value");
        assert_eq!(shown(&outcome.rows), ["1|x", "2|y", "3|z"]);
        let count = &report.unknown["extra"];
        assert_eq!(
            (count.count, count.record_offset, count.example.as_str()),
            (1, 15, "new\"")
        );
    }
    let (outcome, report) = read_every_way(&of(OnUnknown::DiscardRow), text, "discard_row");
    assert_eq!(shown(&outcome.rows), ["1|x", "3|z"]);
    assert_eq!((report.dropped, report.discarded_rows), (1, 1));

    let mut reader = CsvReader::new(of(OnUnknown::Freeze), Split::whole());
    let Err(ReadFailure::Unknown { path, example, .. }) = reader.feed(text, true) else {
        panic!("does not fail");
    };
    assert_eq!((path.as_str(), example.as_str()), ("extra", "new\""));

    let few = options(|o| o.limits.unknown_paths_max = 1);
    let (_, report) = read_whole(&config_with("{a: int64}", few), b"a,p,q,r\n1,2,3,4\n");
    assert_eq!((report.unknown.len(), report.unknown_more), (1, 2));
}

#[test]
fn records_are_filtered_and_columns_left_out() {
    let schema = crate::schema_file::read("fields: {a: int64, b: text, c: text}").unwrap();
    let schema = Arc::new(schema);
    let output = Schema::new(vec![
        Field::new("c", DataType::Utf8, true),
        Field::new(OFFSET_COLUMN, DataType::Int64, false),
    ]);
    let at_least = |n| LeafPredicate {
        path: vec!["a".to_string()],
        test: LeafTest::AtLeast(Literal::Int64(n)),
    };
    let config = CsvConfig::new(CsvOptions::default(), schema.clone(), Arc::new(output))
        .unwrap()
        .with_filter(vec![at_least(2)])
        .unwrap();
    let text = b"a,b,c\n1,x,p\n2,y,\"q\"\"\"\n,z,r\n3,w,s\n4\n";
    let (outcome, report) = read_every_way(&Arc::new(config), text, "filter");
    assert_eq!(shown(&outcome.rows), ["q\"|12", "s|27"]);
    assert_eq!(
        (report.read, report.filtered, report.quarantined),
        (5, 2, 1)
    );

    let nothing = CsvConfig::new(CsvOptions::default(), schema, Arc::new(Schema::empty()));
    let (outcome, _) = read_whole(&Arc::new(nothing.unwrap()), text);
    assert_eq!(outcome.rows.len(), 4);
}

#[test]
fn batches_end_where_the_limits_say() {
    let few = options(|o| o.limits.batch_rows_max = 2);
    let config = config_with("{a: int64}", few);
    let text = b"a\n1\n2\n3\n4\n5\n";
    let mut reader = CsvReader::new(config.clone(), Split::whole());
    reader.set_head(head(config.options(), text));
    let mut sizes = Vec::new();
    while !reader.report().done {
        let at = reader.position() as usize;
        reader.feed(&text[at..], true).unwrap();
        sizes.extend(reader.take_batch().unwrap().map(|batch| batch.num_rows()));
    }
    assert_eq!(sizes, [2, 2, 1]);
}
