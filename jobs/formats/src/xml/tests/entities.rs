//! Entities that a file declares, and several documents in one file.

use serde_json::{Value, json};

use super::run::{config, config_with, read_every_way, read_split, read_whole};
use crate::xml::{BadReason, FedState, Split, Start, XmlReader};

const FIELDS: &str = "{_k: text, a: text, b: {fields: {_VALUE: text, c: text}}}";

#[test]
fn values_with_entities() {
    let subset = "<!ENTITY co \"Acme &amp; Sons\"><!ENTITY nl 'a\nb'><!ENTITY two '&co;, &#169; &co;'>\
        <!ENTITY sp ' '><!ENTITY amp '&#38;#38;'><!ENTITY % p 'x'><!ENTITY num '12'><!ENTITY tab '&#38;#9;'>";
    let document = format!(
        "<?xml version='1.0'?>\n<!-- c --><!DOCTYPE rs SYSTEM 'x.dtd' [{subset}]>\n<rs><r k='&nl;&tab;'><a>&co;</a></r>\
         <r k=\"&two;\"><a>x<!-- -->&nl;<![CDATA[&co;]]></a><b> &sp; <c>&num;3</c></b></r><r><b>&amp;&co;</b></r></rs>"
    );
    let config = config(&["r"], FIELDS);
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "entities");
    let rows = json!([
        {"_k": "a b", "a": "Acme & Sons"},
        {"_k": "Acme & Sons, © Acme & Sons", "a": "xa\nb&co;", "b": {"c": "123"}},
        {"b": {"_VALUE": "&Acme & Sons"}}
    ]);
    assert_eq!(Value::Array(outcome.rows), rows);
    assert!(outcome.bad.is_empty() && outcome.conflict.is_none());
}

#[test]
fn references_that_are_not_replaced_cost_their_record() {
    let subset = "<!ENTITY ok 'fine'><!ENTITY out SYSTEM 'file:///etc/passwd'><!ENTITY self 'x&self;'>\
        <!ENTITY mark '<a>2</a>'><!ENTITY bad '&nowhere;'>%p;<!ENTITY late 'x'>";
    let cases = [
        ("&out;", "nothing outside the file is fetched"),
        ("&self;", "refers to itself"),
        ("&mark;", "holds markup"),
        ("&bad;", "a reference to what is not declared"),
        ("&late;", "after a parameter entity"),
        ("&nowhere;", "is not a known entity"),
        ("&ok", "is not a known entity"),
        ("& ok;", "is not a known entity"),
    ];
    let config = config(&["r"], FIELDS);
    for (reference, what) in cases {
        for record in [
            format!("<r><a>{reference}</a></r>"),
            format!("<r k='{reference}'/>"),
            format!("<r><unread>{reference}</unread></r>"),
        ] {
            let document = format!("<!DOCTYPE rs [{subset}]><rs>{record}<r><a>&ok;</a></r></rs>");
            let (outcome, _) = read_every_way(&config, document.as_bytes(), &record);
            assert_eq!(outcome.rows, [json!({"a": "fine"})], "{record}");
            assert_eq!(outcome.bad.len(), 1, "{record}");
            let reason = outcome.bad[0].reason.to_string();
            assert!(reason.contains(what), "{record}: {reason}");
            let at = document.find(&record).unwrap() + record.find('&').unwrap();
            assert_eq!(outcome.bad[0].reason.at(), Some(at as u64), "{record}");
        }
    }
}

#[test]
fn a_billion_laughs_cost_nothing() {
    let mut subset = String::from("<!ENTITY l0 'lol'><!ENTITY e0 ''>");
    for i in 1..30 {
        for name in ["l", "e"] {
            let inner = format!("&{name}{};", i - 1).repeat(10);
            subset.push_str(&format!("<!ENTITY {name}{i} '{inner}'>"));
        }
    }
    let records = "<r><a>&l29;</a></r><r><a>&e29;</a></r><r><a>&l2;</a></r>".repeat(200);
    let document = format!("<!DOCTYPE rs [{subset}]><rs>{records}</rs>");
    let config = config(&["r"], FIELDS);
    let started = std::time::Instant::now();
    let (outcome, _) = read_whole(&config, document.as_bytes());
    assert_eq!((outcome.rows.len(), outcome.bad.len()), (200, 400));
    assert_eq!(outcome.rows[0], json!({"a": "lol".repeat(100)}));
    let reason = outcome.bad[0].reason.to_string();
    assert!(
        reason.contains("more than entity_bytes_max, 65536 bytes"),
        "{reason}"
    );
    // 400 times 64 KiB: far from 10 to the 29th.
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn the_entities_of_a_record_count_towards_its_length() {
    let config = config_with(&["r"], FIELDS, |options| {
        options.limits.record_bytes_max = 2000;
        options.limits.entity_bytes_max = 500;
        options.limits.batch_bytes_max = 3000;
    });
    let subset = format!(
        "<!ENTITY e '{}'><!ENTITY f '{}'>",
        "x".repeat(500),
        "x".repeat(501)
    );
    let file = |record: &str| {
        format!("<!DOCTYPE rs [{subset}]><rs>{record}<r><a>1</a></r></rs>").into_bytes()
    };
    let cases = [
        ("<r><a>&e;&e;&e;</a></r>".to_string(), None),
        (
            "<r><a>&e;&e;&e;&e;&e;</a></r>".to_string(),
            Some("longer than record_bytes_max, 2000"),
        ),
        (
            format!("<r><a>&e;&e;&e;{}</a></r>", "y".repeat(480)),
            Some("longer than record_bytes_max, 2000"),
        ),
        (
            "<r><a>&f;</a></r>".to_string(),
            Some("more than entity_bytes_max, 500"),
        ),
    ];
    for (record, reason) in cases {
        let (outcome, _) = read_every_way(&config, &file(&record), &record);
        let found = outcome.bad.first().map(|bad| bad.reason.to_string());
        match reason {
            None => assert_eq!((outcome.rows.len(), found), (2, None)),
            Some(reason) => {
                let found = found.unwrap();
                assert!(found.contains(reason), "{record}: {found}");
                assert_eq!(outcome.rows, [json!({"a": "1"})]);
            }
        }
    }
}

#[test]
fn a_batch_is_bounded_by_what_entities_expand_to() {
    let config = config_with(&["r"], FIELDS, |options| {
        options.limits.batch_bytes_max = 10_000
    });
    let subset = format!("<!ENTITY e '{}'>", "x".repeat(1000));
    let records = "<r><a>&e;</a></r>".repeat(100);
    let document = format!("<!DOCTYPE rs [{subset}]><rs>{records}</rs>");
    let mut reader = XmlReader::new(config, Split::whole());
    let mut rows = 0;
    loop {
        let at = reader.position() as usize;
        let fed = reader.feed(&document.as_bytes()[at..], true).unwrap();
        let batch = reader
            .take_batch()
            .unwrap()
            .map_or(0, |batch| batch.num_rows());
        assert!(batch <= 10, "{batch}");
        rows += batch;
        if fed.state == FedState::Done {
            break;
        }
    }
    assert_eq!(rows, 100);
}

#[test]
fn several_documents_with_marks_and_declarations_of_their_own() {
    let one = |n: u8| {
        format!(
            "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE rs [<!ENTITY e 'x{{}}'>]>\n\
             <rs><r><a>{n} &e;</a></r></rs>\n"
        )
    };
    let document = format!("\u{feff}{}{}\n{}{}", one(1), one(2), one(3), one(4));
    let config = config(&["r"], FIELDS);
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "several");
    let rows: Vec<Value> = (1..5).map(|n| json!({"a": format!("{n} x{{}}")})).collect();
    assert_eq!(outcome.rows, rows);
    assert!(outcome.bad.is_empty());
    assert_eq!(outcome.conflict, None);
}

#[test]
fn a_later_document_that_is_otherwise_is_noted() {
    let first = "<?xml version='1.0'?><!DOCTYPE rs [<!ENTITY e 'x'>]><rs><r><a>&e;</a></r></rs>\n";
    let utf16: Vec<u8> = "<?xml version='1.0'?><rs><r/></rs>"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    type Case<'a> = (&'a [u8], Option<(usize, &'a str)>);
    let cases: &[Case<'_>] = &[
        (
            b"<!DOCTYPE rs [<!ENTITY e 'y'>]><rs><r><a>2</a></r></rs>",
            Some((0, "the entity `e`")),
        ),
        (
            b"<!DOCTYPE rs [<!ENTITY f 'x'>]><rs><r><a>2</a></r></rs>",
            Some((0, "the entity `f`")),
        ),
        (
            b"<?xml version='1.0' encoding='latin1'?><rs/>",
            Some((0, "the encoding `latin1`")),
        ),
        (
            b"  <?xml version='1.0' encoding='klingon'?><rs/>",
            Some((2, "the encoding `klingon`")),
        ),
        (&utf16, Some((1, "in UTF-16 begins here"))),
        (
            b"<?xml version='1.0' encoding='ascii'?><!DOCTYPE rs [<!ENTITY e \"x\">]><rs/>",
            None,
        ),
        (b"<!DOCTYPE rs><rs><r><a>2</a></r></rs>", None),
        (
            b"<!-- <!DOCTYPE rs [<!ENTITY e 'y'>]> --><rs><r><a>2</a></r></rs>",
            None,
        ),
        (
            b"<rs><r><a><![CDATA[<!DOCTYPE rs [<!ENTITY e 'y'>]>]]></a></r></rs>",
            None,
        ),
    ];
    let config = config(&["r"], FIELDS);
    for (later, expected) in cases {
        let file = [first.as_bytes(), later].concat();
        let shown = later.escape_ascii().to_string();
        let (outcome, _) = read_every_way(&config, &file, &shown);
        match (outcome.conflict, expected) {
            (None, None) => {}
            (Some(conflict), Some((at, what))) => {
                assert_eq!(conflict.at as usize, first.len() + at, "{shown}");
                assert!(conflict.to_string().contains(what), "{conflict}");
            }
            (found, _) => panic!("{shown}: {found:?}"),
        }
    }
}

#[test]
fn a_guess_may_see_declarations_that_are_none() {
    // In a comment, before the first record that the guess comes to: it is right from there on, and notes nothing.
    let document =
        "<rs><r><a>1</a></r><!-- <!DOCTYPE rs [<!ENTITY e 'y'>]> --><r><a>2</a></r></rs>";
    let config = config(&["r"], FIELDS);
    let split = Split {
        start: Start::Guess(document.find("<!DOCTYPE").unwrap() as u64),
        end: u64::MAX,
    };
    let (outcome, report) = read_split(&config, document.as_bytes(), split, 64);
    assert_eq!((outcome.rows.len(), outcome.conflict), (1, None));
    assert_eq!(report.first.offset as usize, document.rfind("<r>").unwrap());
}

#[test]
fn entities_are_not_known_without_the_head() {
    let document = "<!DOCTYPE rs [<!ENTITY e 'y'>]><rs><r><a>&e;</a></r></rs>";
    let config = config(&["r"], FIELDS);
    let at = document.find("<r>").unwrap();
    let split = Split {
        start: Start::Known(at as u64),
        end: u64::MAX,
    };
    let mut reader = XmlReader::new(config, split);
    reader.feed(&document.as_bytes()[at..], true).unwrap();
    let reason = reader.take_bad().remove(0).reason;
    assert!(
        matches!(reason, BadReason::UnknownEntity { .. }),
        "{reason}"
    );
}
