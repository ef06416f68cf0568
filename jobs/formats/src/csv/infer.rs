//! [`CsvInferrer`]: the types of a file's columns, learned from its records.

use std::sync::Arc;

use arrow::datatypes::Field;

use super::head::CsvHead;
use super::lines::Buffer;
use super::names::Names;
use super::options::CsvOptions;
use super::scanner::{Scanner, Step};
use crate::infer::learner::{Learner, PATHS_MAX};
use crate::infer::{InferOptions, TypeTree};
use crate::record::nodes::{NodeId, Nodes, ROOT};
use crate::record::{Fed, FedState, OnBadRecord, ReadFailure, Split, SplitReport};

/// Learns the types of the columns from one split's records. It is fed as [`CsvReader`](super::CsvReader) is.
#[derive(Debug)]
pub struct CsvInferrer {
    scanner: Scanner,
    names: Names,
    learner: Learner,
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
        let mut scanner = Scanner::new(&options, split);
        scanner.plan.enters_records = true;
        Self {
            scanner,
            names: Names::learning(PATHS_MAX),
            learner: Learner::new(&options.record_options(), options.sample_ratio),
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
                    let (names, tape) = (self.names.len(), &self.scanner.plan.tape);
                    self.learner.learn(names, tape, record, at.offset)?;
                }
            }
        };
        self.scanner.count_lines(buffer);
        Ok(Fed {
            consumed: (self.scanner.position() - base) as usize,
            state,
        })
    }

    /// The counts so far, for [`verify_chain`](crate::verify_chain): good records, sampled or not, are those emitted.
    pub fn report(&self) -> SplitReport {
        self.scanner.report.clone()
    }

    /// What was learned.
    pub fn finish(self) -> TypeTree {
        let mut root = self.learner.node(ROOT).unwrap_or_default();
        for id in ROOT + 1..self.names.len() as NodeId {
            // A name of a file without records is known, too.
            if let Some(node) = self.learner.node(id) {
                let name = String::from_utf8_lossy(self.names.name(id)).into_owned();
                root.elements.insert(name, node);
            }
        }
        TypeTree {
            records: self.learner.records(),
            bad_records: 0,
            root,
        }
    }
}
