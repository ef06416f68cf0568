//! A file cut anywhere gives what one pass gives: the rows in their order, the bad records with their offsets, lines,
//! reasons and raw texts, and all counts. Over tricky documents, under limits of a few bytes, and over real files.

use std::sync::Arc;

use super::cutting::{Cutting, LIMITS, in_splits, one_pass, options};
use super::real::long;
use super::run::rounds;
use super::tricky::TRICKY;
use crate::infer::{InferOptions, Inferrer};
use crate::tests::files::real_data;
use crate::xml::{FedState, Split, XmlConfig, XmlOptions};

/// The schema that inference finds for a document under the usual limits, if it finds one.
pub(super) fn inferred(options: XmlOptions, tags: &[&str], bytes: &[u8]) -> Option<Arc<XmlConfig>> {
    let learning = Arc::new(XmlOptions::new(tags).unwrap());
    let mut inferrer = Inferrer::new(learning, Split::whole());
    assert_eq!(inferrer.feed(bytes, true).unwrap().state, FedState::Done);
    let schema = inferrer.finish().to_schema(&InferOptions::default());
    let schema = Arc::new(schema.unwrap_or_else(|_| arrow::datatypes::Schema::empty()));
    XmlConfig::new(options, schema.clone(), schema)
        .ok()
        .map(Arc::new)
}

/// Reads the file cut at each of these places, many of them in one go.
fn check_cuts(config: &Arc<XmlConfig>, bytes: &[u8], cuts: &[usize], apart: usize, name: &str) {
    let whole = one_pass(config, bytes).unwrap();
    let together = (bytes.len() / apart).max(1);
    let rounds = cuts.len().div_ceil(together);
    for round in 0..rounds {
        let cutting = Cutting {
            chunk_max: [0, 1 << 16, 1000, 64][round % 4],
            seed: round as u64,
            restarts_max: [usize::MAX, 3][round % 2],
            ..Cutting::at(cuts.iter().copied().skip(round).step_by(rounds).collect())
        };
        let parts = in_splits(config, bytes, &cutting).unwrap();
        whole.assert_same(&parts, &|| {
            format!("{name}, {:?}, {cutting:?}", config.options().limits)
        });
    }
}

/// Reads the file in seeded sets of 2 to 20 splits with buffers of seeded sizes.
pub(super) fn check_sets(config: &Arc<XmlConfig>, bytes: &[u8], rounds: u64, name: &str) {
    if bytes.is_empty() {
        return;
    }
    let whole = one_pass(config, bytes).unwrap();
    for seed in 0..rounds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cuts: Vec<usize> = (0..random.usize(1..20))
            .map(|_| random.usize(1..=bytes.len()))
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let cutting = Cutting {
            cuts,
            chunk_max: 1 << random.usize(0..=16),
            seed,
            restarts_max: random.usize(0..5),
        };
        let parts = in_splits(config, bytes, &cutting).unwrap();
        whole.assert_same(&parts, &|| {
            format!("{name}, {:?}, {cutting:?}", config.options().limits)
        });
    }
}

#[test]
fn tricky_documents_cut_anywhere_are_those_of_one_pass() {
    let mut restarts = 0;
    for (name, tags, document) in TRICKY {
        for limits in 0..LIMITS {
            let bytes = document.as_bytes();
            let config = inferred(options(tags, limits), tags, bytes).unwrap();
            let whole = one_pass(&config, bytes).unwrap();
            for cut in 1..=bytes.len() {
                for chunk_max in [0, 1, 30] {
                    let cutting = Cutting {
                        chunk_max,
                        ..Cutting::at(vec![cut])
                    };
                    let parts = in_splits(&config, bytes, &cutting).unwrap();
                    whole.assert_same(&parts, &|| format!("{name}, limits {limits}, {cutting:?}"));
                    restarts += parts.restarts;
                }
            }
            check_sets(&config, bytes, rounds(100), name);
        }
    }
    assert!(restarts > 1000, "{restarts}");
}

/// The real files, and the tags whose elements are read as rows.
const REAL: &[(&str, &[&str])] = &[
    ("spark-xml/files/ages.xml", &["person"]),
    ("spark-xml/files/attributes-case-sensitive.xml", &["ROW"]),
    (
        "spark-xml/files/attributesStartWithNewLineCR.xml",
        &["note"],
    ),
    (
        "spark-xml/files/attributesStartWithNewLineLF.xml",
        &["note"],
    ),
    ("spark-xml/files/basket_invalid.xml", &["basket"]),
    ("spark-xml/files/basket_invalid_at_the_end.xml", &["basket"]),
    (
        "spark-xml/files/basket_invalid_in_the_middle.xml",
        &["basket"],
    ),
    (
        "spark-xml/files/books-attributes-in-no-child.xml",
        &["book"],
    ),
    ("spark-xml/files/books-complicated.xml", &["book"]),
    ("spark-xml/files/books-complicated.xml", &["publish_date"]),
    ("spark-xml/files/books-malformed-attributes.xml", &["book"]),
    ("spark-xml/files/books-namespaces.xml", &["book"]),
    ("spark-xml/files/books-nested-object.xml", &["book"]),
    ("spark-xml/files/books-unicode-in-tag-name.xml", &["書"]),
    ("spark-xml/files/books.xml", &["book"]),
    ("spark-xml/files/books.xml", &["catalog"]),
    ("spark-xml/files/cars-mixed-attr-no-child.xml", &["ROW"]),
    ("spark-xml/files/cars-unbalanced-elements.xml", &["ROW"]),
    ("spark-xml/files/cars.xml", &["ROW"]),
    ("spark-xml/files/cdata-ending-eof.xml", &["ROW"]),
    ("spark-xml/files/cdata-no-close.xml", &["ROW"]),
    ("spark-xml/files/cdata-no-ignore.xml", &["ROW"]),
    ("spark-xml/files/fias_house.large.xml", &["House"]),
    ("spark-xml/files/fias_house.xml", &["House"]),
    ("spark-xml/files/gps-empty-field.xml", &["ROW"]),
    ("spark-xml/files/mixed_children.xml", &["root"]),
    ("spark-xml/files/mixed_children_as_string.xml", &["book"]),
    (
        "spark-xml/files/nested-element-with-name-of-parent.xml",
        &["parent"],
    ),
    ("spark-xml/files/null-nested-struct.xml", &["item"]),
    ("spark-xml/files/null-numbers.xml", &["ROW"]),
    ("spark-xml/files/simple-nested-objects.xml", &["ROW"]),
    ("spark-xml/files/spark40-cdata-bracket-bug.xml", &["entry"]),
    ("spark-xml/files/timestamps.xml", &["book"]),
    ("spark-xml/files/topics-namespaces.xml", &["Topic"]),
    ("spark-xml/files/unclosed_tag.xml", &["book"]),
    ("fpds/award-15.xml", &["award"]),
    ("fpds/idv-15.xml", &["IDV"]),
    ("fpds/jpsims68-request_module_test.xml", &["award", "IDV"]),
    ("fpds/kapangyu-fpds_feed_sample_1_org.xml", &["award"]),
    ("fpds/dherincx92-test_data.xml", &["ns1:award"]),
    ("xml/cerknicko-jezero.gpx", &["trkpt"]),
    ("xml/gpx1.1_with_extensions.gpx", &["trkpt"]),
    ("xml/unicode_with_bom.gpx", &["wpt"]),
];

/// Every byte of a file up to this size is a place to cut it.
const EVERY_BYTE_MAX: usize = 64 << 10;

/// The places at which a file of more than [`EVERY_BYTE_MAX`] is cut: 64 bytes around every row tag, and a thousand
/// seeded ones.
fn places(bytes: &[u8], tags: &[&str]) -> Vec<usize> {
    let mut places = Vec::new();
    for at in memchr::memchr_iter(b'<', bytes) {
        let name = &bytes[at + 1..];
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let after_prefix = name.iter().position(|b| *b == b':').map_or(0, |i| i + 1);
        let is_tag = |name: &[u8]| {
            tags.iter().any(|tag| {
                let tag = tag.rsplit(':').next().unwrap().as_bytes();
                name.starts_with(tag)
            })
        };
        if is_tag(name) || is_tag(&name[after_prefix..]) {
            places.extend(at.saturating_sub(32).max(1)..(at + 32).min(bytes.len()));
        }
    }
    let mut random = fastrand::Rng::with_seed(1000);
    places.extend((0..1000).map(|_| random.usize(1..=bytes.len())));
    places.sort_unstable();
    places.dedup();
    places
}

/// Cuts one real file everywhere, or (`sample`) at so many places.
pub(super) fn check_real(name: &str, tags: &[&str], bytes: &[u8], sample: usize) {
    for limits in 0..LIMITS {
        let Some(config) = inferred(options(tags, limits), tags, bytes) else {
            panic!("{name}: the schema is refused");
        };
        let mut cuts: Vec<usize> = if bytes.len() <= EVERY_BYTE_MAX {
            (1..=bytes.len()).collect()
        } else {
            places(bytes, tags)
        };
        let mut random = fastrand::Rng::with_seed(limits as u64);
        if cuts.len() > sample && !long() {
            random.shuffle(&mut cuts);
            cuts.truncate(sample);
            cuts.sort_unstable();
        }
        check_cuts(&config, bytes, &cuts, 1000, name);
        check_sets(&config, bytes, rounds(if long() { 100 } else { 3 }), name);
    }
}

#[test]
fn real_files_cut_anywhere_are_those_of_one_pass() {
    let Some(folder) = real_data() else {
        println!("skipped: real_files_cut_anywhere_are_those_of_one_pass: no real data");
        return;
    };
    for (file, tags) in REAL {
        let Ok(bytes) = std::fs::read(folder.join(file)) else {
            println!("skipped: {file}: no real data");
            continue;
        };
        check_real(file, tags, &bytes, 1000);
    }
}
