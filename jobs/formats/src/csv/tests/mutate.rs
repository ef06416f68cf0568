//! Seeded damage to good files: never a panic, the counts add up, and splits come to what one pass comes to.

use super::run::{config_with, head, options, random, read_chain, read_split, read_whole, rounds};
use crate::csv::CsvHead;
use crate::record::{OnBadRecord, OnBadValue, OnUnknown, Split};

/// Files in the usual run.
const FILES: u64 = 3000;

fn good_file(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut text = b"a,b,c\n".to_vec();
    for i in 0..random.usize(1..30) {
        let line = match random.u8(0..5) {
            0 => format!("{i},\"x, \"\"y\"\"\r\nz\",2024-01-02\r\n"),
            1 => format!("{i},,\n"),
            2 => format!("{i},\"\",\"2024-01-02\"\n"),
            3 => format!("\"{i}\",p q,\n\n"),
            _ => format!("{i},plain é,2024-12-31\n"),
        };
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn damage(random: &mut fastrand::Rng, text: &mut Vec<u8>) {
    const BYTES: &[u8] = b"\"\"\",,\n\n\r\\#x\0\xC3\xFF ";
    for _ in 0..random.usize(0..5) {
        let at = random.usize(..=text.len());
        let to = (at + random.usize(1..20)).min(text.len());
        match random.u8(0..5) {
            0 => text.insert(at, BYTES[random.usize(..BYTES.len())]),
            1 if at < text.len() => text[at] = BYTES[random.usize(..BYTES.len())],
            2 => drop(text.drain(at..to)),
            3 => {
                let copy = text[at..to].to_vec();
                let place = random.usize(..=text.len());
                text.splice(place..place, copy);
            }
            _ if random.u8(0..4) == 0 => text.truncate(at),
            _ => {}
        }
    }
}

#[test]
fn damaged_files_are_read_to_their_end() {
    let mut random = random();
    let mut some_bad = 0;
    for round in 0..rounds(FILES) {
        let mut text = good_file(&mut random);
        damage(&mut random, &mut text);
        let options = options(|o| {
            o.escape = [None, None, Some('\\')][round as usize % 3];
            o.limits.record_bytes_max = [1 << 20, 30][round as usize % 2];
            if random.u8(0..4) == 0 {
                o.on_bad_record = OnBadRecord::Drop;
            }
            if random.u8(0..4) == 0 {
                o.on_bad_value = OnBadValue::Null;
            }
            if random.bool() {
                o.null_values = vec!["p q".to_string()];
            }
        });
        if CsvHead::look(&text, true, &options).is_err() {
            continue;
        }
        let mut judged = options.clone();
        judged.on_unknown = OnUnknown::DiscardRow;
        let config = config_with("{a: int64, b: text, c: date}", options);
        // Both of them see to it that the counts add up.
        let (whole, report) = read_whole(&config, &text);
        some_bad += u64::from(report.quarantined + report.dropped > 0);
        let shown = String::from_utf8_lossy(&text).into_owned();
        // Records that a contract looks at become rows one by one. (It leaves out those with columns that the schema
        // lacks, which only a damaged header has.)
        let columns = head(config.options(), &text).columns().to_vec();
        if columns
            .iter()
            .all(|name| ["a", "b", "c"].contains(&name.as_str()))
        {
            let judged = config_with("{a: int64, b: text, c: date}", judged);
            assert_eq!(read_whole(&judged, &text).0, whole, "one by one: {shown:?}");
        }
        let chunk = random.usize(1..50);
        let (part, _) = read_split(&config, &text, Split::whole(), chunk);
        assert_eq!(part, whole, "buffers of {chunk}: {shown:?}");
        let step = random.usize(1..60);
        let cuts: Vec<usize> = (random.usize(1..=step)..text.len()).step_by(step).collect();
        let (parts, _) = read_chain(&config, &text, &cuts, chunk);
        assert_eq!(parts, whole, "cuts {cuts:?}, buffers of {chunk}: {shown:?}");
    }
    assert!(some_bad > rounds(FILES) / 3, "{some_bad}");
}

/// One damaged byte costs few records.
#[test]
fn a_quote_too_many_or_too_few_costs_little() {
    let mut random = random();
    let config = config_with("{a: int64, b: text, c: date}", options(|_| {}));
    for _ in 0..rounds(FILES / 3) {
        let mut text = good_file(&mut random);
        let (whole, _) = read_whole(&config, &text);
        let quotes: Vec<usize> = (6..text.len()).filter(|at| text[*at] == b'"').collect();
        if random.bool() && !quotes.is_empty() {
            text.remove(quotes[random.usize(..quotes.len())]);
        } else {
            text.insert(random.usize(6..text.len()), b'"');
        }
        let (damaged, _) = read_whole(&config, &text);
        let lost = whole
            .rows
            .iter()
            .filter(|row| !damaged.rows.contains(row))
            .count();
        assert!(lost <= 3, "{lost}: {:?}", String::from_utf8_lossy(&text));
    }
}
