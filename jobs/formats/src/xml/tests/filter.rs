//! Filters: what SQL would say of the rows, in every type, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::run::{config, config_with, read_every_way, read_whole, rounds};
use crate::xml::{
    LeafPredicate, LeafTest, Literal, OnBadRecord, OnBadValue, OnUnknown, XmlConfig, XmlOptions,
};

fn predicate(path: &str, test: LeafTest) -> LeafPredicate {
    LeafPredicate {
        path: path.split('/').map(str::to_string).collect(),
        test,
    }
}

fn filtered(config: &Arc<XmlConfig>, predicates: Vec<LeafPredicate>) -> Arc<XmlConfig> {
    Arc::new(config.as_ref().clone().with_filter(predicates).unwrap())
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_string())
}

const FIELDS: &str = "{_k: text, t: text, i: int64, d: 'decimal(6,2)', b: bool, day: date, ts: timestamp, tz: \
                      timestamptz, f: float64, s: {fields: {_u: text, _VALUE: int64, m: {fields: {n: text}}}}}";

#[test]
fn every_type_is_compared_as_sql_compares_it() {
    let document = "<r k='x'><t>b</t><i>5</i><d>1.50</d><b>true</b><day>1970-01-02</day>\
                    <ts>1970-01-01T00:00:01</ts><tz>1970-01-01T00:00:01Z</tz><f>1.5</f>\
                    <s u='m'>7<m><n>deep</n></m></s></r>";
    let full = config(&["r"], FIELDS);
    let is = LeafTest::Equal;
    // Path, tests that are true, tests that are not.
    let cases: Vec<(&str, Vec<LeafTest>, Vec<LeafTest>)> = vec![
        ("_k", vec![is(text("x"))], vec![is(text("X")), is(text(""))]),
        (
            "t",
            vec![
                LeafTest::Less(text("ba")),
                LeafTest::Greater(text("aa")),
                LeafTest::Greater(text("B")),
                LeafTest::In(vec![text("a"), text("b")]),
                LeafTest::IsNotNull,
            ],
            vec![
                LeafTest::Less(text("b")),
                LeafTest::In(vec![]),
                LeafTest::IsNull,
            ],
        ),
        (
            "i",
            vec![
                is(Literal::Int64(5)),
                LeafTest::NotEqual(Literal::Int64(-5)),
                LeafTest::AtMost(Literal::Int64(5)),
                LeafTest::AtLeast(Literal::Int64(5)),
                LeafTest::Less(Literal::Int64(10)),
                LeafTest::Greater(Literal::Int64(-10)),
            ],
            vec![
                LeafTest::NotEqual(Literal::Int64(5)),
                LeafTest::Less(Literal::Int64(5)),
                LeafTest::Greater(Literal::Int64(5)),
            ],
        ),
        (
            "d",
            vec![
                is(Literal::Decimal128(150)),
                LeafTest::Less(Literal::Decimal128(151)),
            ],
            vec![is(Literal::Decimal128(15))],
        ),
        (
            "b",
            vec![
                is(Literal::Boolean(true)),
                LeafTest::Greater(Literal::Boolean(false)),
            ],
            vec![is(Literal::Boolean(false))],
        ),
        (
            "day",
            vec![
                is(Literal::Date32(1)),
                LeafTest::Greater(Literal::Date32(0)),
            ],
            vec![LeafTest::Greater(Literal::Date32(1))],
        ),
        (
            "ts",
            vec![is(Literal::Timestamp(1_000_000))],
            vec![is(Literal::Timestamp(0))],
        ),
        (
            "tz",
            vec![is(Literal::Timestamp(1_000_000))],
            vec![is(Literal::Timestamp(0))],
        ),
        ("f", vec![LeafTest::IsNotNull], vec![LeafTest::IsNull]),
        ("s/_u", vec![is(text("m"))], vec![is(text("n"))]),
        (
            "s/_VALUE",
            vec![is(Literal::Int64(7))],
            vec![is(Literal::Int64(8))],
        ),
        ("s/m/n", vec![is(text("deep"))], vec![LeafTest::IsNull]),
    ];
    // NULL passes no test but one.
    let empty = "<r><i/><s/></r><r><s><m/></s></r>";
    for (path, true_tests, false_tests) in cases {
        for (test, holds) in true_tests
            .into_iter()
            .map(|test| (test, true))
            .chain(false_tests.into_iter().map(|test| (test, false)))
        {
            let of_null = test == LeafTest::IsNull;
            let config = filtered(&full, vec![predicate(path, test.clone())]);
            let (outcome, report) = read_whole(&config, document.as_bytes());
            assert_eq!(outcome.rows.len() == 1, holds, "{path} {test:?}");
            assert_eq!(report.filtered, u64::from(!holds));
            let (outcome, _) = read_whole(&config, empty.as_bytes());
            assert_eq!(
                outcome.rows.len(),
                2 * usize::from(of_null),
                "{path} {test:?}"
            );
        }
    }
}

#[test]
fn a_filter_may_be_on_what_the_output_lacks() {
    let full = config(&["r"], FIELDS);
    let output = crate::schema_file::read("fields: {i: int64}").unwrap();
    let narrow = XmlConfig::new(
        full.options().clone(),
        full.schema().clone(),
        Arc::new(output),
    );
    let config = filtered(
        &Arc::new(narrow.unwrap()),
        vec![
            predicate("s/m/n", LeafTest::Equal(text("x"))),
            predicate("i", LeafTest::Greater(Literal::Int64(0))),
            predicate("i", LeafTest::Less(Literal::Int64(9))),
        ],
    );
    let document = "<rs><r><s><m><n>x</n></m></s><i>1</i></r><r><i>2</i><s><m><n>y</n></m></s></r>\
                    <r><i>9</i><s><m><n>x</n></m></s></r><r><i>3</i><s u='1'><m><n>x</n></m><q/></s></r>\
                    <r>&x;</r></rs>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "narrow");
    assert_eq!(outcome.rows, [json!({"i": 1}), json!({"i": 3})]);
    assert_eq!(
        (report.read, report.filtered, report.quarantined),
        (5, 2, 1)
    );
}

#[test]
fn what_cannot_be_judged_goes_the_way_of_bad_values() {
    let full = config(&["r"], FIELDS);
    let config = filtered(
        &full,
        vec![predicate("i", LeafTest::Equal(Literal::Int64(1)))],
    );
    // A value that does not fit, and one that occurs again, whatever the first one is.
    let document = "<r><i>x</i></r><r><i>2</i><i>1</i></r><r><i>2</i><d>bad</d></r><r><i>1</i></r>";
    let (outcome, report) = read_every_way(&config, document.as_bytes(), "bad values");
    assert_eq!(outcome.rows, [json!({"i": 1})]);
    // A bad value in a record that is left out is not looked at.
    assert_eq!((report.quarantined, report.filtered), (2, 1));
    // The column that holds the leaf occurs again, and the second one is left out of the row.
    let lenient = config_with(&["r"], FIELDS, |options| {
        options.on_bad_value = OnBadValue::Null
    });
    let config = filtered(&lenient, vec![predicate("s/m/n", LeafTest::IsNull)]);
    let document = "<r><s><_VALUE>1</_VALUE></s><s><m><n>x</n></m></s></r>";
    let (outcome, _) = read_whole(&config, document.as_bytes());
    assert_eq!(outcome.rows.len(), 1);
}

#[test]
fn other_options_and_the_filter() {
    let nulls = config_with(&["r"], FIELDS, |options| {
        options.null_values = vec!["-".to_string()];
        options.on_bad_record = OnBadRecord::Drop;
    });
    let document = "<r><t>-</t></r><r><t> a </t></r><r>&x;</r><r><t/></r>";
    let rows = |test: LeafTest| {
        let config = filtered(&nulls, vec![predicate("t", test)]);
        read_whole(&config, document.as_bytes()).0.rows
    };
    assert_eq!(rows(LeafTest::IsNull), [json!({})]);
    assert_eq!(rows(LeafTest::Equal(text("a"))), [json!({"t": "a"})]);
    assert_eq!(rows(LeafTest::Equal(text(""))), [json!({"t": ""})]);

    // A kept record is a row of NULLs.
    let keep = config_with(&["r"], "{t: text, bad: text}", |options| {
        options.on_bad_record = OnBadRecord::Keep;
        options.corrupt_record_column = Some("bad".to_string());
    });
    for (test, kept) in [(LeafTest::IsNull, 1), (LeafTest::IsNotNull, 0)] {
        let config = filtered(&keep, vec![predicate("t", test)]);
        let (outcome, report) = read_every_way(&config, b"<r>&x;</r>", "kept");
        assert_eq!(outcome.rows.len() as u64, kept);
        assert_eq!((report.kept_bad, report.filtered), (kept, 1 - kept));
    }

    // The contract comes first.
    let contract = config_with(&["r"], FIELDS, |options| {
        options.on_unknown = OnUnknown::DiscardRow;
    });
    let config = filtered(&contract, vec![predicate("t", LeafTest::Equal(text("a")))]);
    let (_, report) = read_whole(&config, b"<r><t>b</t><new/></r><r><t>b</t></r>");
    assert_eq!((report.discarded_rows, report.filtered), (1, 1));

    // What the schema lacks is counted wherever it stands.
    let config = config_with(&["r"], FIELDS, |_| {});
    let config = filtered(&config, vec![predicate("t", LeafTest::Equal(text("a")))]);
    let document = b"<r><t>b</t><new>1</new></r><r><t>a</t><new/></r><r><t>b</t><new/></r>";
    let (outcome, report) = read_every_way(&config, document, "unknown");
    assert_eq!((outcome.rows.len(), report.filtered), (1, 2));
    assert_eq!(report.unknown["new"].count, 3);
    assert_eq!(report.unknown["new"].example, "1");
}

#[test]
fn filters_that_cannot_be_are_refused() {
    let full = config_with(
        &["r"],
        "{a: text, l: {list: text}, s: {fields: {m: int64, l: {list: {fields: {x: text}}}}}, f: \
                           float64, bad: text}",
        |options: &mut XmlOptions| {
            options.on_bad_record = OnBadRecord::Keep;
            options.corrupt_record_column = Some("bad".to_string());
        },
    );
    let cases = [
        ("b", LeafTest::IsNull, "there is no column `b`"),
        ("l", LeafTest::IsNull, "`l` is a list"),
        ("s/l/x", LeafTest::IsNull, "`l` is a list"),
        ("s", LeafTest::IsNull, "`s` has fields"),
        ("a/b", LeafTest::IsNull, "`a` has no fields"),
        (
            "a",
            LeafTest::Equal(Literal::Int64(1)),
            "Int64(1) is not compared with Utf8",
        ),
        (
            "s/m",
            LeafTest::In(vec![text("1")]),
            "is not compared with Int64",
        ),
        (
            "f",
            LeafTest::Less(Literal::Int64(1)),
            "is not compared with Float64",
        ),
        (
            "bad",
            LeafTest::IsNull,
            "no single element fills that column",
        ),
    ];
    for (path, test, message) in cases {
        let error = full
            .as_ref()
            .clone()
            .with_filter(vec![predicate(path, test)]);
        let found = error.unwrap_err().to_string();
        assert!(found.contains(message) && found.contains(path), "{found}");
    }
}

/// Filtering in the reader, and filtering the rows of a reader without it, come to the same.
#[test]
fn random_filters_leave_out_what_sql_leaves_out() {
    let fields = "{a: int64, t: text, s: {fields: {b: int64, t: text}}}";
    let full = config(&["r"], fields);
    let mut random = fastrand::Rng::with_seed(11);
    let mut left_out = 0;
    for round in 0..rounds(400) {
        let mut document = String::new();
        for _ in 0..20 {
            document.push_str("<r>");
            for _ in 0..random.usize(0..4) {
                let n = random.u8(0..4);
                document.push_str(&match random.u8(0..7) {
                    0 | 1 => format!("<a>{n}</a>"),
                    2 => format!("<t>{n}</t>"),
                    3 => format!("<s><b>{n}</b></s>"),
                    4 => format!("<s><t>{n}</t><b/></s>"),
                    5 => "<s/><a/>".to_string(),
                    _ => "<t/>".to_string(),
                });
            }
            document.push_str("</r>");
        }
        let mut predicates = Vec::new();
        for _ in 0..random.usize(1..4) {
            let number = random.bool();
            let path = match (number, random.bool()) {
                (true, true) => "a",
                (true, false) => "s/b",
                (false, true) => "t",
                (false, false) => "s/t",
            };
            let mut literal = || {
                let n = random.i64(0..4);
                if number {
                    Literal::Int64(n)
                } else {
                    Literal::Text(n.to_string())
                }
            };
            let (x, y) = (literal(), literal());
            predicates.push(predicate(
                path,
                match random.u8(0..9) {
                    0 => LeafTest::Equal(x),
                    1 => LeafTest::NotEqual(x),
                    2 => LeafTest::Less(x),
                    3 => LeafTest::AtMost(x),
                    4 => LeafTest::Greater(x),
                    5 => LeafTest::AtLeast(x),
                    6 => LeafTest::In(vec![x, y]),
                    7 => LeafTest::IsNull,
                    _ => LeafTest::IsNotNull,
                },
            ));
        }
        let (all, _) = read_whole(&full, document.as_bytes());
        let config = filtered(&full, predicates.clone());
        let (some, report) = read_whole(&config, document.as_bytes());
        let holds = |row: &&Value| predicates.iter().all(|p| holds(row, p));
        let expected: Vec<Value> = all.rows.iter().filter(holds).cloned().collect();
        assert_eq!(
            some.rows, expected,
            "round {round}: {predicates:?}\n{document}"
        );
        // Those that are bad for a repeated value elsewhere may be left out before that is seen.
        let offsets = |bad: &[crate::BadRecord]| -> BTreeSet<u64> {
            bad.iter().map(|bad| bad.offset).collect()
        };
        assert!(offsets(&some.bad).is_subset(&offsets(&all.bad)));
        left_out += report.filtered;
    }
    assert!(left_out > 1000, "{left_out}");
}

/// What SQL says of the row: NULL is not true.
fn holds(row: &Value, predicate: &LeafPredicate) -> bool {
    let value = predicate
        .path
        .iter()
        .fold(row, |at, name| &at[name.as_str()]);
    let order = |literal: &Literal| match literal {
        Literal::Int64(n) => value.as_i64().map(|value| value.cmp(n)),
        Literal::Text(text) => value.as_str().map(|value| value.cmp(text.as_str())),
        other => panic!("{other:?}"),
    };
    match &predicate.test {
        LeafTest::Equal(x) => order(x).is_some_and(|o| o.is_eq()),
        LeafTest::NotEqual(x) => order(x).is_some_and(|o| o.is_ne()),
        LeafTest::Less(x) => order(x).is_some_and(|o| o.is_lt()),
        LeafTest::AtMost(x) => order(x).is_some_and(|o| o.is_le()),
        LeafTest::Greater(x) => order(x).is_some_and(|o| o.is_gt()),
        LeafTest::AtLeast(x) => order(x).is_some_and(|o| o.is_ge()),
        LeafTest::In(list) => list.iter().any(|x| order(x).is_some_and(|o| o.is_eq())),
        LeafTest::IsNull => value.is_null(),
        LeafTest::IsNotNull => !value.is_null(),
    }
}
