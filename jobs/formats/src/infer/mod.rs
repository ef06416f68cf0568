//! Schemas learned from data.
//!
//! An [`Inferrer`] is fed like the reader, split by split, and gives a [`TypeTree`]. Trees of many splits and files
//! merge, in any order, into one; [`TypeTree::to_schema`] turns it into a schema by the rules in [`rules`].

mod evolve;
pub mod rules;
mod sample;
mod tree;

use std::sync::Arc;

pub use evolve::evolve;
pub use sample::SampleRatio;
pub use tree::{InferOptions, SchemaError, TypeNode, TypeTree};

use crate::record::nodes::{NO_NODE, NodeId, Nodes, ROOT};
use crate::record::tape::{Op, Tape};
use crate::record::{Fed, FedState, OnBadRecord, ReadFailure, Split, SplitReport};
use crate::values::{Cleaner, Forms, trim};
use crate::xml::scanner::{Scanner, Step};
use crate::xml::shape::Shape;
use crate::xml::{Head, XmlOptions};
use rules::Classes;
use sample::is_sampled;

/// How many different paths the records of a split may have.
pub const PATHS_MAX: usize = 50_000;

/// Learns the types of one split's records. It is fed as [`XmlReader`](crate::XmlReader) is.
#[derive(Debug)]
pub struct Inferrer {
    scanner: Scanner,
    shape: Shape,
    /// By [`NodeId`].
    stats: Vec<Stats>,
    records: u64,
    /// Numbers the elements that hold others, so that a second occurrence in one is noticed.
    instance: u64,
    open: Vec<(NodeId, u64)>,
    scratch: Vec<u8>,
    sample: SampleRatio,
    /// How texts are read, if not in the default way.
    reading: Option<Box<Reading>>,
}

#[derive(Debug)]
struct Reading {
    forms: Forms,
    cleaner: Cleaner,
}

#[derive(Debug, Clone, Default)]
struct Stats {
    seen: u64,
    repeated: bool,
    text: Classes,
    /// The instance of its parent in which it was seen last.
    last: u64,
}

impl Inferrer {
    /// An inferrer that stands at the split's start. What the options say of bad records and values is not used: a
    /// bad record is counted as quarantined and left out.
    pub fn new(options: Arc<XmlOptions>, split: Split) -> Self {
        let mut options = options.as_ref().clone();
        options.on_bad_record = OnBadRecord::Quarantine;
        options.limits.raw_bytes_max = 0;
        Self {
            scanner: Scanner::new(&options, split),
            shape: Shape::learning(&options, PATHS_MAX),
            stats: Vec::new(),
            records: 0,
            instance: 0,
            open: Vec::new(),
            scratch: Vec::new(),
            sample: options.sample_ratio,
            reading: Reading::new(&options),
        }
    }

    /// Says how the file begins, as [`XmlReader::set_head`](crate::XmlReader::set_head) does.
    pub fn set_head(&mut self, head: Head) {
        self.scanner.set_head(head);
    }

    /// Goes on with another whole file, whose head is not known, and learns on: for packs of small files. Counts begin anew. Not for splits
    /// that begin with a guess, whose tree may have to be thrown away.
    pub fn next_file(&mut self) {
        self.scanner.restart(Split::whole());
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads as much of the buffer as it can, as [`XmlReader::feed`](crate::XmlReader::feed); it never answers
    /// [`FedState::BatchReady`].
    ///
    /// # Errors
    /// [`ReadFailure`]
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        let base = self.scanner.position();
        let state = loop {
            match self.scanner.next(&mut self.shape, buf, base, eof)? {
                Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
                Step::Done => break FedState::Done,
                Step::Bad(_) | Step::Kept { .. } => {}
                Step::Record { at, start, end } => {
                    self.scanner.report.emitted += 1;
                    let record = buf.get(start..end).unwrap_or_default();
                    if self.sample != SampleRatio::ALL
                        && !is_sampled(at.offset, record, self.sample)
                    {
                        continue;
                    }
                    self.stats.resize(self.shape.len(), Stats::default());
                    let Self {
                        scanner,
                        stats,
                        instance,
                        open,
                        scratch,
                        reading,
                        ..
                    } = self;
                    let tape = scanner.tape();
                    let reading = reading.as_deref();
                    learn(tape, record, stats, instance, open, scratch, reading)?;
                    self.records += 1;
                }
            }
        };
        Ok(Fed {
            consumed: (self.scanner.position() - base) as usize,
            state,
        })
    }

    /// The counts so far, for [`verify_chain`](crate::verify_chain): good records, sampled or not, are those emitted.
    pub fn report(&self) -> SplitReport {
        self.scanner.report.clone()
    }

    /// The template of its records, for tests.
    #[cfg(test)]
    pub(crate) fn template(&mut self) -> &mut crate::xml::template::Template {
        self.scanner.template()
    }

    /// What was learned.
    pub fn finish(self) -> TypeTree {
        TypeTree {
            records: self.records,
            root: self.tree(ROOT),
        }
    }

    fn tree(&self, id: NodeId) -> TypeNode {
        let stats = self.stats.get(id as usize).cloned().unwrap_or_default();
        let mut node = TypeNode {
            seen: stats.seen,
            repeated: stats.repeated,
            text: stats.text,
            ..TypeNode::default()
        };
        // A name that only a bad record has is in the shape, too.
        let seen = |id: NodeId| {
            self.stats
                .get(id as usize)
                .is_some_and(|stats| stats.seen > 0)
        };
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        for (name, attribute) in self.shape.attributes(id) {
            if seen(attribute) {
                node.attributes.insert(text(name), self.tree(attribute));
            }
        }
        for child in self.shape.children(id) {
            if seen(child) {
                node.elements
                    .insert(text(&self.shape.node(child).name), self.tree(child));
            }
        }
        node
    }
}

impl Reading {
    fn new(options: &XmlOptions) -> Option<Box<Self>> {
        let reading = Self {
            forms: options.forms(),
            cleaner: Cleaner::new(options.trim, &options.null_values),
        };
        let is_default = reading.cleaner == Cleaner::Trims && !reading.forms.are_given();
        (!is_default).then(|| Box::new(reading))
    }

    fn add(&self, text: &[u8], classes: &mut Classes) {
        match self.cleaner.clean(text) {
            None => classes.empty = true,
            Some(text) => classes.add_by(text, &self.forms),
        }
    }
}

/// Takes in a record's tape.
fn learn(
    tape: &Tape,
    record: &[u8],
    stats: &mut [Stats],
    instances: &mut u64,
    open: &mut Vec<(NodeId, u64)>,
    scratch: &mut Vec<u8>,
    reading: Option<&Reading>,
) -> Result<(), ReadFailure> {
    open.clear();
    open.push((NO_NODE, 0));
    for entry in &tape.entries {
        let (parent, instance) = open.last().copied().unwrap_or((NO_NODE, 0));
        match entry.op {
            Op::Leave => {
                open.pop();
                continue;
            }
            Op::Unknown => {
                return Err(ReadFailure::TooManyPaths {
                    paths_max: PATHS_MAX,
                });
            }
            _ => {}
        }
        let Some(stats) = stats.get_mut(entry.node as usize) else {
            continue;
        };
        // The text of the element at hand itself is no occurrence of it.
        if entry.node != parent {
            stats.seen += 1;
            stats.repeated |= stats.last == instance && entry.node != ROOT;
            stats.last = instance;
        }
        match entry.op {
            Op::Enter => {
                *instances += 1;
                open.push((entry.node, *instances));
            }
            Op::Value => {
                let text = tape.text(entry, record, scratch);
                match reading {
                    None => stats.text.add(trim(text)),
                    Some(reading) => reading.add(text, &mut stats.text),
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
