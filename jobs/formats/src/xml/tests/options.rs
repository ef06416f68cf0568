//! What options change: names, NULLs, forms of dates, columns of their own, and what becomes of bad and unknown things.

use std::sync::Arc;

use serde_json::{Value, json};

use super::run::{config, config_with, read_chain, read_every_way, read_whole};
use crate::schema_file;
use crate::values::Pattern;
use crate::xml::{
    ConfigError, OnBadRecord, OnBadValue, OnUnknown, Split, Start, XmlConfig, XmlOptions, XmlReader,
};
use crate::{InferOptions, Inferrer, SampleRatio};

/// The lines of the schema file that is inferred with these options.
fn inferred(document: &str, set: impl FnOnce(&mut XmlOptions)) -> String {
    let mut options = XmlOptions::new(&["r"]).unwrap();
    set(&mut options);
    let infer_options = InferOptions::from(&options);
    let mut inferrer = Inferrer::new(Arc::new(options), Split::whole());
    inferrer.feed(document.as_bytes(), true).unwrap();
    let schema = inferrer.finish().to_schema(&infer_options).unwrap();
    let text = schema_file::write(&schema).unwrap();
    text.split_once("fields:\n").unwrap().1.to_string()
}

#[test]
fn attributes_can_be_left_out() {
    let document = "<r i='1'><a u='m'>5</a><b v='w'/><s x='1'><c>2</c></s><s x='2'/></r>";
    let exclude = |options: &mut XmlOptions| options.exclude_attributes = true;
    assert_eq!(
        inferred(document, exclude),
        "  a: int64\n  b: text\n  s:\n    list:\n      fields:\n        c: int64\n"
    );
    let fields = "{a: int64, _i: text, b: text, s: {list: {fields: {c: int64, _x: text}}}}";
    let config = config_with(&["r"], fields, exclude);
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "excluded");
    // An element without anything but attributes is empty.
    let row = json!({"a": 5, "b": "", "s": [{"c": 2}, null]});
    assert_eq!(outcome.rows, [row]);
    assert!(report.unknown.is_empty());
    // They are checked all the same.
    let (outcome, _) = read_whole(&config, b"<r i='1' i='2'><a>5</a></r>");
    assert_eq!(outcome.bad.len(), 1);
}

#[test]
fn names_can_keep_their_prefixes() {
    let document = "<r xmlns:n='u' n:i='1' i='2'><n:a>3</n:a><a m:x='4'>5</a><n:a>6</n:a></r>";
    let keep = |options: &mut XmlOptions| options.ignore_namespaces = false;
    assert_eq!(
        inferred(document, keep),
        "  _i: int64\n  \"_n:i\": int64\n  a:\n    fields:\n      \"_m:x\": int64\n      _VALUE: int64\n  \
         \"n:a\":\n    list: int64\n"
    );
    let fields = "{_i: int64, '_n:i': int64, a: {fields: {'_m:x': int64, _VALUE: int64}}, 'n:a': {list: int64}}";
    let config = config_with(&["r"], fields, keep);
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "prefixes");
    let row = json!({"_i": 2, "_n:i": 1, "a": {"_m:x": 4, "_VALUE": 5}, "n:a": [3, 6]});
    assert_eq!(outcome.rows, [row]);
    assert!(report.unknown.is_empty(), "{:?}", report.unknown);
}

#[test]
fn null_values_are_null_in_every_type_and_teach_nothing() {
    let document =
        "<r k='NA'><a> NA </a><b>NA</b><l>1</l><l>NA</l><s><m>NA</m></s><t>N A</t><d>-</d></r>";
    let set = |options: &mut XmlOptions| {
        options.null_values = vec!["NA".to_string(), "-".to_string()];
    };
    assert_eq!(
        inferred(document, set),
        "  _k: text\n  a: text\n  b: text\n  d: text\n  l:\n    list: int64\n  s:\n    fields:\n      m: text\n  \
         t: text\n"
    );
    let fields =
        "{_k: text, a: text, b: int64, l: {list: int64}, s: {fields: {m: bool}}, t: text, d: date}";
    let config = config_with(&["r"], fields, set);
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "nulls");
    assert_eq!(outcome.rows, [json!({"l": [1, null], "s": {}, "t": "N A"})]);
    // The empty text can be one.
    let set = |options: &mut XmlOptions| options.null_values = vec![String::new()];
    let config = config_with(&["r"], "{a: text}", set);
    let (outcome, _) = read_whole(&config, b"<r><a/></r><r><a>x</a></r>");
    assert_eq!(outcome.rows, [json!({}), json!({"a": "x"})]);
}

#[test]
fn dates_and_timestamps_have_the_forms_that_are_asked_for() {
    let set = |options: &mut XmlOptions| {
        options.date_format = Some(Pattern::new("dd/MM/yyyy").unwrap());
        options.timestamp_format = Some(Pattern::new("dd/MM/yyyy HH:mm[XXX]").unwrap());
        options.on_bad_value = OnBadValue::Null;
    };
    let document = "<r><d>02/01/1970</d><t>02/01/1970 00:01</t><z>02/01/1970 01:00+01:00</z><i>1970-01-02</i></r>";
    assert_eq!(
        inferred(document, set),
        "  d: date\n  i: text\n  t: timestamp\n  z: timestamptz\n"
    );
    let fields = "{d: date, t: timestamp, z: timestamptz, i: date}";
    let config = config_with(&["r"], fields, set);
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "forms");
    let day_us = 86_400_000_000_i64;
    assert_eq!(
        outcome.rows,
        [json!({"d": 1, "t": day_us + 60_000_000, "z": day_us})]
    );
    assert_eq!(report.bad_values["i"].example, "1970-01-02");
    let config = config_with(&["r"], fields, |options| {
        set(options);
        options.on_bad_value = OnBadValue::Quarantine;
    });
    let (outcome, _) = read_whole(&config, document.as_bytes());
    assert_eq!(
        outcome.bad[0].reason.to_string(),
        "byte 75: `1970-01-02` in `i` is not a date by date_format, `dd/MM/yyyy`"
    );
}

#[test]
fn what_inference_takes_the_reader_reads() {
    // Mixed forms: a date is taken where timestamps stand.
    let cases = [
        (
            "<r><t>02/01/1970</t></r><r><t>1970-01-02T00:00:00</t></r>",
            true,
            false,
        ),
        (
            "<r><t>1970-01-02</t></r><r><t>02/01/1970 10:00</t></r>",
            false,
            true,
        ),
    ];
    for (document, date, timestamp) in cases {
        let set = |options: &mut XmlOptions| {
            options.date_format = date.then(|| Pattern::new("dd/MM/yyyy").unwrap());
            options.timestamp_format = timestamp.then(|| Pattern::new("dd/MM/yyyy HH:mm").unwrap());
        };
        assert_eq!(inferred(document, set), "  t: timestamp\n", "{document}");
        let config = config_with(&["r"], "{t: timestamp}", set);
        let (outcome, _) = read_whole(&config, document.as_bytes());
        assert_eq!(outcome.rows.len(), 2, "{:?}", outcome.bad);
    }
}

#[test]
fn a_sample_is_the_same_however_the_file_is_split() {
    let records: Vec<String> = (0..2000)
        .map(|i| format!("<r><a>{i}</a><n{i}/></r>\n"))
        .collect();
    let document = format!("<rs>{}</rs>", records.concat());
    let bytes = document.as_bytes();
    let mut options = XmlOptions::new(&["r"]).unwrap();
    options.sample_ratio = SampleRatio::new(0.1).unwrap();
    let options = Arc::new(options);
    let learn = |split: Split| {
        let mut inferrer = Inferrer::new(options.clone(), split);
        inferrer
            .feed(&bytes[inferrer.position() as usize..], true)
            .unwrap();
        (inferrer.report().read, inferrer.finish())
    };
    let (read, whole) = learn(Split::whole());
    assert_eq!(read, 2000);
    assert!((150..250).contains(&whole.records), "{}", whole.records);
    for cut in (1..bytes.len()).step_by(4001) {
        let cut = cut as u64;
        let first = Split {
            start: Start::File,
            end: cut,
        };
        let second = Split {
            start: Start::Guess(cut),
            end: u64::MAX,
        };
        let mut merged = learn(first).1;
        merged.merge(&learn(second).1);
        assert_eq!(merged, whole, "cut at {cut}");
    }
    // The first records of many small files are not all in or all out.
    let sampled = (0..1000).filter(|i| {
        let mut inferrer = Inferrer::new(options.clone(), Split::whole());
        let file = format!("<rs><r><id>{i}</id></r></rs>");
        inferrer.feed(file.as_bytes(), true).unwrap();
        inferrer.finish().records == 1
    });
    assert!((60..140).contains(&sampled.count()));
}

#[test]
fn bad_records_can_be_kept_with_their_text() {
    let keep = |options: &mut XmlOptions| {
        options.on_bad_record = OnBadRecord::Keep;
        options.corrupt_record_column = Some("_corrupt".to_string());
        options.limits.raw_bytes_max = 30;
    };
    let config = config_with(&["r", "q"], "{a: int64, _corrupt: text}", keep);
    let long = "y".repeat(100);
    let document = format!(
        "<rs><r><a>1</a></r><q><a>&x;</a></q><r><a>x</a></r><r><_corrupt>2</_corrupt></r><r>{long}&x;</r>"
    );
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "kept");
    let rows = json!([
        {"a": 1},
        {"_corrupt": "<q><a>&x;</a></q>"},
        {"_corrupt": "<r><a>x</a></r>"},
        {},
        {"_corrupt": format!("<r>{}", &long[..27])},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert_eq!(
        (
            report.read,
            report.emitted,
            report.kept_bad,
            report.quarantined
        ),
        (5, 5, 3, 0)
    );
    // No element fills the column.
    assert_eq!(report.unknown["_corrupt"].count, 1);
    // Markup that never ends is no record.
    let (outcome, report) = read_whole(&config, b"<r><a>1</a></r><!-- ");
    assert_eq!((outcome.rows.len(), report.quarantined), (1, 1));
    // Where the column is not asked for, there is a row of NULLs all the same.
    let output = Arc::new(schema_file::read("fields: {a: int64}").unwrap());
    let narrow = XmlConfig::new(config.options().clone(), config.schema().clone(), output);
    let (outcome, _) = read_whole(&Arc::new(narrow.unwrap()), document.as_bytes());
    assert_eq!(outcome.rows.len(), 5);
}

#[test]
fn a_row_with_a_value_made_null_has_its_text_too() {
    let config = config_with(&["r"], "{a: int64, b: int64, _corrupt: text}", |options| {
        options.on_bad_record = OnBadRecord::Keep;
        options.on_bad_value = OnBadValue::Null;
        options.corrupt_record_column = Some("_corrupt".to_string());
    });
    let document = "<r><a>1</a><b>x</b></r><r><a>2</a><c/></r><r><a>3</r>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "permissive");
    let rows = json!([
        {"a": 1, "_corrupt": "<r><a>1</a><b>x</b></r>"},
        {"a": 2},
        {"_corrupt": "<r><a>3</r>"},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert_eq!((report.kept_bad, report.bad_values["b"].count), (1, 1));
}

#[test]
fn what_the_schema_lacks_can_have_a_column() {
    let document = "<r i='1'><a>1</a><x>2 &amp; 3</x><n:y k='<'/><z  k=\"v\"><w>\n</w><!-- c --></z ></r>\
                    <r><x/><x>5</x><x>5</x><s><b>1</b><d/></s></r><r><a>1</a></r>\
                    <r><x><r>in</r></x></r><r><x>&bad;</x></r>";
    let document = document.replace("k='<'", "k='v'");
    let set = |options: &mut XmlOptions| options.wildcard_column = Some("rest".to_string());
    let fields = "{a: int64, rest: {list: text}, s: {fields: {b: text}}}";
    let config = config_with(&["r"], fields, set);
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "wildcard");
    let rows = json!([
        {"a": 1, "rest": [
            "<x>2 &amp; 3</x>", "<n:y k='v'/>", "<z  k=\"v\"><w>\n</w><!-- c --></z >"
        ]},
        {"rest": ["<x/>", "<x>5</x>", "<x>5</x>"], "s": {"b": "1"}},
        {"a": 1},
        {"rest": ["<x><r>in</r></x>"]},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert_eq!(outcome.bad.len(), 1);
    // Attributes, and what lies deeper, are unknown as ever.
    assert_eq!(report.unknown.keys().collect::<Vec<_>>(), ["_i", "s/d"]);

    let config = config_with(
        &["r"],
        "{a: int64, rest: text, s: {fields: {b: text}}}",
        set,
    );
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "wildcard text");
    assert_eq!(
        outcome.rows[..3],
        [
            json!({"a": 1, "rest": "<x>2 &amp; 3</x><n:y k='v'/><z  k=\"v\"><w>\n</w><!-- c --></z >"}),
            json!({"rest": "<x/><x>5</x><x>5</x>", "s": {"b": "1"}}),
            json!({"a": 1}),
        ]
    );
}

#[test]
fn raw_xml_is_what_stands_between_the_tags() {
    let document = "<r><t>plain</t><l>1</l><l> <b>2</b> </l></r>\
                    <r><t> a <i k='1'>b</i>&amp;<![CDATA[<]]>\r\n<!-- c --> </t></r>\
                    <r><t/></r><r><t k='1'></t ></r><r/><r><t><r>in</r></t></r>";
    let config = config(&["r"], "{t: xml, l: {list: xml}}");
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "raw");
    let rows = json!([
        {"t": "plain", "l": ["1", "<b>2</b>"]},
        {"t": "a <i k='1'>b</i>&amp;<![CDATA[<]]>\r\n<!-- c -->"},
        {"t": ""},
        {"t": ""},
        {},
        {"t": "<r>in</r>"},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert_eq!(report.unknown.keys().collect::<Vec<_>>(), ["t/_k"]);
    // A text column has the text, and its child elements are counted.
    let config = super::run::config(&["r"], "{t: text, l: {list: text}}");
    let (outcome, report) = read_whole(&config, document.as_bytes());
    assert_eq!(outcome.rows[1], json!({"t": "a &<"}));
    assert_eq!(report.unknown["t/i"].count, 1);
}

#[test]
fn raw_xml_is_utf8_whatever_the_file_is_in() {
    let text = "<?xml version='1.0' encoding='ISO-8859-1'?><rs><r><t>\u{e9} <i k='\u{fc}'/>&amp;</t>\
                <n\u{e9}w>\u{f6}</n\u{e9}w></r><r><n\u{e9}w k='1'>\u{f6}</n\u{e9}w><t>\u{e9}</t></r>\
                <r><t>&bad;\u{e9}</t></r></rs>";
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let config = config_with(
        &["r"],
        "{t: xml, rest: {list: text}, bad: text}",
        |options| {
            options.wildcard_column = Some("rest".to_string());
            options.on_bad_record = OnBadRecord::Keep;
            options.corrupt_record_column = Some("bad".to_string());
        },
    );
    let (outcome, _) = read_every_way(&config, &bytes, "latin-1");
    let rows = json!([
        {"t": "\u{e9} <i k='\u{fc}'/>&amp;", "rest": ["<n\u{e9}w>\u{f6}</n\u{e9}w>"]},
        {"t": "\u{e9}", "rest": ["<n\u{e9}w k='1'>\u{f6}</n\u{e9}w>"]},
        {"bad": "<r><t>&bad;\u{e9}</t></r>"},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
}

const DRIFTED: &str = "<rs><r><a>1</a></r><r><a>2</a><new>x</new></r><r><s><b>1</b><c>deep</c></s></r>\
                       <r><a>&x;</a><new/></r><r><a>3</a></r></rs>";

fn with_contract(on_unknown: OnUnknown) -> Arc<XmlConfig> {
    let fields = "{a: text, s: {fields: {b: text}}}";
    config_with(&["r"], fields, |options| options.on_unknown = on_unknown)
}

#[test]
fn a_record_with_what_the_schema_lacks_can_be_discarded() {
    let config = with_contract(OnUnknown::DiscardRow);
    let (outcome, report) = read_every_way(&config, DRIFTED.as_bytes(), "discard_row");
    assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "3"})]);
    assert_eq!(
        (
            report.read,
            report.emitted,
            report.quarantined,
            report.dropped,
            report.discarded_rows
        ),
        (5, 2, 1, 2, 2)
    );
    let counts: Vec<_> = report
        .unknown
        .iter()
        .map(|(p, c)| (p.as_str(), c.count))
        .collect();
    assert_eq!(counts, [("new", 1), ("s/c", 1)]);
    assert_eq!(report.first_unknown().unwrap().0, "new");
    // What a query reads makes no difference.
    for fields in ["{}", "{s: {fields: {b: text}}}", "{a: text}"] {
        let output = Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
        let narrow = XmlConfig::new(config.options().clone(), config.schema().clone(), output);
        let (_, of_part) = read_whole(&Arc::new(narrow.unwrap()), DRIFTED.as_bytes());
        assert_eq!(of_part, report, "{fields}");
    }
    // Nor does the other contract's word for reading on.
    let lenient = read_whole(&with_contract(OnUnknown::DiscardValue), DRIFTED.as_bytes());
    assert_eq!(lenient.0.rows.len(), 4);
    assert_eq!(
        lenient,
        read_whole(&with_contract(OnUnknown::Evolve), DRIFTED.as_bytes())
    );
}

/// Structs that the contract looks into and the query does not read leave no trace in those around them.
#[test]
fn what_is_looked_into_for_the_contract_alone_is_no_row() {
    let fields = "{l: {list: {fields: {t: {fields: {x: text}}, a: text}}}}";
    let full = config_with(&["r"], fields, |options| {
        options.on_unknown = OnUnknown::DiscardRow;
    });
    let output = schema_file::read("fields: {l: {list: {fields: {a: text}}}}").unwrap();
    let options = full.options().clone();
    let narrow = XmlConfig::new(options, full.schema().clone(), Arc::new(output)).unwrap();
    let document = "<rs><r><l><a>1</a></l><l><t><x>y</x></t><a>2</a></l><l><t/><a>3</a></l></r>\
                    <r><l><t><x>y</x></t></l><l><a>4</a></l></r></rs>";
    let (outcome, report) = read_every_way(&Arc::new(narrow), document.as_bytes(), "narrow");
    let rows = json!([
        {"l": [{"a": "1"}, {"a": "2"}, {"a": "3"}]},
        {"l": [{}, {"a": "4"}]},
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert_eq!(report.dropped, 0);
}

#[test]
fn a_frozen_schema_fails_and_a_guess_is_counted() {
    let config = with_contract(OnUnknown::Freeze);
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let error = reader.feed(DRIFTED.as_bytes(), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "byte 35: the schema lacks `new` (here `x`), and on_unknown says freeze; add it to the schema, or say evolve, \
         discard_value or discard_row"
    );
    let split = Split {
        start: Start::Guess(5),
        end: u64::MAX,
    };
    let mut reader = XmlReader::new(config.clone(), split);
    reader.feed(&DRIFTED.as_bytes()[5..], true).unwrap();
    let report = reader.report();
    assert_eq!((report.emitted, report.quarantined), (3, 1));
    let (path, first) = report.first_unknown().unwrap();
    assert_eq!(
        (path, first.record_offset, first.example.as_str()),
        ("new", 19, "x")
    );
    // Without what it lacks, nothing is different.
    let clean = b"<r><a>1</a></r><r><s><b>1</b></s></r>";
    let (outcome, _) = read_every_way(&config, clean, "frozen");
    assert_eq!(outcome.rows.len(), 2);
    // A column for the rest is one way to have nothing unknown.
    let config = config_with(&["r"], "{a: text, rest: text}", |options| {
        options.on_unknown = OnUnknown::Freeze;
        options.wildcard_column = Some("rest".to_string());
    });
    let (outcome, _) = read_whole(&config, DRIFTED.as_bytes());
    assert_eq!(outcome.rows.len(), 4);
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    let schema = Arc::new(schema_file::read("fields: {a: text, n: int64, c: text}").unwrap());
    let failed = |set: fn(&mut XmlOptions)| {
        let mut options = XmlOptions::new(&["r"]).unwrap();
        set(&mut options);
        XmlConfig::new(options, schema.clone(), schema.clone())
            .unwrap_err()
            .to_string()
    };
    type Set = fn(&mut XmlOptions);
    let cases: &[(Set, &str)] = &[
        (
            |o| o.on_bad_record = OnBadRecord::Keep,
            "on_bad_record: keep and corrupt_record_column need each other",
        ),
        (
            |o| o.corrupt_record_column = Some("c".to_string()),
            "on_bad_record: keep and corrupt_record_column need each other",
        ),
        (
            |o| {
                o.on_bad_record = OnBadRecord::Keep;
                o.corrupt_record_column = Some("n".to_string());
            },
            "corrupt_record_column is `n`; the schema must have that column with the type `text`",
        ),
        (
            |o| o.wildcard_column = Some("rest".to_string()),
            "wildcard_column is `rest`; the schema must have that column with the type `text` or `list: text`",
        ),
        (
            |o| {
                o.on_bad_record = OnBadRecord::Keep;
                o.corrupt_record_column = Some("c".to_string());
                o.wildcard_column = Some("c".to_string());
            },
            "wildcard_column is `c`; it must be a name that no other column has",
        ),
    ];
    for (set, message) in cases {
        let found = failed(*set);
        assert!(found.contains(message), "{found}");
    }
    for ratio in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(matches!(
            SampleRatio::new(ratio),
            Err(ConfigError::SampleRatio(_))
        ));
    }
}

#[test]
fn a_schema_is_completed_with_the_columns_that_options_ask_for() {
    let mut options = XmlOptions::new(&["r"]).unwrap();
    let schema = schema_file::read("fields: {a: text}").unwrap();
    assert_eq!(options.complete_schema(&schema), schema);
    options.on_bad_record = OnBadRecord::Keep;
    options.corrupt_record_column = Some("bad".to_string());
    options.wildcard_column = Some("rest".to_string());
    let complete = options.complete_schema(&schema);
    let expected = schema_file::read("fields: {a: text, bad: text, rest: {list: text}}").unwrap();
    assert_eq!(complete, expected);
    assert_eq!(options.complete_schema(&complete), complete);
    let complete = Arc::new(complete);
    let config = Arc::new(XmlConfig::new(options, complete.clone(), complete).unwrap());
    let document = b"<rs><r><a>1</a><b/></r><r>&x;</r></rs>";
    let (outcome, _) = read_chain(&config, document, &[5, 20, 30], 8);
    let rows = json!([{"a": "1", "rest": ["<b/>"]}, {"bad": "<r>&x;</r>"}]);
    assert_eq!(Value::Array(outcome.rows), rows);
    let inferred = inferred("<r><a>x</a></r>", |options| {
        options.wildcard_column = Some("rest".to_string());
    });
    assert_eq!(inferred, "  a: text\n  rest:\n    list: text\n");
}
