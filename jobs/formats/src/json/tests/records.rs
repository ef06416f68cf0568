//! Records inside documents: paths, keys, what is kept, and what is renamed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::run::{Outcome, config_with, read_every_way, read_split, tree};
use crate::json::{JsonConfig, JsonOptions, JsonPath, Layout};
use crate::{BadReason, ConfigError, InferOptions, ReadFailure, Split, schema_file};

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap()
}

fn keep(paths: &[(&str, &str)]) -> BTreeMap<String, JsonPath> {
    let paths = paths.iter();
    paths
        .map(|(column, at)| (column.to_string(), path(at)))
        .collect()
}

fn read(fields: &str, document: &str, set: impl FnOnce(&mut JsonOptions)) -> Outcome {
    let config = config_with(fields, set);
    read_every_way(&config, document.as_bytes(), document)
}

#[test]
fn a_path_leads_to_records() {
    let document =
        r#"{"x":[{"a":0}],"data":{"n":1,"items":[{"a":1},{"a":2}],"items2":[{"a":9}]},"s":"{["}"#;
    let cases: &[(&str, &[i64])] = &[
        ("$.data.items[*]", &[1, 2]),
        ("$.data.items.*", &[1, 2]),
        ("$['data'][\"items\"][*]", &[1, 2]),
        ("$.x[*]", &[0]),
        ("$.data.*[*]", &[1, 2, 9]),
    ];
    for (at, expected) in cases {
        let outcome = read("{a: int64}", document, |o| o.records = Some(path(at)));
        let found: Vec<i64> = outcome
            .rows
            .iter()
            .map(|row| row["a"].as_i64().unwrap())
            .collect();
        assert_eq!(found, *expected, "{at}");
        assert!(outcome.bad.is_empty(), "{at}: {:?}", outcome.bad);
    }
    // Several documents, over lines or not.
    let documents = "{\"d\":[{\"a\":1}]}\n{\n\"d\":[]}{\"d\":null} {\"d\":[{\"a\":2},{\"a\":3}]}";
    let outcome = read("{a: int64}", documents, |o| {
        o.records = Some(path("$.d[*]"))
    });
    assert_eq!((outcome.rows.len(), outcome.bad.len()), (3, 0));
    // One object of the document.
    let outcome = read("{n: int64}", document, |o| o.records = Some(path("$.data")));
    assert_eq!(outcome.rows, [json!({"n": 1})]);
    assert_eq!(outcome.unknown.len(), 2);
}

#[test]
fn a_document_without_the_path_is_a_bad_record() {
    let documents = concat!(
        "{\"d\":[{\"a\":1}]}\n",
        "{\"Error Message\": \"Invalid API call\"}\n",
        "{\"d\":5}\n",
        "{\"e\":{\"d\":[{\"a\":7}]}}\n",
        "null\n",
        "{\"d\":[{\"a\":2}]}\n"
    );
    let outcome = read("{a: int64}", documents, |o| {
        o.records = Some(path("$.d[*]"))
    });
    assert_eq!(outcome.rows, [json!({"a": 1}), json!({"a": 2})]);
    assert_eq!(outcome.counts, [6, 2, 4, 0, 0]);
    let bad = &outcome.bad[0];
    let expected = BadReason::NoRecords {
        path: "$.d[*]".to_string(),
    };
    assert_eq!(bad.reason, expected);
    assert_eq!(bad.raw, "{\"Error Message\": \"Invalid API call\"}");
    assert_eq!((bad.offset, bad.line_in_split), (16, 1));
}

#[test]
fn what_is_kept_is_a_column_though_no_document_has_it() {
    let options = JsonOptions {
        records: Some(path("$.r[*]")),
        keep: keep(&[("note", "$.note"), ("symbol", "$.meta.symbol")]),
        ..JsonOptions::default()
    };
    let document = br#"{"meta":{"symbol":7},"r":[{"a":1}]}"#;
    let schema = tree(&options, document).to_schema(&InferOptions::from(&options));
    assert!(
        schema_file::write(&schema.unwrap())
            .unwrap()
            .ends_with("fields:\n  a: int64\n  note: text\n  symbol: int64\n")
    );
}

#[test]
fn a_series_of_days_is_rows_with_their_day_and_their_symbol() {
    let document = r#"{
        "Meta Data": {"1. Information": "Daily", "2. Symbol": "AAPL"},
        "Time Series (Daily)": {
            "2019-05-30": {"1. open": "177.95", "5. volume": "21176740"},
            "2019-05-29": {"1. open": "176.42", "5. volume": "28481165"}
        }
    }"#;
    let set = |o: &mut JsonOptions| {
        o.records = Some(path(r#"$["Time Series (Daily)"].*"#));
        o.key_column = Some("day".to_string());
        o.keep = keep(&[("symbol", r#"$["Meta Data"]["2. Symbol"]"#)]);
        let names = [("1. open", "open"), ("5. volume", "volume")];
        o.rename = names
            .map(|(file, column)| (file.to_string(), column.to_string()))
            .into();
    };
    let fields = "{day: text, symbol: text, open: 'decimal(10,4)', volume: int64}";
    let outcome = read(fields, document, set);
    let row = |day: &str, open: &str, volume: u64| json!({"day": day, "symbol": "AAPL", "open": open, "volume": volume});
    let expected = [
        row("2019-05-30", "177.9500", 21_176_740),
        row("2019-05-29", "176.4200", 28_481_165),
    ];
    assert_eq!(outcome.rows, expected);
    assert!(outcome.unknown.is_empty());
    // What is kept may stand behind the records.
    let turned = document.replacen("\"Meta Data\"", "\"x\"", 1);
    let end = turned.rfind('}').unwrap();
    let turned = format!(
        "{},\"Meta Data\":{{\"2. Symbol\":\"AAPL\"}}}}",
        &turned[..end]
    );
    assert_eq!(read(fields, &turned, set).rows, expected);
    // Or nowhere: then it is NULL, and that is known at the end.
    let without = document.replacen("2. Symbol", "2. Name", 1);
    let rows = read(fields, &without, set).rows;
    assert_eq!(rows[1]["volume"], 28_481_165);
    assert_eq!(rows[1].get("symbol"), None);
    // Inference finds the day to be one, and leaves numbers in strings text.
    let mut options = JsonOptions::default();
    set(&mut options);
    let tree = super::run::tree(&options, turned.as_bytes());
    let schema = tree
        .to_schema(&crate::InferOptions::from(&options))
        .unwrap();
    let text = schema_file::write(&schema).unwrap();
    assert!(
        text.ends_with("fields:\n  day: date\n  open: text\n  symbol: text\n  volume: text\n"),
        "{text}"
    );
}

#[test]
fn what_is_kept_may_be_anything_and_comes_to_every_record_of_its_document_alone() {
    let documents = concat!(
        r#"{"k":{"x":[1,"\u0041"],"y":null},"r":[{"a":1},{"a":x},{"a":2}]}"#,
        r#"{"r":[{"a":3},{"a":"y"}],"k":"text"}"#,
        r#"{"r":[{"a":4}]}"#,
        r#"{"k":null,"r":[{"a":5}],"k":{"x":[]}}"#,
    );
    let fields = "{a: int64, k: {fields: {_VALUE: text, x: {list: text}, y: int64}}}";
    let outcome = read(fields, documents, |o| {
        o.records = Some(path("$.r[*]"));
        o.keep = keep(&[("k", "$.k")]);
    });
    let kept = json!({"x": ["1", "A"]});
    let expected = [
        json!({"a": 1, "k": kept}),
        json!({"a": 2, "k": kept}),
        json!({"a": 3, "k": {"_VALUE": "text"}}),
        json!({"a": 4}),
        json!({"a": 5}),
    ];
    assert_eq!(outcome.rows, expected);
    let raw: Vec<&str> = outcome.bad.iter().map(|bad| bad.raw.as_str()).collect();
    assert_eq!(raw, ["{\"a\":x}", "{\"a\":\"y\"}"]);
    // A field of the record with that name is another thing.
    let outcome = read(
        "{a: int64, k: text}",
        r#"{"k":"K","r":[{"a":1,"k":2}]}"#,
        |o| {
            o.records = Some(path("$.r[*]"));
            o.keep = keep(&[("k", "$.k")]);
        },
    );
    assert_eq!(outcome.rows, [json!({"a": 1, "k": "K"})]);
    assert_eq!(outcome.unknown.keys().collect::<Vec<_>>(), ["k"]);
}

#[test]
fn no_more_records_are_held_than_may_be() {
    let config = config_with("{a: text, k: text}", |o| {
        o.records = Some(path("$.r[*]"));
        o.keep = keep(&[("k", "$.k")]);
        o.limits.record_bytes_max = 2000;
    });
    let record = format!("{{\"a\":\"{}\"}}", "x".repeat(90));
    let document = |records: usize| {
        let records = vec![record.clone(); records].join(",");
        format!("{{\"r\":[{records}],\"k\":\"K\"}}")
    };
    let (few, _) = read_split(&config, document(5).as_bytes(), Split::whole(), 64).unwrap();
    assert!(few.rows.len() == 5 && few.rows.iter().all(|row| row["k"] == "K"));
    let failed = read_split(&config, document(30).as_bytes(), Split::whole(), 64);
    let Err(ReadFailure::Held {
        path, bytes_max, ..
    }) = &failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!((path.as_str(), *bytes_max), ("$.k", 2000));
}

#[test]
fn what_is_broken_in_a_document_costs_what_it_is() {
    let cases: &[(&str, &[i64], &[&str])] = &[
        (
            r#"{"d":[{"a":1},{"a":x},{"a":3}]}"#,
            &[1, 3],
            &["{\"a\":x}"],
        ),
        (r#"{"n":x,"d":[{"a":1}]}"#, &[1], &["\"n\":x"]),
        (r#"{n:1,"d":[{"a":1}]}"#, &[1], &["n:1"]),
        (r#"{"d":[{"a":1}],}{"d":[{"a":2}]}"#, &[1, 2], &[""]),
        (r#"{"d":[{"a":1}}{"d":[{"a":2}]}"#, &[1, 2], &[""]),
        (r#"{"d":[{"a":1}"#, &[1], &[""]),
        (r#"{"d":[{"a":1}],"e":{"f":"#, &[1], &[""]),
        // What stands beside the path is passed over by its brackets.
        (r#"{"e":{oops},"d":[{"a":1}]}"#, &[1], &[]),
        (
            r#"{"d" [{"a":1}]}{"d":[{"a":2}]}"#,
            &[2],
            &["\"d\" [{\"a\":1}]"],
        ),
    ];
    for (document, rows, raw) in cases {
        let outcome = read("{a: int64}", document, |o| o.records = Some(path("$.d[*]")));
        let found: Vec<i64> = outcome
            .rows
            .iter()
            .map(|row| row["a"].as_i64().unwrap())
            .collect();
        assert_eq!(found, *rows, "{document}");
        let bad: Vec<&str> = outcome.bad.iter().map(|bad| bad.raw.as_str()).collect();
        assert_eq!(bad, *raw, "{document}");
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    type Set = fn(&mut JsonOptions);
    let cases: &[(Set, &str)] = &[
        (
            |o| o.key_column = Some("k".to_string()),
            "key_column: it needs `records`",
        ),
        (
            |o| o.keep = keep(&[("k", "$.k")]),
            "keep: it needs `records`",
        ),
        (
            |o| {
                o.records = Some(path("$.a"));
                o.key_column = Some("k".to_string());
            },
            "key_column: `records` has no `.*`",
        ),
        (
            |o| {
                o.records = Some(path("$.a[*]"));
                o.keep = keep(&[("k", "$.b[*]")]);
            },
            "keep: a path to one field",
        ),
        (
            |o| {
                o.records = Some(path("$.a"));
                o.keep = keep(&[("k", "$.a.b")]);
            },
            "keep: the path leads into the records",
        ),
        (
            |o| {
                o.layout = Layout::Array;
                o.records = Some(path("$.a[*]"));
            },
            "layout: an array's records",
        ),
        (
            |o| {
                o.rename = [("a", "x"), ("b", "x")]
                    .map(|(a, b)| (a.into(), b.into()))
                    .into()
            },
            "rename: two fields",
        ),
        (
            |o| {
                o.records = Some(path("$.*"));
                o.key_column = Some("k".to_string());
                o.rename = [("a".to_string(), "k".to_string())].into();
            },
            "key_column is `k`",
        ),
    ];
    for (set, message) in cases {
        let mut options = JsonOptions::default();
        set(&mut options);
        let error = options.validate().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::empty());
    let options = JsonOptions {
        encoding: Some("klingon".to_string()),
        ..JsonOptions::default()
    };
    let refused = JsonConfig::new(options, schema.clone(), schema).unwrap_err();
    assert_eq!(refused, ConfigError::Encoding("klingon".to_string()));
}

#[test]
fn options_travel_as_text() {
    let mut options = JsonOptions {
        records: Some(path("$.a.*")),
        key_column: Some("k".to_string()),
        keep: keep(&[("x", "$.x")]),
        ..JsonOptions::default()
    };
    options.rename.insert("a".to_string(), "b".to_string());
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<JsonOptions>(&text).unwrap(), options);
    let short: JsonOptions = serde_json::from_str(r#"{"records":"$.a.*"}"#).unwrap();
    assert_eq!(short.records, Some(path("$.a.*")));
    assert!(serde_json::from_str::<Value>(&text).unwrap()["records"].is_string());
}
