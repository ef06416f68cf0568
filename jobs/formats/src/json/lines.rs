//! One record a line, which can be split anywhere.
//!
//! A line feed inside a string is written as an escape, so every line feed ends a record, whatever stands before it: a
//! broken record ends with its line. The reader of a split in mid-file goes to the byte after the next line feed, and no
//! such guess is ever wrong. A line is of the split in which the line feed before it lies; so the line that begins with a
//! split's first byte is of the split before, which sees that line feed.

use memchr::memchr;

use super::record::{End, Parsed};
use super::scanner::{Common, Next};
use super::shape::Shape;
use crate::bytes::skip_space;
use crate::record::columns::RecordAt;
use crate::record::scan::{Place, Step};
use crate::record::{BadReason, ReadFailure, Start, SyncKind, SyncPoint};
use crate::values::trim;

/// The scanner of lines.
#[derive(Debug)]
pub(super) struct Lines {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    Start,
    /// Before the record of a line that is ours, at most white space after its start.
    Begun,
    /// Inside a line whose record is read, or that has none.
    Rest,
    /// Inside of a line that is too long to be held.
    TooLong,
}

impl Lines {
    pub(super) fn new(start: Start) -> Self {
        Self {
            state: match start {
                Start::File => State::Begun,
                Start::Known(_) => State::Start,
                Start::Guess(_) => State::Rest,
            },
        }
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
        match self.state {
            State::Start | State::Begun => self.line(common, shape, rest, eof, from),
            State::Rest | State::TooLong => self.pass(common, rest, eof),
        }
    }

    /// Goes to the end of the line.
    fn pass(&mut self, common: &mut Common, rest: &[u8], eof: bool) -> Result<Next, ReadFailure> {
        let end = memchr(b'\n', rest);
        if self.state == State::TooLong {
            common.progress.advance(rest, end.unwrap_or(rest.len()));
            if end.is_none() && !eof {
                return Ok(Next::Step(common.need(1)));
            }
            self.state = State::Rest;
            let bytes_max = common.parser.record_bytes_max() as u64;
            let reason = BadReason::TooLarge { bytes_max };
            return Ok(common.progress.bad_begun(reason, Some(0))?.into());
        }
        match end {
            Some(end) => {
                common.progress.advance(rest, end + 1);
                self.state = State::Start;
                Ok(Next::Again)
            }
            None => {
                common.progress.advance(rest, rest.len());
                if !eof {
                    return Ok(Next::Step(common.need(1)));
                }
                common.progress.end_of_file();
                Ok(Next::Step(Step::Done))
            }
        }
    }

    /// Reads the line that begins at the position.
    #[inline]
    fn line(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        if rest.is_empty() {
            if !eof {
                return Ok(Next::Step(common.need(1)));
            }
            common.progress.end_of_file();
            return Ok(Next::Step(Step::Done));
        }
        if self.state == State::Start {
            let progress = &mut common.progress;
            let point = SyncPoint {
                offset: progress.position,
                kind: SyncKind::Record,
            };
            progress.sync(point);
            // A line is of the split in which the line feed before it lies.
            if progress.position > progress.split.end {
                progress.finish(point);
                return Ok(Next::Step(Step::Done));
            }
            self.state = State::Begun;
        }
        if rest.first() == Some(&b'{')
            && let offset = common.progress.position
            && let Some(length) = common.parser.replay(shape, rest, offset, Some(from))
        {
            let feed = match rest.get(length) {
                Some(b'\n') => Some(1),
                Some(b'\r') if rest.get(length + 1) == Some(&b'\n') => Some(2),
                None if eof => Some(0),
                _ => None,
            };
            if let Some(feed) = feed {
                let next = self.good(common, length, from);
                if feed > 0 {
                    common.progress.end_line(feed);
                    self.state = State::Start;
                }
                return Ok(next);
            }
        }
        self.read(common, shape, rest, eof, from)
    }

    /// The same by the strict pass.
    fn read(
        &mut self,
        common: &mut Common,
        shape: &mut Shape,
        rest: &[u8],
        eof: bool,
        from: usize,
    ) -> Result<Next, ReadFailure> {
        let found = memchr(b'\n', rest);
        let line = rest.get(..found.unwrap_or(rest.len())).unwrap_or(rest);
        let start = skip_space(line, 0);
        let record = line.get(start..).unwrap_or_default();
        common.progress.advance_in_line(start);
        // A carriage return before the line feed is no part of it.
        let bytes = record.strip_suffix(b"\r").unwrap_or(record).len();
        if bytes > common.parser.record_bytes_max() {
            common.progress.begin();
            self.state = State::TooLong;
            return Ok(Next::Again);
        }
        if found.is_none() && !eof {
            return Ok(Next::Step(common.need_more(record.len())));
        }
        if record.is_empty() {
            self.state = State::Rest;
            return Ok(Next::Again);
        }
        let at = common.progress.position;
        let length = trim(record).len();
        let record = record.get(..length).unwrap_or(record);
        let end = if found.is_some() {
            End::Line
        } else {
            End::File
        };
        let reason = match common.parser.parse(shape, record, at, end) {
            Parsed::Complete(end) if end == length => {
                return Ok(self.good(common, length, from + start));
            }
            Parsed::Complete(end) => BadReason::Malformed {
                at: at + skip_space(record, end) as u64,
                what: "the record has ended, and nothing may follow it on its line".to_string(),
            },
            Parsed::Bad(reason) => reason,
            Parsed::Incomplete => BadReason::Truncated { at },
        };
        self.state = State::Rest;
        let settled = common.progress.bad_here(record, reason, Some(0))?;
        common.progress.advance_in_line(length);
        Ok(settled.into())
    }

    /// A good record begins at the position.
    #[inline]
    fn good(&mut self, common: &mut Common, length: usize, from: usize) -> Next {
        let offset = common.progress.good();
        common.progress.advance_in_line(length);
        self.state = State::Rest;
        Next::Step(Step::Record {
            at: RecordAt { offset, tag: 0 },
            place: Place::Buffer {
                from,
                to: from + length,
            },
        })
    }
}
