//! Drives readers as a caller would: buffer by buffer, split by split.

use std::sync::Arc;

use serde_json::Value;

use super::rows::rows;
use super::slow::newlines;
use crate::schema_file;
use crate::xml::{
    BadRecord, Chain, Conflict, FedState, Head, HeadState, ReadFailure, Split, SplitReport, Start,
    XmlConfig, XmlOptions, XmlReader, verify_chain,
};

/// How often a seeded test goes round: `HEADWORKS_TEST_ROUNDS=100` makes every such test a hundred times as long.
pub(super) fn rounds(usual: u64) -> u64 {
    let times = std::env::var("HEADWORKS_TEST_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    usual * times.unwrap_or(1)
}

/// What reading came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Value>,
    pub(super) bad: Vec<BadRecord>,
    pub(super) conflict: Option<Conflict>,
}

/// A configuration: row tags, and the lines below `fields:` of a schema file.
pub(super) fn config(row_tags: &[&str], fields: &str) -> Arc<XmlConfig> {
    config_with(row_tags, fields, |_| {})
}

/// The same with other options.
pub(super) fn config_with(
    row_tags: &[&str],
    fields: &str,
    set: impl FnOnce(&mut XmlOptions),
) -> Arc<XmlConfig> {
    let schema = Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
    let mut options = XmlOptions::new(row_tags).unwrap();
    options.limits.sync_bytes_max = 64;
    options.limits.recovery_bytes_max = 4096;
    set(&mut options);
    Arc::new(XmlConfig::new(options, schema.clone(), schema).unwrap())
}

/// The head of a file.
pub(super) fn head(config: &Arc<XmlConfig>, bytes: &[u8]) -> Result<Head, ReadFailure> {
    match Head::look(bytes, true, config.options().encoding.as_deref())? {
        HeadState::Known(head) => Ok(head),
        HeadState::NeedMore(_) => panic!("asks for more at the end of the file"),
    }
}

/// Reads one split with buffers of at first `chunk` bytes. One in mid-file is told the file's head.
pub(super) fn read_split(
    config: &Arc<XmlConfig>,
    bytes: &[u8],
    split: Split,
    chunk: usize,
) -> (Outcome, SplitReport) {
    let mut reader = XmlReader::new(config.clone(), split);
    if split.start != Start::File {
        reader.set_head(head(config, bytes).unwrap());
    }
    read_with(reader, bytes, chunk)
}

/// Reads the split at whose start the reader stands.
pub(super) fn read_with(
    mut reader: XmlReader,
    bytes: &[u8],
    chunk: usize,
) -> (Outcome, SplitReport) {
    let mut outcome = Outcome::default();
    let mut length = chunk;
    loop {
        let from = (reader.position() as usize).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        let fed = reader.feed(&bytes[from..to], to == bytes.len()).unwrap();
        assert_eq!(reader.position() as usize, from + fed.consumed);
        let ready = match fed.state {
            FedState::NeedInput { at_least } => {
                assert!(to < bytes.len(), "asks for more at the end of the file");
                assert!(
                    at_least > to - from - fed.consumed,
                    "asks for no more than it has"
                );
                length = at_least.max(chunk);
                continue;
            }
            state => state,
        };
        if let Some(batch) = reader.take_batch().unwrap() {
            outcome.rows.extend(rows(&batch));
        }
        outcome.bad.extend(reader.take_bad());
        if ready == FedState::Done {
            break;
        }
    }
    let report = reader.report();
    assert!(report.done);
    assert_eq!(
        report.read,
        report.emitted + report.quarantined + report.dropped + report.filtered
    );
    assert_eq!(report.emitted as usize, outcome.rows.len());
    assert_eq!(report.quarantined as usize, outcome.bad.len());
    outcome.conflict.clone_from(&report.conflict);
    (outcome, report)
}

/// Reads the whole file in one go.
pub(super) fn read_whole(config: &Arc<XmlConfig>, bytes: &[u8]) -> (Outcome, SplitReport) {
    read_split(config, bytes, Split::whole(), usize::MAX)
}

/// Reads the file in splits that end at `cuts`, and puts them together as a driver would. Lines are made those of the
/// file, counted from 0. Also says how many splits had to be read again.
pub(super) fn read_chain(
    config: &Arc<XmlConfig>,
    bytes: &[u8],
    cuts: &[usize],
    chunk: usize,
) -> (Outcome, usize) {
    let mut whole = Outcome::default();
    let mut again = 0;
    let mut prev: Option<SplitReport> = None;
    let ends = cuts.iter().map(|cut| *cut as u64).chain([u64::MAX]);
    let mut start = 0;
    for end in ends {
        let mut split = Split {
            start: if start == 0 {
                Start::File
            } else {
                Start::Guess(start)
            },
            end,
        };
        let (mut outcome, mut report) = read_split(config, bytes, split, chunk);
        if let Some(prev) = &prev
            && let Chain::RestartAt(at) = verify_chain(prev, &report)
        {
            again += 1;
            split.start = Start::Known(at);
            (outcome, report) = read_split(config, bytes, split, chunk);
            assert_eq!(verify_chain(prev, &report), Chain::Verified);
        }
        let from = (split.start.offset() as usize).min(bytes.len());
        for bad in &mut outcome.bad {
            bad.line_in_split += newlines(&bytes[..from]);
        }
        whole.rows.append(&mut outcome.rows);
        whole.bad.append(&mut outcome.bad);
        whole.conflict = whole.conflict.or(outcome.conflict);
        prev = Some(report);
        start = end;
    }
    (whole, again)
}

/// Reads in every way that must come to the same: with buffers of every size, and cut in two at every byte.
pub(super) fn read_every_way(
    config: &Arc<XmlConfig>,
    bytes: &[u8],
    name: &str,
) -> (Outcome, SplitReport) {
    let (whole, report) = read_whole(config, bytes);
    for chunk in 1..=bytes.len().min(40) {
        let (part, _) = read_split(config, bytes, Split::whole(), chunk);
        assert_eq!(part, whole, "{name}: buffers of {chunk} bytes");
    }
    for cut in 1..=bytes.len() {
        let (parts, _) = read_chain(config, bytes, &[cut], usize::MAX);
        assert_eq!(parts, whole, "{name}: cut at byte {cut}");
    }
    let every: Vec<usize> = (1..bytes.len()).step_by(7).collect();
    let (parts, _) = read_chain(config, bytes, &every, 16);
    assert_eq!(parts, whole, "{name}: cut at every seventh byte");
    (whole, report)
}
