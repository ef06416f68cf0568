//! Broken documents and arrays: what a bad record is, where it ends, and that it costs no other.

use serde_json::json;

use super::run::{Outcome, config_with, read, read_every_way};
use crate::json::{JsonOptions, Layout};
use crate::{BadReason, OnBadRecord, ReadFailure};

fn read_as(layout: Layout, document: &str) -> Outcome {
    let config = config_with("{a: int64, _VALUE: text}", |o| o.layout = layout);
    read_every_way(&config, document.as_bytes(), document)
}

/// The `a` of the rows, and the raw texts of the bad records.
fn shown(outcome: &Outcome) -> (Vec<i64>, Vec<&str>) {
    let rows = outcome.rows.iter();
    (
        rows.filter_map(|row| row["a"].as_i64()).collect(),
        outcome.bad.iter().map(|bad| bad.raw.as_str()).collect(),
    )
}

#[test]
fn a_broken_record_ends_as_the_table_says() {
    use Layout::{Array, Documents};
    type Case<'a> = (Layout, &'a str, &'a [i64], &'a [&'a str]);
    let cases: &[Case] = &[
        (
            Documents,
            "{\"a\":1} {\"a\":2}\n\n{\n\"a\":3\n}",
            &[1, 2, 3],
            &[],
        ),
        (
            Documents,
            "{\"a\":1}{\"a\":x}{\"a\":3}",
            &[1, 3],
            &["{\"a\":x}"],
        ),
        (Documents, "{\"a\":1,}{\"a\":3}", &[3], &["{\"a\":1,}"]),
        (
            Documents,
            "{\"b\":\"}\",\"a\":x}{\"a\":3}",
            &[3],
            &["{\"b\":\"}\",\"a\":x}"],
        ),
        (
            Documents,
            "{\"a\":1 ] {\"a\":3}",
            &[3],
            &["{\"a\":1 ", "] "],
        ),
        (
            Documents,
            "{\"a\":1} oops {\"a\":2} oops\n{\"a\":3}",
            &[1, 2, 3],
            &["oops ", "oops"],
        ),
        (Documents, "{\"a\":1}}{\"a\":2}", &[1, 2], &["}"]),
        (Documents, "{\"a\":1},\n{\"a\":2}", &[1, 2], &[","]),
        (Documents, "{\"a\":1}\n{\"a\":2", &[1], &["{\"a\":2"]),
        (
            Documents,
            "{\"a\":1}\n{\"a\":\"2}\n{\"a\":3}\n",
            &[1],
            &["{\"a\":\"2}\n{\"a\":3}\n"],
        ),
        (Documents, "01 {\"a\":1}", &[1], &["01 "]),
        (Documents, "nullx\n{\"a\":1}", &[1], &["nullx"]),
        (Array, "[]", &[], &[]),
        (Array, " [ {\"a\":1} , {\"a\":2} ] \n", &[1, 2], &[]),
        (
            Array,
            "[{\"a\":1},{\"a\":x},{\"a\":3}]",
            &[1, 3],
            &["{\"a\":x}"],
        ),
        (
            Array,
            "[{\"a\":1},oops {,} x,{\"a\":3}]",
            &[1, 3],
            &["oops {,} x"],
        ),
        (Array, "[{\"a\":1},,{\"a\":3}]", &[1, 3], &[""]),
        (Array, "[,{\"a\":3}]", &[3], &[""]),
        (Array, "[{\"a\":1},]", &[1], &[""]),
        (
            Array,
            "[{\"a\":1} {\"a\":2},{\"a\":3}]",
            &[1, 3],
            &["{\"a\":2}"],
        ),
        (Array, "[{\"a\":1}}", &[1], &["", "}"]),
        (Array, "[{\"a\":1}", &[1], &[""]),
        (Array, "[{\"a\":1},{\"a\"", &[1], &["{\"a\""]),
        (Array, "[{\"a\":1},", &[1], &[""]),
        (Array, "[{\"a\":1}] x", &[1], &["x"]),
        (Array, "[{\"a\":1}][{\"a\":2}]", &[1], &["[{\"a\":2}]"]),
        (
            Array,
            "[{\"a\":1,{\"a\":2},{\"a\":3}]",
            &[],
            &["{\"a\":1,{\"a\":2},{\"a\":3}"],
        ),
        (Array, "{\"a\":1}\n[{\"a\":2}]", &[2], &["{\"a\":1}"]),
    ];
    for (layout, document, rows, bad) in cases {
        let outcome = read_as(*layout, document);
        assert_eq!(shown(&outcome), (rows.to_vec(), bad.to_vec()), "{document}");
        for bad in &outcome.bad {
            let from = bad.offset as usize;
            assert_eq!(document[from..from + bad.raw.len()], bad.raw, "{document}");
        }
    }
}

#[test]
fn reasons_name_the_byte_and_what_is_wrong() {
    let cases: &[(&str, u64, &str)] = &[
        ("{\"a\" 1}", 5, "a : is expected"),
        ("{\"a\":1 \"b\":2}", 7, "a , or } is expected"),
        ("{\"b\":[1 2]}", 8, "a , or ] is expected"),
        ("{a:1}", 1, "a name in quotes"),
        ("{\"a\":1,}", 7, "a name in quotes"),
        ("{\"a\":NaN}", 5, "NaN and Infinity"),
        ("{\"a\":-Infinity}", 5, "a digit after its sign"),
        ("{\"a\":'x'}", 5, "not '"),
        ("{\"a\":+1}", 5, "no + before it"),
        ("{\"a\":/* c */1}", 5, "no comments"),
        ("{\"a\":01}", 5, "does not begin with 0"),
        ("{\"a\":1.}", 5, "after its point"),
        ("{\"b\":\"\\x\"}", 6, "a backslash is followed by"),
        ("{\"b\":\"\\uD800\"}", 6, "half of a surrogate pair"),
        ("{\"b\":\"\t\"}", 6, "a control character"),
        ("{\"b\":\"x", 7, "the line ends inside the record"),
        ("{\"a\":tru}", 5, "a value is expected here"),
        ("{\"a\":1} {}", 8, "nothing may follow"),
    ];
    for (line, at, what) in cases {
        let document = format!("{line}\n{{}}\n");
        let outcome = read_as(Layout::Lines, &document);
        let BadReason::Malformed {
            at: found,
            what: said,
        } = &outcome.bad[0].reason
        else {
            panic!("{line}: {:?}", outcome.bad)
        };
        assert_eq!(found, at, "{line}: {said}");
        assert!(said.contains(what), "{line}: {said}");
        assert_eq!(outcome.bad.len(), 1, "{line}");
    }
    let outcome = read_as(Layout::Lines, "{}\n{\"a\":");
    assert_eq!(outcome.bad[0].reason, BadReason::Truncated { at: 8 });
}

#[test]
fn what_becomes_of_a_bad_record_is_an_option() {
    let document = b"{\"a\":1}\n{\"a\":x}\n{\"a\":\"y\"}\n{\"a\":4}\n";
    let with = |set: fn(&mut JsonOptions)| {
        let fields = "{a: int64, raw: text}";
        config_with(fields, |o| {
            set(o);
            o.limits.raw_bytes_max = 6;
        })
    };
    let quarantined = read(&with(|_| {}), document);
    assert_eq!(quarantined.counts, [4, 2, 2, 0, 0]);
    assert_eq!(quarantined.bad[0].raw, "{\"a\":x");
    let dropped = read(&with(|o| o.on_bad_record = OnBadRecord::Drop), document);
    assert_eq!(dropped.counts, [4, 2, 0, 2, 0]);
    let kept = with(|o| {
        o.on_bad_record = OnBadRecord::Keep;
        o.corrupt_record_column = Some("raw".to_string());
    });
    let kept = read_every_way(&kept, document, "kept");
    assert_eq!(kept.counts, [4, 4, 0, 0, 0]);
    let rows = [
        json!({"a": 1}),
        json!({"raw": "{\"a\":x"}),
        json!({"raw": "{\"a\":\""}),
        json!({"a": 4}),
    ];
    assert_eq!(kept.rows, rows);
    let fails = with(|o| o.on_bad_record = OnBadRecord::Fail);
    let failed = super::run::read_split(&fails, document, crate::Split::whole(), 7);
    let Err(ReadFailure::BadRecord(bad)) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!((bad.offset, bad.line_in_split), (8, 1));
}

#[test]
fn a_broken_document_of_any_length_is_passed_over_without_being_held() {
    let config = config_with("{a: int64}", |o| {
        o.layout = Layout::Documents;
        o.limits.record_bytes_max = 100;
        o.limits.raw_bytes_max = 10;
    });
    let long = format!("{{\"b\":[{}]}}", "\"]\",".repeat(1000));
    let text = format!("{{\"a\":1}}{long}{{\"a\":2}}");
    for chunk in [1, 7, 100, 5000] {
        let whole = crate::Split::whole();
        let (outcome, _) = super::run::read_split(&config, text.as_bytes(), whole, chunk).unwrap();
        assert_eq!(outcome.rows, [json!({"a": 1}), json!({"a": 2})]);
        let bad = &outcome.bad[0];
        assert_eq!(bad.reason, BadReason::TooLarge { bytes_max: 100 });
        assert_eq!((bad.raw.len(), bad.raw_bytes as usize), (10, long.len()));
    }
}
