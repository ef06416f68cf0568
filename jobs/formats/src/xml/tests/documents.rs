//! Documents whose rows and bad records are known, read in every way.

use serde_json::{Value, json};

use super::run::{config, config_with, read_every_way};

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
        assert_eq!(
            outcome.bad.len(),
            case.bad.len(),
            "{}: {:#?}",
            case.name,
            outcome.bad
        );
        for (bad, (raw, reason)) in outcome.bad.iter().zip(case.bad) {
            assert!(bad.raw.starts_with(raw), "{}: {}", case.name, bad.raw);
            assert!(
                bad.reason.to_string().contains(reason),
                "{}: {}",
                case.name,
                bad.reason
            );
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
            name: "white space beside fields, written as a reference",
            tags: &["r"],
            fields: "{_VALUE: text, a: {fields: {_x: text}}, b: {fields: {_VALUE: text}}}",
            document: "<r>&#32;<a x='1'>&#x20;\n</a> &#13;<b>&#9;</b></r><r><a>&#10;</a><b>&#32;x</b></r>",
            rows: json!([{"a": {"_x": "1"}}, {"b": {"_VALUE": "x"}}]),
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
        Case {
            name: "no records",
            tags: &["r"],
            fields: TEXT,
            document: "<x>",
            rows: json!([]),
            bad: &[],
        },
        Case {
            name: "nothing",
            tags: &["r"],
            fields: TEXT,
            document: "",
            rows: json!([]),
            bad: &[],
        },
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
fn white_space_stays_by_option() {
    let fields = "{a: text, b: {fields: {_VALUE: text, c: text}}, n: int64, _x: text}";
    let config = config_with(&["r"], fields, |options| options.trim = false);
    let document = "<r x=' 1 '><a> x </a><b> y <c> z</c></b></r>\n<r><a> </a><b>\n<c/>\n</b></r><r><n> 1</n></r>";
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "no trim");
    let rows = [
        json!({"_x": " 1 ", "a": " x ", "b": {"_VALUE": " y ", "c": " z"}}),
        json!({"a": " ", "b": {"c": ""}}),
    ];
    assert_eq!(outcome.rows, rows);
    assert_eq!(outcome.bad.len(), 1);
}

#[test]
fn an_element_that_shares_its_column_with_an_attribute() {
    let config = config(&["r"], "{_x: {list: text}, y: text, _y: text}");
    let document =
        "<r x='1'><_x>2</_x><y>3</y></r><r x='4' y='5'><_x>6</_x><y>7</y></r><r _x='8'/>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "shared");
    let rows = [
        json!({"_x": ["1", "2"], "y": "3"}),
        json!({"_x": ["4", "6"], "_y": "5", "y": "7"}),
        json!({}),
    ];
    assert_eq!(outcome.rows, rows);
    assert_eq!(report.unknown.keys().collect::<Vec<_>>(), ["__x"]);
}
