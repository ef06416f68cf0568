//! Drives readers as a caller would: buffer by buffer, split by split.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::rows::rows;
use crate::json::{JsonConfig, JsonHead, JsonInferrer, JsonOptions, JsonReader};
use crate::record::HeadState;
use crate::schema_file;
use crate::{
    BadRecord, Chain, FedState, InferOptions, ReadFailure, Split, SplitReport, Start, TypeTree,
    verify_chain,
};

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Value>,
    /// Lines are those of the file, counted from 0.
    pub(super) bad: Vec<BadRecord>,
    /// Read, emitted, quarantined, dropped, filtered.
    pub(super) counts: [u64; 5],
    pub(super) bad_values: BTreeMap<String, u64>,
    pub(super) unknown: BTreeMap<String, u64>,
    pub(super) unknown_more: u64,
    /// Line feeds.
    pub(super) newlines: u64,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.bad.extend(other.bad);
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        for (into, from) in [
            (&mut self.bad_values, other.bad_values),
            (&mut self.unknown, other.unknown),
        ] {
            for (path, count) in from {
                *into.entry(path).or_default() += count;
            }
        }
        self.unknown_more += other.unknown_more;
        self.newlines += other.newlines;
    }
}

/// Options with every default but what is set.
pub(super) fn options(set: impl FnOnce(&mut JsonOptions)) -> JsonOptions {
    let mut options = JsonOptions::default();
    set(&mut options);
    options
}

/// A configuration: the lines below `fields:` of a schema file, in one.
pub(super) fn config(fields: &str) -> Arc<JsonConfig> {
    config_with(fields, |_| {})
}

/// The same with other options.
pub(super) fn config_with(fields: &str, set: impl FnOnce(&mut JsonOptions)) -> Arc<JsonConfig> {
    let schema = Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
    Arc::new(JsonConfig::new(options(set), schema.clone(), schema).unwrap())
}

/// The head of a file.
///
/// # Errors
/// [`ReadFailure::Encoding`]
pub(super) fn head(options: &JsonOptions, bytes: &[u8]) -> Result<JsonHead, ReadFailure> {
    match JsonHead::look(bytes, true, options)? {
        HeadState::Known(head) => Ok(head),
        HeadState::NeedMore(_) => panic!("asks for more at the end of the file"),
    }
}

/// Reads one split with buffers of at first `chunk` bytes. One in mid-file is told the file's head.
///
/// # Errors
/// The reader's.
pub(super) fn read_split(
    config: &Arc<JsonConfig>,
    bytes: &[u8],
    split: Split,
    chunk: usize,
) -> Result<(Outcome, SplitReport), ReadFailure> {
    let mut reader = JsonReader::new(config.clone(), split);
    if split.start != Start::File {
        reader.set_head(head(config.options(), bytes)?);
    }
    read_with(&mut reader, bytes, chunk)
}

/// Reads the split at whose start the reader stands.
///
/// # Errors
/// The reader's.
pub(super) fn read_with(
    reader: &mut JsonReader,
    bytes: &[u8],
    chunk: usize,
) -> Result<(Outcome, SplitReport), ReadFailure> {
    let mut outcome = Outcome::default();
    let mut length = chunk;
    loop {
        let from = (reader.position() as usize).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        let fed = reader.feed(&bytes[from..to], to == bytes.len())?;
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
        if let Some(batch) = reader.take_batch()? {
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
    outcome.counts = [
        report.read,
        report.emitted,
        report.quarantined,
        report.dropped,
        report.filtered,
    ];
    let counts = |counts: &BTreeMap<String, crate::record::PathCount>| {
        let each = counts.iter();
        each.map(|(path, count)| (path.clone(), count.count))
            .collect()
    };
    outcome.bad_values = counts(&report.bad_values);
    outcome.unknown = counts(&report.unknown);
    outcome.unknown_more = report.unknown_more;
    outcome.newlines = report.newlines;
    Ok((outcome, report))
}

/// Reads the whole file in one go.
pub(super) fn read(config: &Arc<JsonConfig>, bytes: &[u8]) -> Outcome {
    let whole = read_split(config, bytes, Split::whole(), usize::MAX);
    whole.unwrap().0
}

/// The splits of a file that is cut there.
pub(super) fn splits(cuts: &[usize]) -> Vec<Split> {
    let mut splits = Vec::new();
    let mut start = Start::File;
    for cut in cuts {
        let end = *cut as u64;
        splits.push(Split { start, end });
        start = Start::Guess(end);
    }
    let end = u64::MAX;
    splits.push(Split { start, end });
    splits
}

/// Reads a file in splits, each of which must begin where the one before it ended: at once in a file of lines, by the
/// second try in an array.
///
/// # Errors
/// The reader's.
pub(super) fn read_chain(
    config: &Arc<JsonConfig>,
    bytes: &[u8],
    cuts: &[usize],
    chunk: usize,
) -> Result<Outcome, ReadFailure> {
    let mut whole = Outcome::default();
    let mut prev: Option<SplitReport> = None;
    let guesses = head(config.options(), bytes)?.guesses();
    for mut split in splits(cuts) {
        let (mut outcome, mut report) = read_split(config, bytes, split, chunk)?;
        if let Some(prev) = &prev
            && let Chain::RestartAt(at) = verify_chain(prev, &report)
        {
            assert!(guesses, "{split:?}");
            let from = split.start.offset();
            split.start = Start::Known(at);
            (outcome, report) = read_split(config, bytes, split, chunk)?;
            // Those up to there are counted by the split before.
            let passed = from as usize..at.min(split.end).max(from) as usize;
            outcome.newlines += newlines(bytes.get(passed).unwrap_or_default());
        }
        if let Some(prev) = &prev {
            assert_eq!(verify_chain(prev, &report), Chain::Verified, "{split:?}");
            // Told where it begins, it reads the same.
            let start = Start::Known(prev.reached.offset);
            let (known, again) = read_split(config, bytes, Split { start, ..split }, chunk)?;
            assert_eq!(known.rows, outcome.rows, "{split:?}");
            assert_eq!(again.reached, report.reached, "{split:?}");
        }
        let from = (split.start.offset() as usize).min(bytes.len());
        for bad in &mut outcome.bad {
            bad.line_in_split += newlines(&bytes[..from]);
        }
        whole.add(outcome);
        prev = Some(report);
    }
    Ok(whole)
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Reads in every way that must come to the same: with buffers of every size, and cut in two at every byte if the file
/// can be.
pub(super) fn read_every_way(config: &Arc<JsonConfig>, bytes: &[u8], name: &str) -> Outcome {
    let whole = read(config, bytes);
    assert_eq!(whole.newlines, newlines(bytes), "{name}");
    for chunk in 1..=bytes.len().min(40) {
        let (part, _) = read_split(config, bytes, Split::whole(), chunk).unwrap();
        assert_eq!(part, whole, "{name}: buffers of {chunk} bytes");
    }
    if head(config.options(), bytes).unwrap().can_be_split() {
        for cut in 1..=bytes.len() {
            let parts = read_chain(config, bytes, &[cut], usize::MAX).unwrap();
            assert_eq!(parts, whole, "{name}: cut at byte {cut}");
        }
        for step in [1, 7] {
            let every: Vec<usize> = (1..bytes.len()).step_by(step).collect();
            let parts = read_chain(config, bytes, &every, 16).unwrap();
            assert_eq!(parts, whole, "{name}: cut at every {step} bytes");
        }
    }
    whole
}

/// Learns from one split, in buffers of at first `chunk` bytes.
pub(super) fn learn(
    options: &JsonOptions,
    bytes: &[u8],
    split: Split,
    chunk: usize,
) -> Result<(TypeTree, SplitReport), ReadFailure> {
    let mut inferrer = JsonInferrer::new(Arc::new(options.clone()), split);
    if split.start != Start::File {
        inferrer.set_head(head(options, bytes)?);
    }
    let mut length = chunk;
    loop {
        let from = (inferrer.position() as usize).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        match inferrer.feed(&bytes[from..to], to == bytes.len())?.state {
            FedState::NeedInput { at_least } => length = at_least.max(chunk),
            FedState::Done => break,
            FedState::BatchReady => panic!("no batches here"),
        }
    }
    let report = inferrer.report();
    Ok((inferrer.finish(), report))
}

/// Learns from a file in splits, each of which begins where the one before it ended.
pub(super) fn learn_chain(options: &JsonOptions, bytes: &[u8], cuts: &[usize]) -> TypeTree {
    let mut sum = TypeTree::default();
    let mut prev: Option<SplitReport> = None;
    for mut split in splits(cuts) {
        let (mut tree, mut report) = learn(options, bytes, split, usize::MAX).unwrap();
        if let Some(prev) = &prev
            && let Chain::RestartAt(at) = verify_chain(prev, &report)
        {
            split.start = Start::Known(at);
            (tree, report) = learn(options, bytes, split, usize::MAX).unwrap();
        }
        sum.merge(&tree);
        prev = Some(report);
    }
    sum
}

/// The tree of a whole file.
pub(super) fn tree(options: &JsonOptions, bytes: &[u8]) -> TypeTree {
    learn(options, bytes, Split::whole(), usize::MAX).unwrap().0
}

/// The configuration that reads a file by the schema inferred from it.
pub(super) fn inferred(options: &JsonOptions, bytes: &[u8]) -> Option<Arc<JsonConfig>> {
    let tree = tree(options, bytes);
    let schema = Arc::new(tree.to_schema(&InferOptions::from(options)).ok()?);
    Some(Arc::new(
        JsonConfig::new(options.clone(), schema.clone(), schema).unwrap(),
    ))
}
