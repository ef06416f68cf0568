//! A record, read: a flat list of what stands in it, in document order.
//!
//! The tape is what the pass over a record's markup leaves behind for those who make something of its values. A
//! record that turns out to be broken leaves a tape that nobody reads.
//!
//! Most values of a record that is replayed ([`template`](super::template)) never come to stand on it: they are put where
//! whoever makes columns of them would put them ([`Cells`]).

use super::cells::Cells;
use super::nodes::NodeId;
use crate::json::text::{container, unescape};
use crate::xml::text::TextRules;

/// What an entry says of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// It has this text.
    Value,
    /// It is there, and holds nothing.
    Null,
    /// It is a list without items.
    Empty,
    /// The entries up to the matching `Leave` lie inside it.
    Enter,
    /// It ends.
    Leave,
    /// It has this text, which is neither number nor truth value, whatever it looks like. (For inference.)
    Text,
    /// It is inside of this many lists. (For inference.)
    Lists(u8),
    /// It is an object without fields. (For inference.)
    Braces,
    /// The schema lacks it. ([`NO_NODE`](super::nodes::NO_NODE): and there was no room to remember its path.)
    Unknown,
}

/// How the bytes of a piece of text become its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// They are the value.
    Plain,
    /// XML: references are replaced, and line ends become line feeds.
    Escaped,
    /// XML: as `Escaped`, and literal white space becomes spaces (XML 1.0, 3.3.3).
    Attribute,
    /// XML: a CDATA section with carriage returns: line ends become line feeds.
    Lines,
    /// JSON: the inside of a string, with escapes.
    String,
    /// JSON: an object or array begins here; all of it is the value, as it stands.
    Container,
    /// They stand decoded in the tape's own buffer, put together from several pieces.
    Joined,
}

/// One entry. Positions count from the record's first byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) node: NodeId,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) op: Op,
    pub(crate) encoded: Encoded,
}

/// Room for this many entries is kept from record to record.
const ENTRIES_KEPT_MAX: usize = 1 << 18;
/// Room for this much joined text is kept from record to record.
const JOINED_BYTES_KEPT_MAX: usize = 1 << 20;

/// The entries of one record.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) entries: Vec<Entry>,
    pub(crate) joined: Vec<u8>,
    /// How the record's text is to be read.
    pub(crate) rules: TextRules,
    /// How much its entities expand to.
    pub(crate) expanded_bytes: usize,
    /// Where the values of replayed records go, if they are to become rows many at a time.
    pub(crate) cells: Option<Box<Cells>>,
    /// Whether those of the record at hand do.
    pub(super) deals: bool,
}

impl Tape {
    /// Empties it, and gives back what only a very long record needed.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(ENTRIES_KEPT_MAX);
        self.expanded_bytes = 0;
        self.joined.clear();
        self.joined.shrink_to(JOINED_BYTES_KEPT_MAX);
        self.take_back();
    }

    /// Empties it for a record that is replayed, and begins `at` so many bytes of the caller's buffer: its values go into
    /// cells, if there are any.
    #[inline]
    pub(crate) fn begin_replay(&mut self, at: Option<usize>) {
        self.clear();
        if let Some(at) = at
            && self.rules.table.is_none()
            && let Some(cells) = &mut self.cells
        {
            self.deals = cells.begin(at);
        }
    }

    /// Takes what the record at hand has put into cells out of them, unless it [waits](super::rows::Rows::wait).
    #[inline]
    pub(crate) fn take_back(&mut self) {
        if self.deals {
            self.deals = false;
            if let Some(cells) = &mut self.cells {
                cells.undo();
            }
        }
    }

    /// Another of the same entries and rules.
    pub(super) fn copy(&self) -> Self {
        Self {
            entries: self.entries.clone(),
            joined: self.joined.clone(),
            rules: self.rules.clone(),
            expanded_bytes: self.expanded_bytes,
            ..Self::default()
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, op: Op, node: NodeId, range: (usize, usize), encoded: Encoded) {
        let (start, end) = (range.0 as u32, range.1 as u32);
        self.put(Entry {
            node,
            start,
            end,
            op,
            encoded,
        });
    }

    #[inline(always)]
    pub(super) fn put(&mut self, entry: Entry) {
        if self.deals
            && let Some(cells) = &mut self.cells
            && cells.takes(&entry)
        {
            return;
        }
        self.entries.push(entry);
    }

    /// Where an entry stands in the record; 0 if its text was put together from several places.
    pub(crate) fn place(entry: &Entry) -> u64 {
        if entry.encoded == Encoded::Joined {
            0
        } else {
            u64::from(entry.start)
        }
    }

    /// The text of an entry of the record `record`, decoded.
    #[inline(always)]
    pub(crate) fn text<'a>(
        &'a self,
        entry: &Entry,
        record: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let range = entry.start as usize..entry.end as usize;
        match entry.encoded {
            Encoded::Joined => self.joined.get(range).unwrap_or_default(),
            encoded => {
                let text = record.get(range).unwrap_or_default();
                if encoded == Encoded::Plain && self.rules.table.is_none() {
                    return text;
                }
                self.decoded(entry, record, scratch)
            }
        }
    }

    #[inline(never)]
    fn decoded<'a>(&self, entry: &Entry, record: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let (start, end) = (entry.start as usize, entry.end as usize);
        let text = record.get(start..end).unwrap_or_default();
        match entry.encoded {
            Encoded::Plain if text.is_ascii() => return text,
            Encoded::Container => return container(record, start),
            _ => scratch.clear(),
        }
        match entry.encoded {
            Encoded::String => unescape(text, scratch),
            encoded => self.rules.decode(text, encoded, scratch),
        }
        scratch
    }
}
