//! The generator against a parser that knows nothing of it (quick-xml): the truth is what that
//! parser counts.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::bad::BadKind;
use super::*;
use crate::folder::{Error, TRUTH_FILE};

const ROW_TAGS: [&str; 4] = [
    "award",
    "IDV",
    "OtherTransactionAward",
    "OtherTransactionIDV",
];

/// What an independent parser finds in the good data of a folder.
#[derive(Default, Debug, PartialEq)]
struct Counted {
    by_type: BTreeMap<String, u64>,
    by_version: BTreeMap<String, u64>,
    by_fiscal_year: BTreeMap<String, u64>,
    by_agency: BTreeMap<String, u64>,
    cents_by_agency: BTreeMap<String, i128>,
    cents: i128,
}

fn generated(options: &Options) -> (tempfile::TempDir, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(options, folder.path()).unwrap();
    (folder, truth)
}

fn content(folder: &Path, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(folder.join(file)).unwrap();
    if !file.ends_with(".gz") {
        return bytes;
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

fn cents(amount: &str) -> i128 {
    let (whole, places) = amount.split_once('.').unwrap();
    assert_eq!(places.len(), 2, "{amount}");
    format!("{whole}{places}").parse().unwrap()
}

fn count(xml: &[u8], counted: &mut Counted) {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).unwrap());
    reader.config_mut().check_end_names = true;
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut agency = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_string();
                if ROW_TAGS.contains(&name.as_str()) {
                    *counted.by_type.entry(name.clone()).or_default() += 1;
                    for attribute in start.attributes() {
                        let attribute = attribute.unwrap();
                        if attribute.key.as_ref() == "version" {
                            let version = attribute.value;
                            *counted
                                .by_version
                                .entry(format!("{name} {version}"))
                                .or_default() += 1;
                        }
                    }
                    agency.clear();
                }
                // Attributes must be well-formed everywhere.
                for attribute in start.attributes() {
                    attribute.unwrap();
                }
                path.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => {
                assert!(
                    matches!(name.as_ref(), "amp" | "lt" | "gt" | "quot"),
                    "{name:?}"
                );
            }
            Event::End(_) => {
                let name = path.pop().unwrap();
                let parent = path.last().map_or("", String::as_str);
                match (parent, name.as_str()) {
                    (parent, "agencyID") if agency.is_empty() && parent != "referencedIDVID" => {
                        agency = text.clone();
                        *counted.by_agency.entry(agency.clone()).or_default() += 1;
                    }
                    ("dollarValues", "obligatedAmount") => {
                        counted.cents += cents(&text);
                        *counted.cents_by_agency.entry(agency.clone()).or_default() += cents(&text);
                    }
                    (_, "signedDate") => {
                        let year: i32 = text[..4].parse().unwrap();
                        let year = year + i32::from(&text[5..7] >= "10");
                        *counted.by_fiscal_year.entry(year.to_string()).or_default() += 1;
                    }
                    _ => {}
                }
                text.clear();
            }
            _ => {}
        }
    }
    assert!(path.is_empty());
}

/// The file with its bad records cut out.
fn without_bad(xml: &[u8], file: &str, truth: &Truth) -> Vec<u8> {
    let mut rest = xml.to_vec();
    for bad in truth
        .bad_records
        .iter()
        .rev()
        .filter(|bad| bad.file == file)
    {
        rest.drain(bad.offset as usize..(bad.offset + bad.bytes) as usize);
    }
    rest
}

fn count_folder(folder: &Path, truth: &Truth) -> Counted {
    let mut counted = Counted::default();
    for file in truth.records_by_file.keys() {
        count(
            &without_bad(&content(folder, file), file, truth),
            &mut counted,
        );
    }
    counted
}

fn assert_truth_is_counted(options: &Options) -> (tempfile::TempDir, Truth) {
    let (folder, truth) = generated(options);
    let counted = count_folder(folder.path(), &truth);
    assert_eq!(counted.by_type.values().sum::<u64>(), truth.records);
    assert_eq!(counted.by_type, truth.records_by_type);
    assert_eq!(counted.by_version, truth.records_by_version);
    assert_eq!(counted.by_fiscal_year, truth.records_by_fiscal_year);
    assert_eq!(counted.by_agency, truth.records_by_agency);
    assert_eq!(counted.cents, cents(&truth.sum_obligated));
    let sums: BTreeMap<String, i128> = truth
        .sum_obligated_by_agency
        .iter()
        .map(|(key, sum)| (key.clone(), cents(sum)))
        .collect();
    assert_eq!(counted.cents_by_agency, sums);
    let total = |sums: &BTreeMap<String, String>| sums.values().map(|sum| cents(sum)).sum::<i128>();
    assert_eq!(total(&truth.sum_obligated_by_type), counted.cents);
    assert_eq!(total(&truth.sum_obligated_by_fiscal_year), counted.cents);
    (folder, truth)
}

#[test]
fn the_truth_is_what_another_parser_counts() {
    let cases = [
        Options::new(Shape::Archive, Size::Records(500), 1),
        Options {
            bad: 11,
            types: RecordType::ALL.to_vec(),
            files: Some(9),
            ..Options::new(Shape::Archive, Size::Records(300), 2)
        },
        Options {
            bad: 7,
            ..Options::new(Shape::Atom, Size::Records(205), 3)
        },
        Options {
            files: Some(1),
            gzip: true,
            ..Options::new(Shape::Atom, Size::Records(120), 4)
        },
        Options {
            bad: 5,
            gzip: true,
            ..Options::new(Shape::Flat, Size::Records(1500), 5)
        },
        Options::new(Shape::Atom, Size::Records(0), 6),
    ];
    for options in cases {
        let (_folder, truth) = assert_truth_is_counted(&options);
        assert_eq!(truth.bad_records.len() as u64, options.bad, "{options:?}");
        let Size::Records(asked) = options.size else {
            unreachable!()
        };
        assert_eq!(truth.records + options.bad, asked, "{options:?}");
    }
}

#[test]
fn forty_fiscal_years_in_the_feed_and_one_in_an_archive_file() {
    let (_folder, truth) =
        assert_truth_is_counted(&Options::new(Shape::Atom, Size::Records(1000), 8));
    assert_eq!(truth.records_by_fiscal_year.len(), 40);
    assert_eq!(truth.files, 100);
    assert_eq!(truth.records_by_type.len(), 4);

    let options = Options {
        files: Some(6),
        ..Options::new(Shape::Archive, Size::Records(60), 8)
    };
    let (folder, truth) = generated(&options);
    for file in truth.records_by_file.keys() {
        let mut counted = Counted::default();
        count(&content(folder.path(), file), &mut counted);
        assert_eq!(counted.by_fiscal_year.len(), 1, "{file}");
        assert_eq!(counted.by_type.len(), 1, "{file}");
        assert!(
            file.starts_with(counted.by_fiscal_year.keys().next().unwrap()),
            "{file}"
        );
    }
}

#[test]
fn bad_records_stand_where_the_truth_says_and_are_bad() {
    for shape in [Shape::Archive, Shape::Atom, Shape::Flat] {
        let (folder, truth) = generated(&Options {
            bad: 10,
            ..Options::new(shape, Size::Records(80), 9)
        });
        let kinds: Vec<BadKind> = truth.bad_records.iter().map(|bad| bad.kind).collect();
        assert_eq!(kinds, [BadKind::ALL, BadKind::ALL].concat());
        for bad in &truth.bad_records {
            let xml = content(folder.path(), &bad.file);
            let record = &xml[bad.offset as usize..(bad.offset + bad.bytes) as usize];
            let prefix = if shape == Shape::Flat { "" } else { "ns1:" };
            assert!(
                record.starts_with(format!("<{prefix}{}", bad.row_tag).as_bytes()),
                "{bad:?}"
            );
            assert!(
                record.ends_with(format!("</{prefix}{}>", bad.row_tag).as_bytes()),
                "{bad:?}"
            );
            let line = xml[..bad.offset as usize]
                .iter()
                .filter(|&&b| b == b'\n')
                .count()
                + 1;
            assert_eq!(bad.line, line as u64, "{bad:?}");
            assert!(is_broken(record), "{bad:?}");
        }
    }
}

fn is_broken(record: &[u8]) -> bool {
    let Ok(record) = std::str::from_utf8(record) else {
        return true;
    };
    let mut reader = Reader::from_str(record);
    loop {
        match reader.read_event() {
            Err(_) => return true,
            Ok(Event::Eof) => return false,
            Ok(Event::GeneralRef(name)) if name.as_ref() == "nosuch" => return true,
            // The library lets a bare `<` in an attribute pass; the specification doesn't.
            Ok(Event::Start(start)) if start.as_ref().contains('<') => return true,
            Ok(_) => {}
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_other_ones() {
    let options = Options {
        bad: 3,
        ..Options::new(Shape::Atom, Size::Records(60), 10)
    };
    let (one, truth) = generated(&options);
    let (two, _) = generated(&options);
    let (other, _) = generated(&Options {
        seed: 11,
        ..options
    });
    for file in truth
        .records_by_file
        .keys()
        .map(String::as_str)
        .chain([TRUTH_FILE])
    {
        assert_eq!(
            content(one.path(), file),
            content(two.path(), file),
            "{file}"
        );
        assert_ne!(
            content(one.path(), file),
            content(other.path(), file),
            "{file}"
        );
    }
}

#[test]
fn bytes_are_met_within_five_in_a_hundred() {
    for shape in [Shape::Archive, Shape::Atom, Shape::Flat] {
        let (_folder, truth) = generated(&Options::new(shape, Size::Bytes(4_000_000), 12));
        assert!(
            (3_800_000..=4_200_000).contains(&truth.bytes),
            "{shape:?}: {}",
            truth.bytes
        );
    }
}

#[test]
fn records_have_the_size_of_the_real_ones() {
    for (shape, bytes) in [
        (Shape::Flat, 2_200..2_700),
        (Shape::Archive, 3_000..6_000),
        (Shape::Atom, 15_000..22_000),
    ] {
        let (_folder, truth) = generated(&Options::new(shape, Size::Records(500), 13));
        assert!(
            bytes.contains(&(truth.bytes / truth.records)),
            "{shape:?}: {}",
            truth.bytes / truth.records
        );
    }
}

#[test]
fn a_second_run_replaces_the_first_and_leaves_other_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.xml"), "<mine/>").unwrap();
    generate(
        &Options::new(Shape::Atom, Size::Records(30), 1),
        folder.path(),
    )
    .unwrap();
    let truth = generate(
        &Options::new(Shape::Flat, Size::Records(5), 1),
        folder.path(),
    )
    .unwrap();
    assert_eq!(truth.files, 1);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            files.push(entry.file_name().into_string().unwrap());
        }
    }
    files.sort();
    assert_eq!(files, ["awards.xml", "mine.xml", "truth.json"]);
    assert_eq!(
        std::fs::read_dir(folder.path().join("pages-0000"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        Options {
            bad: 11,
            ..Options::new(Shape::Flat, Size::Records(10), 1)
        },
        Options {
            types: vec![RecordType::Idv],
            ..Options::new(Shape::Flat, Size::Records(10), 1)
        },
        Options {
            files: Some(1),
            ..Options::new(Shape::Archive, Size::Records(10), 1)
        },
    ] {
        assert!(
            matches!(generate(&options, folder.path()), Err(Error::Options(_))),
            "{options:?}"
        );
    }
}

#[test]
fn some_feed_titles_end_in_three_brackets_and_names_hold_hard_letters() {
    let (folder, truth) = generated(&Options::new(Shape::Atom, Size::Records(300), 14));
    let mut all = String::new();
    for file in truth.records_by_file.keys() {
        all.push_str(std::str::from_utf8(&content(folder.path(), file)).unwrap());
    }
    for needle in ["]]]></title>", "&amp;", "&lt;", "É", "山田", ">-", ">0300<"] {
        assert!(all.contains(needle), "{needle}");
    }
}

#[test]
fn the_fpds_pipelines_sample_is_what_its_readme_says() {
    let sample = crate::crate_folder().join("../jobs/pipelines/fpds/sample");
    let mut bytes = 0;
    for (name, options) in [
        (
            "archive",
            Options {
                files: Some(4),
                ..Options::new(Shape::Archive, Size::Records(32), 2026)
            },
        ),
        (
            "atom",
            Options {
                files: Some(2),
                ..Options::new(Shape::Atom, Size::Records(8), 2026)
            },
        ),
    ] {
        let (folder, truth) = generated(&options);
        let files = truth
            .records_by_file
            .keys()
            .map(String::as_str)
            .chain([TRUTH_FILE]);
        for file in files {
            let kept = std::fs::read(sample.join(name).join(file)).unwrap();
            bytes += kept.len();
            assert!(
                kept == std::fs::read(folder.path().join(file)).unwrap(),
                "{name}/{file} differs: run the commands in jobs/pipelines/fpds/README.md"
            );
        }
    }
    assert!(bytes < 300_000, "{bytes}");
}
