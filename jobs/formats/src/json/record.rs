//! One pass over a record: its text checked, its values laid out on a [`Tape`].
//!
//! The pass is strict: what it accepts is RFC 8259, what stands in values that nobody reads included. Of the values it
//! lays out those that the schema wants, in the places where the schema has them (the table in `json/mod.rs`), so that
//! whoever reads the tape sees lists where the schema has lists, and each field of an object once.
//!
//! A record may be cut off by the end of the buffer. Then the caller comes again with more bytes, and the pass begins
//! anew: buffers are large and records small, so that costs next to nothing.

use super::keys::{CLOSE, Keys, OPEN};
use super::lex::{Stop, byte_at, malformed, number_end, string_end, word_end};
use super::shape::{Kind, Shape};
use super::text::unescape;
use super::trace::{Slot, Template, Trace};
use super::utf8::Checked;
use crate::bytes::{skip_space, stands_at};
use crate::record::nodes::{NO_NODE, NodeId, ROOT};
use crate::record::tape::{Encoded, Entry, Op, Tape};
use crate::record::{BadReason, Limits};

/// What a pass came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Parsed {
    /// The record is well-formed, and this long.
    Complete(usize),
    /// The buffer ends inside it.
    Incomplete,
    /// It is broken.
    Bad(BadReason),
}

/// What it means that the bytes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// More may follow.
    Buffer,
    /// The file ends.
    File,
    /// The line ends, and the record is to end with it.
    Line,
}

/// The pass, with the memory that it uses again for every record.
#[derive(Debug)]
pub(crate) struct RecordParser {
    pub(crate) tape: Tape,
    pub(super) keys: Keys,
    pub(super) template: Template,
    pub(super) trace: Trace,
    frames: Vec<Frame>,
    checked: Checked,
    record_bytes_max: usize,
    depth_max: usize,
}

/// An open container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) is_object: bool,
    /// Of whose fields, or into whose list, values are laid out; [`NO_NODE`]: they are only checked.
    pub(super) node: NodeId,
    /// The field before the one at hand.
    pub(super) prev: NodeId,
    /// Where an object's entries begin on the tape.
    pub(super) entries: usize,
    /// How many values end with this one.
    pub(super) leaves: u32,
    /// How many lists are around an array's items, for inference.
    pub(super) level: u8,
    /// Where it begins among the trace's open containers.
    pub(super) place: usize,
}

/// Where a value is to be laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) node: NodeId,
    /// Whether it is an item of the node's list, and not the whole of its column.
    pub(super) is_item: bool,
    pub(super) level: u8,
}

impl Target {
    const NOWHERE: Self = Self {
        node: NO_NODE,
        is_item: false,
        level: 0,
    };

    pub(super) fn column(node: NodeId) -> Self {
        Self {
            node,
            ..Self::NOWHERE
        }
    }
}

/// A value without others inside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    pub(super) slot: fn(Option<(Op, NodeId)>) -> Slot,
    pub(super) op: Op,
    pub(super) range: (usize, usize),
    pub(super) encoded: Encoded,
    /// All of it, quotes included.
    pub(super) whole: (usize, usize),
}

impl RecordParser {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tape: Tape::default(),
            keys: Keys::default(),
            template: Template::default(),
            trace: Trace::default(),
            frames: Vec::new(),
            checked: Checked::default(),
            record_bytes_max: limits.record_bytes_max,
            depth_max: limits.depth_max,
        }
    }

    /// Makes ready for another file.
    pub(crate) fn forget_place(&mut self) {
        self.checked = Checked::default();
    }

    /// The longest record.
    pub(crate) fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    /// Reads the record that begins with `buf`, at the offset `base` of the file, if all but its values is known. `None`
    /// says nothing about it. `at`: where it stands in the caller's buffer, if what is read is all that there is to say
    /// about its row; then its values may go into cells.
    #[inline]
    pub(crate) fn replay(
        &mut self,
        shape: &Shape,
        buf: &[u8],
        base: u64,
        at: Option<usize>,
    ) -> Option<usize> {
        let length = self.follow(shape, buf, at)?;
        if length > self.record_bytes_max || self.checked.invalid(buf, base, length).is_some() {
            self.tape.clear();
            return None;
        }
        Some(length)
    }

    /// Reads the record whose first byte is `buf[0]`, at the offset `base` of the file.
    pub(crate) fn parse(&mut self, shape: &mut Shape, buf: &[u8], base: u64, end: End) -> Parsed {
        let learns = self.template.is_learning();
        self.parse_for(shape, buf, base, end, Target::column(ROOT), learns)
    }

    /// Checks the value whose first byte is `buf[0]`, and lays nothing out.
    pub(crate) fn check(&mut self, shape: &mut Shape, buf: &[u8], base: u64, end: End) -> Parsed {
        self.parse_for(shape, buf, base, end, Target::NOWHERE, false)
    }

    fn parse_for(
        &mut self,
        shape: &mut Shape,
        buf: &[u8],
        base: u64,
        end: End,
        target: Target,
        learns: bool,
    ) -> Parsed {
        let most = buf.get(..self.record_bytes_max).unwrap_or(buf);
        let is_cut = most.len() < buf.len();
        let bounded = !is_cut && end != End::Buffer;
        self.trace.begin(learns);
        match self.run(shape, most, target, bounded) {
            Ok(length) => {
                if let Some(at) = self.checked.invalid(buf, base, length) {
                    return Parsed::Bad(BadReason::InvalidByte {
                        at: base + at as u64,
                        byte: buf.get(at).copied().unwrap_or_default(),
                        encoding: "UTF-8".to_string(),
                    });
                }
                if self.trace.is_on() {
                    let record = buf.get(..length).unwrap_or_default();
                    self.trace.teach(&mut self.template, record, &self.tape);
                }
                Parsed::Complete(length)
            }
            Err(Stop::Malformed(at, what)) => Parsed::Bad(BadReason::Malformed {
                at: base + at as u64,
                what: what.into_owned(),
            }),
            Err(Stop::TooDeep(at)) => Parsed::Bad(BadReason::TooDeep {
                at: base + at as u64,
                depth_max: self.depth_max as u64,
            }),
            Err(Stop::Incomplete) if is_cut => Parsed::Bad(BadReason::TooLarge {
                bytes_max: self.record_bytes_max as u64,
            }),
            Err(Stop::Incomplete) => {
                let at = base + buf.len() as u64;
                match end {
                    End::Buffer => Parsed::Incomplete,
                    End::File => Parsed::Bad(BadReason::Truncated { at }),
                    End::Line => Parsed::Bad(BadReason::Malformed {
                        at,
                        what: "the line ends inside the record".to_string(),
                    }),
                }
            }
        }
    }

    /// Reads a well-formed value for a column: its entries, whose texts stand in `text`, decoded.
    pub(crate) fn value_for(
        &mut self,
        shape: &mut Shape,
        node: NodeId,
        value: &[u8],
        text: &mut Vec<u8>,
    ) -> Vec<Entry> {
        self.trace.begin(false);
        if node == NO_NODE || self.run(shape, value, Target::column(node), true).is_err() {
            return Vec::new();
        }
        let mut scratch = Vec::new();
        let mut entries = Vec::with_capacity(self.tape.entries.len());
        for entry in &self.tape.entries {
            let from = text.len() as u32;
            if matches!(entry.op, Op::Value | Op::Text | Op::Unknown) {
                text.extend_from_slice(self.tape.text(entry, value, &mut scratch));
            }
            entries.push(Entry {
                start: from,
                end: text.len() as u32,
                encoded: Encoded::Joined,
                ..*entry
            });
        }
        entries
    }

    /// Adds to the record at hand what stands outside of it: entries whose texts stand in `text`.
    pub(crate) fn add_outside(&mut self, entries: &[Entry], text: &[u8]) {
        let leave = self.tape.entries.pop();
        let from = self.tape.joined.len() as u32;
        self.tape.joined.extend_from_slice(text);
        for entry in entries {
            self.tape.entries.push(Entry {
                start: entry.start + from,
                end: entry.end + from,
                ..*entry
            });
        }
        self.tape.entries.extend(leave);
    }

    /// The strict pass over one value, from its first byte on; gives its length. `bounded`: where the bytes end, a number
    /// may end.
    fn run(
        &mut self,
        shape: &mut Shape,
        bytes: &[u8],
        target: Target,
        bounded: bool,
    ) -> Result<usize, Stop> {
        self.tape.clear();
        self.frames.clear();
        self.keys.begin(0);
        let is_bare_record = target.node == ROOT && byte_at(bytes, 0)? != b'{';
        let mut at = if is_bare_record {
            // As if it stood in an object; and null is an object without fields.
            self.tape.push(Op::Enter, ROOT, (0, 0), Encoded::Plain);
            let mut target = Target::NOWHERE;
            if byte_at(bytes, 0)? != b'n' {
                target = Target::column(shape.unknown_value(ROOT));
                if target.node == NO_NODE {
                    self.tape.push(Op::Unknown, NO_NODE, (0, 1), Encoded::Plain);
                }
            }
            self.value(shape, bytes, 0, target, bounded)?
        } else {
            self.value(shape, bytes, 0, target, bounded)?
        };
        let mut fresh = true;
        while let Some(frame) = self.frames.last().copied() {
            at = skip_space(bytes, at);
            let mut byte = byte_at(bytes, at)?;
            let closing = if frame.is_object { b'}' } else { b']' };
            let open = self.frames.len();
            if byte == closing {
                at += 1;
                self.close(at, frame, fresh, shape.learning);
                fresh = false;
                continue;
            }
            if !fresh {
                if byte != b',' {
                    let what = if frame.is_object {
                        "a , or } is expected here"
                    } else {
                        "a , or ] is expected here"
                    };
                    return Err(malformed(at, what));
                }
                at = skip_space(bytes, at + 1);
                byte = byte_at(bytes, at)?;
            }
            let target;
            (at, target) = if frame.is_object {
                if byte != b'"' {
                    return Err(malformed(at, "a name in quotes is expected here"));
                }
                self.name(shape, bytes, at, frame)?
            } else {
                let target = Target {
                    node: frame.node,
                    is_item: true,
                    level: frame.level,
                };
                (at, target)
            };
            at = self.value(shape, bytes, at, target, bounded)?;
            fresh = self.frames.len() > open;
        }
        if is_bare_record {
            self.tape.push(Op::Leave, ROOT, (0, 0), Encoded::Plain);
            self.trace.spoil();
        }
        Ok(at)
    }

    /// Reads a name, whose quote stands at `at`, and the colon: where its value begins, and where that is to go.
    #[inline(always)]
    fn name(
        &mut self,
        shape: &mut Shape,
        bytes: &[u8],
        at: usize,
        frame: Frame,
    ) -> Result<(usize, Target), Stop> {
        let from = at + 1;
        let mut node = NO_NODE;
        let mut end = from;
        if frame.node != NO_NODE {
            let guess = if frame.prev == NO_NODE {
                shape.node(frame.node).first
            } else {
                shape.node(frame.prev).next
            };
            if guess != NO_NODE {
                let written = &shape.node(guess).written;
                end = from + written.len();
                if bytes.get(end) == Some(&b'"') && stands_at(bytes, from, written) {
                    node = guess;
                }
            }
        }
        if node == NO_NODE {
            let escaped;
            (end, escaped) = string_end(bytes, from)?;
            if frame.node != NO_NODE {
                let name = bytes.get(from..end).unwrap_or_default();
                node = shape.child(frame.node, frame.prev, name, escaped);
            }
        }
        let name = bytes.get(from..end).unwrap_or_default();
        self.trace.name(frame.place, name);
        let colon = skip_space(bytes, end + 1);
        if byte_at(bytes, colon)? != b':' {
            return Err(malformed(colon, "a : is expected after a name"));
        }
        let value = skip_space(bytes, colon + 1);
        if frame.node == NO_NODE {
            return Ok((value, Target::NOWHERE));
        }
        if node == NO_NODE {
            self.roomless(bytes, (from, end));
            return Ok((value, Target::NOWHERE));
        }
        if let Some(last) = self.frames.last_mut() {
            last.prev = node;
        }
        self.trace.step(node);
        if !self.keys.is_first(node) {
            // The last one counts.
            self.take_back(shape, frame.entries, node);
            self.trace.spoil();
        }
        Ok((value, Target::column(node)))
    }

    /// Counts a field for which there is no room to remember it.
    #[cold]
    fn roomless(&mut self, bytes: &[u8], range: (usize, usize)) {
        let mut name = Vec::new();
        unescape(bytes.get(range.0..range.1).unwrap_or_default(), &mut name);
        if self.keys.is_first_name(&name) {
            // `take_back` tells it by its encoding from a value for which there is no room.
            self.tape.push(Op::Unknown, NO_NODE, range, Encoded::String);
        }
        self.trace.spoil();
    }

    /// Reads the value at `at`, or as much of it as opens a container.
    #[inline(always)]
    fn value(
        &mut self,
        shape: &mut Shape,
        bytes: &[u8],
        at: usize,
        target: Target,
        bounded: bool,
    ) -> Result<usize, Stop> {
        match byte_at(bytes, at)? {
            b'"' => {
                let (end, escaped) = string_end(bytes, at + 1)?;
                let scalar = Scalar {
                    slot: Slot::String,
                    op: if shape.tells_strings {
                        Op::Text
                    } else {
                        Op::Value
                    },
                    range: (at + 1, end),
                    encoded: if escaped {
                        Encoded::String
                    } else {
                        Encoded::Plain
                    },
                    whole: (at, end + 1),
                };
                self.scalar(shape, target, scalar);
                Ok(end + 1)
            }
            b'-' | b'0'..=b'9' => {
                let end = number_ends(bytes, at, bounded)?;
                let scalar = Scalar {
                    slot: Slot::Number,
                    op: Op::Value,
                    range: (at, end),
                    encoded: Encoded::Plain,
                    whole: (at, end),
                };
                self.scalar(shape, target, scalar);
                Ok(end)
            }
            bracket @ (b'{' | b'[') => {
                if self.frames.len() >= self.depth_max {
                    return Err(Stop::TooDeep(at));
                }
                self.open(shape, at, bracket == b'{', target);
                Ok(at + 1)
            }
            byte => {
                let end = word_end(bytes, at)?;
                if byte == b'n' {
                    self.null(shape, (at, end), target);
                    return Ok(end);
                }
                let scalar = Scalar {
                    slot: Slot::Truth,
                    op: Op::Value,
                    range: (at, end),
                    encoded: Encoded::Plain,
                    whole: (at, end),
                };
                self.scalar(shape, target, scalar);
                Ok(end)
            }
        }
    }

    /// Puts a scalar on the tape where the schema has it.
    #[inline(always)]
    fn scalar(&mut self, shape: &mut Shape, target: Target, scalar: Scalar) {
        let id = target.node;
        if id == NO_NODE {
            return self.slot(scalar, None);
        }
        let node = shape.node(id);
        if !node.known {
            return self.slot(scalar, Some((Op::Unknown, id)));
        }
        if !node.wanted {
            return self.slot(scalar, None);
        }
        if node.kind == Kind::Any || (node.kind == Kind::Leaf && node.items == NO_NODE) {
            return self.slot(scalar, Some((scalar.op, id)));
        }
        self.placed_scalar(shape, target, scalar);
    }

    #[inline(always)]
    pub(super) fn slot(&mut self, scalar: Scalar, push: Option<(Op, NodeId)>) {
        let before = self.tape.entries.len();
        if let Some((op, node)) = push {
            self.tape.push(op, node, scalar.range, scalar.encoded);
        }
        if self.trace.is_on() {
            let entries = (before, self.tape.entries.len());
            self.trace.slot((scalar.slot)(push), scalar.range, entries);
        }
    }

    pub(super) fn leave(&mut self, leaves: u32) {
        for _ in 0..leaves {
            self.tape.push(Op::Leave, NO_NODE, (0, 0), Encoded::Plain);
        }
    }

    /// Opens the object or array at `at`.
    fn open(&mut self, shape: &mut Shape, at: usize, is_object: bool, target: Target) {
        let place = self.trace.enter(if is_object { b'{' } else { b'[' });
        let mut frame = Frame {
            is_object,
            node: NO_NODE,
            prev: NO_NODE,
            entries: 0,
            leaves: 0,
            level: 0,
            place,
        };
        if target.node != NO_NODE {
            self.lay_out(shape, at, target, &mut frame);
        }
        if frame.is_object && frame.node != NO_NODE {
            self.keys.open();
            self.trace.step(OPEN);
            frame.entries = self.tape.entries.len();
        }
        self.frames.push(frame);
    }

    /// Closes the container that ends before `at`.
    #[inline(always)]
    fn close(&mut self, at: usize, frame: Frame, is_empty: bool, learning: bool) {
        self.trace.leave(frame.place);
        if frame.node != NO_NODE {
            if frame.is_object {
                self.keys.close();
                self.trace.step(CLOSE);
            }
            if is_empty && !learning && !frame.is_object {
                let end = (at - 1, at);
                self.tape.push(Op::Empty, frame.node, end, Encoded::Plain);
            }
            if is_empty && learning && frame.is_object && frame.node != ROOT {
                self.tape.entries.pop();
                self.tape
                    .push(Op::Braces, frame.node, (0, 0), Encoded::Plain);
                self.frames.pop();
                return;
            }
        }
        self.leave(frame.leaves);
        self.frames.pop();
    }
}

/// Where the number at `at` ends. `bounded`: it may end where the bytes do.
pub(super) fn number_ends(bytes: &[u8], at: usize, bounded: bool) -> Result<usize, Stop> {
    match number_end(bytes, at) {
        Err(Stop::Incomplete) if bounded => last_number_end(bytes, at),
        other => other,
    }
}

/// The end of a number that nothing follows.
#[cold]
fn last_number_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let mut number = bytes.get(at..).unwrap_or_default().to_vec();
    number.push(b' ');
    match number_end(&number, 0)? {
        end if end + 1 == number.len() => Ok(at + end),
        _ => Err(Stop::Incomplete),
    }
}
