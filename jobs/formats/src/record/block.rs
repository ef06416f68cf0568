//! Records that wait to become rows together.
//!
//! Their tapes are kept one behind the other, so that their values can be dealt out to the columns at once
//! ([`cells`](super::cells)), or, where a value of any does not fit, be added one by one.

use super::columns::RecordAt;
use super::tape::{Encoded, Tape};

/// How many records become rows together: as many as stay near the processor.
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
    /// Where its entries end on the tape.
    pub(super) entries: usize,
    pub(super) expanded_bytes: usize,
}

/// The records, with their tapes. They stand in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(super) tape: Tape,
    pub(super) records: Vec<Waiting>,
    bytes: usize,
}

impl Block {
    /// Adds a record of this tape.
    #[inline]
    pub(crate) fn push(&mut self, tape: &Tape, at: RecordAt, line: u64, range: (usize, usize)) {
        if self.records.is_empty() {
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
        self.bytes += range.1 - range.0 + tape.expanded_bytes;
        self.records.push(Waiting {
            at,
            line,
            start: range.0,
            end: range.1,
            entries: self.tape.entries.len(),
            expanded_bytes: tape.expanded_bytes,
        });
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
    }

    /// Takes one record after the other, each with a tape of its own.
    pub(crate) fn one_by_one(&mut self) -> impl Iterator<Item = (Waiting, Tape)> + use<> {
        let Tape {
            entries,
            joined,
            rules,
            ..
        } = std::mem::take(&mut self.tape);
        let records = std::mem::take(&mut self.records);
        self.bytes = 0;
        let mut from = 0;
        records.into_iter().map(move |record| {
            let own = entries.get(from..record.entries).unwrap_or_default();
            from = record.entries;
            let tape = Tape {
                entries: own.to_vec(),
                joined: joined.clone(),
                rules: rules.clone(),
                expanded_bytes: record.expanded_bytes,
            };
            (record, tape)
        })
    }
}
