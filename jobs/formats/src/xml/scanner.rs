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
    BadReason, Conflict, ReadFailure, Split, SplitReport, Start, SyncKind, SyncPoint, XmlOptions,
};
use crate::record::columns::RecordAt;
use crate::record::progress::{Progress, Settled};
use crate::record::scan::{Place, Scan, Step};
use crate::record::tape::Tape;

/// How many times `sync_bytes_max` a guess may lead through one comment or the like before it is given up.
const LOST_AFTER: u64 = 4;

/// The state of one split.
#[derive(Debug)]
pub(crate) struct Scanner {
    progress: Progress,
    /// Bytes that must be in the buffer before it is worth looking at it again.
    wanted: usize,
    mode: Mode,
    parser: RecordParser,
    options: ScannerOptions,
    /// The option of that name.
    encoding: Option<String>,
    /// What the file's beginning says, once that is known.
    head: Option<Head>,
    /// Whether shape and parser go by the head.
    begun: bool,
}

/// What a scanner takes from [`XmlOptions`].
#[derive(Debug, Clone, Copy)]
struct ScannerOptions {
    record_bytes_max: usize,
    recovery_bytes_max: usize,
    sync_bytes_max: u64,
}

#[derive(Debug)]
enum Mode {
    /// Outside any record.
    Between,
    /// Inside a comment or the like, outside any record, whose end was not in the buffer.
    Stretch(Stretch),
    /// Inside a bad record that is too long to be held.
    Passing {
        reason: BadReason,
        /// Its row tag.
        tag: usize,
        own: Vec<u8>,
    },
}

impl Scanner {
    pub(crate) fn new(options: &XmlOptions, split: Split) -> Self {
        let limits = &options.limits;
        Self {
            progress: Progress::new(split, options.on_bad_record, limits.raw_bytes_max),
            wanted: 1,
            mode: Mode::Between,
            parser: RecordParser::new(limits, options.trim),
            options: ScannerOptions {
                record_bytes_max: limits.record_bytes_max,
                recovery_bytes_max: limits.recovery_bytes_max.min(limits.record_bytes_max),
                sync_bytes_max: limits.sync_bytes_max,
            },
            encoding: options.encoding.clone(),
            head: None,
            begun: false,
        }
    }

    /// Says how the file begins. To be called at the start of a split, which is otherwise taken to be of a file that
    /// declares nothing, or, if the file begins with it, is looked at.
    pub(crate) fn set_head(&mut self, head: Head) {
        self.head = Some(head);
        self.begun = false;
    }

    /// Stands at the start of another split, of this file or of another, whose head is not known.
    pub(crate) fn restart(&mut self, split: Split) {
        self.progress.restart(split);
        self.parser.forget_place();
        (self.wanted, self.mode) = (1, Mode::Between);
        (self.head, self.begun) = (None, false);
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
            self.progress.advance(rest, rest.len());
            if !eof {
                return Ok(Some(self.need(1)));
            }
            self.progress.end_of_file();
            return Ok(Some(Step::Done));
        };
        let markup = lex::markup(rest, lt, eof);
        let tag = match markup {
            Markup::Incomplete => {
                self.progress.advance(rest, lt);
                return Ok(Some(self.need_more(rest.len() - lt)));
            }
            Markup::Open { name_end } => shape
                .rows()
                .find(rest.get(lt + 1..name_end).unwrap_or_default()),
            _ => None,
        };
        self.progress.advance(rest, lt);
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
                    self.progress.begin();
                    self.mode = Mode::Stretch(stretch);
                    self.progress.advance(rest, content);
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
                self.progress.advance(rest, end);
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
        let head = match (self.head.take(), self.progress.split.start) {
            (Some(head), _) => head,
            (None, Start::File) => match Head::look(rest, eof, encoding)? {
                HeadState::NeedMore(needed) => return Ok(Some(needed)),
                HeadState::Known(head) => head.read_as_it_is()?,
            },
            (None, _) => Head::of_option(encoding)?,
        };
        shape.set_table(head.charset().table());
        self.parser.set_head(&head);
        self.progress.table = self.parser.table();
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
        let progress = &mut self.progress;
        if progress.is_synced()
            && progress.report.conflict.is_none()
            && let Some(what) = self.head.as_ref().and_then(what)
        {
            let at = progress.position;
            progress.report.conflict = Some(Conflict { at, what });
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
        let reason = match self
            .parser
            .parse(shape, rest, self.progress.position, start, eof)
        {
            Parsed::Complete(length) => {
                let offset = self.progress.good();
                let at = RecordAt { offset, tag };
                self.progress.advance(rest, length);
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
        match ahead.recover(rest, self.progress.position, eof, shape.rows(), reach) {
            Recovery::Incomplete => Ok(Some(self.need_more(rest.len()))),
            Recovery::Closed(end) | Recovery::Eof(end) => self.bad_ends(rest, end, reason, tag),
            Recovery::Before(end) => {
                // Whatever was found after the next record's start is a consequence.
                let at = self.progress.position + end as u64;
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
                self.progress.begin();
                self.mode = Mode::Passing { reason, tag, own };
                self.progress.advance(rest, until);
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
        let (base, unended) = (self.progress.position, &mut self.parser.ahead.unended);
        match pass(rest, base, eof, own, shape.rows(), reach, unended) {
            Passed::End(end) => {
                self.progress.advance(rest, end);
                let Mode::Passing { reason, tag, .. } =
                    std::mem::replace(&mut self.mode, Mode::Between)
                else {
                    return Ok(None);
                };
                Ok(Step::of(self.progress.bad_begun(reason, Some(tag))?))
            }
            Passed::Until(end) => {
                self.progress.advance(rest, end);
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
            self.progress.forget_begun();
            self.progress.advance(rest, end);
            return Ok(None);
        }
        let progress = &mut self.progress;
        if eof {
            // Everything from here on is lost in it: it counts as a bad record that begins at its first byte, and like
            // one it is where splits meet.
            progress.advance(rest, rest.len());
            self.mode = Mode::Between;
            let at = progress.begun_at().unwrap_or(progress.position);
            let kind = SyncKind::Record;
            progress.sync(SyncPoint { offset: at, kind });
            if at >= progress.split.end {
                progress.finish_before_begun(kind);
                return Ok(Some(Step::Done));
            }
            let what = stretch.name().to_string();
            let reason = BadReason::Endless { at, what };
            return Ok(Step::of(progress.bad_begun(reason, None)?));
        }
        // The terminator may have begun.
        let keep = rest.len().min(stretch.terminator().len() - 1);
        progress.advance(rest, rest.len() - keep);
        let lost_after = self.options.sync_bytes_max.saturating_mul(LOST_AFTER);
        let start = progress.split.start.offset();
        if !progress.is_synced() && progress.position > start.saturating_add(lost_after) {
            progress.finish(SyncPoint {
                offset: progress.position,
                kind: SyncKind::Lost,
            });
            return Ok(Some(Step::Done));
        }
        Ok(Some(self.need(keep + 1)))
    }

    /// Notes a token at the position: whether the split is finished.
    fn sync(&mut self, is_record: bool) -> bool {
        let kind = if is_record {
            SyncKind::Record
        } else {
            SyncKind::Token
        };
        let progress = &mut self.progress;
        let point = SyncPoint {
            offset: progress.position,
            kind,
        };
        let sync_bytes_max = self.options.sync_bytes_max;
        let serves = |from: u64| {
            point.offset >= from
                && (is_record || point.offset >= from.saturating_add(sync_bytes_max))
        };
        if serves(progress.split.start.offset()) {
            progress.sync(point);
        }
        if progress.is_synced() && serves(progress.split.end) {
            progress.finish(point);
            return true;
        }
        false
    }

    fn bad_ends(
        &mut self,
        rest: &[u8],
        end: usize,
        reason: BadReason,
        tag: usize,
    ) -> Result<Option<Step>, ReadFailure> {
        let record = rest.get(..end).unwrap_or(rest);
        let settled = self.progress.bad_here(record, reason, Some(tag))?;
        self.progress.advance(rest, end);
        Ok(Step::of(settled))
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
        self.progress.position
    }

    fn next(
        &mut self,
        shape: &mut Shape,
        buf: &[u8],
        base: u64,
        eof: bool,
    ) -> Result<Step, ReadFailure> {
        loop {
            if self.report().done {
                return Ok(Step::Done);
            }
            let from = (self.position() - base) as usize;
            let rest = buf.get(from..).unwrap_or_default();
            if rest.len() < self.wanted && !eof {
                return Ok(Step::NeedInput(self.wanted));
            }
            self.wanted = 1;
            let step = match &self.mode {
                Mode::Stretch(stretch) => self.stretch(rest, eof, *stretch)?,
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
        self.progress.record_line()
    }

    fn guesses(&self) -> bool {
        self.progress.guesses()
    }

    fn refuse(
        &mut self,
        at: RecordAt,
        line: u64,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        self.progress.refuse(at, line, record, reason)
    }

    fn report(&self) -> &SplitReport {
        &self.progress.report
    }

    fn report_mut(&mut self) -> &mut SplitReport {
        &mut self.progress.report
    }
}
