//! Lines: any split, any buffer, any damage, against the slow reader.

use std::sync::Arc;

use serde_json::json;

use super::run::{config, config_with, inferred, options, read, read_chain, read_every_way};
use super::slow;
use crate::json::{JsonConfig, JsonHead, JsonReader, Layout};
use crate::{BadReason, Chain, FedState, OnBadValue, Split, Start, SyncKind, verify_chain};

/// What every test reads: all kinds of columns, and names that documents lack or have beside them.
pub(super) const FIELDS: &str = "{a: int64, b: text, c: {fields: {d: 'decimal(5,2)', e: {list: text}, _VALUE: text}}, \
    l: {list: int64}, m: {list: {list: {fields: {x: int64, y: text}}}}, r: raw, t: timestamp, _VALUE: text}";

fn check(config: &Arc<JsonConfig>, bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let found = read(config, bytes);
    slow::lines(config, bytes).assert_same(&found, bytes, &shown);
}

#[test]
fn lines_cut_anywhere_are_those_of_one_pass() {
    let documents = [
        "",
        "\n",
        "\n\n \n\t\r\n",
        "{\"a\":1}",
        "{\"a\":1}\n",
        "{\"a\":1}\r\n{\"a\":2}\r\n",
        "\n\n{\"a\":1}\n\n  {\"a\":2}  \n\n{\"a\":3}",
        "{\"a\":1}\n{\"a\":x}\n{\"a\":3}\n",
        "{\"a\":1\n}\n{\"a\":2}\n",
        "{\"b\":\"{\\\"a\\\":1}\\n\"}\n{\"b\":\"\\\\\"}\n",
        "\u{FEFF}\u{FEFF}{\"a\":1}\n\u{FEFF}{\"a\":2}\n",
        "{\"a\":1} {\"a\":2}\n{\"a\":3}\n",
        "{\"m\":[[{\"x\":1,\"y\":\"é\"}]],\"c\":{\"e\":[\"\"]}}\n{\"m\":[],\"t\":\"1970-01-01 00:00:00\"}\n",
        "1\n\"x\"\nnull\n[1]\n{}\nnul\n",
    ];
    for document in documents {
        let config = config_with(FIELDS, |o| o.layout = Layout::Lines);
        let outcome = read_every_way(&config, document.as_bytes(), document);
        slow::lines(&config, document.as_bytes()).assert_same(
            &outcome,
            document.as_bytes(),
            document,
        );
    }
}

#[test]
fn a_line_is_of_the_split_with_the_line_feed_before_it() {
    let config = config("{a: int64}");
    let document = b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
    let read = |start, end| {
        let split = Split { start, end };
        super::run::read_split(&config, document, split, usize::MAX).unwrap()
    };
    // The second line begins with byte 8.
    for (end, rows, reached) in [(7, 1, 8), (8, 2, 16), (9, 2, 16), (15, 2, 16), (16, 3, 24)] {
        let (first, report) = read(Start::File, end);
        assert_eq!(
            (first.rows.len(), report.reached.offset),
            (rows, reached),
            "{end}"
        );
        let (rest, next) = read(Start::Guess(end), u64::MAX);
        assert_eq!(rest.rows.len(), 3 - rows, "{end}");
        assert_eq!(verify_chain(&report, &next), Chain::Verified);
        assert_eq!(next.reached.kind, SyncKind::Eof);
    }
    // A driver that knows better is heard, as with XML.
    let (known, _) = read(Start::Known(8), u64::MAX);
    assert_eq!(known.rows, [json!({"a": 2}), json!({"a": 3})]);
    // One that knows that nothing begins in the split: no line, and the place is handed on.
    let (none, report) = read(Start::Known(16), 12);
    assert_eq!((none.rows.len(), report.reached.offset), (0, 16));
}

#[test]
fn a_line_that_is_too_long_is_passed_over_without_being_held() {
    let config = config_with("{a: text}", |o| {
        o.limits.record_bytes_max = 20;
        o.limits.raw_bytes_max = 10;
    });
    let most = format!("{{\"a\":\"{}\"}}", "x".repeat(12));
    assert_eq!(most.len(), 20);
    let more = format!("{{\"a\":\"{}\"}}", "x".repeat(13));
    let spaces = " ".repeat(100);
    let document = format!("{most}\n{spaces}{more}\n{spaces}{most}\n{more}");
    let outcome = read_every_way(&config, document.as_bytes(), "long lines");
    assert_eq!(outcome.rows.len(), 2);
    for (bad, line) in outcome.bad.iter().zip([1, 3]) {
        assert_eq!(bad.reason, BadReason::TooLarge { bytes_max: 20 });
        assert_eq!(
            (bad.raw.len(), bad.raw_bytes, bad.line_in_split),
            (10, 21, line)
        );
    }
    assert_eq!(outcome.bad.len(), 2);
    // So much is asked for and no more.
    let mut reader = JsonReader::new(config, Split::whole());
    reader.set_head(JsonHead::of_lines());
    let long = "x".repeat(10_000);
    let mut asked = 0;
    while (reader.position() as usize) < long.len() {
        let from = reader.position() as usize;
        let fed = reader.feed(
            &long.as_bytes()[from..(from + asked.max(1)).min(long.len())],
            false,
        );
        match fed.unwrap().state {
            FedState::NeedInput { at_least } => asked = at_least,
            other => panic!("{other:?}"),
        }
        assert!(asked <= 21, "{asked}");
    }
}

#[test]
fn depth_has_a_bound() {
    let config = config_with("{a: text}", |o| o.limits.depth_max = 4);
    let nested = |depth: usize| format!("{{\"a\":{}{}}}\n", "[".repeat(depth), "]".repeat(depth));
    let document = [nested(3), nested(4), nested(100_000), nested(1)].concat();
    let outcome = read(&config, document.as_bytes());
    assert_eq!(outcome.rows.len(), 2);
    let at = document.find('\n').unwrap() as u64 + 1 + 8;
    assert_eq!(
        outcome.bad[0].reason,
        BadReason::TooDeep { at, depth_max: 4 }
    );
    assert_eq!(outcome.bad.len(), 2);
}

#[test]
fn bytes_that_are_no_utf8_are_found_wherever_they_stand() {
    let config = config("{a: text}");
    for (bad, at) in [
        (&b"{\"a\":\"\xFF\"}"[..], 6),
        (b"{\"b\":\"x\xC3\"}", 7),
        (b"{\"\xED\xA0\x80\":1}", 2),
        (b"{\"a\":\"\xF0\x9D\x84\"}", 6),
    ] {
        let document = [
            b"{\"a\":\"\xC3\xA9\"}\n",
            bad,
            b"\n{\"a\":\"\xF0\x9D\x84\x9E\"}\n",
        ]
        .concat();
        let outcome = read_every_way(&config, &document, &document.escape_ascii().to_string());
        assert_eq!(outcome.rows, [json!({"a": "é"}), json!({"a": "\u{1D11E}"})]);
        let BadReason::InvalidByte { at: found, .. } = outcome.bad[0].reason else {
            panic!("{:?}", outcome.bad)
        };
        assert_eq!(found, 11 + at, "{}", bad.escape_ascii());
        assert!(outcome.bad[0].raw.contains("\\x"));
    }
}

#[test]
fn seeded_documents_are_read_as_the_slow_reader_reads_them() {
    let rounds = 300 * super::mutate::rounds();
    for seed in 0..rounds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut document = Vec::new();
        for _ in 0..random.usize(1..30) {
            slow::random_record(&mut random, &mut document);
            document.extend_from_slice([&b"\n"[..], b"\r\n", b" \n", b"\n\n"][random.usize(..4)]);
        }
        let config = config_with(FIELDS, |o| o.layout = Layout::Lines);
        check(&config, &document);
        let whole = read(&config, &document);
        let cuts: Vec<usize> = (1..document.len())
            .filter(|_| random.u8(..40) == 0)
            .collect();
        let parts = read_chain(&config, &document, &cuts, 1 << random.usize(..12)).unwrap();
        assert_eq!(parts, whole, "seed {seed}");
        // By its own schema everything is read, and nothing is unknown.
        let options = options(|o| o.layout = Layout::Lines);
        if let Some(config) = inferred(&options, &document) {
            let own = read(&config, &document);
            assert_eq!(
                own.counts[..2],
                [whole.counts[0]; 2],
                "seed {seed}: {:?}",
                own.bad
            );
            assert!(
                own.unknown.is_empty() && own.bad_values.is_empty(),
                "seed {seed}: {own:?}"
            );
            check(&config, &document);
        }
    }
}

#[test]
fn one_bad_byte_costs_one_record_at_most() {
    let config = config_with(FIELDS, |o| {
        o.on_bad_value = OnBadValue::Null;
        o.layout = Layout::Lines;
    });
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..2000 * super::mutate::rounds() {
        let mut document = Vec::new();
        for _ in 0..5 {
            slow::random_record(&mut random, &mut document);
            document.push(b'\n');
        }
        let lines = document.iter().filter(|b| **b == b'\n').count();
        let at = random.usize(..document.len());
        let was_feed = document[at] == b'\n';
        document[at] = random.u8(..);
        let found = read(&config, &document);
        check(&config, &document);
        let added =
            document.iter().filter(|b| **b == b'\n').count() - (lines - usize::from(was_feed));
        assert!(
            found.counts[2] as usize <= 1 + added,
            "round {round}: {:?}",
            found.bad
        );
        assert!(
            found.counts[1] as usize >= lines - 1 - usize::from(was_feed),
            "round {round}"
        );
    }
}

#[test]
fn a_record_of_just_the_longest_length_is_read_whatever_ends_its_line() {
    let config = config_with("{a: text}", |o| o.limits.record_bytes_max = 20);
    for feed in ["\n", "\r\n"] {
        let longest = format!(r#"{{"a":"{}"}}{feed}"#, "x".repeat(12));
        let longer = longest.replace("xx", "xxx");
        let document = format!("{}{longest}{longer}{longest}", "{\"a\":\"y\"}\n".repeat(5));
        let whole = read_every_way(&config, document.as_bytes(), feed);
        assert_eq!((whole.rows.len(), whole.bad.len()), (7, 1), "{feed:?}");
    }
}
