//! Documents one after another, or one array, with the records inside of them.
//!
//! Outside of records the text is read token by token, whatever a document's length. A part that stands beside the path
//! to the records is passed over by its brackets and not checked. What cannot be read costs as little as can be told:
//!
//! | Where | What is bad | Goes on |
//! | --- | --- | --- |
//! | a value that begins with a bracket | up to its closing bracket outside strings, or before one that matches none of those open in it | after it |
//! | anything else inside a container | up to the next comma or closing bracket of that container | there |
//! | a closing bracket of the wrong kind | nothing but the fact; it ends the container | with the container around it |
//! | between documents | up to the next bracket or line feed | there |
//! | a document that ends too early | nothing but the fact, where it ends | |
//!
//! (A field is bad from its name on, unless it is the value of a record that is.)

mod seams;

use std::sync::Arc;

use self::seams::is_beyond;
use super::JsonOptions;
use super::around::{Around, Leads};
use super::head::{JsonHead, Layout, Lead};
use super::lex::{Stop, string_end, word_end};
use super::path::PathStep;
use super::record::{End, Parsed};
use super::recover::Skip;
use super::scanner::{Common, Next};
use super::shape::Shape;
use super::text::unescape;
use crate::bytes::skip_space;
use crate::record::columns::RecordAt;
use crate::record::scan::{Place, Step};
use crate::record::{BadReason, ReadFailure, Start};

/// The scanner of documents.
#[derive(Debug)]
pub(super) struct Documents {
    /// To the records.
    path: Vec<PathStep>,
    path_shown: String,
    /// What of a document belongs to each of its records.
    around: Around,
    /// Whether the file is one array, and nothing may follow it.
    is_array: bool,
    /// How the records of an array begin, for a split in mid-file.
    lead: Option<Arc<Lead>>,
    state: State,
    frames: Vec<Frame>,
    /// What is passed over, and why if it is bad.
    passing: Option<(Skip, Option<BadReason>)>,
    /// Whether the document has a place for records, and whether something in it was bad.
    found: bool,
    broken: bool,
    depth_max: usize,
    sync_bytes_max: u64,
}

/// A container on the way to the records, or to what is kept.
#[derive(Debug)]
struct Frame {
    is_object: bool,
    /// How many steps of the path lead here, if it does.
    matched: Option<usize>,
    /// The same of the paths to what is kept.
    kept: Leads,
}

impl Frame {
    /// The array that a file is.
    fn of_records(around: &Around) -> Self {
        Self {
            is_object: false,
            matched: Some(0),
            kept: around.nowhere(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In mid-file, in an array: before a place where a record probably begins. `fresh`: at the split's first byte.
    Seeking { fresh: bool },
    /// In mid-file, in an array: at the first byte of a record, or at the file's end.
    Entering,
    /// Between documents.
    Between,
    /// Nothing but white space may follow.
    Over,
    /// In a container that has just begun.
    Fresh,
    /// In a container, after a comma.
    Member,
    /// In a container, after a value.
    After,
}

impl Documents {
    pub(super) fn new(options: &JsonOptions, head: &JsonHead, start: Start) -> Self {
        let is_array = head.layout() == Layout::Array;
        let (path, path_shown) = match &options.records {
            _ if is_array => (vec![PathStep::Each], "$[*]".to_string()),
            Some(path) => (path.steps().to_vec(), path.as_str().to_string()),
            None => (Vec::new(), "$".to_string()),
        };
        debug_assert!(start == Start::File || is_array, "documents are not cut");
        let around = Around::new(options);
        let state = match start {
            Start::File => State::Between,
            Start::Known(_) => State::Entering,
            Start::Guess(_) => State::Seeking { fresh: true },
        };
        let mut frames = Vec::new();
        if state == State::Entering {
            frames.push(Frame::of_records(&around));
        }
        Self {
            path,
            path_shown,
            around,
            is_array,
            lead: head.lead().cloned(),
            state,
            frames,
            passing: None,
            found: start != Start::File,
            broken: false,
            depth_max: options.limits.depth_max,
            sync_bytes_max: options.limits.sync_bytes_max,
        }
    }

    /// The bytes of the held record that was given out last.
    pub(super) fn held(&self) -> &[u8] {
        self.around.given_out()
    }

    /// Goes on; `rest` begins at the position, and `from` is where that is in the caller's buffer.
    pub(super) fn next(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        if let Some(step) = self.around.give_out(common, shape) {
            return Ok(Next::Step(step));
        }
        if self.passing.is_some() {
            return self.pass(common, rest, eof);
        }
        if let State::Seeking { fresh } = self.state {
            return Ok(self.seek(common, rest, eof, fresh));
        }
        let skipped = skip_space(rest, 0);
        if skipped > 0 {
            common.progress.advance(rest, skipped);
            return Ok(Next::Again);
        }
        let Some(&byte) = rest.first() else {
            if !eof {
                return Ok(Next::Step(common.need(1)));
            }
            return self.end_of_file(common);
        };
        let closing = match self.frames.last() {
            None => return self.top(common, shape, rest, eof, from),
            Some(frame) if frame.is_object => b'}',
            Some(_) => b']',
        };
        match (self.state, byte) {
            (State::Fresh | State::After, byte) if byte == closing => {
                common.progress.advance(rest, 1);
                self.close(common)
            }
            (State::After, b',') => {
                common.progress.advance(rest, 1);
                self.state = State::Member;
                Ok(Next::Again)
            }
            (_, b'}' | b']') => {
                // What is missing before it costs a record, and so does a container that it does not close.
                let what = if byte == closing {
                    "a value is expected after a comma"
                } else {
                    "this bracket closes nothing that is open"
                };
                self.broken = true;
                let reason = malformed(common, what);
                let settled = common.progress.bad_here(&[], reason, Some(0))?;
                if byte == closing {
                    self.state = State::After;
                    return Ok(settled.into());
                }
                self.frames.pop();
                self.state = State::After;
                if self.frames.is_empty() {
                    self.end_of_document(common)?;
                }
                Ok(settled.into())
            }
            (State::After, _) => {
                self.bad_part(common, "a , is expected here, or the end of what is open")
            }
            _ if self.is_array && is_beyond(common) => Ok(Next::Step(Step::Done)),
            _ => self.member(common, shape, rest, eof, from),
        }
    }

    /// What stands between documents.
    fn top(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        let byte = rest.first().copied().unwrap_or_default();
        if self.state == State::Over {
            let reason = malformed(common, "the file is one array, and nothing may follow it");
            return Ok(self.begin_bad(common, byte, reason));
        }
        if self.is_array && byte != b'[' {
            let reason = malformed(common, "the file is to be an array of records");
            return Ok(self.begin_bad(common, byte, reason));
        }
        (self.found, self.broken) = (false, false);
        let kept = self.around.begin_document();
        self.value(common, shape, rest, 0, eof, from, (Some(0), kept))
    }

    /// A field of an object or an item of an array.
    fn member(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        let Some(frame) = self.frames.last() else {
            return Ok(Next::Again);
        };
        let each = |matched: Option<usize>| {
            let matched = matched?;
            (self.path.get(matched)? == &PathStep::Each).then_some(matched + 1)
        };
        if !frame.is_object {
            let leads = (each(frame.matched), self.around.nowhere());
            return self.value(common, shape, rest, 0, eof, from, leads);
        }
        if rest.first() != Some(&b'"') {
            return self.bad_part(common, "a name in quotes is expected here");
        }
        let (end, escaped) = match string_end(looked_at(common, rest), 1) {
            Ok(found) => found,
            Err(stop) => return self.stopped(common, stop, rest.len(), eof),
        };
        let bytes_max = common.parser.record_bytes_max();
        if end > bytes_max {
            return self.too_large(common);
        }
        let quoted = rest.get(..end + 1).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(quoted) {
            return Ok(self.bad_bytes(common, quoted, error.valid_up_to()));
        }
        let colon = skip_space(rest, end + 1);
        match rest.get(colon) {
            // Whatever stands there: a shorter buffer does not show it.
            Some(_) if colon > bytes_max => return self.too_large(common),
            Some(b':') => {}
            Some(_) => return self.bad_part(common, "a : is expected after a name"),
            None => return self.stopped(common, Stop::Incomplete, rest.len(), eof),
        }
        let value = skip_space(rest, colon + 1);
        if value > bytes_max {
            return self.too_large(common);
        }
        if value >= rest.len() {
            return self.stopped(common, Stop::Incomplete, rest.len(), eof);
        }
        let inside = quoted.get(1..end).unwrap_or_default();
        let mut name = inside.to_vec();
        if escaped {
            name.clear();
            unescape(inside, &mut name);
        }
        let matched = frame
            .matched
            .and_then(|matched| match self.path.get(matched)? {
                PathStep::Each => Some(matched + 1),
                PathStep::Name(step) => (*step.as_bytes() == *name).then_some(matched + 1),
            });
        let by_each = each(frame.matched).is_some();
        let kept = self.around.follow(&frame.kept, &name);
        if by_each {
            self.around.set_key(quoted);
        }
        self.value(common, shape, rest, value, eof, from, (matched, kept))
    }

    /// Reads the value at `at`, to which so many steps of the path, and of those of what is kept, lead.
    #[expect(
        clippy::too_many_arguments,
        reason = "the buffer, and what is known of the value"
    )]
    fn value(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        at: usize,
        eof: bool,
        from: usize,
        (matched, kept): (Option<usize>, Leads),
    ) -> Result<Next, ReadFailure> {
        let value = rest.get(at..).unwrap_or_default();
        let byte = value.first().copied().unwrap_or_default();
        let is_top = self.frames.is_empty();
        if is_top && !self.path.is_empty() {
            common.progress.begin_document();
        }
        let leads_to_many = matched.is_some_and(|m| self.path.get(m) == Some(&PathStep::Each));
        self.found |= leads_to_many && matches!(byte, b'{' | b'[' | b'n');
        let end = if eof { End::File } else { End::Buffer };
        for i in self.around.ends(&kept) {
            let place = common.progress.position + at as u64;
            match common.parser.check(shape, value, place, end) {
                Parsed::Complete(length) => {
                    let value = value.get(..length).unwrap_or_default();
                    self.around.keep(&mut common.parser, shape, i, value);
                }
                Parsed::Incomplete => return Ok(Next::Step(common.need_more(rest.len()))),
                Parsed::Bad(reason) => {
                    common.progress.advance(rest, at);
                    return Ok(self.begin_bad(common, byte, reason));
                }
            }
        }
        if matched == Some(self.path.len()) {
            self.found = true;
            return self.record(common, shape, rest, at, eof, from);
        }
        let leads_on = matched.is_some() || self.around.leads_on(&kept);
        if !matches!(byte, b'{' | b'[') {
            return self.scalar(common, rest, at, eof);
        }
        common.progress.advance(rest, at);
        if !leads_on {
            self.passing = Some((Skip::value(), None));
            return Ok(Next::Again);
        }
        if self.frames.len() >= self.depth_max {
            let (at, depth_max) = (common.progress.position, self.depth_max as u64);
            return Ok(self.begin_bad(common, byte, BadReason::TooDeep { at, depth_max }));
        }
        common.progress.advance(value, 1);
        self.frames.push(Frame {
            is_object: byte == b'{',
            matched,
            kept,
        });
        self.state = State::Fresh;
        Ok(Next::Again)
    }

    /// Passes over a scalar that leads nowhere.
    fn scalar(
        &mut self,
        common: &mut Common,
        rest: &[u8],
        at: usize,
        eof: bool,
    ) -> Result<Next, ReadFailure> {
        let seen = looked_at(common, rest);
        let end = match seen.get(at) {
            Some(b'"') => string_end(seen, at + 1).map(|(end, _)| end + 1),
            Some(b'-' | b'0'..=b'9') => super::record::number_ends(seen, at, eof),
            _ => word_end(seen, at),
        };
        match end {
            Ok(end) if end > common.parser.record_bytes_max() => self.too_large(common),
            Ok(end) => {
                common.progress.advance(rest, end);
                self.after_value(common)
            }
            Err(stop) => self.stopped(common, stop, rest.len(), eof),
        }
    }

    /// Reads the record at `at`; `rest` is at `from` in the caller's buffer.
    fn record(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        at: usize,
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        let record = rest.get(at..).unwrap_or_default();
        let offset = common.progress.position + at as u64;
        let byte = record.first().copied().unwrap_or_default();
        let outside = self.around.entries(&mut common.parser, shape);
        // Without anything around it, the record is all that there is of its row.
        let is_alone = self.around.is_nothing();
        let replayed = match byte {
            b'{' => {
                let place = is_alone.then_some(from + at);
                common.parser.replay(shape, record, offset, place)
            }
            _ => None,
        };
        let end = if eof { End::File } else { End::Buffer };
        let parsed = match replayed {
            Some(length) => Parsed::Complete(length),
            None => common.parser.parse(shape, record, offset, end),
        };
        let length = match parsed {
            Parsed::Complete(length) => length,
            Parsed::Incomplete => return Ok(Next::Step(common.need_more(rest.len()))),
            Parsed::Bad(reason) => {
                common.progress.advance(rest, at);
                return Ok(self.begin_bad(common, byte, reason));
            }
        };
        if self.frames.is_empty() && !matches!(byte, b'{' | b'[' | b'"') {
            // A bare number or word ends with white space, a bracket or a quote.
            match record.get(length) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'[' | b'"') => {}
                Some(_) => {
                    let what = "a value ends before this, and something else follows";
                    return self.bad_part(common, what);
                }
                None if eof => {}
                None => return Ok(Next::Step(common.need_more(rest.len()))),
            }
        }
        common.progress.advance(rest, at);
        let rest = record;
        if self.around.is_incomplete() {
            let record = rest.get(..length).unwrap_or_default();
            self.around.hold(common, record, offset)?;
            common.progress.advance(rest, length);
            return self.after_value(common);
        }
        if !is_alone {
            common.parser.add_outside(&outside.0, &outside.1);
        }
        common.progress.good();
        common.progress.advance(rest, length);
        self.after_value(common)?;
        Ok(Next::Step(Step::Record {
            at: RecordAt { offset, tag: 0 },
            place: Place::Buffer {
                from: from + at,
                to: from + at + length,
            },
        }))
    }

    /// The container that ends at the position is closed.
    fn close(&mut self, common: &mut Common) -> Result<Next, ReadFailure> {
        self.frames.pop();
        self.after_value(common)
    }

    /// A value ends at the position.
    fn after_value(&mut self, common: &mut Common) -> Result<Next, ReadFailure> {
        self.state = State::After;
        if self.frames.is_empty() {
            return self.end_of_document(common);
        }
        Ok(Next::Again)
    }

    /// The document ends at the position.
    fn end_of_document(&mut self, common: &mut Common) -> Result<Next, ReadFailure> {
        self.state = if self.is_array && self.found {
            State::Over
        } else {
            State::Between
        };
        self.around.end_document();
        if self.path.is_empty() || self.found || self.broken {
            common.progress.end_document();
            return Ok(Next::Again);
        }
        let path = self.path_shown.clone();
        let reason = BadReason::NoRecords { path };
        Ok(common.progress.bad_document(reason, Some(0))?.into())
    }

    fn end_of_file(&mut self, common: &mut Common) -> Result<Next, ReadFailure> {
        if self.state == State::Entering {
            self.frames.clear(); // Whoever read what stands before has seen how the array ends.
        }
        if self.frames.pop().is_some() {
            self.frames.clear();
            self.broken = true;
            let at = common.progress.position;
            let settled = common
                .progress
                .bad_here(&[], BadReason::Truncated { at }, Some(0))?;
            self.end_of_document(common)?;
            return Ok(settled.into());
        }
        common.progress.end_of_file();
        Ok(Next::Step(Step::Done))
    }

    /// Something stops a token at the position, of which `have` bytes are there.
    fn stopped(
        &mut self,
        common: &mut Common,
        stop: Stop,
        have: usize,
        eof: bool,
    ) -> Result<Next, ReadFailure> {
        let position = common.progress.position;
        let bytes_max = common.parser.record_bytes_max();
        let reason = match stop {
            Stop::Incomplete if have > bytes_max => return self.too_large(common),
            Stop::Malformed(at, _) if at > bytes_max => return self.too_large(common),
            Stop::Incomplete if !eof => return Ok(Next::Step(common.need_more(have))),
            Stop::Incomplete => BadReason::Truncated {
                at: position + have as u64,
            },
            Stop::Malformed(at, what) => BadReason::Malformed {
                at: position + at as u64,
                what: what.into_owned(),
            },
            Stop::TooDeep(at) => BadReason::TooDeep {
                at: position + at as u64,
                depth_max: self.depth_max as u64,
            },
        };
        Ok(self.begin_bad(common, b' ', reason))
    }

    /// What stands at the position is longer than is looked at in one.
    fn too_large(&mut self, common: &mut Common) -> Result<Next, ReadFailure> {
        let bytes_max = common.parser.record_bytes_max() as u64;
        Ok(self.begin_bad(common, b' ', BadReason::TooLarge { bytes_max }))
    }

    fn bad_part(&mut self, common: &mut Common, what: &'static str) -> Result<Next, ReadFailure> {
        let reason = malformed(common, what);
        Ok(self.begin_bad(common, b' ', reason))
    }

    /// A name holds bytes that are no UTF-8.
    fn bad_bytes(&mut self, common: &mut Common, name: &[u8], valid: usize) -> Next {
        let reason = BadReason::InvalidByte {
            at: common.progress.position + valid as u64,
            byte: name.get(valid).copied().unwrap_or_default(),
            encoding: "UTF-8".to_string(),
        };
        self.begin_bad(common, b' ', reason)
    }

    /// Something bad begins at the position, with this byte if that is what tells where it ends.
    fn begin_bad(&mut self, common: &mut Common, byte: u8, reason: BadReason) -> Next {
        let skip = match byte {
            b'{' | b'[' => Skip::value(),
            _ if self.frames.is_empty() => Skip::between(),
            _ => Skip::part(),
        };
        self.broken = true;
        common.progress.begin();
        self.passing = Some((skip, Some(reason)));
        Next::Again
    }

    /// Goes on through what is passed over.
    fn pass(&mut self, common: &mut Common, rest: &[u8], eof: bool) -> Result<Next, ReadFailure> {
        let Some((skip, reason)) = &mut self.passing else {
            return Ok(Next::Again);
        };
        let end = skip.pass(rest);
        common.progress.advance(rest, end.unwrap_or(rest.len()));
        if end.is_none() && !eof {
            return Ok(Next::Step(common.need(1)));
        }
        let reason = reason.take();
        self.passing = None;
        if end.is_none() && reason.is_none() {
            return Ok(Next::Again); // The file ends in a part beside the path, which is found next.
        }
        if end.is_none() {
            self.frames.clear(); // What is open ends with it.
        }
        let Some(reason) = reason else {
            return self.after_value(common);
        };
        let settled = common.progress.bad_begun(reason, Some(0))?;
        self.after_value(common)?;
        Ok(settled.into())
    }
}

/// What a token is judged by: no more than is looked at in one, and the byte behind it. A larger buffer tells no more
/// than a smaller one does.
fn looked_at<'a>(common: &Common, rest: &'a [u8]) -> &'a [u8] {
    let bytes_max = common.parser.record_bytes_max();
    rest.get(..=bytes_max).unwrap_or(rest)
}

fn malformed(common: &Common, what: &'static str) -> BadReason {
    BadReason::Malformed {
        at: common.progress.position,
        what: what.to_string(),
    }
}
