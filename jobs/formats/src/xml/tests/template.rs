//! The template changes nothing but the time: records that resemble each other, damaged or not, come to the same with
//! it and without.

use std::sync::Arc;

use super::rows::rows;
use super::run::{config_with, rounds};
use crate::infer::Inferrer;
use crate::xml::{
    BadRecord, FedState, LeafPredicate, LeafTest, OnBadRecord, OnBadValue, OnUnknown, Split,
    SplitReport, XmlConfig, XmlReader,
};

/// Elements of a record, some of which are left out in each. `#` stands for a value.
const PARTS: [&str; 18] = [
    "<a>#</a>",
    "<n:a>#</n:a>",
    "\n  <b u=\"#\">#</b>",
    "<b u='#'>#</b>",
    "<b>#</b>",
    "<b/>",
    "<b u='#' v=\"#\"/>",
    "<c><d>#</d><d>#</d></c>",
    "<c>\n <d>#</d>\n </c>",
    "<c></c>",
    "<c xmlns='#'/>",
    "<c xmlns='#'>#</c>",
    "<e w='#'><f>#</f></e>",
    "<z>#</z>",
    "<z><y>#</y></z>",
    "<z x='#'>#</z>",
    "<e w='#' w='#'/>",
    "<c>#<d>#</d></c>",
];
/// Rare ones: nothing is learned from a record that holds one.
const ODD: [&str; 6] = [
    "<!-- # -->",
    "<?p #?>",
    "<a><![CDATA[#]]></a>",
    "<r><a>#</a></r>",
    "<a>#</a >",
    "<b u = '#'>#</b>",
];
const VALUES: [&str; 14] = [
    "",
    " ",
    "1",
    "22",
    "text",
    "x &amp; y",
    "&#65;",
    "a\r\nb",
    "\t",
    " 7 ",
    "é",
    "&bad;",
    ">",
    "\"",
];

fn record(random: &mut fastrand::Rng, layout: &[usize]) -> String {
    let mut text = String::from("<r k='#'>");
    for part in layout {
        if random.u8(0..4) > 0 {
            text.push_str(PARTS[*part]);
        }
        if random.u8(0..120) == 0 {
            text.push_str(ODD[random.usize(..ODD.len())]);
        }
    }
    text.push_str("</r>\n");
    let mut out = String::new();
    for piece in text.split_inclusive('#') {
        out.push_str(piece.trim_end_matches('#'));
        if piece.ends_with('#') {
            // Mostly values that are nothing special.
            let most = if random.u8(0..20) == 0 {
                VALUES.len()
            } else {
                5
            };
            out.push_str(VALUES[random.usize(..most)]);
        }
    }
    out
}

fn document(random: &mut fastrand::Rng) -> Vec<u8> {
    let layout: Vec<usize> = (0..random.usize(1..8))
        .map(|_| random.usize(..PARTS.len()))
        .collect();
    let mut bytes = b"<rs>".to_vec();
    for _ in 0..random.usize(2..60) {
        let mut record = record(random, &layout).into_bytes();
        if random.u8(0..12) == 0 {
            let at = random.usize(..record.len());
            match random.u8(0..3) {
                0 => record[at] = b"<>/=\"' &r"[random.usize(..9)],
                1 => drop(record.remove(at)),
                _ => record.insert(at, b"<>/=\"' &x"[random.usize(..9)]),
            }
        }
        bytes.extend(record);
    }
    bytes
}

fn configs() -> Vec<Arc<XmlConfig>> {
    let fields = "{_k: text, a: {list: text}, b: {list: {fields: {_u: text, _VALUE: int64}}}, \
                  c: {list: {fields: {d: {list: int64}, _VALUE: text}}}, e: {fields: {_w: int64, f: text}}}";
    let narrow = "{b: text, c: text, e: {fields: {g: text}}}";
    let all = config_with(&["r"], fields, |options| {
        options.on_bad_value = OnBadValue::Null;
    });
    let few = config_with(&["r"], fields, |options| {
        options.limits.unknown_paths_max = 2;
        options.limits.batch_rows_max = 3;
        options.limits.depth_max = 4;
    });
    let untrimmed = config_with(&["r"], fields, |options| options.trim = false);
    let narrow = config_with(&["r"], narrow, |_| {});
    let nothing = XmlConfig::new(
        all.options().clone(),
        all.schema().clone(),
        Arc::new(arrow::datatypes::Schema::empty()),
    );
    let bare = config_with(&["r"], fields, |options| {
        options.exclude_attributes = true;
        options.ignore_namespaces = false;
        options.null_values = vec!["22".to_string()];
    });
    let raw = "{_k: text, b: {list: xml}, c: xml, rest: {list: text}, bad: text}";
    let raw = config_with(&["r"], raw, |options| {
        options.wildcard_column = Some("rest".to_string());
        options.on_bad_record = OnBadRecord::Keep;
        options.corrupt_record_column = Some("bad".to_string());
    });
    let strict = config_with(&["r"], fields, |options| {
        options.on_unknown = OnUnknown::DiscardRow;
    });
    let path = vec!["e".to_string(), "f".to_string()];
    let filter = vec![LeafPredicate {
        path,
        test: LeafTest::IsNull,
    }];
    let filtered = all.as_ref().clone().with_filter(filter).unwrap();
    let nothing = Arc::new(nothing.unwrap());
    let filtered = Arc::new(filtered);
    vec![
        all, few, untrimmed, narrow, nothing, bare, raw, strict, filtered,
    ]
}

type Outcome = (Vec<serde_json::Value>, Vec<BadRecord>, SplitReport);

fn read(config: &Arc<XmlConfig>, bytes: &[u8], template: bool) -> (Outcome, u64) {
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    if !template {
        reader.template().turn_off();
    }
    let (mut all, mut bad) = (Vec::new(), Vec::new());
    loop {
        let from = reader.position() as usize;
        let fed = reader.feed(&bytes[from..], true).unwrap();
        all.extend(reader.take_batch().unwrap().iter().flat_map(rows));
        bad.extend(reader.take_bad());
        if fed.state == FedState::Done {
            let replayed = reader.template().replayed();
            return ((all, bad, reader.report()), replayed);
        }
    }
}

/// What a replay that comes to no end has met may be no name at all: there is room for one, and it is for a real one.
#[test]
fn a_broken_record_takes_no_room_from_names() {
    let fields = "{_k: text, e: {fields: {_w: int64, f: text}}}";
    let config = config_with(&["r"], fields, |options| {
        options.limits.unknown_paths_max = 1;
    });
    let bytes =
        b"<rs><r k='1'></r><r k='2'></r><r k='3'>text<e/></x></r><r k='4'><e x=''/></r></rs>";
    let (with, replayed) = read(&config, bytes, true);
    assert_eq!(with, read(&config, bytes, false).0);
    assert_eq!(replayed, 1);
    let unknown: Vec<&String> = with.2.unknown.keys().collect();
    assert_eq!(unknown, ["e/_x"]);
}

#[test]
fn rows_bad_records_and_counts_are_the_same_without_it() {
    let mut random = fastrand::Rng::with_seed(77);
    let configs = configs();
    let (mut replayed, mut read_in_all) = (0, 0);
    for round in 0..rounds(1500) {
        let bytes = document(&mut random);
        for config in &configs {
            let (with, hits) = read(config, &bytes, true);
            let (without, none) = read(config, &bytes, false);
            assert_eq!(with, without, "round {round}: {}", bytes.escape_ascii());
            assert_eq!(none, 0);
            replayed += hits;
            read_in_all += with.2.read;
        }
    }
    assert!(
        replayed * 4 > read_in_all,
        "{replayed} of {read_in_all} records were replayed"
    );
}

#[test]
fn what_is_learned_of_types_is_the_same_without_it() {
    let mut random = fastrand::Rng::with_seed(78);
    let options = Arc::new(configs()[0].options().clone());
    for round in 0..rounds(1500) {
        let bytes = document(&mut random);
        let tree = |template: bool| {
            let mut inferrer = Inferrer::new(options.clone(), Split::whole());
            if !template {
                inferrer.template().turn_off();
            }
            inferrer.feed(&bytes, true).unwrap();
            inferrer.finish()
        };
        assert_eq!(
            tree(true),
            tree(false),
            "round {round}: {}",
            bytes.escape_ascii()
        );
    }
}

/// A slot is told from another by all that the strict pass has in mind there, prefixes of open elements included.
#[test]
fn markup_is_not_taken_for_that_of_another_place() {
    let config = config_with(&["r"], "{a: {fields: {b: text, c: text}}}", |_| {});
    let text = "<r><x:a><b>1</b></x:a></r><r><x:a><b>1</b></x:a></r><r><y:a><b>1</b></x:a></r>\
                <r><a><b>1</b></a></r><r><a><b>2</b><c>3</c></a></r><r><a><c>4</c></a></r><r><a><b>5</b><c>6</c></r>";
    let (with, hits) = read(&config, text.as_bytes(), true);
    assert_eq!(with, read(&config, text.as_bytes(), false).0);
    assert_eq!((with.0.len(), with.1.len(), hits), (5, 2, 1));
}
