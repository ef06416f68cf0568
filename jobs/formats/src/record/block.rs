//! Records that wait to become rows together.
//!
//! Their values have been dealt out ([`deal`](super::deal)). Should one of them not fit, the records are to be added one
//! by one. For that, tapes are kept one behind the other; but for those of replayed records, most of whose values are in
//! cells alone, and which are read once more.

use super::columns::RecordAt;
use super::tape::{Encoded, Tape};

/// How many records become rows together: as many as stay near the processor, and as an integer has bits.
pub(super) const RECORDS_MAX: usize = 64;
/// How many entries their tapes may have together, beside those of the last one.
const ENTRIES_MAX: usize = 1 << 13;

/// A record that waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) at: RecordAt,
    /// Line feeds of the split before it.
    pub(crate) line: u64,
    /// Where it stands in the buffer.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where its entries end on the tape; `None`: they are not there.
    entries: Option<usize>,
    pub(super) expanded_bytes: usize,
}

/// The records, with their tapes. They stand in one buffer.
#[derive(Debug)]
pub(crate) struct Block {
    tape: Tape,
    pub(super) records: Vec<Waiting>,
    bytes: usize,
    /// Whether all of their values fit so far.
    pub(super) fits: bool,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            tape: Tape::default(),
            records: Vec::with_capacity(RECORDS_MAX),
            bytes: 0,
            fits: true,
        }
    }
}

impl Block {
    /// Adds a record of this tape.
    #[inline]
    pub(crate) fn push(&mut self, tape: &Tape, at: RecordAt, line: u64, range: (usize, usize)) {
        let entries = (!tape.deals).then(|| self.keep(tape));
        self.bytes += range.1 - range.0 + tape.expanded_bytes;
        self.records.push(Waiting {
            at,
            line,
            start: range.0,
            end: range.1,
            entries,
            expanded_bytes: tape.expanded_bytes,
        });
    }

    /// Keeps the entries of a tape, and says where they end.
    fn keep(&mut self, tape: &Tape) -> usize {
        if self.tape.entries.is_empty() {
            self.tape.rules = tape.rules.clone();
        }
        let from = self.tape.entries.len();
        self.tape.entries.extend_from_slice(&tape.entries);
        if !tape.joined.is_empty() {
            let before = self.tape.joined.len() as u32;
            self.tape.joined.extend_from_slice(&tape.joined);
            let own = self.tape.entries.get_mut(from..).unwrap_or_default();
            for entry in own.iter_mut().filter(|e| e.encoded == Encoded::Joined) {
                entry.start += before;
                entry.end += before;
            }
        }
        self.tape.entries.len()
    }

    /// Records that wait.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of these, and of what entities in them expand to.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether they are to become rows before another is added.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= RECORDS_MAX || self.tape.entries.len() >= ENTRIES_MAX
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.tape.clear();
        self.records.clear();
        self.bytes = 0;
        self.fits = true;
    }

    /// Takes one record after the other, each with a tape of its own if it was kept.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (Waiting, Option<Tape>)> + use<> {
        let Self { tape, records, .. } = std::mem::take(self);
        let mut from = 0;
        records.into_iter().map(move |record| {
            let own = record.entries.map(|end| {
                let entries = tape.entries.get(from..end).unwrap_or_default().to_vec();
                from = end;
                Tape {
                    entries,
                    joined: tape.joined.clone(),
                    rules: tape.rules.clone(),
                    expanded_bytes: record.expanded_bytes,
                    ..Tape::default()
                }
            });
            (record, own)
        })
    }
}
