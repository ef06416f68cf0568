//! Drives readers as a caller would: buffer by buffer, split by split.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::csv::{CsvConfig, CsvHead, CsvHeadState, CsvOptions, CsvReader};
use crate::record::{
    BadRecord, Chain, FedState, Split, SplitReport, Start, SyncKind, verify_chain,
};
use crate::schema_file;

/// A row as text; NULL is nothing.
pub(super) type Row = Vec<Option<String>>;

/// What reading came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) bad: Vec<BadRecord>,
}

/// Options, changed.
pub(super) fn options(set: impl FnOnce(&mut CsvOptions)) -> CsvOptions {
    let mut options = CsvOptions::default();
    set(&mut options);
    options
}

/// A configuration: the lines below `fields:` of a schema file.
pub(super) fn config_with(fields: &str, options: CsvOptions) -> Arc<CsvConfig> {
    let schema = Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
    Arc::new(CsvConfig::new(options, schema.clone(), schema).unwrap())
}

/// The same with all defaults.
pub(super) fn config(fields: &str) -> Arc<CsvConfig> {
    config_with(fields, CsvOptions::default())
}

/// The head of a file.
pub(super) fn head(options: &CsvOptions, bytes: &[u8]) -> CsvHead {
    match CsvHead::look(bytes, true, options).unwrap() {
        CsvHeadState::Known(head) => head,
        CsvHeadState::NeedMore(_) => panic!("asks for more at the end of the file"),
    }
}

/// Rows as text.
pub(super) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let options = FormatOptions::default();
    let columns: Vec<ArrayRef> = batch.columns().iter().map(without_zone).collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|array| (array, ArrayFormatter::try_new(array, &options).unwrap()))
        .collect();
    let value = |row: usize| {
        let values = columns
            .iter()
            .map(|(array, shown)| array.is_valid(row).then(|| shown.value(row).to_string()));
        values.collect()
    };
    (0..batch.num_rows()).map(value).collect()
}

/// Without a time zone, whose name the formatter may not know.
fn without_zone(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Timestamp(_, Some(_)) => {
            let array = array.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(array.with_timezone_opt::<&str>(None))
        }
        _ => array.clone(),
    }
}

/// Reads one split with buffers of at first `chunk` bytes. One in mid-file is told the file's head.
pub(super) fn read_split(
    config: &Arc<CsvConfig>,
    bytes: &[u8],
    split: Split,
    chunk: usize,
) -> (Outcome, SplitReport) {
    let mut reader = CsvReader::new(config.clone(), split);
    if split.start != Start::File {
        reader.set_head(head(config.options(), bytes));
    }
    read_with(&mut reader, config, bytes, chunk)
}

/// Reads the split at whose start the reader stands.
pub(super) fn read_with(
    reader: &mut CsvReader,
    config: &CsvConfig,
    bytes: &[u8],
    chunk: usize,
) -> (Outcome, SplitReport) {
    let mut outcome = Outcome::default();
    let mut length = chunk;
    let start = reader.position() as usize;
    loop {
        let from = (reader.position() as usize).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        let fed = reader.feed(&bytes[from..to], to == bytes.len()).unwrap();
        assert_eq!(reader.position() as usize, from + fed.consumed);
        let ready = match fed.state {
            FedState::NeedInput { at_least } => {
                assert!(to < bytes.len(), "asks for more at the end of the file");
                let have = to - from - fed.consumed;
                assert!(at_least > have, "asks for no more than it has");
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
    let line_end = head(config.options(), bytes).line_end();
    check(&report, &outcome, bytes, start, line_end);
    (outcome, report)
}

/// Whether a report adds up, and counts lines right.
fn check(report: &SplitReport, outcome: &Outcome, bytes: &[u8], start: usize, line_end: u8) {
    let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == line_end).count() as u64;
    assert!(report.done);
    assert_eq!(
        report.read,
        report.emitted + report.quarantined + report.dropped + report.filtered
    );
    assert_eq!(report.quarantined as usize, outcome.bad.len());
    assert_eq!(report.emitted as usize, outcome.rows.len());
    let reached = report.reached.offset as usize;
    assert!(report.reached.kind != SyncKind::Lost);
    let end = (report.end as usize).min(bytes.len());
    let inside = bytes.get(start..end).unwrap_or_default();
    assert_eq!(report.newlines, newlines(inside));
    let beyond = bytes.get(end.max(start)..reached).unwrap_or_default();
    assert_eq!(report.newlines_past_end, newlines(beyond));
    for bad in &outcome.bad {
        let before = &bytes[start..(bad.offset as usize).max(start)];
        assert_eq!(bad.line_in_split, newlines(before));
    }
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Reads the whole file in one go.
pub(super) fn read_whole(config: &Arc<CsvConfig>, bytes: &[u8]) -> (Outcome, SplitReport) {
    read_split(config, bytes, Split::whole(), usize::MAX)
}

/// Reads the file in splits that end at `cuts`, and puts them together as a driver would. Lines are made those of the
/// file, counted from 0. Also says how many splits had to be read again.
pub(super) fn read_chain(
    config: &Arc<CsvConfig>,
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
            start: match start {
                0 => Start::File,
                _ => Start::Guess(start),
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
        let line_end = head(config.options(), bytes).line_end();
        let before = bytes[..from].iter().filter(|byte| **byte == line_end);
        let before = before.count() as u64;
        for bad in &mut outcome.bad {
            bad.line_in_split += before;
        }
        whole.rows.append(&mut outcome.rows);
        whole.bad.append(&mut outcome.bad);
        prev = Some(report);
        start = end;
    }
    let last = prev.unwrap().reached;
    assert_eq!(
        (last.kind, last.offset),
        (SyncKind::Eof, bytes.len() as u64)
    );
    (whole, again)
}

/// Reads in every way that must come to the same: with buffers of every size, and cut in two at every byte.
pub(super) fn read_every_way(
    config: &Arc<CsvConfig>,
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

/// How often a seeded test goes round: `HEADWORKS_TEST_ROUNDS=100` makes every such test a hundred times as long.
pub(super) fn rounds(usual: u64) -> u64 {
    let times = std::env::var("HEADWORKS_TEST_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    usual * times.unwrap_or(1)
}

/// A source of random numbers; `HEADWORKS_SEED` begins elsewhere.
pub(super) fn random() -> fastrand::Rng {
    let seed = std::env::var("HEADWORKS_SEED").ok();
    fastrand::Rng::with_seed(seed.and_then(|text| text.parse().ok()).unwrap_or(1))
}
