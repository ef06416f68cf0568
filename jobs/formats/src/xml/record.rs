//! One pass over a record: its markup checked, its values laid out on a [`Tape`].
//!
//! The pass is strict: end tags match, attributes are quoted and occur once, no `<` stands in an attribute's value,
//! every `&` begins a known reference, and all is in the file's encoding. It knows the names to expect ([`Shape`]), so that most
//! elements cost one comparison for the start tag, one search for the next `<` and one comparison for the end tag.
//!
//! A record may be cut off by the end of the buffer. Then the caller comes again with more bytes, and the pass begins
//! anew: buffers are large and records small, so that costs next to nothing.

use memchr::{memchr, memrchr};

use super::ahead::Ahead;
use super::doctype::Refusal;
use super::head::Head;
use super::input::{Input, Stop, or_incomplete, shown};
use super::lex::Stretch;
use super::shape::{Kind, NO_NODE, NodeId, ROOT, Shape};
use super::text::{Special, TextRules};
use super::trace::{Slot, Template, Trace};
use super::{BadReason, Limits};
use crate::bytes::{find_lt, skip_space, stands_at};
use crate::charset::SingleByte;
use crate::record::options::RECORD_BYTES_LARGEST;
use crate::record::tape::{Encoded, Op, Tape};
use crate::values::is_space;

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

/// The pass, with the memory that it uses again for every record.
#[derive(Debug, Default)]
pub(crate) struct RecordParser {
    pub(crate) tape: Tape,
    pub(super) special: Special,
    /// Names of the attributes of the tag at hand.
    pub(super) seen: Vec<(usize, usize)>,
    frames: Vec<Frame>,
    /// Texts of the open elements, innermost last.
    pub(super) pieces: Vec<Piece>,
    nested_at: Option<usize>,
    pub(super) template: Template,
    pub(super) trace: Trace,
    pub(super) ahead: Ahead,
    trim: bool,
    limits: Limits,
}

/// An open element.
#[derive(Debug)]
struct Frame {
    node: NodeId,
    /// Whether the names of what lies inside are looked up.
    descend: bool,
    /// Whether what lies inside is read, and not only checked.
    collect: bool,
    /// Whether blank text before any other means nothing.
    layout: bool,
    has_attributes: bool,
    has_elements: bool,
    /// The child element before the one at hand.
    prev: NodeId,
    name: (usize, usize),
    content: usize,
    /// Its `Enter` on the tape.
    entered: Option<usize>,
    /// Its first text.
    pieces: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) range: (usize, usize),
    pub(super) encoded: Encoded,
}

impl RecordParser {
    pub(crate) fn new(limits: &Limits, trim: bool) -> Self {
        Self {
            tape: Tape::default(),
            special: Special::default(),
            seen: Vec::new(),
            frames: Vec::new(),
            pieces: Vec::new(),
            nested_at: None,
            template: Template::default(),
            trace: Trace::default(),
            ahead: Ahead::default(),
            trim,
            limits: Limits {
                recovery_bytes_max: limits.recovery_bytes_max.min(limits.record_bytes_max),
                ..limits.clone()
            },
        }
    }

    /// Makes ready for another file.
    pub(crate) fn forget_place(&mut self) {
        self.special = Special::default();
        self.ahead = Ahead::default();
    }

    /// Goes by what the head of the file at hand says.
    pub(crate) fn set_head(&mut self, head: &Head) {
        if head.charset().table() != self.table() {
            // What was learned are bytes of another encoding, and would mean other names in this one.
            self.template.forget();
        }
        self.tape.rules = TextRules {
            table: head.charset().table(),
            entities: head.entities().cloned(),
            entity_bytes_max: self.limits.entity_bytes_max,
        };
    }

    /// How the bytes of the file at hand become characters, if they are not UTF-8.
    pub(crate) fn table(&self) -> Option<SingleByte> {
        self.tape.rules.table
    }

    /// Reads the record whose `<` is `buf[0]`, at the offset `base` of the file, and `at` so many bytes of the caller's
    /// buffer.
    pub(crate) fn parse(
        &mut self,
        shape: &mut Shape,
        buf: &[u8],
        base: u64,
        at: usize,
        eof: bool,
    ) -> Parsed {
        self.tape.clear();
        self.frames.clear();
        self.pieces.clear();
        self.nested_at = None;
        self.special.begin(base);
        let table = self.table();
        let record_bytes_max = match table {
            // A byte may become three.
            Some(_) => self.limits.record_bytes_max.min(RECORD_BYTES_LARGEST / 3),
            None => self.limits.record_bytes_max,
        };
        let bytes = buf.get(..record_bytes_max).unwrap_or(buf);
        let mut input = Input {
            bytes,
            base,
            table,
            all: buf,
            eof,
        };
        let read = match self.replay(shape, &input, at) {
            Some(length) => Ok(length),
            None => self.run(shape, &mut input),
        };
        match read {
            Ok(length) => match self.check_bytes(&input, length) {
                Ok(()) if length + self.tape.expanded_bytes > record_bytes_max => {
                    Parsed::Bad(BadReason::TooLarge {
                        bytes_max: record_bytes_max as u64,
                    })
                }
                Ok(()) => Parsed::Complete(length),
                Err(reason) => Parsed::Bad(reason),
            },
            Err(Stop::Bad(reason)) => Parsed::Bad(reason),
            Err(Stop::Incomplete) if input.bytes.len() < buf.len() => {
                Parsed::Bad(match self.nested_at {
                    Some(at) => self.unclosed(&input, at),
                    None => BadReason::TooLarge {
                        bytes_max: record_bytes_max as u64,
                    },
                })
            }
            Err(Stop::Incomplete) if eof => Parsed::Bad(BadReason::Truncated {
                at: base + buf.len() as u64,
            }),
            Err(Stop::Incomplete) => Parsed::Incomplete,
        }
    }

    /// Whether the record of this length holds only bytes that its encoding has.
    fn check_bytes(&self, input: &Input<'_>, length: usize) -> Result<(), BadReason> {
        let record = input.slice((0, length));
        let (invalid, encoding) = match input.table {
            Some(table) => (table.first_invalid(record), table.name()),
            None => {
                let valid = simdutf8::compat::from_utf8(record);
                (valid.err().map(|error| error.valid_up_to()), "UTF-8")
            }
        };
        let Some(at) = invalid else {
            return Ok(());
        };
        Err(BadReason::InvalidByte {
            at: input.base + at as u64,
            byte: record.get(at).copied().unwrap_or_default(),
            encoding: encoding.to_string(),
        })
    }

    fn unclosed(&self, input: &Input<'_>, at: usize) -> BadReason {
        let bytes_max = self.limits.recovery_bytes_max as u64;
        BadReason::Unclosed {
            at: input.base + at as u64,
            bytes_max,
        }
    }

    /// The strict pass. The template learns from a record that it accepts.
    fn run(&mut self, shape: &mut Shape, input: &mut Input<'_>) -> Result<usize, Stop> {
        self.trace.begin(self.template.is_learning());
        let length = self.pass(shape, input)?;
        if self.trace.is_on() {
            let record = input.bytes.get(..length).unwrap_or_default();
            self.trace.teach(&mut self.template, record, &self.tape);
        }
        Ok(length)
    }

    fn pass(&mut self, shape: &mut Shape, input: &mut Input<'_>) -> Result<usize, Stop> {
        let name = (1, input.name_end(1)?);
        let mut p = self.tag(shape, input, ROOT, name)?;
        while !self.frames.is_empty() {
            // White space before the first text of an element with fields is layout, and would be trimmed anyway.
            if self
                .frames
                .last()
                .is_some_and(|frame| frame.layout && frame.pieces == self.pieces.len())
            {
                p = skip_space(input.bytes, p);
            }
            let lt = or_incomplete(find_lt(input.bytes, p))?;
            if lt > p {
                self.text(input, (p, lt))?;
            }
            p = match input.byte(lt + 1)? {
                b'/' => self.end_tag(shape, input, lt)?,
                b'!' => self.declaration(input, lt)?,
                b'?' => {
                    self.trace.spoil();
                    self.stretch_end(input, lt, Stretch::Instruction)?
                }
                _ => self.element(shape, input, lt)?,
            };
        }
        Ok(p)
    }

    /// A child element's start tag; and, if nothing but text follows, its end tag too.
    fn element(
        &mut self,
        shape: &mut Shape,
        input: &mut Input<'_>,
        lt: usize,
    ) -> Result<usize, Stop> {
        let depth = self.frames.len();
        let start = lt + 1;
        let (node, name_end, is_row) = self.child(shape, input, start)?;
        if is_row {
            self.nested(shape, input, lt)?;
        }
        if depth >= self.limits.depth_max {
            let depth_max = self.limits.depth_max as u64;
            return Err(Stop::Bad(BadReason::TooDeep {
                at: input.base + lt as u64,
                depth_max,
            }));
        }
        if input.byte(name_end)? == b'>' {
            let content = name_end + 1;
            let lt = or_incomplete(find_lt(input.bytes, content))?;
            if let Some(end) = closes(input, lt, (start, name_end)) {
                let encoded = self.encoding(input, (content, lt))?;
                let before = self.tape.entries.len();
                self.leaf(shape, input, node, (content, lt), encoded);
                if self.trace.is_on() {
                    self.trace.enter(input.slice((start, name_end)));
                    let entries = (before, self.tape.entries.len());
                    self.trace.slot(Slot::Leaf(node), (content, lt), entries);
                    self.trace.leave();
                }
                return Ok(end);
            }
        }
        self.tag(shape, input, node, (start, name_end))
    }

    /// The child element whose name begins at `start`: its node, the end of its name, and whether that is a row tag's.
    #[inline(always)]
    fn child(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        start: usize,
    ) -> Result<(NodeId, usize, bool), Stop> {
        let Some(frame) = self.frames.last_mut() else {
            return Err(Stop::Incomplete);
        };
        frame.has_elements = true;
        if !frame.descend {
            let end = input.name_end(start)?;
            let is_row = shape.rows().find(input.slice((start, end))).is_some();
            return Ok((NO_NODE, end, is_row));
        }
        let guess = if frame.prev == NO_NODE {
            shape.node(frame.node).first
        } else {
            shape.node(frame.prev).next
        };
        if guess != NO_NODE {
            let guessed = shape.node(guess);
            let end = start + guessed.written.len();
            let ends = input.bytes.get(end).is_some_and(|b| ends_name(*b));
            if ends && stands_at(input.bytes, start, &guessed.written) && !guessed.attribute {
                frame.prev = guess;
                return Ok((guess, end, guessed.is_row));
            }
        }
        let end = input.name_end(start)?;
        let name = input.slice((start, end));
        let node = shape.child(frame.node, frame.prev, name);
        if node != NO_NODE {
            frame.prev = node;
        } else if frame.collect {
            self.tape
                .push(Op::Unknown, NO_NODE, (start, end), Encoded::Plain);
        }
        Ok((node, end, shape.rows().find(name).is_some()))
    }

    /// The rest of a start tag after its name, and the element if that is all of it.
    fn tag(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        node: NodeId,
        name: (usize, usize),
    ) -> Result<usize, Stop> {
        let (known, read, kind) = match node {
            NO_NODE => (false, false, Kind::Leaf),
            id => {
                let node = shape.node(id);
                (node.known, node.wanted, node.kind)
            }
        };
        let fields = read && matches!(kind, Kind::Struct | Kind::Any);
        let raw = matches!(kind, Kind::Inner | Kind::Outer);
        let entered = fields.then_some(self.tape.entries.len());
        if fields {
            self.tape.push(Op::Enter, node, name, Encoded::Plain);
        }
        if raw {
            self.trace.spoil(); // its value goes beyond what a slot holds
        }
        if self.trace.is_on() {
            self.trace.enter(input.slice(name));
        }
        let attributes = read && kind != Kind::Outer && shape.reads_attributes;
        let owner = if attributes { node } else { NO_NODE };
        let tag = self.attributes(shape, input, owner, name.1)?;
        self.frames.push(Frame {
            node,
            descend: known && !raw,
            collect: read && !raw,
            layout: !read || (self.trim && kind != Kind::Leaf),
            has_attributes: tag.has_attributes,
            has_elements: false,
            prev: NO_NODE,
            name,
            content: tag.end,
            entered,
            pieces: self.pieces.len(),
        });
        if tag.empty {
            self.close(shape, input, tag.end, tag.end);
            self.trace.leave();
        }
        Ok(tag.end)
    }

    fn end_tag(&mut self, shape: &mut Shape, input: &Input<'_>, lt: usize) -> Result<usize, Stop> {
        let Some(frame) = self.frames.last() else {
            return Err(Stop::Incomplete);
        };
        let name = frame.name;
        let end = match closes(input, lt, name) {
            Some(end) => end,
            None => {
                let name_end = input.name_end(lt + 2)?;
                let mut end = name_end;
                while is_space(input.byte(end)?) {
                    end += 1;
                }
                if input.slice((lt + 2, name_end)) != input.slice(name) {
                    let (found, open) = (input.shown((lt + 2, name_end)), input.shown(name));
                    return Err(input
                        .malformed(lt, format!("</{found}> stands where </{open}> is expected")));
                }
                if input.byte(end)? != b'>' {
                    return Err(input.malformed(end, "an end tag holds nothing but its name"));
                }
                end + 1
            }
        };
        self.close_tagged(shape, input, (lt, end));
        Ok(end)
    }

    /// Ends the innermost element, which has an end tag, and notes its text for the template.
    fn close_tagged(&mut self, shape: &mut Shape, input: &Input<'_>, end_tag: (usize, usize)) {
        let content_end = end_tag.0;
        if !self.trace.is_on() {
            return self.close(shape, input, end_tag.0, end_tag.1);
        }
        let Some(frame) = self.frames.last() else {
            return;
        };
        let (node, layout, content) = (frame.node, frame.layout, frame.content);
        let has_text = self.pieces.len() > frame.pieces;
        if frame.has_elements {
            if has_text {
                self.trace.spoil();
            }
            self.close(shape, input, end_tag.0, end_tag.1);
        } else if !frame.has_attributes {
            self.trace.spoil();
            self.close(shape, input, end_tag.0, end_tag.1);
        } else {
            let before = self.tape.entries.len();
            self.close(shape, input, end_tag.0, end_tag.1);
            // What it puts behind its value, if anything, is its `Leave`.
            let leaves = self
                .tape
                .entries
                .last()
                .is_some_and(|entry| entry.op == Op::Leave && entry.node == node);
            let after = self.tape.entries.len() - usize::from(leaves);
            let slot = Slot::Tagged { node, layout };
            self.trace
                .slot(slot, (content, content_end), (before, after));
        }
        self.trace.leave();
    }

    /// Ends the innermost element; its content ends at `content_end`, and its end tag at `end`.
    fn close(&mut self, shape: &mut Shape, input: &Input<'_>, content_end: usize, end: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        if frame.node == NO_NODE {
            return;
        }
        let node = shape.node(frame.node);
        if !node.known {
            self.tape.push(
                Op::Unknown,
                frame.node,
                (frame.content, content_end),
                Encoded::Plain,
            );
            return;
        }
        if !node.wanted {
            return;
        }
        match node.kind {
            Kind::Leaf => self.value(input, frame.node, frame.pieces, content_end),
            Kind::Inner => {
                let range = (frame.content, content_end);
                self.tape.push(Op::Value, frame.node, range, Encoded::Plain);
            }
            Kind::Outer => {
                let range = (frame.name.0 - 1, end);
                self.tape.push(Op::Value, frame.node, range, Encoded::Plain);
            }
            Kind::Any => {
                // White space beside fields is no text.
                let fields = frame.has_elements || frame.has_attributes && shape.reads_attributes;
                if !fields || !self.blank(input, frame.pieces) {
                    self.value(input, frame.node, frame.pieces, content_end);
                }
                self.tape
                    .push(Op::Leave, frame.node, (0, 0), Encoded::Plain);
            }
            Kind::Struct => {
                if !self.blank(input, frame.pieces) {
                    let value = node.value;
                    self.struct_text(shape, input, frame.node, value, frame.pieces, content_end);
                } else if !(frame.has_elements || frame.has_attributes && shape.reads_attributes)
                    && frame.node != ROOT
                {
                    self.tape
                        .entries
                        .truncate(frame.entered.unwrap_or(self.tape.entries.len()));
                    self.tape.push(Op::Null, frame.node, (0, 0), Encoded::Plain);
                    self.pieces.truncate(frame.pieces);
                    if self.trace.has_attributes() {
                        self.trace.spoil(); // what an attribute's slot has put on the tape was taken back
                    }
                    return;
                }
                self.tape
                    .push(Op::Leave, frame.node, (0, 0), Encoded::Plain);
            }
        }
        self.pieces.truncate(frame.pieces);
    }

    /// The text beside a struct's fields.
    pub(super) fn struct_text(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        parent: NodeId,
        value: NodeId,
        pieces: usize,
        content_end: usize,
    ) {
        if value == NO_NODE {
            let unknown = shape.unknown_value(parent);
            let range = self
                .pieces
                .get(pieces)
                .map_or((content_end, content_end), |piece| piece.range);
            self.tape.push(Op::Unknown, unknown, range, Encoded::Plain);
        } else if shape.node(value).wanted {
            self.value(input, value, pieces, content_end);
        }
    }

    /// The value made of the pieces from `from` on.
    pub(super) fn value(
        &mut self,
        input: &Input<'_>,
        node: NodeId,
        from: usize,
        content_end: usize,
    ) {
        match self.pieces.get(from..).unwrap_or_default() {
            [] => self
                .tape
                .push(Op::Value, node, (content_end, content_end), Encoded::Plain),
            [piece] => self.tape.push(Op::Value, node, piece.range, piece.encoded),
            pieces => {
                let start = self.tape.joined.len();
                for piece in pieces {
                    let text = input.slice(piece.range);
                    self.tape
                        .rules
                        .decode(text, piece.encoded, &mut self.tape.joined);
                }
                self.tape.push(
                    Op::Value,
                    node,
                    (start, self.tape.joined.len()),
                    Encoded::Joined,
                );
            }
        }
    }

    /// An element with nothing but text.
    pub(super) fn leaf(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        id: NodeId,
        range: (usize, usize),
        encoded: Encoded,
    ) {
        if id == NO_NODE {
            return;
        }
        let node = shape.node(id);
        if !node.known {
            self.tape.push(Op::Unknown, id, range, encoded);
        } else if node.wanted {
            match node.kind {
                Kind::Leaf | Kind::Any => self.tape.push(Op::Value, id, range, encoded),
                Kind::Struct => {
                    let value = node.value;
                    let from = self.pieces.len();
                    self.pieces.push(Piece { range, encoded });
                    if self.blank(input, from) {
                        self.tape.push(Op::Null, id, range, Encoded::Plain);
                    } else {
                        self.tape.push(Op::Enter, id, range, Encoded::Plain);
                        self.struct_text(shape, input, id, value, from, range.1);
                        self.tape.push(Op::Leave, id, (0, 0), Encoded::Plain);
                    }
                    self.pieces.truncate(from);
                }
                Kind::Inner => self.tape.push(Op::Value, id, range, Encoded::Plain),
                Kind::Outer => {
                    // Its tags hold nothing but its name.
                    let before = input.slice((0, range.0));
                    let lt = memrchr(b'<', before).unwrap_or(range.0);
                    let range = (lt, range.1 + "/".len() + range.0 - lt);
                    self.tape.push(Op::Value, id, range, Encoded::Plain);
                }
            }
        }
    }

    /// Whether the pieces from `from` on are blank.
    fn blank(&self, input: &Input<'_>, from: usize) -> bool {
        let pieces = self.pieces.get(from..).unwrap_or_default();
        pieces.iter().all(|piece| self.is_blank(input, *piece))
    }

    /// Whether a piece of text holds nothing but white space; if values are trimmed, that written as a reference too.
    #[inline]
    pub(super) fn is_blank(&self, input: &Input<'_>, piece: Piece) -> bool {
        let text = input.slice(piece.range);
        let escaped = self.trim && piece.encoded == Encoded::Escaped;
        text.iter().all(|b| is_space(*b)) || (escaped && self.tape.rules.is_space(text))
    }

    /// Text between tags.
    fn text(&mut self, input: &Input<'_>, range: (usize, usize)) -> Result<(), Stop> {
        let encoded = self.encoding(input, range)?;
        if self.frames.last().is_some_and(|frame| frame.collect) {
            self.pieces.push(Piece { range, encoded });
        }
        Ok(())
    }

    /// The position after the comment or the like that begins at `lt`.
    fn stretch_end(
        &mut self,
        input: &Input<'_>,
        lt: usize,
        stretch: Stretch,
    ) -> Result<usize, Stop> {
        let (bytes, from) = (input.bytes, lt + stretch.opening().len());
        let unended = &mut self.ahead.unended;
        let end = unended.end(stretch, bytes, input.base, from, bytes.len());
        end.ok_or(Stop::Incomplete)
    }

    /// A comment or a CDATA section.
    fn declaration(&mut self, input: &Input<'_>, lt: usize) -> Result<usize, Stop> {
        self.trace.spoil();
        let rest = input.bytes.get(lt..).unwrap_or_default();
        for stretch in [Stretch::Comment, Stretch::CData] {
            let opening = stretch.opening();
            if rest.starts_with(opening) {
                let end = self.stretch_end(input, lt, stretch)?;
                if stretch == Stretch::CData
                    && self.frames.last().is_some_and(|frame| frame.collect)
                {
                    let range = (lt + opening.len(), end - stretch.terminator().len());
                    let special = self.special.find(input.bytes, input.base, range.0, range.1);
                    let lines = special.is_some() && memchr(b'\r', input.slice(range)).is_some();
                    let encoded = if lines {
                        Encoded::Lines
                    } else {
                        Encoded::Plain
                    };
                    self.pieces.push(Piece { range, encoded });
                }
                return Ok(end);
            }
            if rest.len() < opening.len() && opening.starts_with(rest) {
                return Err(Stop::Incomplete);
            }
        }
        Err(input.malformed(
            lt,
            "after <! only a comment or a CDATA section may stand in a record",
        ))
    }

    /// How text becomes a value; checks its references.
    #[inline]
    pub(super) fn encoding(
        &mut self,
        input: &Input<'_>,
        range: (usize, usize),
    ) -> Result<Encoded, Stop> {
        let Some(first) = self.special.find(input.bytes, input.base, range.0, range.1) else {
            return Ok(Encoded::Plain);
        };
        self.escaped(input, first, range, Encoded::Escaped)
    }

    /// The same, for text that holds a `&` or a carriage return.
    #[cold]
    pub(super) fn escaped(
        &mut self,
        input: &Input<'_>,
        first: usize,
        range: (usize, usize),
        encoded: Encoded,
    ) -> Result<Encoded, Stop> {
        let text = input.slice((first, range.1));
        let expanded_bytes = &mut self.tape.expanded_bytes;
        let bytes_max = self.limits.record_bytes_max;
        match self
            .tape
            .rules
            .check(text, encoded, expanded_bytes, bytes_max)
        {
            Ok(()) => Ok(encoded),
            Err((at, refusal)) => {
                let at = first + at;
                let reach = input.slice((at, range.1.min(at + 40)));
                let length = memchr(b';', reach).map_or(reach.len().min(12), |i| i + 1);
                let text = shown(reach.get(..length).unwrap_or(reach), input.table);
                let at = input.base + at as u64;
                Err(Stop::Bad(match refusal {
                    Refusal::Unknown => BadReason::UnknownEntity { at, text },
                    refusal => BadReason::Entity {
                        at,
                        text,
                        what: refusal.to_string(),
                    },
                }))
            }
        }
    }

    /// An element with a row tag's name begins at `at`: from now on the record must end within reach.
    fn nested(&mut self, shape: &Shape, input: &mut Input<'_>, at: usize) -> Result<(), Stop> {
        self.trace.spoil();
        if self.nested_at.is_none() {
            self.nested_at = Some(at);
            let reach = self.limits.recovery_bytes_max;
            let (all, base, eof, ahead) = (input.all, input.base, input.eof, &mut self.ahead);
            if at >= reach || ahead.is_unclosed(all, base, eof, shape.rows(), reach) {
                return Err(Stop::Bad(self.unclosed(input, at)));
            }
            input.bytes = input.bytes.get(..reach).unwrap_or(input.bytes);
        }
        Ok(())
    }
}

/// Whether a name ends before this byte.
#[inline(always)]
fn ends_name(byte: u8) -> bool {
    matches!(byte, b'>' | b'/') || is_space(byte)
}

/// The position after `</name>` at `lt`, if that is what stands there.
#[inline(always)]
fn closes(input: &Input<'_>, lt: usize, name: (usize, usize)) -> Option<usize> {
    let name = input.slice(name);
    let end = lt + 2 + name.len();
    let closes = input.bytes.get(lt + 1) == Some(&b'/') && input.bytes.get(end) == Some(&b'>');
    (closes && stands_at(input.bytes, lt + 2, name)).then_some(end + 1)
}
