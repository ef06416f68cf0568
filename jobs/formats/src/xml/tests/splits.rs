//! Splits: restarts where they are needed and only there, and records larger than a split.

use serde_json::json;

use super::run::{config, read_chain, read_split, read_whole};
use crate::xml::{Chain, Split, Start, SyncKind, verify_chain};

#[test]
fn splits_that_begin_in_a_record_agree_at_once() {
    let config = config(&["r"], "{a: int64}");
    let record = "<r>\n <a>12</a>\n <b x='1'/>\n</r>\n";
    let document = format!("<rs>{}</rs>", record.repeat(30));
    let (whole, _) = read_whole(&config, document.as_bytes());
    let cuts: Vec<usize> = (1..document.len()).step_by(11).collect();
    for cut in &cuts {
        let (parts, again) = read_chain(&config, document.as_bytes(), &[*cut], 64);
        assert_eq!((&parts, again), (&whole, 0), "cut at {cut}");
    }
    let (parts, again) = read_chain(&config, document.as_bytes(), &cuts, 64);
    assert_eq!((&parts, again), (&whole, 0));
}

#[test]
fn a_wrong_guess_is_noticed_and_read_again() {
    let config = config(&["r"], "{a: int64}");
    let hidden = "<r><a>0</a></r>".repeat(20);
    let document = format!(
        "<rs><r><a>1</a><b><![CDATA[{hidden}]]></b></r><!-- {hidden} --><r><a>2</a></r></rs>"
    );
    let (whole, _) = read_whole(&config, document.as_bytes());
    assert_eq!(whole.rows, [json!({"a": 1}), json!({"a": 2})]);
    let mut restarts = 0;
    for cut in 1..document.len() {
        let (parts, again) = read_chain(&config, document.as_bytes(), &[cut], 64);
        assert_eq!(parts, whole, "cut at {cut}");
        restarts += again;
    }
    assert!(restarts > 500, "{restarts}");
}

#[test]
fn many_splits_inside_one_record_or_one_comment() {
    let config = config(&["r"], "{a: text}");
    let long = "<x>1</x>".repeat(100);
    let document =
        format!("<rs><r><a>1</a>{long}</r><!--{long}--><r><a>2</a></r>{long}<r><a>3</a></r></rs>");
    let (whole, _) = read_whole(&config, document.as_bytes());
    assert_eq!(whole.rows.len(), 3);
    for step in [1, 2, 3, 10, 50, 64, 65, 100, 333, 1000] {
        let cuts: Vec<usize> = (step..document.len()).step_by(step).collect();
        let (parts, _) = read_chain(&config, document.as_bytes(), &cuts, 64);
        assert_eq!(parts, whole, "a cut every {step} bytes");
    }
}

#[test]
fn a_guess_that_leads_into_an_endless_comment_is_given_up() {
    let config = config(&["r"], "{a: text}");
    let filler = "x".repeat(2000);
    let document =
        format!("<rs><r><a>1</a><b><![CDATA[<!-- {filler}]]></b></r><r><a>2</a></r></rs>");
    let cut = document.find("<!--").unwrap();
    let split = Split {
        start: Start::Guess(cut as u64),
        end: u64::MAX,
    };
    let (outcome, report) = read_split(&config, document.as_bytes(), split, 64);
    assert_eq!(
        (report.first.kind, report.reached.kind),
        (SyncKind::Lost, SyncKind::Lost)
    );
    assert!(outcome.rows.is_empty());
    let (prev, prev_report) = read_split(
        &config,
        document.as_bytes(),
        Split {
            start: Start::File,
            end: cut as u64,
        },
        64,
    );
    assert_eq!(prev.rows.len(), 1);
    let second = document.rfind("<r>").unwrap() as u64;
    assert_eq!(
        verify_chain(&prev_report, &report),
        Chain::RestartAt(second)
    );
}

#[test]
fn line_feeds_add_up_over_splits() {
    let config = config(&["r"], "{a: text}");
    let document = "\n<rs>\n<r>\n<a>1</a></r>\n\n<r>\n\n<a>\n2</a></r>\n</rs>\n";
    let total = document.matches('\n').count() as u64;
    for cut in 1..document.len() as u64 {
        let first = Split {
            start: Start::File,
            end: cut,
        };
        let second = Split {
            start: Start::Guess(cut),
            end: u64::MAX,
        };
        let (_, first) = read_split(&config, document.as_bytes(), first, 3);
        let (_, second) = read_split(&config, document.as_bytes(), second, 3);
        assert_eq!(first.newlines + second.newlines, total, "cut at {cut}");
        let past = &document[cut as usize..(first.reached.offset as usize).max(cut as usize)];
        assert_eq!(
            first.newlines_past_end,
            past.matches('\n').count() as u64,
            "cut at {cut}"
        );
    }
}
