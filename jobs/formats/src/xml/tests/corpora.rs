//! Real corpora: as many records as an independent parser counts, nothing quarantined, nothing unknown to the schema
//! that is inferred, and the same in splits.

use std::path::Path;
use std::process::Command;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::anywhere::{check_sets, inferred};
use super::cutting::{one_pass, options};
use super::real::long;
use crate::tests::files::real_data;

/// File and row tags. Compressed files are decompressed by the program of that name.
const CORPORA: &[(&str, &[&str])] = &[
    (
        "xml/liechtenstein-2013-08-03.osm.bz2",
        &["node", "way", "relation"],
    ),
    ("xml/liechtenstein-2013-08-03.osm.bz2", &["tag"]),
    ("xml/mondial-3.0.xml.zst", &["country"]),
    ("xml/mondial-3.0.xml.zst", &["city", "organization"]),
    ("xml/uniprot.xml.zst", &["entry"]),
    ("xml/uniprot.xml.zst", &["feature", "dbReference"]),
    ("xml/stackexchange/Badges.xml.zst", &["row"]),
    ("xml/stackexchange/Comments.xml.zst", &["row"]),
    ("xml/stackexchange/Posts.xml.zst", &["row"]),
    ("xml/stackexchange/Users.xml.zst", &["row"]),
    ("xml/cerknicko-jezero.gpx", &["trkpt"]),
    ("xml/gpx1.1_with_extensions.gpx", &["gpx"]),
    ("xml/unicode_with_bom.gpx", &["wpt"]),
    ("fpds/award-15.xml", &["award"]),
    ("fpds/idv-15.xml", &["IDV"]),
    ("fpds/jpsims68-request_module_test.xml", &["entry"]),
    (
        "fpds/kapangyu-fpds_feed_sample_1_org.xml",
        &["award", "IDV"],
    ),
    ("fpds/dherincx92-test_data.xml", &["award"]),
];

fn bytes_of(file: &Path) -> Option<Vec<u8>> {
    let program = match file.extension()?.to_str()? {
        "bz2" => "bzip2",
        "zst" => "zstd",
        _ => return std::fs::read(file).ok(),
    };
    let done = Command::new(program).arg("-dc").arg(file).output().ok()?;
    done.status.success().then_some(done.stdout)
}

/// Elements with one of these local names, those inside another such left out.
fn counted(bytes: &[u8], tags: &[&str]) -> usize {
    let mut reader = Reader::from_reader(bytes);
    let (mut depth, mut inside_from, mut count) = (0, None, 0);
    let is_row = |name: &str| tags.contains(&name.rsplit(':').next().unwrap());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                depth += 1;
                if inside_from.is_none() && is_row(tag.name().as_ref()) {
                    inside_from = Some(depth);
                    count += 1;
                }
            }
            Event::End(_) => {
                if inside_from == Some(depth) {
                    inside_from = None;
                }
                depth -= 1;
            }
            Event::Empty(tag) if inside_from.is_none() => {
                count += usize::from(is_row(tag.name().as_ref()));
            }
            Event::Eof => return count,
            _ => {}
        }
    }
}

#[test]
fn corpora_have_the_records_that_another_parser_counts() {
    let Some(folder) = real_data() else {
        println!("skipped: corpora_have_the_records_that_another_parser_counts: no real data");
        return;
    };
    for (file, tags) in CORPORA {
        let Some(bytes) = bytes_of(&folder.join(file)) else {
            println!("skipped: {file}: not there, or nothing to decompress it with");
            continue;
        };
        let config = inferred(options(tags, 0), tags, &bytes).unwrap();
        let total = one_pass(&config, &bytes).unwrap();
        let count = counted(&bytes, tags) as u64;
        assert!(count > 0, "{file}: no {tags:?}");
        assert_eq!(
            total.counts,
            [count, count, 0, 0],
            "{file}, {tags:?}: {:#?}",
            total.bad
        );
        assert!(
            total.unknown.is_empty() && total.unknown_more == 0,
            "{file}: {:#?}",
            total.unknown
        );
        check_sets(&config, &bytes, if long() { 50 } else { 1 }, file);
    }
}
