//! From split to records: where each begins and ends, and where the split does.
//!
//! Between records there is one state, and no memory: what a byte there means depends on the bytes from it on and on
//! nothing before. A line that begins there is where splits meet: see [`csv`](super) and [`split`](crate::record::split).

use memchr::memchr;
use simdutf8::compat::from_utf8;

use super::fault::Fault;
use super::guess::{self, Guess};
use super::head::{CsvHead, CsvHeadState};
use super::lines::{Buffer, Lines};
use super::names::Names;
use super::options::CsvOptions;
use super::plan::Plan;
use super::record::{Begins, Parsed, RecordParser, Skipped};
use crate::record::columns::RecordAt;
use crate::record::{
    BadReason, BadRecord, OnBadRecord, ReadFailure, Split, SplitReport, Start, SyncKind, SyncPoint,
};

/// How far ahead to look at once for bytes that are no characters.
const LOOK_AHEAD_BYTES: usize = 64 << 10;

/// What a scanner has come to. (It is handed on for every record: what is rare is in a box, so that it stays small.)
#[derive(Debug)]
pub(super) enum Step {
    /// A well-formed record, at this place in the buffer; its values are on the tape of [`Scanner::plan`].
    Record {
        at: RecordAt,
        start: usize,
        end: usize,
    },
    /// A bad record that is to be put into quarantine.
    Bad(Box<BadRecord>),
    /// A bad record that is to become a row.
    Kept { at: RecordAt, bad: Box<BadRecord> },
    /// The buffer is used up but for its tail: at least this many bytes, from the position on, are needed.
    NeedInput(usize),
    /// The split is finished.
    Done,
}

/// The state of one split.
#[derive(Debug)]
pub(super) struct Scanner {
    options: CsvOptions,
    split: Split,
    position: u64,
    /// Bytes that must be in the buffer before it is worth looking at it again.
    wanted: usize,
    mode: Mode,
    /// What the file's beginning says, once that is known.
    head: Option<CsvHead>,
    parser: RecordParser,
    pub(super) plan: Plan,
    /// Whether a line begins at the position, and that was not looked at yet.
    begins_line: bool,
    first: Option<SyncPoint>,
    lines: Lines,
    /// Up to where the file's bytes are known to be characters.
    valid: u64,
    pub(super) report: SplitReport,
}

#[derive(Debug)]
enum Mode {
    /// Nothing was looked at yet.
    Beginning,
    /// Before the first byte that follows the header.
    InHead,
    /// Where a line begins is to be guessed.
    Guessing,
    /// On the way to the next line end, after which a line begins.
    Seeking,
    /// Outside any record.
    Between,
    /// Inside a comment.
    Comment,
    /// Inside a bad record that is too long to be held.
    Passing(Box<Passing>),
    Done,
}

/// What is kept of a record that is not held whole.
#[derive(Debug)]
struct Passing {
    bad: BadRecord,
    raw: Vec<u8>,
}

impl Scanner {
    pub(super) fn new(options: &CsvOptions, split: Split) -> Self {
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
            options: options.clone(),
            split,
            position,
            wanted: 1,
            mode: Mode::Beginning,
            head: None,
            parser: RecordParser::new(options.dialect(b'\n'), None, 0),
            plan: Plan::default(),
            begins_line: false,
            first,
            lines: Lines::new(position),
            valid: position,
            report: SplitReport::empty(split, first.unwrap_or(lost), lost),
        }
    }

    /// Says how the file begins. To be called at the start of a split, which is looked at otherwise if the file begins
    /// with it.
    pub(super) fn set_head(&mut self, head: CsvHead) {
        self.head = Some(head);
    }

    /// Stands at the start of another split, of this file or of another, whose head is not known.
    pub(super) fn restart(&mut self, split: Split) {
        *self = Self {
            plan: std::mem::take(&mut self.plan),
            ..Self::new(&self.options, split)
        };
    }

    /// Offset of the next byte to be looked at.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the split's start is a guess, so that what is found may be no record at all.
    pub(super) fn guesses(&self) -> bool {
        matches!(self.split.start, Start::Guess(_))
    }

    /// Goes on in a buffer that begins at or before the position.
    #[inline]
    pub(super) fn next(
        &mut self,
        names: &mut Names,
        buffer: Buffer<'_>,
    ) -> Result<Step, ReadFailure> {
        loop {
            let rest = buffer.from(self.position);
            if rest.len() < self.wanted && !buffer.eof && !matches!(self.mode, Mode::Done) {
                return Ok(Step::NeedInput(self.wanted));
            }
            self.wanted = 1;
            let step = match self.mode {
                Mode::Between => self.between(rest, buffer)?,
                Mode::Beginning => self.begin(names, rest, buffer.eof)?,
                Mode::InHead => self.in_head(rest, buffer.eof),
                Mode::Guessing => self.guess(rest, buffer.eof),
                Mode::Seeking | Mode::Comment | Mode::Passing(_) => {
                    self.pass_line_end(rest, buffer.eof)?
                }
                Mode::Done => Some(Step::Done),
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// Makes all go by the file's head, and finds out what to begin with.
    fn begin(
        &mut self,
        names: &mut Names,
        rest: &[u8],
        eof: bool,
    ) -> Result<Option<Step>, ReadFailure> {
        let head = match (self.head.take(), self.split.start) {
            (Some(head), _) => head,
            (None, Start::File) => match CsvHead::look(rest, eof, &self.options)? {
                CsvHeadState::NeedMore(needed) => return Ok(Some(self.need(needed))),
                CsvHeadState::Known(head) => head.read_as_it_is()?,
            },
            (None, _) => CsvHead::of_options(&self.options)?,
        };
        let width = head.columns().len();
        let record_bytes_max = self.options.limits.record_bytes_max;
        let dialect = self.options.dialect(head.line_end());
        self.parser = RecordParser::new(dialect, Some(width), record_bytes_max);
        self.lines.line_end = dialect.line_end;
        self.plan.begin(&head, names);
        self.mode = match self.split.start {
            Start::Known(_) => Mode::Between,
            Start::Guess(at) if at >= head.data_start() => Mode::Guessing,
            Start::File | Start::Guess(_) => Mode::InHead,
        };
        self.begins_line = matches!(self.mode, Mode::Between);
        self.head = Some(head);
        Ok(None)
    }

    fn in_head(&mut self, rest: &[u8], eof: bool) -> Option<Step> {
        let data_start = self.head.as_ref().map_or(0, CsvHead::data_start);
        let missing = data_start.saturating_sub(self.position);
        self.advance(rest.len().min(missing as usize));
        if (rest.len() as u64) < missing && !eof {
            return Some(self.need(1));
        }
        self.mode = Mode::Between;
        self.begins_line = true;
        None
    }

    fn guess(&mut self, rest: &[u8], eof: bool) -> Option<Step> {
        match guess::line_start(&mut self.parser, rest, eof) {
            Guess::NeedMore(needed) => return Some(self.need(needed)),
            Guess::At(length) => {
                self.advance(length);
                self.mode = Mode::Between;
                self.begins_line = true;
            }
            Guess::Beyond(length) => {
                self.advance(length);
                self.mode = Mode::Seeking;
            }
        }
        None
    }

    /// Goes on past the next line end.
    fn pass_line_end(&mut self, rest: &[u8], eof: bool) -> Result<Option<Step>, ReadFailure> {
        let end = memchr(self.parser.dialect.line_end, rest);
        let length = end.map_or(rest.len(), |end| end + 1);
        if let Mode::Passing(passing) = &mut self.mode {
            let room = self.options.limits.raw_bytes_max - passing.raw.len();
            let passed = rest.get(..length.min(room)).unwrap_or_default();
            passing.raw.extend_from_slice(passed);
        }
        self.advance(length);
        if end.is_none() && !eof {
            return Ok(Some(self.need(1)));
        }
        self.begins_line = true;
        match std::mem::replace(&mut self.mode, Mode::Between) {
            Mode::Passing(passing) => {
                let Passing { mut bad, raw } = *passing;
                bad = BadRecord {
                    raw_bytes: self.position - bad.offset,
                    ..self.bad_record(bad.offset, bad.line_in_split, &raw, bad.reason)
                };
                self.settle(bad)
            }
            _ => Ok(None),
        }
    }

    /// Looks at what begins at the position, outside any record; `rest` begins there.
    #[inline]
    fn between(&mut self, rest: &[u8], buffer: Buffer<'_>) -> Result<Option<Step>, ReadFailure> {
        if self.begins_line {
            self.begins_line = false;
            if self.sync(SyncKind::Record) {
                return Ok(Some(Step::Done));
            }
        }
        match self.parser.skip(rest, buffer.eof) {
            Skipped::None if rest.is_empty() => {
                return Ok(Some(if buffer.eof {
                    self.end_of_file()
                } else {
                    self.need(1)
                }));
            }
            Skipped::None => {}
            Skipped::Line(length) => {
                self.advance(length);
                self.begins_line = true;
                return Ok(None);
            }
            Skipped::Part(length) => {
                self.advance(length);
                return Ok(None);
            }
            Skipped::Comment(length) => {
                self.advance(length);
                self.mode = Mode::Comment;
                return Ok(None);
            }
            Skipped::Incomplete => return Ok(Some(self.need_more(rest.len()))),
        }
        let (end, fault) = match self.parser.parse(rest, buffer.eof, Begins::Field) {
            Parsed::Complete(end) => {
                let record = rest.get(..end).unwrap_or(rest);
                if let Some(at) = self.invalid(rest, end) {
                    let reason = self.invalid_byte(record, at);
                    return self.bad_ends(record, reason, buffer);
                }
                let at = RecordAt {
                    offset: self.position,
                    tag: 0,
                };
                self.plan.fill_tape(&self.parser, record);
                self.report.read += 1;
                self.advance(end);
                self.begins_line = true;
                let start = (at.offset - buffer.base) as usize;
                return Ok(Some(Step::Record {
                    at,
                    start,
                    end: start + end,
                }));
            }
            Parsed::Incomplete => return Ok(Some(self.need_more(rest.len()))),
            Parsed::Bad { end, fault } => (end, fault),
            Parsed::Beyond { from, fault } => {
                let raw = rest.get(..self.options.limits.raw_bytes_max.min(from));
                let raw = raw.unwrap_or(rest).to_vec();
                let (at, line) = (self.position, self.lines.before(buffer, self.position));
                let bad = self.bad_record(at, line, &[], self.reason(fault));
                self.mode = Mode::Passing(Box::new(Passing { bad, raw }));
                self.report.read += 1;
                self.advance(from);
                return Ok(None);
            }
        };
        let record = rest.get(..end).unwrap_or(rest);
        self.bad_ends(record, self.reason(fault), buffer)
    }

    /// The place of the first byte that is no character in the `length` bytes at the position.
    #[inline]
    fn invalid(&mut self, rest: &[u8], length: usize) -> Option<usize> {
        if self.position + length as u64 <= self.valid {
            return None;
        }
        self.look_for_invalid(rest, length)
    }

    #[inline(never)]
    fn look_for_invalid(&mut self, rest: &[u8], length: usize) -> Option<usize> {
        if let Some(table) = self.plan.tape.rules.table {
            return table.first_invalid(rest.get(..length)?);
        }
        let ahead = rest.get(..length.max(LOOK_AHEAD_BYTES)).unwrap_or(rest);
        let valid = match from_utf8(ahead) {
            Ok(_) => ahead.len(),
            Err(error) => error.valid_up_to(),
        };
        self.valid = self.position + valid as u64;
        (valid < length).then_some(valid)
    }

    fn invalid_byte(&self, record: &[u8], at: usize) -> BadReason {
        BadReason::InvalidByte {
            at: self.position + at as u64,
            byte: record.get(at).copied().unwrap_or_default(),
            encoding: self
                .head
                .as_ref()
                .map_or("UTF-8", |head| head.charset().name())
                .to_string(),
        }
    }

    /// What is wrong with the record at the position.
    fn reason(&self, fault: Fault) -> BadReason {
        let bytes_max = self.options.limits.record_bytes_max;
        match fault {
            Fault::TooLarge => BadReason::TooLarge {
                bytes_max: bytes_max as u64,
            },
            fault => BadReason::Malformed {
                at: self.position + fault.at() as u64,
                what: fault.shown(bytes_max),
            },
        }
    }

    fn end_of_file(&mut self) -> Step {
        self.report.end = self.split.end.min(self.position);
        let point = SyncPoint {
            offset: self.position,
            kind: SyncKind::Eof,
        };
        if self.first.is_none() {
            self.first = Some(point);
            self.report.first = point;
        }
        self.finish(point);
        Step::Done
    }

    /// Notes that a line begins at the position: whether the split is finished.
    #[inline]
    fn sync(&mut self, kind: SyncKind) -> bool {
        if self.first.is_some() && self.position <= self.split.end {
            return false;
        }
        let point = SyncPoint {
            offset: self.position,
            kind,
        };
        if self.first.is_none() {
            self.first = Some(point);
            self.report.first = point;
        }
        let ends = self.position > self.split.end;
        if ends {
            self.finish(point);
        }
        ends
    }

    fn finish(&mut self, reached: SyncPoint) {
        self.report.reached = reached;
        self.report.done = true;
        self.mode = Mode::Done;
    }

    /// The record at the position is bad.
    fn bad_ends(
        &mut self,
        record: &[u8],
        reason: BadReason,
        buffer: Buffer<'_>,
    ) -> Result<Option<Step>, ReadFailure> {
        let line = self.lines.before(buffer, self.position);
        let bad = self.bad_record(self.position, line, record, reason);
        self.report.read += 1;
        self.advance(record.len());
        self.begins_line = true;
        self.settle(bad)
    }

    fn bad_record(&self, offset: u64, line: u64, raw: &[u8], reason: BadReason) -> BadRecord {
        let (raw_bytes_max, table) = (
            self.options.limits.raw_bytes_max,
            self.plan.tape.rules.table,
        );
        BadRecord::new(offset, line, raw, reason, raw_bytes_max, table)
    }

    /// The record at hand has a value that does not fit. `record` is its text.
    pub(super) fn refuse(
        &mut self,
        at: RecordAt,
        record: &[u8],
        reason: BadReason,
        buffer: Buffer<'_>,
    ) -> Result<Option<Step>, ReadFailure> {
        let line = self.lines.before(buffer, at.offset);
        let bad = self.bad_record(at.offset, line, record, reason);
        self.settle(bad)
    }

    /// Does with a bad record what the configuration says.
    fn settle(&mut self, bad: BadRecord) -> Result<Option<Step>, ReadFailure> {
        match self.options.on_bad_record {
            OnBadRecord::Fail if !self.guesses() => Err(ReadFailure::BadRecord(Box::new(bad))),
            OnBadRecord::Keep => {
                let offset = bad.offset;
                let at = RecordAt { offset, tag: 0 };
                Ok(Some(Step::Kept {
                    at,
                    bad: Box::new(bad),
                }))
            }
            OnBadRecord::Fail | OnBadRecord::Quarantine => {
                self.report.quarantined += 1;
                Ok(Some(Step::Bad(Box::new(bad))))
            }
            OnBadRecord::Drop => {
                self.report.dropped += 1;
                Ok(None)
            }
        }
    }

    #[inline]
    fn advance(&mut self, by: usize) {
        self.position += by as u64;
    }

    /// The last byte of each line end.
    pub(super) fn line_end(&self) -> u8 {
        self.lines.line_end
    }

    /// Counts line ends, before the buffer goes.
    pub(super) fn count_lines(&mut self, buffer: Buffer<'_>) {
        let counts = (
            &mut self.report.newlines,
            &mut self.report.newlines_past_end,
        );
        self.lines
            .count(buffer, self.position, self.split.end, counts);
    }

    fn need(&mut self, at_least: usize) -> Step {
        self.wanted = at_least;
        Step::NeedInput(at_least)
    }

    /// An unfinished record of which this many bytes are there: twice as many are worth another look, though at first
    /// no more than say whether it is too long.
    fn need_more(&mut self, have: usize) -> Step {
        let enough = self.options.limits.record_bytes_max.saturating_add(1);
        let twice = have.saturating_mul(2).max(have + 1);
        self.need(if have < enough {
            twice.min(enough)
        } else {
            twice
        })
    }
}
