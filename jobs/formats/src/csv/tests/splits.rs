//! Splits: restarts where they are needed, and only there.

use super::run::{config, newlines, read_chain, read_split, read_whole};
use crate::record::{Split, Start, SyncKind};

/// Records of which some have texts of several lines between quotes.
fn reviews(records: usize) -> String {
    let mut random = fastrand::Rng::with_seed(3);
    let mut text = "\"id\",\"score\",\"comment\"\n".to_string();
    let words = [
        "good",
        "bad, but",
        "\"\"so-so\"\"",
        "a\r\n",
        "b\r\n\r\n",
        "1,2,\"\"3",
        "c.\n",
    ];
    for id in 0..records {
        let length = random.usize(0..20);
        let comment: Vec<&str> = (0..length)
            .map(|_| words[random.usize(..words.len())])
            .collect();
        match length {
            0 => text.push_str(&format!("\"{id:032x}\",{},\n", id % 5)),
            _ => text.push_str(&format!(
                "\"{id:032x}\",{},\"{}\"\n",
                id % 5,
                comment.join(" ")
            )),
        }
    }
    text
}

#[test]
fn guesses_between_quotes_are_mostly_right() {
    let config = config("{id: text, score: int64, comment: text}");
    let text = reviews(400);
    let (whole, report) = read_whole(&config, text.as_bytes());
    assert_eq!((report.emitted, report.quarantined), (400, 0));
    let mut restarts = 0;
    let mut tried = 0;
    for cut in (1..text.len()).step_by(13) {
        let (parts, again) = read_chain(&config, text.as_bytes(), &[cut], usize::MAX);
        assert_eq!(parts, whole, "cut at {cut}");
        restarts += again;
        tried += 1;
    }
    assert!(
        restarts * 50 < tried,
        "{restarts} of {tried} guesses were wrong"
    );
}

#[test]
fn splits_of_plain_files_agree_at_once() {
    let config = config("{a: int64, b: text}");
    let text = format!("a,b\n{}", "1,\"x\"\n\n22,\n,yy\r\n".repeat(30));
    let (whole, _) = read_whole(&config, text.as_bytes());
    for cut in 1..text.len() {
        let (parts, again) = read_chain(&config, text.as_bytes(), &[cut], 8);
        assert_eq!((&parts, again), (&whole, 0), "cut at {cut}");
    }
    for step in [1, 2, 5, 17, 100] {
        let cuts: Vec<usize> = (step..text.len()).step_by(step).collect();
        let (parts, again) = read_chain(&config, text.as_bytes(), &cuts, 8);
        assert_eq!((&parts, again), (&whole, 0), "a cut every {step} bytes");
    }
}

#[test]
fn a_wrong_guess_is_noticed_and_read_again() {
    // A text that holds what looks like records, longer than what is looked at.
    let config = config("{a: text, b: text}");
    let hidden = "p,q\n".repeat(20_000);
    let text = format!("a,b\n1,\"{hidden}\"\n2,3\n");
    let (whole, _) = read_whole(&config, text.as_bytes());
    assert_eq!(whole.rows.len(), 2);
    let cuts = [9, 1000, 9000, 70_000];
    let (parts, again) = read_chain(&config, text.as_bytes(), &cuts, 1 << 16);
    assert_eq!(parts, whole);
    assert!(again >= 1, "no guess was wrong");
}

#[test]
fn many_splits_inside_one_record() {
    let config = config("{a: text, b: text}");
    let long = "x, \n".repeat(300);
    let text = format!("a,b\n1,\"{long}\"\n2,\"{long}\"\n3,4");
    let (whole, _) = read_whole(&config, text.as_bytes());
    assert_eq!(whole.rows.len(), 3);
    for step in [7, 50, 333, 1000] {
        let cuts: Vec<usize> = (step..text.len()).step_by(step).collect();
        let (parts, _) = read_chain(&config, text.as_bytes(), &cuts, 64);
        assert_eq!(parts, whole, "a cut every {step} bytes");
    }
}

#[test]
fn a_split_has_the_records_whose_line_begins_after_its_start() {
    let config = config("{a: text}");
    let text = "a\n1\n2\n3\n";
    let read = |start, end| {
        let split = Split { start, end };
        let (outcome, report) = read_split(&config, text.as_bytes(), split, usize::MAX);
        let rows: Vec<String> = outcome.rows.iter().flatten().flatten().cloned().collect();
        (rows.join(" "), report.first.offset, report.reached)
    };
    let (rows, first, reached) = read(Start::File, 4);
    assert_eq!((rows.as_str(), first, reached.offset), ("1 2", 0, 6));
    let (rows, first, reached) = read(Start::Guess(4), 6);
    assert_eq!((rows.as_str(), first, reached.offset), ("3", 6, 8));
    let (rows, first, reached) = read(Start::Guess(6), 8);
    assert_eq!((rows.as_str(), first), ("", 8));
    assert_eq!((reached.offset, reached.kind), (8, SyncKind::Eof));
    // In the header there is no record.
    let (rows, first, reached) = read(Start::Guess(1), 2);
    assert_eq!((rows.as_str(), first, reached.offset), ("1", 2, 4));
}

#[test]
fn line_feeds_add_up_over_splits() {
    let config = config("{a: text, b: text}");
    let text = "\n\"a\",b\n1,2\n\n\"\n\n\",3\n4\n5,\"\n\n";
    for cut in 1..text.len() as u64 {
        let first = Split {
            start: Start::File,
            end: cut,
        };
        let second = Split {
            start: Start::Guess(cut),
            end: u64::MAX,
        };
        let (_, first) = read_split(&config, text.as_bytes(), first, 3);
        let (_, second) = read_split(&config, text.as_bytes(), second, 3);
        let total = newlines(text.as_bytes());
        assert_eq!(first.newlines + second.newlines, total, "cut at {cut}");
    }
}
