//! What the strict pass notes of a record, for [`Template`] to learn from.

use super::shape::NodeId;
use crate::record::tape::{Op, Tape};
use crate::record::template::Note;

/// What the records of a file have in common.
pub(crate) type Template = crate::record::template::Template<Slot, ()>;

/// What stands in a slot, and what it puts on the tape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing: the record begins.
    #[default]
    Start,
    /// An attribute's value, up to this quote.
    Attribute {
        quote: u8,
        push: Option<(Op, NodeId)>,
    },
    /// The text of an element without attributes.
    Leaf(NodeId),
    /// The text of an element with attributes. `layout`: white space before it is skipped.
    Tagged { node: NodeId, layout: bool },
}

/// Bytes of the places of one record's slots. Each names all that stands before it in the same tag and around it, so
/// a tag with thousands of attributes would take the square of them.
const PLACES_BYTES_MAX: usize = 1 << 20;

/// A slot of the record at hand.
#[derive(Debug, Clone, Copy)]
struct Noted {
    slot: Slot,
    /// Where the value stands in the record.
    range: (usize, usize),
    /// Which entries of the tape it made.
    entries: (usize, usize),
    place: (usize, usize),
}

/// The notes of one record.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    on: bool,
    slots: Vec<Noted>,
    /// The places of the slots, one after another: names of the open elements and of the attributes before it.
    places: Vec<u8>,
    /// The open elements' names, each followed by a `<`, which no name holds.
    open: Vec<u8>,
    /// Where each of them begins.
    lengths: Vec<usize>,
    /// The names of the attributes of the tag at hand, each followed by a `"`.
    attributes: Vec<u8>,
}

impl Trace {
    /// Begins a record, if notes are wanted.
    pub(crate) fn begin(&mut self, on: bool) {
        self.on = on;
        self.slots.clear();
        self.places.clear();
        self.open.clear();
        self.lengths.clear();
        self.attributes.clear();
    }

    /// Whether notes are taken of the record, and nothing stood in it that cannot be learned.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// The record holds something that is not learned.
    #[inline(always)]
    pub(crate) fn spoil(&mut self) {
        self.on = false;
    }

    /// An element begins.
    pub(crate) fn enter(&mut self, name: &[u8]) {
        self.lengths.push(self.open.len());
        self.open.extend_from_slice(name);
        self.open.push(b'<');
        self.attributes.clear();
    }

    /// The innermost element ends.
    pub(crate) fn leave(&mut self) {
        self.open.truncate(self.lengths.pop().unwrap_or_default());
    }

    /// The tag at hand has another attribute.
    pub(crate) fn attribute(&mut self, name: &[u8]) {
        self.attributes.extend_from_slice(name);
        self.attributes.push(b'"');
    }

    /// Whether the innermost element, if it has no child elements, has an attribute.
    pub(crate) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// A value stands here. `entries`: the length of the tape before and after it.
    pub(crate) fn slot(&mut self, slot: Slot, range: (usize, usize), entries: (usize, usize)) {
        let from = self.places.len();
        if from + self.open.len() + self.attributes.len() >= PLACES_BYTES_MAX {
            return self.spoil();
        }
        self.places.extend_from_slice(&self.open);
        match slot {
            Slot::Attribute { quote, .. } => {
                self.places.extend_from_slice(&self.attributes);
                self.places.push(quote);
            }
            Slot::Tagged { .. } => self.places.push(b'='),
            Slot::Start | Slot::Leaf(_) => self.places.push(b'>'),
        }
        self.slots.push(Noted {
            slot,
            range,
            entries,
            place: (from, self.places.len()),
        });
    }

    /// Lets the template learn from the record.
    pub(crate) fn teach(&self, template: &mut Template, record: &[u8], tape: &Tape) {
        let notes = self.slots.iter().map(|noted| Note {
            slot: noted.slot,
            place: self
                .places
                .get(noted.place.0..noted.place.1)
                .unwrap_or_default(),
            range: noted.range,
            entries: noted.entries,
            before: (),
        });
        template.learn(notes, (), record, tape);
    }
}
