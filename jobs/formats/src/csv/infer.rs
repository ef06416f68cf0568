//! [`CsvInferrer`]: the types of a file's columns, learned from its records.

use std::sync::Arc;

use arrow::datatypes::Field;

use super::head::CsvHead;
use super::names::Names;
use super::options::CsvOptions;
use super::scanner::{Buffer, Scanner, Step};
use crate::infer::learner::PATHS_MAX;
use crate::infer::rules::Classes;
use crate::infer::sample::is_sampled;
use crate::infer::{InferOptions, SampleRatio, TypeNode, TypeTree};
use crate::record::nodes::{NodeId, Nodes, ROOT};
use crate::record::tape::Op;
use crate::record::{Fed, FedState, OnBadRecord, ReadFailure, Split, SplitReport};
use crate::values::{Cleaner, Forms};

/// Learns the types of the columns from one split's records. It is fed as [`CsvReader`](super::CsvReader) is.
#[derive(Debug)]
pub struct CsvInferrer {
    scanner: Scanner,
    names: Names,
    /// By [`NodeId`].
    stats: Vec<Stats>,
    records: u64,
    sample: SampleRatio,
    cleaner: Cleaner,
    /// How dates and timestamps are written, if not in the default way.
    forms: Option<Forms>,
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Stats {
    seen: u64,
    text: Classes,
}

impl From<&CsvOptions> for InferOptions {
    fn from(options: &CsvOptions) -> Self {
        let own = options.own_columns().into_iter();
        Self {
            own_columns: own
                .map(|own| (own.option, Field::new(own.name, own.data_type, true)))
                .collect(),
            ..Self::default()
        }
    }
}

impl CsvInferrer {
    /// An inferrer that stands at the split's start. What the options say of bad records and values is not used: a bad
    /// record is counted as quarantined and left out.
    pub fn new(options: Arc<CsvOptions>, split: Split) -> Self {
        let mut options = options.as_ref().clone();
        options.on_bad_record = OnBadRecord::Quarantine;
        options.limits.raw_bytes_max = 0;
        let record = options.record_options();
        Self {
            scanner: Scanner::new(&options, split),
            names: Names::learning(PATHS_MAX),
            stats: Vec::new(),
            records: 0,
            sample: options.sample_ratio,
            cleaner: record.cleaner(),
            forms: Some(record.forms).filter(Forms::are_given),
            scratch: Vec::new(),
        }
    }

    /// Says how the file begins, as [`CsvReader::set_head`](super::CsvReader::set_head) does.
    pub fn set_head(&mut self, head: CsvHead) {
        self.scanner.set_head(head);
    }

    /// Goes on with another whole file, whose head is not known, and learns on: for packs of small files. Counts begin
    /// anew. Not for splits that begin with a guess, whose tree may have to be thrown away.
    pub fn next_file(&mut self) {
        self.scanner.restart(Split::whole());
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads as much of the buffer as it can, as [`CsvReader::feed`](super::CsvReader::feed); it never answers
    /// [`FedState::BatchReady`].
    ///
    /// # Errors
    /// [`ReadFailure`]
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        let base = self.scanner.position();
        let buffer = Buffer {
            bytes: buf,
            base,
            eof,
        };
        let state = loop {
            match self.scanner.next(&mut self.names, buffer)? {
                Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
                Step::Done => break FedState::Done,
                Step::Bad(_) | Step::Kept { .. } => {}
                Step::Record { at, start, end } => {
                    self.scanner.report.emitted += 1;
                    let record = buf.get(start..end).unwrap_or_default();
                    let sample = self.sample;
                    if sample == SampleRatio::ALL || is_sampled(at.offset, record, sample) {
                        self.learn(record)?;
                    }
                }
            }
        };
        let position = self.scanner.position();
        self.scanner.count_lines(buffer, position);
        Ok(Fed {
            consumed: (position - base) as usize,
            state,
        })
    }

    /// Takes in the record at hand.
    fn learn(&mut self, record: &[u8]) -> Result<(), ReadFailure> {
        self.records += 1;
        self.stats.resize(self.names.len(), Stats::default());
        let tape = &self.scanner.tape;
        for entry in &tape.entries {
            let Some(stats) = self.stats.get_mut(entry.node as usize) else {
                return Err(ReadFailure::TooManyPaths {
                    paths_max: PATHS_MAX,
                });
            };
            stats.seen += 1;
            let text = match entry.op {
                Op::Value => tape.text(entry, record, &mut self.scratch),
                _ => &[],
            };
            match (self.cleaner.clean(text), &self.forms) {
                (None, _) => stats.text.empty = true,
                (Some(text), None) => stats.text.add(text),
                (Some(text), Some(forms)) => stats.text.add_by(text, forms),
            }
        }
        Ok(())
    }

    /// The counts so far, for [`verify_chain`](crate::verify_chain): good records, sampled or not, are those emitted.
    pub fn report(&self) -> SplitReport {
        self.scanner.report.clone()
    }

    /// What was learned.
    pub fn finish(self) -> TypeTree {
        let mut root = TypeNode {
            seen: self.records,
            ..TypeNode::default()
        };
        for (id, stats) in self.stats.into_iter().enumerate() {
            // A name of a file without records is known, too.
            if stats.seen == 0 || id == ROOT as usize {
                continue;
            }
            let name = String::from_utf8_lossy(self.names.name(id as NodeId)).into_owned();
            let node = TypeNode {
                seen: stats.seen,
                text: stats.text,
                ..TypeNode::default()
            };
            root.elements.insert(name, node);
        }
        TypeTree {
            records: self.records,
            root,
        }
    }
}
