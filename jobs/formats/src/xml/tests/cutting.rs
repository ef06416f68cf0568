//! Reads a file in splits and mends them as the driver does, and compares that with one pass.
//!
//! Every split but the first guesses its start, neighbours are compared, a split that began wrong is read again from
//! the true start, and after some of those the rest of the file is one split.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::slow::newlines;
use crate::xml::{
    BadRecord, Chain, Conflict, FedState, Head, HeadState, Limits, PathCount, ReadFailure, Split,
    SplitReport, Start, SyncKind, XmlConfig, XmlOptions, XmlReader, verify_chain,
};

/// What a file comes to.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) batches: Vec<RecordBatch>,
    /// Lines are those of the file, counted from 0.
    pub(super) bad: Vec<BadRecord>,
    /// Read, emitted, quarantined, dropped.
    pub(super) counts: [u64; 4],
    pub(super) bad_values: BTreeMap<String, PathCount>,
    pub(super) unknown: BTreeMap<String, PathCount>,
    pub(super) unknown_more: u64,
    pub(super) conflict: Option<Conflict>,
    /// Splits that were read again.
    pub(super) restarts: usize,
}

impl Total {
    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Panics if the other one, of a file read in splits, differs.
    pub(super) fn assert_same(&self, parts: &Total, shown: &dyn Fn() -> String) {
        assert_eq!(self.bad, parts.bad, "{}", shown());
        assert_eq!(self.counts, parts.counts, "{}", shown());
        assert_eq!(self.conflict, parts.conflict, "{}", shown());
        assert_eq!(self.rows(), parts.rows(), "{}", shown());
        let mut whole = self.batches.iter();
        let mut left = whole.next().cloned();
        for part in &parts.batches {
            let mut from = 0;
            while from < part.num_rows() {
                let here = left.take().unwrap();
                let rows = here.num_rows().min(part.num_rows() - from);
                assert_eq!(here.slice(0, rows), part.slice(from, rows), "{}", shown());
                from += rows;
                left = Some(here.slice(rows, here.num_rows() - rows));
                if rows == here.num_rows() {
                    left = whole.next().cloned();
                }
            }
        }
        assert_eq!(self.bad_values, parts.bad_values, "{}", shown());
        let unknown = |total: &Total| {
            total.unknown.values().map(|path| path.count).sum::<u64>() + total.unknown_more
        };
        assert_eq!(unknown(self), unknown(parts), "{}", shown());
        if self.unknown_more + parts.unknown_more == 0 {
            assert_eq!(self.unknown, parts.unknown, "{}", shown());
        }
    }

    fn add(&mut self, batches: Vec<RecordBatch>, bad: Vec<BadRecord>, report: &SplitReport) {
        self.batches.extend(batches);
        self.bad.extend(bad);
        let counts = [
            report.read,
            report.emitted,
            report.quarantined,
            report.dropped,
        ];
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
        merge(&mut self.bad_values, &report.bad_values);
        merge(&mut self.unknown, &report.unknown);
        self.unknown_more += report.unknown_more;
        self.conflict = self.conflict.take().or(report.conflict.clone());
    }
}

fn merge(into: &mut BTreeMap<String, PathCount>, from: &BTreeMap<String, PathCount>) {
    for (path, count) in from {
        let sum = into.entry(path.clone()).or_default();
        if sum.count == 0 {
            *sum = count.clone();
        } else {
            sum.count += count.count; // the earlier split has the first example
        }
    }
}

/// How a file is cut and fed.
#[derive(Debug, Clone)]
pub(super) struct Cutting {
    /// Where splits end, in rising order, each once.
    pub(super) cuts: Vec<usize>,
    /// The largest buffer, and the seed of the sizes below it; 0 for everything at once.
    pub(super) chunk_max: usize,
    pub(super) seed: u64,
    /// After so many splits were read again, the rest of the file is one split.
    pub(super) restarts_max: usize,
}

impl Cutting {
    pub(super) fn at(cuts: Vec<usize>) -> Self {
        Self {
            cuts,
            chunk_max: 0,
            seed: 0,
            restarts_max: usize::MAX,
        }
    }
}

/// Reads the file in one pass, all bytes at once.
///
/// # Errors
/// The reader's.
pub(super) fn one_pass(config: &Arc<XmlConfig>, bytes: &[u8]) -> Result<Total, ReadFailure> {
    in_splits(config, bytes, &Cutting::at(Vec::new()))
}

/// The head of a file.
///
/// # Errors
/// [`ReadFailure::Encoding`]
pub(super) fn head(options: &XmlOptions, bytes: &[u8]) -> Result<Head, ReadFailure> {
    match Head::look(bytes, true, options.encoding.as_deref())? {
        HeadState::Known(head) => Ok(head),
        HeadState::NeedMore(_) => panic!("asks for more at the end of the file"),
    }
}

/// Reads the file in splits.
///
/// # Errors
/// The reader's.
pub(super) fn in_splits(
    config: &Arc<XmlConfig>,
    bytes: &[u8],
    cutting: &Cutting,
) -> Result<Total, ReadFailure> {
    let mut total = Total::default();
    let mut random = fastrand::Rng::with_seed(cutting.seed);
    let mut chunk = || match cutting.chunk_max {
        0 => usize::MAX,
        most => random.usize(1..=most),
    };
    let head = head(config.options(), bytes)?;
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let mut prev: Option<SplitReport> = None;
    let mut start = 0;
    for end in cutting.cuts.iter().copied().chain([usize::MAX]) {
        let mut split = Split {
            start: match start {
                0 => Start::File,
                _ => Start::Guess(start),
            },
            end: if end == usize::MAX {
                u64::MAX
            } else {
                end as u64
            },
        };
        let (mut batches, mut bad, mut report) =
            one_split(&mut reader, &head, bytes, split, &mut chunk)?;
        if let Some(prev) = &prev
            && let Chain::RestartAt(at) = verify_chain(prev, &report)
        {
            total.restarts += 1;
            split.start = Start::Known(at);
            if total.restarts > cutting.restarts_max {
                split.end = u64::MAX;
            }
            (batches, bad, report) = one_split(&mut reader, &head, bytes, split, &mut chunk)?;
            assert_eq!(verify_chain(prev, &report), Chain::Verified);
        }
        total.add(batches, bad, &report);
        if split.end == u64::MAX {
            assert_eq!(
                (report.reached.kind, report.reached.offset),
                (SyncKind::Eof, bytes.len() as u64)
            );
            break;
        }
        prev = Some(report);
        start = split.end;
    }
    Ok(total)
}

type SplitResult = (Vec<RecordBatch>, Vec<BadRecord>, SplitReport);

fn one_split(
    reader: &mut XmlReader,
    head: &Head,
    bytes: &[u8],
    split: Split,
    chunk: &mut dyn FnMut() -> usize,
) -> Result<SplitResult, ReadFailure> {
    reader.next_split(split);
    if split.start != Start::File {
        reader.set_head(head.clone());
    }
    let (mut batches, mut bad) = (Vec::new(), Vec::new());
    let mut length = chunk();
    loop {
        let from = (reader.position() as usize).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        let eof = to == bytes.len();
        let fed = reader.feed(&bytes[from..to], eof)?;
        assert_eq!(reader.position() as usize, from + fed.consumed);
        length = chunk();
        match fed.state {
            FedState::NeedInput { at_least } => {
                assert!(!eof, "asks for more at the end of the file");
                let have = to - from - fed.consumed;
                assert!(at_least > have, "asks for no more than it has");
                // Nothing in a small document may ask for more than twice what was looked at.
                assert!(at_least <= (2 * have).max(4), "{at_least} after {have}");
                length = length.max(at_least);
            }
            state => {
                batches.extend(reader.take_batch()?);
                bad.extend(reader.take_bad());
                if state == FedState::Done {
                    break;
                }
            }
        }
    }
    let report = reader.report();
    assert!(report.done);
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(
        [report.read, rows as u64, bad.len() as u64],
        [
            report.emitted + report.quarantined + report.dropped,
            report.emitted,
            report.quarantined
        ]
    );
    let start = split.start.offset() as usize;
    let end = usize::try_from(split.end).unwrap_or(usize::MAX);
    if report.reached.kind != SyncKind::Lost {
        let reached = report.reached.offset as usize;
        let within = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        assert_eq!(report.newlines, newlines(within));
        let beyond = bytes.get(end.max(start)..reached).unwrap_or_default();
        assert_eq!(report.newlines_past_end, newlines(beyond));
    }
    let before = newlines(&bytes[..start.min(bytes.len())]);
    for bad in &mut bad {
        bad.line_in_split += before;
        assert_eq!(bad.line_in_split, newlines(&bytes[..bad.offset as usize]));
    }
    Ok((batches, bad, report))
}

/// Options for these tags whose limits are the `n`th of several sets; the first is the usual one.
pub(super) fn options(tags: &[&str], n: usize) -> XmlOptions {
    let mut options = XmlOptions::new(tags).unwrap();
    let usual = Limits::default();
    let sets = [
        usual.clone(),
        Limits {
            sync_bytes_max: 64,
            recovery_bytes_max: 4096,
            ..usual.clone()
        },
        Limits {
            sync_bytes_max: 16,
            recovery_bytes_max: 64,
            record_bytes_max: 128,
            raw_bytes_max: 8,
            depth_max: 4,
            unknown_paths_max: 2,
            batch_rows_max: 3,
            ..usual.clone()
        },
        Limits {
            sync_bytes_max: 1,
            recovery_bytes_max: 20,
            record_bytes_max: 40,
            raw_bytes_max: 100,
            depth_max: 2,
            unknown_paths_max: 0,
            batch_bytes_max: 10,
            ..usual.clone()
        },
        Limits {
            sync_bytes_max: 30,
            recovery_bytes_max: 128,
            record_bytes_max: 128,
            raw_bytes_max: 0,
            ..usual
        },
    ];
    options.limits = sets[n % sets.len()].clone();
    options
}

/// How many sets of limits there are.
pub(super) const LIMITS: usize = 5;
