//! The reader against the slow one, and against the crate `csv-core`, on seeded texts.

use std::sync::Arc;

use super::run::{
    Outcome, Row, config_with, options, random, read_chain, read_split, read_whole, rounds,
};
use super::slow::{Form, Record, Wrong, records};
use crate::csv::{CsvConfig, CsvOptions};
use crate::record::{BadReason, BadRecord, Split};

/// Texts of each kind in the usual run.
const TEXTS: u64 = 4000;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// What texts begin with whose lines end with carriage returns.
const RETURNS: &str = "#\r,\r";

/// Ways to write a file.
fn dialects() -> Vec<CsvOptions> {
    let usual = |set: fn(&mut CsvOptions)| options(set);
    vec![
        usual(|_| {}),
        usual(|o| o.escape = Some('\\')),
        usual(|o| o.ignore_surrounding_spaces = true),
        usual(|o| (o.delimiter, o.ignore_surrounding_spaces) = ('\t', true)),
        usual(|o| (o.delimiter, o.comment) = (';', Some('#'))),
        usual(|o| o.quote = None),
        usual(|o| (o.quote, o.escape) = (Some('\''), Some('\''))),
        usual(|o| o.limits.record_bytes_max = 12),
        usual(|o| (o.limits.record_bytes_max, o.limits.raw_bytes_max) = (5, 7)),
    ]
}

fn form(options: &CsvOptions, returns: bool) -> Form {
    let byte = |c: char| c as u8;
    Form {
        delimiter: byte(options.delimiter),
        quote: options.quote.map(byte),
        escape: options
            .escape
            .filter(|_| options.escape != options.quote)
            .map(byte),
        comment: options.comment.map(byte),
        trims: options.ignore_surrounding_spaces,
        returns,
        record_bytes_max: options.limits.record_bytes_max,
    }
}

/// A configuration for so many columns of text, without header.
fn columns(width: usize, mut options: CsvOptions) -> Arc<CsvConfig> {
    options.header = false;
    options.columns = NAMES[..width].iter().map(ToString::to_string).collect();
    let fields: Vec<String> = NAMES[..width]
        .iter()
        .map(|name| format!("{name}: text"))
        .collect();
    config_with(&format!("{{{}}}", fields.join(", ")), options)
}

/// A text of what matters to the reader.
fn text(random: &mut fastrand::Rng, options: &CsvOptions, returns: bool) -> Vec<u8> {
    let quote = options.quote.unwrap_or('"');
    let line_end = if returns { "\r" } else { "\n" };
    let mut pieces = vec![
        options.delimiter.to_string(),
        options.delimiter.to_string(),
        quote.to_string(),
        quote.to_string(),
        quote.to_string().repeat(2),
        line_end.to_string(),
        line_end.to_string(),
        "x".to_string(),
        "yz".to_string(),
        format!("{}{quote}", options.delimiter),
        format!("{quote}{}", options.delimiter),
        format!("{quote}{line_end}"),
        format!("{line_end}{quote}"),
        "é".to_string(),
        "\r\n".to_string(),
        " ".to_string(),
    ];
    if !returns {
        pieces.push("\r".to_string());
    }
    for extra in ["\\", "#", "\t", "\\\"", "0123456789"] {
        pieces.push(extra.to_string());
    }
    let common = random.usize(5..=pieces.len());
    let length = random.usize(0..40);
    let words = (0..length).map(|_| pieces[random.usize(..common)].as_str());
    let mut text = words.collect::<String>();
    // The first line end says which the file has.
    if returns {
        text.insert_str(0, RETURNS);
    } else if text.contains('\r') {
        text.insert_str(0, "#\n");
    }
    text.into_bytes()
}

/// What the slow reader makes of a text.
fn expected(records: &[Record]) -> (Vec<Row>, Vec<(usize, usize)>) {
    let mut rows = Vec::new();
    let mut bad = Vec::new();
    for record in records {
        match &record.values {
            Ok(values) => {
                let text = |value: &Vec<u8>| String::from_utf8(value.clone()).unwrap();
                rows.push(values.iter().map(|v| v.as_ref().map(text)).collect());
            }
            Err(_) => bad.push((record.offset, record.length)),
        }
    }
    (rows, bad)
}

fn same_reason(found: &BadReason, place: usize, wrong: Wrong) -> bool {
    match (found, wrong) {
        (BadReason::TooLarge { .. }, Wrong::Long) => true,
        (BadReason::Malformed { at, what }, Wrong::Stray) => {
            *at == place as u64 && what.starts_with("a closing quote is followed")
        }
        (BadReason::Malformed { at, what }, Wrong::Unclosed) => {
            *at == place as u64 && what.starts_with("the quote is not closed")
        }
        (BadReason::Malformed { what, .. }, Wrong::Width) => what.starts_with("the record has"),
        _ => false,
    }
}

fn compare(outcome: &Outcome, text: &[u8], expected_records: &[Record], shown: &str) {
    let (rows, bad) = expected(expected_records);
    assert_eq!(outcome.rows, rows, "{shown}");
    let place = |bad: &BadRecord| (bad.offset as usize, bad.raw_bytes as usize);
    assert_eq!(
        outcome.bad.iter().map(place).collect::<Vec<_>>(),
        bad,
        "{shown}"
    );
    let wrong = expected_records
        .iter()
        .filter_map(|r| r.values.as_ref().err());
    for (found, (place, wrong)) in outcome.bad.iter().zip(wrong) {
        assert!(
            same_reason(&found.reason, *place, *wrong),
            "{shown}: {} is {wrong:?} at {place}",
            found.reason
        );
        let raw = &text[found.offset as usize..(found.offset + found.raw_bytes) as usize];
        if raw.len() < 5 {
            let raw = String::from_utf8_lossy(raw).replace("\\x", "\\x5Cx");
            assert_eq!(found.raw, raw, "{shown}");
        }
    }
}

fn check(options: &CsvOptions, width: usize, text: &[u8], random: &mut fastrand::Rng) {
    let returns = text.starts_with(RETURNS.as_bytes());
    let config = columns(width, options.clone());
    let expected = records(text, 0, &form(options, returns), width);
    let shown = format!("{:?} {options:?}", String::from_utf8_lossy(text));
    let (whole, _) = read_whole(&config, text);
    compare(&whole, text, &expected, &shown);
    let chunk = random.usize(1..20);
    let (part, _) = read_split(&config, text, Split::whole(), chunk);
    assert_eq!(part, whole, "buffers of {chunk}: {shown}");
    for cut in 1..=text.len() {
        let (parts, _) = read_chain(&config, text, &[cut], usize::MAX);
        assert_eq!(parts, whole, "cut at {cut}: {shown}");
    }
    let step = random.usize(1..9);
    let cuts: Vec<usize> = (1..text.len()).step_by(step).collect();
    let (parts, _) = read_chain(&config, text, &cuts, chunk);
    assert_eq!(
        parts, whole,
        "cut every {step}, buffers of {chunk}: {shown}"
    );
}

#[test]
fn any_text_is_read_as_the_slow_reader_reads_it() {
    let mut random = random();
    let dialects = dialects();
    for round in 0..rounds(TEXTS) {
        let options = &dialects[(round % dialects.len() as u64) as usize];
        let returns = random.u8(0..6) == 0;
        let text = text(&mut random, options, returns);
        check(options, random.usize(1..=NAMES.len()), &text, &mut random);
    }
}

/// Records of any fields, written by a library, are read as the library reads them.
#[test]
fn what_a_library_writes_is_read_as_it_reads_it() {
    let mut random = random();
    for _ in 0..rounds(TEXTS / 4) {
        let width = random.usize(2..=NAMES.len());
        let mut text = Vec::new();
        for _ in 0..random.usize(0..6) {
            let values: Vec<Vec<u8>> = (0..width)
                .map(|_| {
                    let pieces: [&[u8]; 8] = [
                        b"\"",
                        b",",
                        b"\n",
                        b"\r\n",
                        b"ab",
                        b" ",
                        "é".as_bytes(),
                        b"1",
                    ];
                    let length = random.usize(0..6);
                    (0..length)
                        .flat_map(|_| pieces[random.usize(..pieces.len())].to_vec())
                        .collect()
                })
                .collect();
            write(&values, &mut text);
        }
        let config = columns(width, CsvOptions::default());
        let (whole, report) = read_whole(&config, &text);
        assert_eq!(whole.bad, []);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let rows: Vec<Vec<String>> = whole
            .rows
            .iter()
            .map(|row| row.iter().map(|v| v.clone().unwrap_or_default()).collect())
            .collect();
        assert_eq!(rows, read_with_library(&text), "{shown:?}");
        assert_eq!(report.emitted as usize, rows.len());
    }
}

fn write(values: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut writer = csv_core::Writer::new();
    let mut buffer = [0; 256];
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            let (_, n) = writer.delimiter(&mut buffer);
            out.extend_from_slice(&buffer[..n]);
        }
        let (_, _, n) = writer.field(value, &mut buffer);
        out.extend_from_slice(&buffer[..n]);
    }
    let (_, n) = writer.terminator(&mut buffer);
    out.extend_from_slice(&buffer[..n]);
}

fn read_with_library(text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut out, mut ends) = (vec![0; text.len() + 1], vec![0; 16]);
    let mut rows = Vec::new();
    let mut rest = text;
    loop {
        let (mut written, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                reader.read_record(rest, &mut out[written..], &mut ends[fields..]);
            rest = &rest[read..];
            written += wrote;
            fields += ended;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::Record => break,
                csv_core::ReadRecordResult::End => return rows,
                other => panic!("{other:?}"),
            }
        }
        let mut from = 0;
        let row = ends[..fields].iter().map(|end| {
            let text = String::from_utf8(out[from..*end].to_vec()).unwrap();
            from = *end;
            text
        });
        rows.push(row.collect());
    }
}
