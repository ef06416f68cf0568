//! Options that JSON shares with the other formats: projection, filters, contracts, NULLs, forms of dates.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, Schema};
use serde_json::{Value, json};

use super::lines::FIELDS;
use super::run::{config_with, options, read, read_every_way, read_split, tree};
use super::slow;
use crate::json::{JsonConfig, Layout};
use crate::values::Pattern;
use crate::{
    InferOptions, LeafPredicate, LeafTest, Literal, OnBadValue, OnUnknown, ReadFailure,
    SampleRatio, Split, schema_file,
};

fn schema(fields: &str) -> Arc<Schema> {
    Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap())
}

#[test]
fn a_projection_reads_what_reading_everything_reads() {
    let outputs = [
        "{a: int64}",
        "{c: {fields: {e: {list: text}}}, m: {list: {list: {fields: {y: text}}}}}",
        "{m: {list: {list: {fields: {x: int64}}}}, l: {list: int64}}",
        "{c: {fields: {_VALUE: text}}, _VALUE: text}",
        "{}",
    ];
    let mut random = fastrand::Rng::with_seed(21);
    for round in 0..200 {
        let mut document = Vec::new();
        for _ in 0..12 {
            slow::random_record(&mut random, &mut document);
            document.push(b'\n');
        }
        let options = options(|o| {
            o.on_bad_value = OnBadValue::Null;
            o.layout = Layout::Lines;
        });
        let all = JsonConfig::new(options.clone(), schema(FIELDS), schema(FIELDS)).unwrap();
        let all = read(&Arc::new(all), &document);
        for output in outputs {
            let config = JsonConfig::new(options.clone(), schema(FIELDS), schema(output)).unwrap();
            let some = read(&Arc::new(config), &document);
            assert_eq!(some.counts, all.counts, "round {round}, {output}");
            let whole = schema(output);
            for (some, all) in some.rows.iter().zip(&all.rows) {
                let expected = narrowed(all, whole.fields());
                assert_eq!(*some, expected, "round {round}, {output}");
            }
        }
    }
}

/// The part of a row that these fields hold.
fn narrowed(row: &Value, fields: &Fields) -> Value {
    let held = fields.iter().filter_map(|field| {
        let found = row.get(field.name())?;
        Some((
            field.name().clone(),
            narrowed_value(found, field.data_type()),
        ))
    });
    Value::Object(held.collect())
}

fn narrowed_value(value: &Value, data_type: &DataType) -> Value {
    match (value, data_type) {
        (Value::Array(items), DataType::List(item)) => {
            let items = items.iter();
            items
                .map(|one| narrowed_value(one, item.data_type()))
                .collect()
        }
        (object @ Value::Object(_), DataType::Struct(fields)) => narrowed(object, fields),
        (other, _) => other.clone(),
    }
}

#[test]
fn a_filter_leaves_out_what_sql_would() {
    let document = b"{\"a\":1,\"c\":{\"d\":\"x\"}}\n{\"a\":2}\n{\"a\":null}\n{\"a\":3,\"a\":1}\n{\"a\":1,\"a\":3}\n{\"a\":\"x\"}\n";
    let config = config_with("{a: int64, c: {fields: {d: text}}}", |_| {});
    let with = |path: &[&str], test: LeafTest| {
        let path = path.iter().map(|name| name.to_string()).collect();
        let config = config.as_ref().clone();
        let config = config
            .with_filter(vec![LeafPredicate { path, test }])
            .unwrap();
        read_every_way(&Arc::new(config), document, "filtered")
    };
    let outcome = with(&["a"], LeafTest::Equal(Literal::Int64(1)));
    assert_eq!(
        outcome.rows,
        [json!({"a": 1, "c": {"d": "x"}}), json!({"a": 1})]
    );
    // The value that fits no number goes on, and is dealt with as without a filter.
    assert_eq!(outcome.counts, [6, 2, 1, 0, 3]);
    let outcome = with(&["c", "d"], LeafTest::IsNotNull);
    assert_eq!(outcome.counts, [6, 1, 0, 0, 5]);
    let outcome = with(&["a"], LeafTest::IsNull);
    assert_eq!(outcome.rows, [json!({})]);
    // A column that is not read.
    let output = schema("{c: {fields: {d: text}}}");
    let config =
        JsonConfig::new(config.options().clone(), config.schema().clone(), output).unwrap();
    let test = LeafTest::Equal(Literal::Int64(1));
    let path = vec!["a".to_string()];
    let config = config
        .with_filter(vec![LeafPredicate { path, test }])
        .unwrap();
    let outcome = read(&Arc::new(config), document);
    assert_eq!(
        outcome.rows,
        [json!({"c": {"d": "x"}}), json!({}), json!({})]
    );
}

#[test]
fn a_contract_looks_at_every_record_and_all_of_it() {
    let document =
        b"{\"a\":1}\n{\"a\":2,\"b\":[{\"c\":3}]}\n{\"s\":{\"x\":1,\"z\":2}}\n{\"a\":4}\n";
    let with = |on_unknown| {
        let options = options(|o| o.on_unknown = on_unknown);
        let config = JsonConfig::new(
            options,
            schema("{a: int64, s: {fields: {x: int64}}}"),
            schema("{a: int64}"),
        );
        Arc::new(config.unwrap())
    };
    let outcome = read(&with(OnUnknown::DiscardValue), document);
    assert_eq!(outcome.counts, [4, 4, 0, 0, 0]);
    let outcome = read_every_way(&with(OnUnknown::DiscardRow), document, "discarded");
    assert_eq!(outcome.rows, [json!({"a": 1}), json!({"a": 4})]);
    assert_eq!(outcome.counts, [4, 2, 0, 2, 0]);
    assert_eq!(outcome.unknown.keys().collect::<Vec<_>>(), ["b", "s/z"]);
    let failed = read_split(&with(OnUnknown::Freeze), document, Split::whole(), 10);
    let Err(ReadFailure::Unknown { at, path, example }) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(
        (at, path.as_str(), example.as_str()),
        (19, "b", "[{\"c\":3}]")
    );
}

#[test]
fn null_values_and_forms_of_dates() {
    let document = b"{\"v\":\"NA\",\"d\":\"29.02.2024\",\"t\":\"\"}\n{\"v\":-999,\"d\":\"NA\",\"t\":\"x\"}\n{\"v\":5}\n";
    let set = |o: &mut crate::json::JsonOptions| {
        o.null_values = vec!["NA".to_string(), "-999".to_string()];
        o.date_format = Some(Pattern::new("dd.MM.yyyy").unwrap());
    };
    let config = config_with("{v: int64, d: date, t: text}", set);
    let outcome = read_every_way(&config, document, "nulls");
    let days = crate::values::date32(b"2024-02-29").unwrap();
    let rows = [
        json!({"d": days, "t": ""}),
        json!({"t": "x"}),
        json!({"v": 5}),
    ];
    assert_eq!(outcome.rows, rows);
    let options = options(set);
    let schema = tree(&options, document)
        .to_schema(&InferOptions::from(&options))
        .unwrap();
    let text = schema_file::write(&schema).unwrap();
    assert!(
        text.ends_with("fields:\n  d: date\n  t: text\n  v: int64\n"),
        "{text}"
    );
}

#[test]
fn unknown_paths_have_a_bound_and_so_has_what_inference_takes_in() {
    let config = config_with("{a: int64}", |o| o.limits.unknown_paths_max = 3);
    let document: String = (0..10)
        .map(|i| format!("{{\"x{i}\":1,\"y\":2}}\n"))
        .collect();
    let outcome = read(&config, document.as_bytes());
    let counted: u64 = outcome.unknown.values().sum();
    assert_eq!(
        (outcome.unknown.len(), counted + outcome.unknown_more),
        (3, 20)
    );
    let fields: Vec<String> = (0..60_000).map(|i| format!("\"x{i}\":1")).collect();
    let wide = format!("{{{}}}", fields.join(","));
    let failed = super::run::learn(
        &options(|_| {}),
        wide.as_bytes(),
        Split::whole(),
        usize::MAX,
    );
    assert!(matches!(failed, Err(ReadFailure::TooManyPaths { .. })));
}

#[test]
fn a_sample_is_the_same_whatever_the_splits() {
    let document: String = (0..2000).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    let options = options(|o| o.sample_ratio = SampleRatio::new(0.1).unwrap());
    let whole = tree(&options, document.as_bytes());
    assert!((100..300).contains(&whole.records), "{}", whole.records);
    let mut parts = crate::TypeTree::default();
    for split in super::run::splits(&[1000, 7777, 9999]) {
        parts.merge(
            &super::run::learn(&options, document.as_bytes(), split, 100)
                .unwrap()
                .0,
        );
    }
    assert_eq!(parts, whole);
}

#[test]
fn meta_columns_say_where_a_record_began() {
    let fields = "{a: int64}";
    let mut output: Vec<_> = schema(fields).fields().iter().cloned().collect();
    let meta =
        |name: &str, data_type| Arc::new(arrow::datatypes::Field::new(name, data_type, false));
    output.push(meta(crate::OFFSET_COLUMN, DataType::Int64));
    output.push(meta(crate::ROW_TAG_COLUMN, DataType::Utf8));
    let output = Arc::new(Schema::new(output));
    let config = JsonConfig::new(options(|_| {}), schema(fields), output).unwrap();
    let outcome = read_every_way(&Arc::new(config), b"{\"a\":1}\n\n {\"a\":2}\n", "meta");
    let row = |a: i64, at: i64| json!({"a": a, "_hw_offset": at, "_hw_row_tag": "$"});
    assert_eq!(outcome.rows, [row(1, 0), row(2, 10)]);
}

#[test]
fn many_small_files_make_one_batch_whatever_their_layouts() {
    let config = config_with("{a: int64}", |_| {});
    let files: [&[u8]; 5] = [
        b"{\"a\":1}\n{\"a\":2}\n",
        b"{\"a\":\n3}\n{\"a\":\n4}\n",
        b"[{\"a\":\n5}]",
        b"{\"a\":6}\n{\"a\":\n7}\n{\"a\":8}\n",
        b"{\"a\":9}",
    ];
    let mut reader = crate::json::JsonReader::new(config, Split::whole());
    let mut bad = 0;
    for file in files {
        reader.next_split(Split::whole());
        assert_eq!(
            reader.feed(file, true).unwrap().state,
            crate::FedState::Done
        );
        bad += reader.take_bad().len();
    }
    // What was learned from documents of several lines is not taken for lines.
    assert_eq!((reader.pending_rows(), bad), (8, 2));
    assert_eq!(reader.take_batch().unwrap().unwrap().num_rows(), 8);
}
