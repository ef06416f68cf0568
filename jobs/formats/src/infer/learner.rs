//! What the values of records look like, learned from their tapes, whatever the format.

use super::SampleRatio;
use super::rules::Classes;
use super::sample::is_sampled;
use super::tree::TypeNode;
use crate::record::ReadFailure;
use crate::record::config::RecordOptions;
use crate::record::nodes::{NO_NODE, NodeId, ROOT};
use crate::record::tape::{Op, Tape};
use crate::values::{Cleaner, Forms, trim};

/// How many different paths the records of a split may have.
pub(crate) const PATHS_MAX: usize = 50_000;

/// What was learned of each node.
#[derive(Debug)]
pub(crate) struct Learner {
    /// By [`NodeId`].
    stats: Vec<Stats>,
    records: u64,
    /// Numbers the values that hold others, so that a second occurrence in one is noticed.
    instance: u64,
    open: Vec<(NodeId, u64)>,
    scratch: Vec<u8>,
    sample: SampleRatio,
    /// Whether white space around a value is left out.
    trims: bool,
    /// How texts are read, if in a way of the user's.
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
    /// The most lists around a value.
    lists: u32,
    empty_object: bool,
    text: Classes,
    /// The instance of its parent in which it was seen last.
    last: u64,
}

impl Learner {
    pub(crate) fn new(options: &RecordOptions, sample: SampleRatio) -> Self {
        Self {
            stats: Vec::new(),
            records: 0,
            instance: 0,
            open: Vec::new(),
            scratch: Vec::new(),
            sample,
            trims: options.trim,
            reading: Reading::new(options),
        }
    }

    /// Records learned from.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// What is known of a node's own values; `None` if no good record has it. (A name that only a bad one has is in the
    /// tree of names, too.)
    pub(crate) fn node(&self, id: NodeId) -> Option<TypeNode> {
        let stats = self.stats.get(id as usize)?;
        (stats.seen > 0).then(|| TypeNode {
            seen: stats.seen,
            repeated: stats.repeated,
            lists: stats.lists,
            empty_object: stats.empty_object,
            text: stats.text,
            ..TypeNode::default()
        })
    }

    /// Takes in the tape of the record at this offset, if it is in the sample. `nodes` is how many nodes there are.
    ///
    /// # Errors
    /// [`ReadFailure::TooManyPaths`]
    pub(crate) fn learn(
        &mut self,
        nodes: usize,
        tape: &Tape,
        record: &[u8],
        offset: u64,
    ) -> Result<(), ReadFailure> {
        if self.sample != SampleRatio::ALL && !is_sampled(offset, record, self.sample) {
            return Ok(());
        }
        if self.stats.len() < nodes {
            self.stats.resize(nodes, Stats::default());
        }
        self.learn_entries(tape, record)?;
        self.records += 1;
        Ok(())
    }

    fn learn_entries(&mut self, tape: &Tape, record: &[u8]) -> Result<(), ReadFailure> {
        let (open, scratch) = (&mut self.open, &mut self.scratch);
        let (reading, trims) = (self.reading.as_deref(), self.trims);
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
            let Some(stats) = self.stats.get_mut(entry.node as usize) else {
                continue;
            };
            // The text of the value at hand itself is no occurrence of it, and neither is a list.
            if let Op::Lists(lists) = entry.op {
                stats.seen += 1;
                stats.lists = stats.lists.max(u32::from(lists));
                continue;
            }
            if entry.node != parent {
                stats.seen += 1;
                stats.repeated |= stats.last == instance && entry.node != ROOT;
                stats.last = instance;
            }
            match entry.op {
                Op::Enter => {
                    self.instance += 1;
                    open.push((entry.node, self.instance));
                }
                Op::Value => {
                    let text = tape.text(entry, record, scratch);
                    match reading {
                        None if trims => stats.text.add(trim(text)),
                        None => stats.text.add(text),
                        Some(reading) => reading.add(text, &mut stats.text),
                    }
                }
                // It will be text whatever else comes.
                Op::Text if stats.text.text && reading.is_none() => {
                    stats.text.empty |= entry.start == entry.end;
                }
                Op::Text => {
                    let text = tape.text(entry, record, scratch);
                    match reading {
                        None => stats.text.add_text(text),
                        Some(reading) => reading.add_text(text, &mut stats.text),
                    }
                }
                Op::Braces => stats.empty_object = true,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Reading {
    fn new(options: &RecordOptions) -> Option<Box<Self>> {
        let reading = Self {
            forms: options.forms.clone(),
            cleaner: options.cleaner(),
        };
        let is_given =
            matches!(reading.cleaner, Cleaner::KnowsNulls(_)) || reading.forms.are_given();
        is_given.then(|| Box::new(reading))
    }

    fn add(&self, text: &[u8], classes: &mut Classes) {
        match self.cleaner.clean(text) {
            None => classes.empty = true,
            Some(text) => classes.add_by(text, &self.forms),
        }
    }

    fn add_text(&self, text: &[u8], classes: &mut Classes) {
        match self.cleaner.clean(text) {
            None => classes.empty = true,
            Some(text) => classes.add_text_by(text, &self.forms),
        }
    }
}
