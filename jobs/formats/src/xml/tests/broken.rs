//! Bad records: each costs itself alone, is named with its place, and is dealt with by option.

use serde_json::{Value, json};

use super::run::{config, config_with, read_every_way};
use crate::xml::{
    BadReason, FedState, OnBadRecord, OnBadValue, Split, Start, XmlOptions, XmlReader,
};

const TEXT: &str = "{a: text}";

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
        assert_eq!(
            outcome.rows,
            [json!({"a": "1"}), json!({"a": "1"})],
            "{record}"
        );
        assert_eq!(outcome.bad.len(), 1, "{record}");
        let bad = &outcome.bad[0];
        assert_eq!(bad.raw.trim_end(), *record);
        let place = "<rs>\n".len() + good.len() + 1;
        assert_eq!(
            (bad.offset as usize, bad.line_in_split),
            (place, 2),
            "{record}"
        );
        let shown = bad.reason.to_string();
        assert!(
            shown.contains(reason) || reason.starts_with("byte"),
            "{record}: {shown}"
        );
    }
}

#[test]
fn the_end_of_the_file_inside_a_record() {
    let config = config(&["r"], TEXT);
    for tail in [
        "<r><a>2",
        "<r",
        "<r ",
        "<r><a>2</a></r",
        "<r><!-- ",
        "<r><![CDATA[x",
        "<r><a b='",
    ] {
        let document = format!("<rs><r><a>1</a></r>{tail}");
        let (outcome, _) = read_every_way(&config, document.as_bytes(), tail);
        assert_eq!(outcome.rows, [json!({"a": "1"})], "{tail}");
        assert_eq!(outcome.bad.len(), 1, "{tail}");
        assert_eq!(
            outcome.bad[0].reason,
            BadReason::Truncated {
                at: document.len() as u64
            },
            "{tail}"
        );
        assert_eq!(outcome.bad[0].raw, tail);
    }
}

#[test]
fn a_comment_that_never_ends_is_no_silent_loss() {
    let config = config(&["r"], TEXT);
    let document = "<rs><r><a>1</a></r><!-- <r><a>2</a></r></rs>";
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "endless comment");
    assert_eq!(outcome.rows, [json!({"a": "1"})]);
    assert_eq!(
        outcome.bad[0].reason,
        BadReason::Endless {
            at: 19,
            what: "comment".to_string()
        }
    );
    assert_eq!(outcome.bad[0].raw_bytes, 25);
}

/// Only the opening of the comment was kept, and only `recovery_bytes_max` of the record.
#[test]
fn raw_text_is_kept_of_what_is_not_held_whole() {
    let config = config_with(&["r"], TEXT, |options| {
        options.limits.record_bytes_max = 50;
        options.limits.recovery_bytes_max = 20;
        options.limits.raw_bytes_max = 70;
    });
    let record = format!("<r><a>é{}</a></r>", "x".repeat(100));
    let document = format!("<rs>{record}\n<![CDATA[ <r><a>2</a></r></rs>");
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "not held whole");
    let raw: Vec<&str> = outcome.bad.iter().map(|bad| bad.raw.as_str()).collect();
    assert_eq!(raw, [&record[..70], "<![CDATA[ <r><a>2</a></r></rs>"]);
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let config = config(&["r"], TEXT);
    let document = b"<rs><r><a>caf\xE9</a></r><r><a>ok</a></r></rs>";
    let (outcome, _) = read_every_way(&config, document, "latin-1");
    assert_eq!(outcome.rows, [json!({"a": "ok"})]);
    assert_eq!(
        outcome.bad[0].reason,
        BadReason::InvalidByte {
            at: 13,
            byte: 0xE9,
            encoding: "UTF-8".to_string()
        }
    );
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
        (
            format!("<r><a>{long}</a></r>"),
            "longer than record_bytes_max, 200",
        ),
        (
            format!("<r><a>{long}</a><!-- </r> --></r>"),
            "longer than record_bytes_max, 200",
        ),
        (
            format!("<r><a b='{long}'/></r>"),
            "longer than record_bytes_max, 200",
        ),
        (format!("<r><b>&x;</b>{long}</r>"), "`&x;`"),
        (format!("<r>{long}"), "the record is not closed|longer than"),
        (
            "<r><a><a><a><a/></a></a></a></r>".to_string(),
            "deeper than depth_max, 4",
        ),
    ];
    for (record, reason) in cases {
        let document = format!("<rs><r><a>1</a></r>{record}<r><a>2</a></r></rs>");
        let (outcome, _) = read_every_way(&config, document.as_bytes(), record);
        assert_eq!(
            outcome.rows,
            [json!({"a": "1"}), json!({"a": "2"})],
            "{record}"
        );
        assert_eq!(outcome.bad.len(), 1, "{record}");
        let bad = &outcome.bad[0];
        assert_eq!(bad.raw_bytes as usize, record.len(), "{record}");
        assert_eq!(bad.raw, record[..10]);
        let shown = bad.reason.to_string();
        assert!(
            reason.split('|').any(|part| shown.contains(part)),
            "{record}: {shown}"
        );
    }
    // Nested records must close within recovery_bytes_max.
    let document = format!(
        "<rs><r><r><a>1</a></r>{}</r><r><a>2</a></r></rs>",
        &long[..150]
    );
    let (outcome, _) = read_every_way(&config, document.as_bytes(), "nested beyond reach");
    assert_eq!(
        outcome.bad[0].reason,
        BadReason::Unclosed {
            at: 7,
            bytes_max: 100
        }
    );
    assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "2"})]);
}

#[test]
fn a_value_that_does_not_fit_can_be_null() {
    let fields = "{n: int64, l: {list: int64}, s: {fields: {m: int64}}}";
    let config = config_with(&["r"], fields, |options| {
        options.on_bad_value = OnBadValue::Null
    });
    let document = "<r><n>x</n></r><r><n>1</n><n>2</n><l>y</l><l>3</l></r>\
                    <r><s><m>4</m></s><s><m>5</m><t/></s><n>z</n></r>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "null");
    let rows = json!([{}, {"n": 1, "l": [null, 3]}, {"s": {"m": 4}}]);
    assert_eq!(Value::Array(outcome.rows), rows);
    let counts: Vec<_> = report
        .bad_values
        .iter()
        .map(|(path, c)| (path.as_str(), c.count, c.example.as_str()))
        .collect();
    assert_eq!(counts, [("l", 1, "y"), ("n", 3, "x"), ("s", 1, "s")]);
    assert_eq!(report.bad_values["l"].record_offset, 15);
}

#[test]
fn bad_records_are_dropped_or_fail_by_option() {
    let document = "<rs><r><a>1</a></r><r><a>&x;</a></r><r><a>2</a></r></rs>";
    let config = config_with(&["r"], TEXT, |options| {
        options.on_bad_record = OnBadRecord::Drop
    });
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "drop");
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(
        (
            report.read,
            report.emitted,
            report.quarantined,
            report.dropped
        ),
        (3, 2, 0, 1)
    );
    let config = config_with(&["r"], TEXT, |options| {
        options.on_bad_record = OnBadRecord::Fail
    });
    let failed = |split: Split, from: usize| {
        let mut reader = XmlReader::new(config.clone(), split);
        reader.feed(&document.as_bytes()[from..], true)
    };
    let error = failed(Split::whole(), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bad record at byte 19: byte 25: `&x;` is not a known entity; a plain & is written &amp;"
    );
    assert!(
        failed(
            Split {
                start: Start::Known(19),
                end: u64::MAX
            },
            19
        )
        .is_err()
    );
    // A guess may be wrong, so it is no failure yet.
    assert!(
        failed(
            Split {
                start: Start::Guess(10),
                end: u64::MAX
            },
            10
        )
        .is_ok()
    );
}

#[test]
fn a_record_beyond_the_limit_is_never_held_whole() {
    const LIMIT_BYTES: usize = 100_000;
    let set = |options: &mut XmlOptions| options.limits.record_bytes_max = LIMIT_BYTES;
    let config = config_with(&["r"], TEXT, set);
    let inner = "<x>1</x><!-- y -->".repeat(200_000);
    let document = format!("<rs><r>{inner}</r><r><a>1</a></r></rs>");
    let mut reader = XmlReader::new(config, Split::whole());
    let (mut length, mut longest) = (1000, 0);
    loop {
        let from = reader.position() as usize;
        let to = (from + length).min(document.len());
        longest = longest.max(to - from);
        let fed = reader
            .feed(&document.as_bytes()[from..to], to == document.len())
            .unwrap();
        match fed.state {
            FedState::NeedInput { at_least } => length = at_least.max(1000),
            FedState::Done => break,
            FedState::BatchReady => panic!("one row fills no batch"),
        }
    }
    assert!(longest <= 2 * LIMIT_BYTES, "{longest}");
    let bad = reader.take_bad();
    let reason = BadReason::TooLarge {
        bytes_max: LIMIT_BYTES as u64,
    };
    assert_eq!((bad.len(), &bad[0].reason), (1, &reason));
    assert_eq!(bad[0].raw_bytes as usize, inner.len() + "<r></r>".len());
    assert_eq!(reader.take_batch().unwrap().unwrap().num_rows(), 1);
}
