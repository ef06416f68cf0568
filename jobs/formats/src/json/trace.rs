//! What the strict pass notes of a record, for [`Template`] to learn from.

use crate::record::nodes::NodeId;
use crate::record::tape::{Op, Tape};
use crate::record::template::Note;

/// What the records of a file have in common. With the text between values goes what it does to the objects that are
/// open: see [`Keys`](super::keys::Keys).
pub(crate) type Template = crate::record::template::Template<Slot, Box<[u32]>>;

/// Bytes of the places of one record's slots: each names all that stands around it.
const PLACES_BYTES_MAX: usize = 1 << 20;

/// What stands in a slot, and what it puts on the tape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing: the record begins.
    #[default]
    Start,
    /// The inside of a string.
    String(Option<(Op, NodeId)>),
    /// A number.
    Number(Option<(Op, NodeId)>),
    /// `true` or `false`.
    Truth(Option<(Op, NodeId)>),
}

/// A slot of the record at hand.
#[derive(Debug, Clone, Copy)]
struct Noted {
    slot: Slot,
    range: (usize, usize),
    entries: (usize, usize),
    place: (usize, usize),
    /// How many steps were noted before it.
    steps: usize,
}

/// The notes of one record.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    on: bool,
    slots: Vec<Noted>,
    /// The places of the slots, one after another.
    places: Vec<u8>,
    /// The containers that are open: `[` for an array, `{` for an object, then the name at hand and a `"`, which no
    /// name has without a backslash before it.
    open: Vec<u8>,
    steps: Vec<u32>,
}

impl Trace {
    /// Begins a record, if notes are wanted.
    pub(crate) fn begin(&mut self, on: bool) {
        self.on = on;
        self.slots.clear();
        self.places.clear();
        self.open.clear();
        self.steps.clear();
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

    /// A container begins; gives the length to which [`Trace::leave`] cuts back when it ends.
    #[inline(always)]
    pub(crate) fn enter(&mut self, bracket: u8) -> usize {
        let length = self.open.len();
        if self.on {
            self.open.push(bracket);
        }
        length
    }

    /// A container ends.
    #[inline(always)]
    pub(crate) fn leave(&mut self, length: usize) {
        self.open.truncate(length);
    }

    /// A field of the innermost object begins, whose `{` stands at `length`.
    #[inline(always)]
    pub(crate) fn name(&mut self, length: usize, name: &[u8]) {
        if self.on {
            self.open.truncate(length + 1);
            self.open.extend_from_slice(name);
            self.open.push(b'"');
        }
    }

    /// Something happens to the open objects.
    #[inline(always)]
    pub(crate) fn step(&mut self, step: u32) {
        if self.on {
            self.steps.push(step);
        }
    }

    /// A value stands here. `entries`: the length of the tape before and after it.
    pub(crate) fn slot(&mut self, slot: Slot, range: (usize, usize), entries: (usize, usize)) {
        let from = self.places.len();
        if from + self.open.len() >= PLACES_BYTES_MAX {
            return self.spoil();
        }
        self.places.extend_from_slice(&self.open);
        self.places.push(match slot {
            Slot::String(_) => b's',
            Slot::Number(_) => b'n',
            Slot::Truth(_) | Slot::Start => b't',
        });
        self.slots.push(Noted {
            slot,
            range,
            entries,
            place: (from, self.places.len()),
            steps: self.steps.len(),
        });
    }

    /// Lets the template learn from the record.
    pub(crate) fn teach(&self, template: &mut Template, record: &[u8], tape: &Tape) {
        let mut from = 0;
        let steps = |from: usize, to: usize| self.steps.get(from..to).unwrap_or_default().into();
        let notes = self.slots.iter().map(|noted| {
            let before = steps(from, noted.steps);
            from = noted.steps;
            let place = self.places.get(noted.place.0..noted.place.1);
            Note {
                slot: noted.slot,
                place: place.unwrap_or_default(),
                range: noted.range,
                entries: noted.entries,
                before,
            }
        });
        let last = self.slots.last().map_or(0, |noted| noted.steps);
        template.learn(notes, steps(last, self.steps.len()), record, tape);
    }
}
