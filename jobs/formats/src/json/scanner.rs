//! From split to records: what each layout has in common.

use super::documents::Documents;
use super::head::{JsonHead, Layout};
use super::lines::Lines;
use super::record::RecordParser;
use super::shape::Shape;
use super::{JsonOptions, MARK};
use crate::record::block::Waiting;
use crate::record::columns::RecordAt;
use crate::record::progress::{Progress, Settled};
use crate::record::tape::Tape;
use crate::record::{BadReason, BadRecord, HeadState, ReadFailure, Split, SplitReport, Start};

/// What a scanner has come to.
#[derive(Debug)]
pub(super) enum Step {
    /// A well-formed record; its tape is [`Scanner::tape`].
    Record { at: RecordAt, place: Place },
    /// A bad record that is to be put into quarantine.
    Bad(BadRecord),
    /// A bad record that is to become a row.
    Kept { at: RecordAt, bad: BadRecord },
    /// The buffer is used up but for its tail: at least this many bytes, from the position on, are needed.
    NeedInput(usize),
    /// The split is finished.
    Done,
}

/// Where the bytes of a record are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In the caller's buffer, from the position of the scanner before it was asked, at `from`, up to `to`.
    Buffer { from: usize, to: usize },
    /// Held by the scanner.
    Held,
}

/// What the layouts go on with.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) progress: Progress,
    pub(super) parser: RecordParser,
    /// Bytes that must be in the buffer before it is worth looking at it again.
    wanted: usize,
}

/// The state of one split.
#[derive(Debug)]
pub(super) struct Scanner {
    common: Common,
    options: JsonOptions,
    head: Option<JsonHead>,
    layout: Option<Scan>,
    /// The layout of the records that the template was learned from.
    learned: Option<Layout>,
}

/// The scanner of a layout.
#[derive(Debug)]
enum Scan {
    Lines(Lines),
    Documents(Box<Documents>),
}

/// What the scanner of a layout has come to.
pub(super) enum Next {
    Step(Step),
    /// Nothing yet; it is to be asked again.
    Again,
}

impl Scanner {
    pub(super) fn new(options: &JsonOptions, split: Split) -> Self {
        let limits = &options.limits;
        Self {
            common: Common {
                progress: Progress::new(split, options.on_bad_record, limits.raw_bytes_max),
                parser: RecordParser::new(limits),
                wanted: 1,
            },
            options: options.clone(),
            head: None,
            layout: None,
            learned: None,
        }
    }

    /// Says how the file begins. To be called at the start of a split.
    pub(super) fn set_head(&mut self, head: JsonHead) {
        self.head = Some(head);
        self.layout = None;
    }

    /// Stands at the start of another split, of this file or of another, whose head is not known.
    pub(super) fn restart(&mut self, split: Split) {
        self.common.progress.restart(split);
        self.common.parser.forget_place();
        self.common.wanted = 1;
        (self.head, self.layout) = (None, None);
    }

    /// Offset of the next byte to be looked at.
    pub(super) fn position(&self) -> u64 {
        self.common.progress.position
    }

    /// The counts.
    pub(super) fn report(&self) -> &SplitReport {
        &self.common.progress.report
    }

    /// The same, to count what becomes of good records.
    pub(super) fn report_mut(&mut self) -> &mut SplitReport {
        &mut self.common.progress.report
    }

    /// The tape of the record at hand.
    pub(super) fn tape(&self) -> &Tape {
        &self.common.parser.tape
    }

    /// The template of the records, for tests.
    #[cfg(test)]
    pub(super) fn template(&mut self) -> &mut super::trace::Template {
        &mut self.common.parser.template
    }

    /// The bytes of a record in the caller's buffer, or held here.
    pub(super) fn bytes<'a>(&'a self, buf: &'a [u8], place: Place) -> &'a [u8] {
        match (place, &self.layout) {
            (Place::Buffer { from, to }, _) => buf.get(from..to).unwrap_or_default(),
            (Place::Held, Some(Scan::Documents(documents))) => documents.held(),
            (Place::Held, _) => &[],
        }
    }

    /// Whether the split's start is a guess.
    pub(super) fn guesses(&self) -> bool {
        self.common.progress.guesses()
    }

    /// Line feeds of the split before the record at hand.
    pub(super) fn record_line(&self) -> u64 {
        self.common.progress.record_line()
    }

    /// The record at hand has a value that does not fit.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(super) fn refuse(
        &mut self,
        at: RecordAt,
        buf: &[u8],
        place: Place,
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        let record = match (place, &self.layout) {
            (Place::Buffer { from, to }, _) => buf.get(from..to).unwrap_or_default(),
            (Place::Held, Some(Scan::Documents(documents))) => documents.held(),
            (Place::Held, _) => &[],
        };
        let line = self.common.progress.record_line();
        self.common.progress.refuse(at, line, record, reason)
    }

    /// The same of a record that has waited.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(super) fn refuse_waiting(
        &mut self,
        waiting: Waiting,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        let progress = &mut self.common.progress;
        progress.refuse(waiting.at, waiting.line, record, reason)
    }

    /// Goes on in a buffer that begins at the offset `base`, which is not after the position.
    pub(super) fn next(
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
            if rest.len() < self.common.wanted && !eof {
                return Ok(Step::NeedInput(self.common.wanted));
            }
            self.common.wanted = 1;
            let Some(layout) = &mut self.layout else {
                if let Some(needed) = self.begin(rest, eof)? {
                    return Ok(self.common.need(needed));
                }
                continue;
            };
            let common = &mut self.common;
            let next = match layout {
                Scan::Lines(lines) => lines.next(common, shape, rest, eof, from)?,
                Scan::Documents(documents) => documents.next(common, shape, rest, eof, from)?,
            };
            if let Next::Step(step) = next {
                return Ok(step);
            }
        }
    }

    /// Goes by the file's head. `Some(n)`: at least `n` bytes are needed to know it.
    fn begin(&mut self, rest: &[u8], eof: bool) -> Result<Option<usize>, ReadFailure> {
        let start = self.common.progress.split.start;
        const MARKS_BYTES: usize = MARKS_MAX * MARK.len();
        if start == Start::File && rest.len() < MARKS_BYTES && !eof {
            return Ok(Some(MARKS_BYTES));
        }
        let head = match (self.head.take(), start) {
            (Some(head), _) => head,
            (None, Start::File) => match JsonHead::look(rest, eof, &self.options)? {
                HeadState::NeedMore(needed) => return Ok(Some(needed)),
                HeadState::Known(head) => head.read_as_it_is()?,
            },
            // Only lines are cut.
            (None, _) => JsonHead::of_lines(),
        };
        if start == Start::File {
            let mut marks = 0;
            while marks < MARKS_BYTES && rest[marks..].starts_with(MARK) {
                marks += MARK.len();
            }
            self.common.progress.advance(rest, marks);
        }
        let layout = head.layout();
        if self.learned.is_some_and(|learned| learned != layout) {
            // What was learned has line feeds where there may be none now.
            self.common.parser.template.forget();
        }
        self.learned = Some(layout);
        self.layout = Some(match layout {
            Layout::Lines if self.options.records.is_none() => Scan::Lines(Lines::new(start)),
            _ => Scan::Documents(Box::new(Documents::new(&self.options, layout, start))),
        });
        self.head = Some(head);
        Ok(None)
    }
}

/// So many byte-order marks are passed over at a file's start.
const MARKS_MAX: usize = 2;

/// What is to be done about a bad record, if anything is.
pub(super) fn step_of(settled: Settled) -> Option<Step> {
    match settled {
        Settled::Bad(bad) => Some(Step::Bad(bad)),
        Settled::Kept { at, bad } => Some(Step::Kept { at, bad }),
        Settled::Dropped => None,
    }
}

impl From<Settled> for Next {
    fn from(settled: Settled) -> Self {
        step_of(settled).map_or(Self::Again, Self::Step)
    }
}

impl Common {
    pub(super) fn need(&mut self, at_least: usize) -> Step {
        self.wanted = at_least;
        Step::NeedInput(at_least)
    }

    /// Something unfinished of which this many bytes are there: twice as many are worth another look, though at first no
    /// more than say whether it is too long.
    pub(super) fn need_more(&mut self, have: usize) -> Step {
        let enough = self.parser.record_bytes_max().saturating_add(1);
        let twice = have.saturating_mul(2).max(have + 1);
        self.need(if have < enough {
            twice.min(enough)
        } else {
            twice
        })
    }
}
