//! From split to records: what stands between records, where each begins and ends, and where the split does.
//!
//! Between records there is one state, and no memory: what a byte there means depends on the bytes from it on and on
//! nothing before. See [`split`](crate::record::split) for why that matters.

use memchr::memchr;

use super::head::{self, Declared, Head, HeadState};
use super::lex::{self, Doctype, Markup, Stretch};
use super::record::{Parsed, RecordParser};
use super::recover::{Passed, Recovery, pass};
use super::shape::Shape;
use super::{
    BadReason, BadRecord, Conflict, OnBadRecord, ReadFailure, Split, SplitReport, Start, SyncKind,
    SyncPoint, XmlOptions,
};
use crate::bytes::count_newlines;
use crate::record::columns::RecordAt;
use crate::record::progress::Settled;
use crate::record::scan::{Place, Scan, Step};
use crate::record::tape::Tape;

/// How many times `sync_bytes_max` a guess may lead through one comment or the like before it is given up.
const LOST_AFTER: u64 = 4;

/// The state of one split.
#[derive(Debug)]
pub(crate) struct Scanner {
    split: Split,
    position: u64,
    /// Bytes that must be in the buffer before it is worth looking at it again.
    wanted: usize,
    mode: Mode,
    parser: RecordParser,
    report: SplitReport,
    first: Option<SyncPoint>,
    options: ScannerOptions,
    /// The option of that name.
    encoding: Option<String>,
    /// What the file's beginning says, once that is known.
    head: Option<Head>,
    /// Whether shape and parser go by the head.
    begun: bool,
    /// Line of the record at hand.
    record_line: u64,
}

/// What a scanner takes from [`XmlOptions`].
#[derive(Debug, Clone, Copy)]
struct ScannerOptions {
    on_bad_record: OnBadRecord,
    raw_bytes_max: usize,
    record_bytes_max: usize,
    recovery_bytes_max: usize,
    sync_bytes_max: u64,
}

#[derive(Debug)]
enum Mode {
    /// Outside any record.
    Between,
    /// Inside a comment or the like, outside any record, whose end was not in the buffer.
    Stretch {
        stretch: Stretch,
        begun: Begun,
    },
    /// Inside a bad record that is too long to be held.
    Passing {
        begun: Begun,
        reason: BadReason,
        /// Its row tag.
        tag: usize,
        own: Vec<u8>,
    },
    Done,
}

/// What is kept of something that is not held whole.
#[derive(Debug, Default)]
struct Begun {
    at: u64,
    /// The report's two counts at its first byte.
    newlines: (u64, u64),
    /// Its first bytes, `raw_bytes_max` at most.
    raw: Vec<u8>,
}

impl Scanner {
    pub(crate) fn new(options: &XmlOptions, split: Split) -> Self {
        let (limits, trim, encoding) = (&options.limits, options.trim, options.encoding.clone());
        let options = ScannerOptions {
            on_bad_record: options.on_bad_record,
            raw_bytes_max: limits.raw_bytes_max,
            record_bytes_max: limits.record_bytes_max,
            recovery_bytes_max: limits.recovery_bytes_max.min(limits.record_bytes_max),
            sync_bytes_max: limits.sync_bytes_max,
        };
        Self::at_start(options, split, RecordParser::new(limits, trim), encoding)
    }

    /// Says how the file begins. To be called at the start of a split, which is otherwise taken to be of a file that
    /// declares nothing, or, if the file begins with it, is looked at.
    pub(crate) fn set_head(&mut self, head: Head) {
        self.head = Some(head);
        self.begun = false;
    }

    /// Stands at the start of another split, of this file or of another, whose head is not known.
    pub(crate) fn restart(&mut self, split: Split) {
        let mut parser = std::mem::take(&mut self.parser);
        parser.forget_place();
        let encoding = self.encoding.take();
        *self = Self::at_start(self.options, split, parser, encoding);
    }

    fn at_start(
        options: ScannerOptions,
        split: Split,
        parser: RecordParser,
        encoding: Option<String>,
    ) -> Self {
        let position = split.start.offset();
        let lost = SyncPoint {
            offset: position,
            kind: SyncKind::Lost,
        };
        let given = SyncPoint {
            offset: position,
            kind: SyncKind::Given,
        };
        let first = match split.start {
            Start::File | Start::Known(_) => Some(given),
            Start::Guess(_) => None,
        };
        Self {
            split,
            position,
            wanted: 1,
            mode: Mode::Between,
            parser,
            report: SplitReport::empty(split, first.unwrap_or(lost), lost),
            first,
            options,
            encoding,
            head: None,
            begun: false,
            record_line: 0,
        }
    }

    /// The template of the records, for tests.
    #[cfg(test)]
    pub(crate) fn template(&mut self) -> &mut super::trace::Template {
        &mut self.parser.template
    }

    /// Looks for the next token; `rest` begins at the position, and `from` is where that is in the caller's buffer.
    fn between(
        &mut self,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Option<Step>, ReadFailure> {
        if !self.begun
            && let Some(needed) = self.begin(shape, rest, eof)?
        {
            return Ok(Some(self.need(needed)));
        }
        let Some(lt) = memchr(b'<', rest) else {
            self.advance(rest, rest.len());
            return Ok(Some(if eof {
                self.end_of_file()
            } else {
                self.need(1)
            }));
        };
        let markup = lex::markup(rest, lt, eof);
        let tag = match markup {
            Markup::Incomplete => {
                self.advance(rest, lt);
                return Ok(Some(self.need_more(rest.len() - lt)));
            }
            Markup::Open { name_end } => shape
                .rows()
                .find(rest.get(lt + 1..name_end).unwrap_or_default()),
            _ => None,
        };
        self.advance(rest, lt);
        if self.sync(tag.is_some()) {
            return Ok(Some(Step::Done));
        }
        let rest = rest.get(lt..).unwrap_or_default();
        if let Some(tag) = tag {
            return self.record(shape, rest, eof, from + lt, tag);
        }
        if matches!(markup, Markup::Stretch(Stretch::Instruction) | Markup::Text)
            && !self.declaration(rest, eof)
        {
            return Ok(Some(self.need_more(rest.len())));
        }
        let end = match markup {
            Markup::Open { name_end } => lex::tag_end(rest, name_end - lt, eof).position(),
            Markup::Close { name_end } => lex::close_end(rest, name_end - lt, eof),
            Markup::Stretch(stretch) => {
                let content = stretch.opening().len();
                let end = stretch.end(rest, content);
                if end.is_none() {
                    let begun = self.begun();
                    self.mode = Mode::Stretch { stretch, begun };
                    self.advance(rest, content);
                    return Ok(None);
                }
                end
            }
            Markup::Doctype => match lex::doctype_end(rest, 0, eof) {
                Doctype::Incomplete => None,
                Doctype::End(end) => {
                    let doctype = rest.get(..end).unwrap_or_default();
                    self.conflict(|head| head.contradicts_doctype(doctype));
                    Some(end)
                }
                Doctype::Endless => Some(1),
            },
            Markup::Text | Markup::Incomplete => Some(1),
        };
        match end {
            Some(end) => {
                self.advance(rest, end);
                Ok(None)
            }
            None => Ok(Some(self.need_more(rest.len()))),
        }
    }

    /// Makes shape and parser go by the file's head. `Some(n)`: at least `n` bytes are needed to know it.
    fn begin(
        &mut self,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
    ) -> Result<Option<usize>, ReadFailure> {
        let encoding = self.encoding.as_deref();
        let head = match (self.head.take(), self.split.start) {
            (Some(head), _) => head,
            (None, Start::File) => match Head::look(rest, eof, encoding)? {
                HeadState::NeedMore(needed) => return Ok(Some(needed)),
                HeadState::Known(head) => head.read_as_it_is()?,
            },
            (None, _) => Head::of_option(encoding)?,
        };
        shape.set_table(head.charset().table());
        self.parser.set_head(&head);
        self.head = Some(head);
        self.begun = true;
        Ok(None)
    }

    /// Looks at what may be the beginning of another document. `false`: more bytes are needed.
    fn declaration(&mut self, rest: &[u8], eof: bool) -> bool {
        /// As it stands in UTF-16 of either order, from the byte of its `<` that is not zero.
        const UTF16: &[u8] = b"<\0?\0x\0m";
        if rest.starts_with(UTF16) {
            self.conflict(|_| Some(head::utf16_begins()));
        } else if !eof && UTF16.starts_with(rest) {
            return false;
        }
        match head::declared(rest, eof) {
            Declared::Incomplete => return false,
            Declared::Nothing => {}
            Declared::Name { name, .. } => self.conflict(|head| head.contradicts(name)),
        }
        true
    }

    /// Notes what the head rules out, at the position: if that lies in the part of the file of which this split is to
    /// be believed, should it be believed at all.
    fn conflict(&mut self, what: impl FnOnce(&Head) -> Option<String>) {
        if self.first.is_some()
            && self.report.conflict.is_none()
            && let Some(what) = self.head.as_ref().and_then(what)
        {
            let at = self.position;
            self.report.conflict = Some(Conflict { at, what });
        }
    }

    /// Reads the record that begins at `rest[0]`.
    fn record(
        &mut self,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        start: usize,
        tag: usize,
    ) -> Result<Option<Step>, ReadFailure> {
        let reason = match self.parser.parse(shape, rest, self.position, start, eof) {
            Parsed::Complete(length) => {
                let at = RecordAt {
                    offset: self.position,
                    tag,
                };
                self.report.read += 1;
                self.record_line = self.report.newlines;
                self.advance(rest, length);
                let place = Place::Buffer {
                    from: start,
                    to: start + length,
                };
                return Ok(Some(Step::Record { at, place }));
            }
            Parsed::Incomplete => return Ok(Some(self.need_more(rest.len()))),
            Parsed::Bad(reason) => reason,
        };
        let reach = self.options.recovery_bytes_max;
        let ahead = &mut self.parser.ahead;
        match ahead.recover(rest, self.position, eof, shape.rows(), reach) {
            Recovery::Incomplete => Ok(Some(self.need_more(rest.len()))),
            Recovery::Closed(end) | Recovery::Eof(end) => self.bad_ends(rest, end, reason, tag),
            Recovery::Before(end) => {
                // Whatever was found after the next record's start is a consequence.
                let at = self.position + end as u64;
                let bytes_max = self.options.recovery_bytes_max as u64;
                let own = reason.at().is_some_and(|found| found < at);
                self.bad_ends(
                    rest,
                    end,
                    if own {
                        reason
                    } else {
                        BadReason::Unclosed { at, bytes_max }
                    },
                    tag,
                )
            }
            Recovery::Pass(until) => {
                let own = match lex::markup(rest, 0, eof) {
                    Markup::Open { name_end } => rest.get(1..name_end).unwrap_or_default().to_vec(),
                    _ => Vec::new(),
                };
                self.mode = Mode::Passing {
                    begun: self.begun(),
                    reason,
                    tag,
                    own,
                };
                self.advance(rest, until);
                Ok(None)
            }
        }
    }

    /// Goes on through a record that is too long to be held.
    fn passing(
        &mut self,
        shape: &Shape,
        rest: &[u8],
        eof: bool,
    ) -> Result<Option<Step>, ReadFailure> {
        let Mode::Passing { own, .. } = &self.mode else {
            return Ok(None);
        };
        let reach = self.options.recovery_bytes_max;
        let (base, unended) = (self.position, &mut self.parser.ahead.unended);
        match pass(rest, base, eof, own, shape.rows(), reach, unended) {
            Passed::End(end) => {
                self.advance(rest, end);
                let Mode::Passing {
                    begun, reason, tag, ..
                } = std::mem::replace(&mut self.mode, Mode::Between)
                else {
                    return Ok(None);
                };
                self.bad_begun(begun, reason, Some(tag))
            }
            Passed::Until(end) => {
                self.advance(rest, end);
                Ok(Some(self.need_more(rest.len() - end)))
            }
        }
    }

    /// Goes on through a comment or the like.
    fn stretch(
        &mut self,
        rest: &[u8],
        eof: bool,
        stretch: Stretch,
    ) -> Result<Option<Step>, ReadFailure> {
        if let Some(end) = stretch.end(rest, 0) {
            self.mode = Mode::Between;
            self.advance(rest, end);
            return Ok(None);
        }
        if eof {
            // Everything from here on is lost in it: it counts as a bad record that begins at its first byte, and like
            // one it is where splits meet.
            self.advance(rest, rest.len());
            let Mode::Stretch { begun, .. } = std::mem::replace(&mut self.mode, Mode::Between)
            else {
                return Ok(None);
            };
            let at = begun.at;
            let point = SyncPoint {
                offset: at,
                kind: SyncKind::Record,
            };
            if self.first.is_none() {
                self.first = Some(point);
                self.report.first = point;
            }
            if at >= self.split.end {
                self.report.newlines_past_end = begun.newlines.1;
                self.finish(point);
                return Ok(Some(Step::Done));
            }
            let what = stretch.name().to_string();
            return self.bad_begun(begun, BadReason::Endless { at, what }, None);
        }
        // The terminator may have begun.
        let keep = rest.len().min(stretch.terminator().len() - 1);
        self.advance(rest, rest.len() - keep);
        let far = self
            .split
            .start
            .offset()
            .saturating_add(self.options.sync_bytes_max.saturating_mul(LOST_AFTER));
        if self.first.is_none() && self.position > far {
            self.report.first.kind = SyncKind::Lost;
            self.finish(SyncPoint {
                offset: self.position,
                kind: SyncKind::Lost,
            });
            return Ok(Some(Step::Done));
        }
        Ok(Some(self.need(keep + 1)))
    }

    fn end_of_file(&mut self) -> Step {
        let point = SyncPoint {
            offset: self.position,
            kind: SyncKind::Eof,
        };
        if self.first.is_none() {
            self.first = Some(point);
            self.report.first = point;
        }
        self.report.end = self.split.end.min(self.position);
        self.finish(point);
        Step::Done
    }

    /// Notes a token at the position: whether the split is finished.
    fn sync(&mut self, is_record: bool) -> bool {
        let kind = if is_record {
            SyncKind::Record
        } else {
            SyncKind::Token
        };
        let point = SyncPoint {
            offset: self.position,
            kind,
        };
        let serves = |from: u64| {
            point.offset >= from
                && (is_record || point.offset >= from.saturating_add(self.options.sync_bytes_max))
        };
        if self.first.is_none() && serves(self.split.start.offset()) {
            self.first = Some(point);
            self.report.first = point;
        }
        if self.first.is_some() && serves(self.split.end) {
            self.finish(point);
            return true;
        }
        false
    }

    fn finish(&mut self, reached: SyncPoint) {
        self.report.reached = reached;
        self.report.done = true;
        self.mode = Mode::Done;
    }

    fn bad_ends(
        &mut self,
        rest: &[u8],
        end: usize,
        reason: BadReason,
        tag: usize,
    ) -> Result<Option<Step>, ReadFailure> {
        let bad = self.bad_record(rest.get(..end).unwrap_or(rest), reason);
        self.advance(rest, end);
        self.report.read += 1;
        Ok(Step::of(self.settle(bad, Some(tag))?))
    }

    /// Notes that something begins at the position that may be longer than the buffer.
    fn begun(&self) -> Begun {
        Begun {
            at: self.position,
            newlines: (self.report.newlines, self.report.newlines_past_end),
            raw: Vec::new(),
        }
    }

    /// What has begun is a bad record, and ends at the position.
    fn bad_begun(
        &mut self,
        begun: Begun,
        reason: BadReason,
        tag: Option<usize>,
    ) -> Result<Option<Step>, ReadFailure> {
        let (line, raw) = (begun.newlines.0, &begun.raw);
        let (raw_bytes_max, table) = (self.options.raw_bytes_max, self.parser.table());
        let mut bad = BadRecord::new(begun.at, line, raw, reason, raw_bytes_max, table);
        bad.raw_bytes = self.position - begun.at;
        self.report.read += 1;
        Ok(Step::of(self.settle(bad, tag)?))
    }

    /// A bad record that begins at the position.
    fn bad_record(&self, raw: &[u8], reason: BadReason) -> BadRecord {
        BadRecord::new(
            self.position,
            self.report.newlines,
            raw,
            reason,
            self.options.raw_bytes_max,
            self.parser.table(),
        )
    }

    /// Does with a bad record what the configuration says. `tag` is its row tag; it has none if it is no element.
    fn settle(&mut self, bad: BadRecord, tag: Option<usize>) -> Result<Settled, ReadFailure> {
        match (self.options.on_bad_record, tag) {
            (OnBadRecord::Fail, _) if !self.guesses() => Err(ReadFailure::BadRecord(Box::new(bad))),
            (OnBadRecord::Keep, Some(tag)) => {
                let offset = bad.offset;
                let at = RecordAt { offset, tag };
                Ok(Settled::Kept { at, bad })
            }
            (OnBadRecord::Fail | OnBadRecord::Quarantine | OnBadRecord::Keep, _) => {
                self.report.quarantined += 1;
                Ok(Settled::Bad(bad))
            }
            (OnBadRecord::Drop, _) => {
                self.report.dropped += 1;
                Ok(Settled::Dropped)
            }
        }
    }

    /// Moves the position; `rest` begins at it.
    fn advance(&mut self, rest: &[u8], by: usize) {
        let passed = rest.get(..by).unwrap_or(rest);
        let ours =
            usize::try_from(self.split.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let (inside, beyond) = passed.split_at(ours.min(passed.len()));
        self.report.newlines += count_newlines(inside);
        self.report.newlines_past_end += count_newlines(beyond);
        self.position += passed.len() as u64;
        if let Mode::Stretch { begun, .. } | Mode::Passing { begun, .. } = &mut self.mode {
            let room = self.options.raw_bytes_max.saturating_sub(begun.raw.len());
            let raw = passed.get(..room).unwrap_or(passed);
            begun.raw.extend_from_slice(raw);
        }
    }

    fn need(&mut self, at_least: usize) -> Step {
        self.wanted = at_least;
        Step::NeedInput(at_least)
    }

    /// An unfinished token or record of which this many bytes are there: twice as many are worth another look, though
    /// at first no more than say whether a record is too long.
    fn need_more(&mut self, have: usize) -> Step {
        let enough = self
            .options
            .record_bytes_max
            .saturating_add(1)
            .max(2 * lex::TAG_BYTES_MAX);
        let twice = have.saturating_mul(2).max(have + 1);
        self.need(if have < enough {
            twice.min(enough)
        } else {
            twice
        })
    }
}

impl Scan for Scanner {
    type Shape = Shape;

    fn position(&self) -> u64 {
        self.position
    }

    fn next(
        &mut self,
        shape: &mut Shape,
        buf: &[u8],
        base: u64,
        eof: bool,
    ) -> Result<Step, ReadFailure> {
        loop {
            let from = (self.position - base) as usize;
            let rest = buf.get(from..).unwrap_or_default();
            if !matches!(self.mode, Mode::Done) && rest.len() < self.wanted && !eof {
                return Ok(Step::NeedInput(self.wanted));
            }
            self.wanted = 1;
            let step = match &self.mode {
                Mode::Done => Some(Step::Done),
                Mode::Stretch { stretch, .. } => self.stretch(rest, eof, *stretch)?,
                Mode::Passing { .. } => self.passing(shape, rest, eof)?,
                Mode::Between => self.between(shape, rest, eof, from)?,
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    fn tape_mut(&mut self) -> &mut Tape {
        &mut self.parser.tape
    }

    fn again(&mut self, shape: &mut Shape, record: &[u8], at: RecordAt) -> Result<(), BadReason> {
        match self.parser.parse(shape, record, at.offset, 0, true) {
            Parsed::Complete(_) => Ok(()),
            Parsed::Bad(reason) => Err(reason),
            Parsed::Incomplete => Err(BadReason::Truncated { at: at.offset }),
        }
    }

    fn tape(&self) -> &Tape {
        &self.parser.tape
    }

    fn record_line(&self) -> u64 {
        self.record_line
    }

    fn guesses(&self) -> bool {
        matches!(self.split.start, Start::Guess(_))
    }

    fn refuse(
        &mut self,
        at: RecordAt,
        line: u64,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        let (raw_bytes_max, table) = (self.options.raw_bytes_max, self.parser.table());
        let bad = BadRecord::new(at.offset, line, record, reason, raw_bytes_max, table);
        self.settle(bad, Some(at.tag))
    }

    fn report(&self) -> &SplitReport {
        &self.report
    }

    fn report_mut(&mut self) -> &mut SplitReport {
        &mut self.report
    }
}
