//! Documents whose rows and bad records are known, read in every way.

use serde_json::{Value, json};

use super::run::{config, config_with, read_every_way, read_whole};
use crate::xml::{BadReason, OnBadRecord, OnBadValue, Split, Start, XmlOptions, XmlReader};

struct Case {
    name: &'static str,
    tags: &'static [&'static str],
    fields: &'static str,
    document: &'static str,
    rows: Value,
    /// For each bad record: its first bytes, and a part of the reason.
    bad: &'static [(&'static str, &'static str)],
}

fn check(cases: &[Case]) {
    for case in cases {
        let config = config(case.tags, case.fields);
        let (outcome, _) = read_every_way(&config, case.document.as_bytes(), case.name);
        assert_eq!(Value::Array(outcome.rows), case.rows, "{}", case.name);
        assert_eq!(outcome.bad.len(), case.bad.len(), "{}: {:#?}", case.name, outcome.bad);
        for (bad, (raw, reason)) in outcome.bad.iter().zip(case.bad) {
            assert!(bad.raw.starts_with(raw), "{}: {}", case.name, bad.raw);
            assert!(bad.reason.to_string().contains(reason), "{}: {}", case.name, bad.reason);
            let at = bad.offset as usize;
            let raw = case.document.get(at..at + bad.raw_bytes as usize);
            assert_eq!(raw, Some(bad.raw.as_str()), "{}", case.name);
            let line = case.document[..at].matches('\n').count() as u64;
            assert_eq!(bad.line_in_split, line, "{}", case.name);
        }
    }
}

const TEXT: &str = "{a: text}";

#[test]
fn values_by_their_place() {
    check(&[
        Case {
            name: "elements, attributes, text",
            tags: &["r"],
            fields: "{_id: int64, a: text, b: {fields: {_u: text, _VALUE: 'decimal(5,2)', c: bool}}}",
            document: "<rs><r id='7'><a>x</a><b u=\"m\">1.50</b></r><r><b> 2 <c>true</c></b></r></rs>",
            rows: json!([
                {"_id": 7, "a": "x", "b": {"_u": "m", "_VALUE": "1.50"}},
                {"b": {"_VALUE": "2.00", "c": true}}
            ]),
            bad: &[],
        },
        Case {
            name: "lists",
            tags: &["r"],
            fields: "{a: {list: int64}, b: {list: {fields: {c: text, d: {list: text}}}}}",
            document: "<r><a>1</a><b><c>x</c></b><a>2</a><b><d>p</d><d>q</d></b></r><r/><r><a/><b/></r>",
            rows: json!([
                {"a": [1, 2], "b": [{"c": "x"}, {"d": ["p", "q"]}]},
                {},
                {"a": [null], "b": [null]}
            ]),
            bad: &[],
        },
        Case {
            name: "empty, blank, absent",
            tags: &["r"],
            fields: "{a: text, b: int64, c: {fields: {d: text, _VALUE: text}}}",
            document: "<r><a/><b/><c/></r><r><a></a><b></b><c></c></r><r><a> \n</a><b> </b><c> </c></r>\
                       <r><c x=''/></r><r><c><d/></c></r><r></r>",
            rows: json!([{"a": ""}, {"a": ""}, {"a": ""}, {"c": {}}, {"c": {"d": ""}}, {}]),
            bad: &[],
        },
        Case {
            name: "text of the record, plain element for a struct",
            tags: &["r"],
            fields: "{_VALUE: text, a: {fields: {_x: text, _VALUE: int64}}}",
            document: "<r>one</r><r> two <a>3</a></r><r><a x='y'>4</a></r>",
            rows: json!([{"_VALUE": "one"}, {"_VALUE": "two", "a": {"_VALUE": 3}}, {"a": {"_x": "y", "_VALUE": 4}}]),
            bad: &[],
        },
        Case {
            name: "prefixes and namespaces",
            tags: &["r"],
            fields: "{_id: text, a: text}",
            document: "<n:r xmlns:n='u' xmlns='v' n:id='1'><n:a>x</n:a></n:r><r m:id='2'><m:a>y</m:a></r>",
            rows: json!([{"_id": "1", "a": "x"}, {"_id": "2", "a": "y"}]),
            bad: &[],
        },
        Case {
            name: "a literal prefix, several tags",
            tags: &["n:r", "q"],
            fields: TEXT,
            document: "<r><a>0</a></r><n:r><a>1</a></n:r><m:q><a>2</a></m:q><m:r><a>3</a></m:r>",
            rows: json!([{"a": "1"}, {"a": "2"}]),
            bad: &[],
        },
        Case {
            name: "types",
            tags: &["r"],
            fields: "{d: date, t: timestamp, z: timestamptz, f: float64, b: bool}",
            document: "<r><d>1970-01-02</d><t>1970-01-01 00:00:01</t><z>1970-01-01T01:00:00+01:00</z><f>1e3</f>\
                       <b>0</b></r><r><t>1970-01-02</t></r>",
            rows: json!([{"d": 1, "t": 1_000_000, "z": 0, "f": 1000.0, "b": false}, {"t": 86_400_000_000_i64}]),
            bad: &[],
        },
    ]);
}

#[test]
fn text_as_xml_writes_it() {
    check(&[
        Case {
            name: "references and CDATA",
            tags: &["r"],
            fields: "{_x: text, a: text}",
            document: "<r x='&lt;&#65;&quot;'><a>a &amp;&#x20;b</a></r><r><a><![CDATA[<&amp;>]]></a></r>\
                       <r><a>x<![CDATA[y]]>z</a></r><r><a><![CDATA[a]]> <![CDATA[b]]></a></r>\
                       <r><a><![CDATA[]]></a></r>",
            rows: json!([{"_x": "<A\"", "a": "a & b"}, {"a": "<&amp;>"}, {"a": "xyz"}, {"a": "a b"}, {"a": ""}]),
            bad: &[],
        },
        Case {
            name: "comments and instructions in values",
            tags: &["r"],
            fields: "{a: text, b: {fields: {c: int64}}}",
            document: "<r><!-- <a>no</a> --><a>x<!-- c -->y<?p q?>z</a><b><?p <c>?><c>1<!----></c></b></r>",
            rows: json!([{"a": "xyz", "b": {"c": 1}}]),
            bad: &[],
        },
        Case {
            name: "line ends",
            tags: &["r"],
            fields: "{_x: text, a: text, b: text}",
            document: "<r x='1\r\n2\t3'><a>1\r\n2\r3\n4</a>\r\n<b><![CDATA[1\r\n2]]></b></r>",
            rows: json!([{"_x": "1 2 3", "a": "1\n2\n3\n4", "b": "1\n2"}]),
            bad: &[],
        },
        Case {
            name: "multi-byte characters",
            tags: &["réc"],
            fields: "{a: text, é: text}",
            document: "<réc><a>日本 € 𝄞</a><é>ü</é></réc>",
            rows: json!([{"a": "日本 € 𝄞", "é": "ü"}]),
            bad: &[],
        },
        Case {
            name: "white space inside tags",
            tags: &["r"],
            fields: "{_x: text, a: text}",
            document: "<r\n x = '1'\t><a  >1</a\n></r  ><r\tx=\"2\" /><r x='>'/>",
            rows: json!([{"_x": "1", "a": "1"}, {"_x": "2"}, {"_x": ">"}]),
            bad: &[],
        },
        Case {
            name: "mixed content",
            tags: &["r"],
            fields: "{p: {fields: {_VALUE: text, b: {list: text}}}}",
            document: "<r><p>one <b>two</b> three <b>four</b>\n</p></r>",
            rows: json!([{"p": {"_VALUE": "one  three", "b": ["two", "four"]}}]),
            bad: &[],
        },
    ]);
}

#[test]
fn what_is_a_record() {
    check(&[
        Case {
            name: "row tags in comments, CDATA, instructions, attributes",
            tags: &["row"],
            fields: TEXT,
            document: "<?xml version='1.0'?><!-- <row><a>1</a></row> --><x><![CDATA[<row><a>2</a></row>]]>\
                       <?p <row><a>3</a></row>?><y z='<row><a>4</a></row>' w=\"<row/>\"/><row><a>5</a></row></x>",
            rows: json!([{"a": "5"}]),
            bad: &[],
        },
        Case {
            name: "a row tag that is a prefix of another",
            tags: &["row"],
            fields: TEXT,
            document: "<rows><rowx><a>1</a></rowx><row><a>2</a></row><row-><a>3</a></row-><row.a/></rows>",
            rows: json!([{"a": "2"}]),
            bad: &[],
        },
        Case {
            name: "a record inside a record is the outer one's",
            tags: &["r", "q"],
            fields: "{a: text, r: {fields: {a: text}}}",
            document: "<rs><r><a>1</a><r><a>2</a></r></r><q><r><a>3</a></r><a>4</a></q><r><a>5</a></r></rs>",
            rows: json!([{"a": "1", "r": {"a": "2"}}, {"a": "4", "r": {"a": "3"}}, {"a": "5"}]),
            bad: &[],
        },
        Case {
            name: "a document type with a subset",
            tags: &["r"],
            fields: TEXT,
            document: "<!DOCTYPE rs [<!ENTITY e '<r><a>1</a></r>'><!-- ]> <r/> -->]><rs><r><a>2</a></r></rs>",
            rows: json!([{"a": "2"}]),
            bad: &[],
        },
        Case {
            name: "several documents, marks, no records",
            tags: &["r"],
            fields: TEXT,
            document: "\u{feff}\u{feff}<?xml version='1.0'?><rs><r><a>1</a></r></rs>\n<?xml version='1.0'?>\
                       <rs><r><a>2</a></r></rs>",
            rows: json!([{"a": "1"}, {"a": "2"}]),
            bad: &[],
        },
        Case { name: "no records", tags: &["r"], fields: TEXT, document: "<x>", rows: json!([]), bad: &[] },
        Case { name: "nothing", tags: &["r"], fields: TEXT, document: "", rows: json!([]), bad: &[] },
        Case {
            name: "a title that ends its CDATA in ]]]>",
            tags: &["r"],
            fields: TEXT,
            document: "<e><t><![CDATA[a [b]]]></t><r><a>1</a></r></e><e><t><![CDATA[c]]]]></t><r><a>2</a></r></e>",
            rows: json!([{"a": "1"}, {"a": "2"}]),
            bad: &[],
        },
    ]);
}

#[test]
fn one_bad_record_costs_one_record() {
    // Each stands between two good ones.
    let broken: &[(&str, &str)] = &[
        ("<r><a>x</b></r>", "</b> stands where </a> is expected"),
        ("<r><a>x</r>", "</r> stands where </a> is expected"),
        ("<r><a>x", "the record is not closed"),
        ("<r><a>x</a><a", "byte 25"),
        ("<r><a>x</a><b c='", "the record is not closed"),
        ("<r", "byte 14"),
        ("<r><a>&nbsp;</a></r>", "`&nbsp;` is not a known entity"),
        ("<r><a>AT&T</a></r>", "`&T` is not a known entity"),
        ("<r><a>5 < 6</a></r>", "a name is expected"),
        ("<r><a b='5 < 6'>x</a></r>", "holds <"),
        ("<r><a b=\"<r>\">x</a></r>", "holds <"),
        ("<r><a b=1>x</a></r>", "is not quoted"),
        ("<r><a b>x</a></r>", "has no value"),
        ("<r><a b='1'c='2'>x</a></r>", "white space is expected"),
        ("<r><a b='1' b='2'>x</a></r>", "occurs twice"),
        ("<r><a / >x</a></r>", "a / in a tag"),
        ("<r><1/></r>", "a name is expected"),
        ("<r><!ELEMENT a></r>", "after <!"),
        ("<r><a>x</a></r", "end tag"),
        ("<r><r>&x;</r></r>", "`&x;`"),
        ("<r><b>&x;</b><r/></r>", "`&x;`"),
        ("<r a='1' a='2'/>", "occurs twice"),
        ("<r><a>1</a><a>2</a></r>", "occurs again"),
        ("<r><n>1.5</n></r>", "`1.5` in `n` is not a whole number"),
        ("<r><s><m>x</m></s></r>", "`x` in `s/m` is not"),
        ("<r><s/><s/></r>", "occurs again"),
    ];
    let fields = "{a: text, n: int64, s: {fields: {m: 'decimal(3,1)'}}}";
    let config = config(&["r"], fields);
    for (record, reason) in broken {
        let good = "<r><a>1</a></r>";
        let document = format!("<rs>\n{good}\n{record}\n{good}</rs>");
        // Bytes are counted from the bad record's place in a shorter document.
        let (outcome, _) = read_every_way(&config, document.as_bytes(), record);
        assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "1"})], "{record}");
        assert_eq!(outcome.bad.len(), 1, "{record}");
        let bad = &outcome.bad[0];
        assert_eq!(bad.raw.trim_end(), *record);
        let place = "<rs>\n".len() + good.len() + 1;
        assert_eq!((bad.offset as usize, bad.line_in_split), (place, 2), "{record}");
        let shown = bad.reason.to_string();
        assert!(shown.contains(reason) || reason.starts_with("byte"), "{record}: {shown}");
    }
}

#[test]
fn the_end_of_the_file_inside_a_record() {
    let config = config(&["r"], TEXT);
    for tail in ["<r><a>2", "<r", "<r ", "<r><a>2</a></r", "<r><!-- ", "<r><![CDATA[x", "<r><a b='"] {
        let document = format!("<rs><r><a>1</a></r>{tail}");
        let (outcome, _) = read_every_way(&config, document.as_bytes(), tail);
        assert_eq!(outcome.rows, [json!({"a": "1"})], "{tail}");
        assert_eq!(outcome.bad.len(), 1, "{tail}");
        assert_eq!(outcome.bad[0].reason, BadReason::Truncated { at: document.len() as u64 }, "{tail}");
        assert_eq!(outcome.bad[0].raw, tail);
    }
}

#[test]
fn a_comment_that_never_ends_is_no_silent_loss() {
    let config = config(&["r"], TEXT);
    let document = "<rs><r><a>1</a></r><!-- <r><a>2</a></r></rs>";
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "endless comment");
    assert_eq!(outcome.rows, [json!({"a": "1"})]);
    assert_eq!(outcome.bad[0].reason, BadReason::Endless { at: 19, what: "comment".to_string() });
    assert_eq!(outcome.bad[0].raw_bytes, 25);
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let config = config(&["r"], TEXT);
    let document = b"<rs><r><a>caf\xE9</a></r><r><a>ok</a></r></rs>";
    let (outcome, _) = read_every_way(&config, document, "latin-1");
    assert_eq!(outcome.rows, [json!({"a": "ok"})]);
    assert_eq!(outcome.bad[0].reason, BadReason::InvalidUtf8 { at: 13, byte: 0xE9 });
    assert_eq!(outcome.bad[0].raw, "<r><a>caf\\xE9</a></r>");
    assert_eq!(outcome.bad[0].raw_bytes, 18);
}

#[test]
fn records_beyond_the_limits() {
    let long = "x".repeat(300);
    let set = |options: &mut XmlOptions| {
        options.limits.record_bytes_max = 200;
        options.limits.recovery_bytes_max = 100;
        options.limits.raw_bytes_max = 10;
        options.limits.depth_max = 4;
    };
    let config = config_with(&["r"], TEXT, set);
    let cases: &[(String, &str)] = &[
        (format!("<r><a>{long}</a></r>"), "longer than record_bytes_max, 200"),
        (format!("<r><a>{long}</a><!-- </r> --></r>"), "longer than record_bytes_max, 200"),
        (format!("<r><a b='{long}'/></r>"), "longer than record_bytes_max, 200"),
        (format!("<r><b>&x;</b>{long}</r>"), "`&x;`"),
        (format!("<r>{long}"), "the record is not closed|longer than"),
        ("<r><a><a><a><a/></a></a></a></r>".to_string(), "deeper than depth_max, 4"),
    ];
    for (record, reason) in cases {
        let document = format!("<rs><r><a>1</a></r>{record}<r><a>2</a></r></rs>");
        let (outcome, _) = read_every_way(&config, document.as_bytes(), record);
        assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "2"})], "{record}");
        assert_eq!(outcome.bad.len(), 1, "{record}");
        let bad = &outcome.bad[0];
        assert_eq!(bad.raw_bytes as usize, record.len(), "{record}");
        assert_eq!(bad.raw, record[..10]);
        let shown = bad.reason.to_string();
        assert!(reason.split('|').any(|part| shown.contains(part)), "{record}: {shown}");
    }
    // Nested records must close within recovery_bytes_max.
    let document = format!("<rs><r><r><a>1</a></r>{}</r><r><a>2</a></r></rs>", &long[..150]);
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "nested beyond reach");
    assert_eq!(outcome.bad[0].reason, BadReason::Unclosed { at: 7, bytes_max: 100 });
    assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "2"})]);
}

#[test]
fn a_value_that_does_not_fit_can_be_null() {
    let fields = "{n: int64, l: {list: int64}, s: {fields: {m: int64}}}";
    let config = config_with(&["r"], fields, |options| options.on_bad_value = OnBadValue::Null);
    let document = "<r><n>x</n></r><r><n>1</n><n>2</n><l>y</l><l>3</l></r>\
                    <r><s><m>4</m></s><s><m>5</m><t/></s><n>z</n></r>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "null");
    let rows = json!([{}, {"n": 1, "l": [null, 3]}, {"s": {"m": 4}}]);
    assert_eq!(Value::Array(outcome.rows), rows);
    let counts: Vec<_> =
        report.bad_values.iter().map(|(path, c)| (path.as_str(), c.count, c.example.as_str())).collect();
    assert_eq!(counts, [("l", 1, "y"), ("n", 3, "x"), ("s", 1, "")]);
    assert_eq!(report.bad_values["l"].record_offset, 15);
}

#[test]
fn what_the_schema_lacks_is_counted_with_an_example() {
    let config = config_with(&["r"], "{a: text, s: {fields: {b: text}}}", |options| {
        options.limits.unknown_paths_max = 5;
    });
    let document = "<r i='1'><a t='x'>1</a><new>n</new><s><b/>text<c><d>deep</d></c></s></r>\
                    <r><new/><a><e/></a><more/><s>only</s></r><r><n>&bad;</n></r>";
    let (outcome, report) = read_whole(&config, document.as_bytes());
    assert_eq!(outcome.rows, [json!({"a": "1", "s": {"b": ""}}), json!({"a": "", "s": {}})]);
    let counts: Vec<_> = report.unknown.iter().map(|(path, c)| (path.as_str(), c.count, c.example.as_str())).collect();
    let expected = [("_i", 1, "1"), ("a/_t", 1, "x"), ("new", 2, "n"), ("s/_VALUE", 2, "text"), ("s/c", 1, "<d>deep</d>")];
    assert_eq!(counts, expected);
    assert_eq!(report.unknown_more, 2);
}

#[test]
fn bad_records_are_dropped_or_fail_by_option() {
    let document = "<rs><r><a>1</a></r><r><a>&x;</a></r><r><a>2</a></r></rs>";
    let config = config_with(&["r"], TEXT, |options| options.on_bad_record = OnBadRecord::Drop);
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "drop");
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!((report.read, report.emitted, report.quarantined, report.dropped), (3, 2, 0, 1));
    let config = config_with(&["r"], TEXT, |options| options.on_bad_record = OnBadRecord::Fail);
    let failed = |split: Split, from: usize| {
        let mut reader = XmlReader::new(config.clone(), split);
        reader.feed(&document.as_bytes()[from..], true)
    };
    let error = failed(Split::whole(), 0).unwrap_err();
    assert_eq!(error.to_string(), "bad record at byte 19: byte 25: `&x;` is not a known entity; a plain & is written &amp;");
    assert!(failed(Split { start: Start::Known(19), end: u64::MAX }, 19).is_err());
    // A guess may be wrong, so it is no failure yet.
    assert!(failed(Split { start: Start::Guess(10), end: u64::MAX }, 10).is_ok());
}

#[test]
fn meta_columns_and_projections() {
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;
    let full = config(&["r", "q"], "{a: text, s: {fields: {b: int64, c: text}}, z: int64}");
    let narrow = DataType::Struct(vec![Field::new("c", DataType::Utf8, true)].into());
    let output = Schema::new(vec![
        Field::new("_hw_row_tag", DataType::Utf8, false),
        Field::new("s", narrow, true),
        Field::new("_hw_offset", DataType::Int64, false),
    ]);
    let document = "<rs><r><a>x</a><s><b>1</b><c>y</c></s></r><n:q><z>not read</z><w/></n:q></rs>";
    let with = |output: Schema| {
        let config =
            crate::XmlConfig::new(full.options().clone(), full.schema().clone(), Arc::new(output)).unwrap();
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
fn batches_are_bounded_by_rows_and_bytes() {
    let document = "<r><a>12345</a><l/><l/></r>".repeat(100);
    for (rows_max, bytes_max, at_most) in [(7, 1 << 20, 7), (8192, 270, 11), (8192, 1, 1)] {
        let config = config_with(&["r"], "{a: text, l: {list: {fields: {d: 'decimal(38,0)'}}}}", |options| {
            options.limits.batch_rows_max = rows_max;
            options.limits.batch_bytes_max = bytes_max;
        });
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
