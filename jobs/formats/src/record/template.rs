//! What records of a file have in common: the markup between their values, learned, and replayed.
//!
//! Records of one file differ in their values and hardly in their markup. So the pass over a record is a walk over a
//! graph: a *slot* is a place where a value stands (in XML an attribute's value, or the text of an element that holds
//! nothing else; in JSON the inside of a string, a number, `true` or `false`), and a *link* is the literal markup from the end of one value to the beginning of the next, together with
//! what it puts on the tape. Where a record follows links that are known, its markup is not parsed but compared, some
//! forty bytes at a time; where it does not, it is read by the strict pass from its beginning, which then adds what
//! was new. A replay that ends gives the tape that the strict pass would have given:
//!
//! - A slot stands for all that the strict pass has in mind at that place: the names of the open elements or fields as
//!   they are written, the attributes that the tag at hand has had, and which kind of value it is. Markup that was
//!   well-formed after it once is well-formed after it again, and means the same. What must be remembered beyond that
//!   is noted with a link, and given to whoever follows it: in JSON, which fields an object has had.
//! - Values are looked at by the same code as in the strict pass; a value that is anything special ends the replay.
//! - Records of XML with comments, CDATA sections, processing instructions, text beside elements, or elements with a
//!   row tag's name are not learned from, so their markup is on no link.
//!
//! It is an economy, and no more: turned off, every record is as it is with it (`tests::template`). Memory and time
//! are bounded, and files whose records have little in common are read without.

use std::collections::HashMap;

use super::tape::{Encoded, Entry, Tape};
use crate::bytes::stands_at;

/// Slots that are remembered.
const SLOTS_MAX: usize = 16_384;
/// Links that are remembered of one slot.
const LINKS_MAX: usize = 32;
/// Bytes of one link's markup.
const LINK_BYTES_MAX: usize = 4 << 10;
/// Bytes of markup, and of the places of slots, that are remembered in all.
const MARKUP_BYTES_MAX: usize = 4 << 20;
/// After this many tries it is asked whether they were worth it.
const TRIES_WINDOW: u32 = 256;
/// How many records are read without a try, if fewer than half of a window's tries came to an end.
const PAUSE_RECORDS: u32 = 8192;

/// Index of a slot.
type SlotId = u32;
/// The record's first byte: no value stands there, but links begin.
const START: SlotId = 0;
/// Behind the record's last byte.
const END: SlotId = SlotId::MAX;

/// What a strict pass notes of a value that stands in a record: `S` is what kind of slot it is, `X` what is to be known
/// of the markup before it.
#[derive(Debug)]
pub(crate) struct Note<'a, S, X> {
    pub(crate) slot: S,
    /// Names all that the pass has in mind there.
    pub(crate) place: &'a [u8],
    /// Where the value stands in the record.
    pub(crate) range: (usize, usize),
    /// Which entries of the tape it made.
    pub(crate) entries: (usize, usize),
    pub(crate) before: X,
}

/// The graph.
#[derive(Debug)]
pub(crate) struct Template<S, X> {
    slots: Vec<KnownSlot<S, X>>,
    by_place: HashMap<Box<[u8]>, SlotId>,
    markup_bytes: usize,
    full: bool,
    #[cfg(test)]
    off: bool,
    #[cfg(test)]
    replayed: u64,
    tries: u32,
    ends: u32,
    pause: u32,
}

impl<S, X> Default for Template<S, X> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            by_place: HashMap::new(),
            markup_bytes: 0,
            full: false,
            #[cfg(test)]
            off: false,
            #[cfg(test)]
            replayed: 0,
            tries: 0,
            ends: 0,
            pause: 0,
        }
    }
}

#[derive(Debug)]
struct KnownSlot<S, X> {
    slot: S,
    /// Those that are met more often come first, roughly; but one that goes on where another ends (`<a><b>` and `<a>`,
    /// which may be empty) comes before that.
    links: Vec<Link<X>>,
}

#[derive(Debug)]
struct Link<X> {
    markup: Box<[u8]>,
    pushes: Box<[Push]>,
    extra: X,
    to: SlotId,
}

/// An entry of the tape.
#[derive(Debug, Clone, Copy)]
struct Push {
    entry: Entry,
    /// All ones if its place counts from the link's first byte; 0 if it has none.
    placed: u32,
}

/// Where a link leads.
pub(crate) struct Followed<S> {
    /// The position after its markup.
    pub(crate) at: usize,
    /// The slot there; `None` behind the record.
    pub(crate) next: Option<(SlotId, S)>,
}

impl<S: Copy + PartialEq + Default, X> Template<S, X> {
    /// Whether the next record is to be tried.
    #[inline]
    pub(crate) fn is_worth_a_try(&mut self) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        !self.slots.is_empty()
    }

    /// Whether a record that the strict pass reads is to be learned from.
    pub(crate) fn is_learning(&self) -> bool {
        #[cfg(test)]
        if self.off {
            return false;
        }
        self.pause == 0 && !self.full
    }

    /// Forgets what was learned.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            #[cfg(test)]
            off: self.off,
            #[cfg(test)]
            replayed: self.replayed,
            ..Self::default()
        };
    }

    /// Learns nothing, so that the strict pass reads every record.
    #[cfg(test)]
    pub(crate) fn turn_off(&mut self) {
        self.off = true;
    }

    /// How many records were read without the strict pass.
    #[cfg(test)]
    pub(crate) fn replayed(&self) -> u64 {
        self.replayed
    }

    /// Notes what came of a try.
    #[inline]
    pub(crate) fn tried(&mut self, came_to_an_end: bool) {
        #[cfg(test)]
        {
            self.replayed += u64::from(came_to_an_end);
        }
        self.tries += 1;
        self.ends += u32::from(came_to_an_end);
        if self.tries == TRIES_WINDOW {
            if self.ends < TRIES_WINDOW / 2 {
                self.pause = PAUSE_RECORDS;
            }
            (self.tries, self.ends) = (0, 0);
        }
    }

    /// The slot at which every record begins.
    pub(crate) fn start(&self) -> SlotId {
        START
    }

    /// Follows the link from a slot that is what stands at `at`, and puts its entries on the tape. `None` if there is
    /// no such link, or `passes` says no to what is noted with it.
    #[inline(always)]
    pub(crate) fn follow(
        &mut self,
        from: SlotId,
        bytes: &[u8],
        at: usize,
        tape: &mut Tape,
        passes: impl FnOnce(&X) -> bool,
    ) -> Option<Followed<S>> {
        let links = &mut self.slots.get_mut(from as usize)?.links;
        let found = links
            .iter()
            .position(|link| stands_at(bytes, at, &link.markup))?;
        let link = links.get(found)?;
        if !passes(&link.extra) {
            return None;
        }
        let (end, to) = (at + link.markup.len(), link.to);
        let place = at as u32;
        for push in &link.pushes {
            let from = place & push.placed;
            tape.put(Entry {
                start: push.entry.start + from,
                end: push.entry.end + from,
                ..push.entry
            });
        }
        if found > 0 {
            prefer(links, found);
        }
        let next = self.slots.get(to as usize).map(|known| (to, known.slot));
        Some(Followed { at: end, next })
    }

    /// Takes in the markup of a record that the strict pass has read: the notes on its values in their order, and what
    /// is to be known of the markup after the last.
    pub(crate) fn learn<'a>(
        &mut self,
        notes: impl Iterator<Item = Note<'a, S, X>>,
        last: X,
        record: &[u8],
        tape: &Tape,
    ) {
        if self.slots.is_empty() {
            self.slots.push(KnownSlot {
                slot: S::default(),
                links: Vec::new(),
            });
        }
        let (mut from, mut markup_from, mut entries_from) = (START, 0, 0);
        for note in notes {
            let Some(to) = self.slot_at(note.place, note.slot) else {
                return;
            };
            let entries = tape.entries.get(entries_from..note.entries.0);
            let markup = record.get(markup_from..note.range.0);
            let (Some(entries), Some(markup)) = (entries, markup) else {
                return; // entries were taken back
            };
            if !self.link(from, (markup_from, markup), entries, note.before, to) {
                return;
            }
            (from, markup_from, entries_from) = (to, note.range.1, note.entries.1);
        }
        let rest = (tape.entries.get(entries_from..), record.get(markup_from..));
        if let (Some(entries), Some(markup)) = rest {
            self.link(from, (markup_from, markup), entries, last, END);
        }
    }

    /// The slot of a place, made if it is new. `None` if there is no room, or another kind of value stood there.
    fn slot_at(&mut self, place: &[u8], slot: S) -> Option<SlotId> {
        if let Some(id) = self.by_place.get(place) {
            let known = self.slots.get(*id as usize)?;
            return (known.slot == slot).then_some(*id);
        }
        if self.slots.len() >= SLOTS_MAX || self.markup_bytes + place.len() > MARKUP_BYTES_MAX {
            self.full = true;
            return None;
        }
        self.markup_bytes += place.len();
        let id = self.slots.len() as SlotId;
        self.slots.push(KnownSlot {
            slot,
            links: Vec::new(),
        });
        self.by_place.insert(place.into(), id);
        Some(id)
    }

    /// Makes sure of a link whose markup begins at `at`; `false` if that can't be.
    fn link(
        &mut self,
        from: SlotId,
        (at, markup): (usize, &[u8]),
        entries: &[Entry],
        extra: X,
        to: SlotId,
    ) -> bool {
        let Some(known) = self.slots.get_mut(from as usize) else {
            return false;
        };
        if let Some(link) = known.links.iter().find(|link| *link.markup == *markup) {
            return link.to == to;
        }
        let Some(pushes) = pushes(entries, at, markup.len()) else {
            return false;
        };
        self.full |= self.markup_bytes + markup.len() > MARKUP_BYTES_MAX;
        if self.full || markup.len() > LINK_BYTES_MAX || known.links.len() >= LINKS_MAX {
            return false;
        }
        self.markup_bytes += markup.len();
        let shorter = |link: &Link<X>| markup.starts_with(&link.markup);
        let place = known.links.iter().position(shorter);
        let link = Link {
            markup: markup.into(),
            pushes,
            extra,
            to,
        };
        known.links.insert(place.unwrap_or(known.links.len()), link);
        true
    }
}

/// Moves a link that was followed one place forward.
fn prefer<X>(links: &mut [Link<X>], found: usize) {
    if let Some([before, link]) = links.get_mut(found - 1..=found)
        && !before.markup.starts_with(&link.markup)
    {
        std::mem::swap(before, link);
    }
}

/// Entries that stand in markup which begins at `at`. `None` if one of them lies elsewhere.
fn pushes(entries: &[Entry], at: usize, length: usize) -> Option<Box<[Push]>> {
    let push = |entry: &Entry| {
        if !matches!(entry.encoded, Encoded::Plain | Encoded::Container) {
            return None;
        }
        if (entry.start, entry.end) == (0, 0) {
            let (entry, placed) = (*entry, 0);
            return Some(Push { entry, placed });
        }
        let at = u32::try_from(at).ok()?;
        let entry = Entry {
            start: entry.start.checked_sub(at)?,
            end: entry.end.checked_sub(at)?,
            ..*entry
        };
        (entry.end as usize <= length).then_some(Push {
            entry,
            placed: u32::MAX,
        })
    };
    entries.iter().map(push).collect()
}
