//! What stands between a well-formed record and its row: the contract about what the schema lacks, then the filter.
//!
//! Both look at the tape, before a column is built. The contract comes first, so that what it does to a record does
//! not depend on what a query asks for; for the same reason it looks into columns that the query does not read. A
//! reader without either has no gate.

use serde::{Deserialize, Serialize};

use super::columns::RecordAt;
use super::config::RecordConfig;
use super::drift::{Drift, cut_text};
use super::filter::Filter;
use super::nodes::{NO_NODE, NodeId, Nodes};
use super::tape::{Op, Tape};

/// What to do with a record that holds something (an element, a field) that the schema lacks. Each is counted by
/// path, with an example, whatever is said here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Read it without what the schema lacks.
    #[default]
    DiscardValue,
    /// Leave the whole record out, and count it.
    DiscardRow,
    /// Stop with an error that names the path. A split that began with a guess ([`Start::Guess`](super::Start)) cannot
    /// know that it is a record's: it goes on, and whoever audits the file fails it if anything was counted.
    Freeze,
    /// Read it without what the schema lacks: whoever makes the schema has widened it beforehand
    /// ([`evolve`](crate::infer::evolve())).
    Evolve,
}

impl OnUnknown {
    /// Whether every record must be looked at for what the schema lacks.
    pub(crate) fn forbids(self) -> bool {
        matches!(self, Self::DiscardRow | Self::Freeze)
    }
}

/// What becomes of a record.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on to the columns.
    Pass,
    /// The filter leaves it out.
    Filtered,
    /// The contract leaves it out.
    Discarded,
    /// The contract forbids it.
    Frozen(Unknown),
}

/// Something that the schema lacks.
#[derive(Debug, PartialEq)]
pub(crate) struct Unknown {
    pub(crate) at: u64,
    pub(crate) path: String,
    pub(crate) example: String,
}

/// The gate of one reader.
#[derive(Debug)]
pub(crate) struct Gate {
    on_unknown: OnUnknown,
    filter: Option<Filter>,
    scratch: Vec<u8>,
}

impl Gate {
    /// The gate that the configuration asks for, if it does.
    pub(crate) fn new<N: Nodes>(config: &RecordConfig, shape: &N) -> Option<Box<Self>> {
        let on_unknown = config.options.on_unknown;
        let filter = Filter::new(config, shape);
        (on_unknown.forbids() || filter.is_some()).then(|| {
            Box::new(Self {
                on_unknown,
                filter,
                scratch: Vec::new(),
            })
        })
    }

    /// Judges a well-formed record. `guesses` says that it may be no record at all.
    pub(crate) fn judge<N: Nodes>(
        &mut self,
        shape: &N,
        tape: &Tape,
        record: &[u8],
        at: RecordAt,
        guesses: bool,
        drift: &mut Drift,
    ) -> Verdict {
        if self.on_unknown.forbids()
            && let Some(unknown) = self.count_unknown(shape, tape, record, at, drift)
        {
            match self.on_unknown {
                OnUnknown::DiscardRow => return Verdict::Discarded,
                OnUnknown::Freeze if !guesses => return Verdict::Frozen(unknown),
                _ => {}
            }
        }
        let passes = match &mut self.filter {
            Some(filter) => filter.passes(tape, record),
            None => true,
        };
        if passes {
            return Verdict::Pass;
        }
        // Of records that become rows, it is counted then.
        if !self.on_unknown.forbids() {
            self.count_unknown(shape, tape, record, at, drift);
        }
        Verdict::Filtered
    }

    /// Whether a record that cannot be read, and so has NULL in every column, becomes a row.
    pub(crate) fn passes_nulls(&self) -> bool {
        self.filter.as_ref().is_none_or(Filter::passes_nulls)
    }

    /// Counts what the schema lacks, and gives the first of it.
    fn count_unknown<N: Nodes>(
        &mut self,
        shape: &N,
        tape: &Tape,
        record: &[u8],
        at: RecordAt,
        drift: &mut Drift,
    ) -> Option<Unknown> {
        let mut first = None;
        for entry in tape.entries.iter().filter(|entry| entry.op == Op::Unknown) {
            let mut example = || cut_text(tape.text(entry, record, &mut self.scratch));
            if first.is_none() {
                first = Some(Unknown {
                    at: at.offset + Tape::place(entry),
                    path: path_shown(shape, entry.node),
                    example: example(),
                });
            }
            drift.count(entry.node, false, at.offset, example);
        }
        first
    }
}

fn path_shown<N: Nodes>(shape: &N, node: NodeId) -> String {
    match node {
        NO_NODE => "one of too many".to_string(),
        node => shape.path(node),
    }
}
