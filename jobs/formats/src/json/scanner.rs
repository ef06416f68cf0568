//! From split to records: what each layout has in common.

use super::documents::Documents;
use super::head::{JsonHead, Layout};
use super::lines::Lines;
use super::record::{End, Parsed, RecordParser};
use super::shape::Shape;
use super::{JsonOptions, MARK};
use crate::record::columns::RecordAt;
use crate::record::progress::{Progress, Settled};
use crate::record::scan::{Scan, Step};
use crate::record::tape::Tape;
use crate::record::{BadReason, HeadState, ReadFailure, Split, SplitReport, Start};

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
    layout: Option<Layouts>,
    /// The layout of the records that the template was learned from.
    learned: Option<Layout>,
}

/// The scanner of a layout.
#[derive(Debug)]
enum Layouts {
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

    /// The template of the records, for tests.
    #[cfg(test)]
    pub(super) fn template(&mut self) -> &mut super::trace::Template {
        &mut self.common.parser.template
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
            // Of an array, nobody could tell without it.
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
            Layout::Lines if self.options.records.is_none() => Layouts::Lines(Lines::new(start)),
            _ => Layouts::Documents(Box::new(Documents::new(&self.options, &head, start))),
        });
        self.head = Some(head);
        Ok(None)
    }
}

impl Scan for Scanner {
    type Shape = Shape;

    fn position(&self) -> u64 {
        self.common.progress.position
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
                Layouts::Lines(lines) => lines.next(common, shape, rest, eof, from)?,
                Layouts::Documents(documents) => documents.next(common, shape, rest, eof, from)?,
            };
            if let Next::Step(step) = next {
                return Ok(step);
            }
        }
    }

    fn tape(&self) -> &Tape {
        &self.common.parser.tape
    }

    fn tape_mut(&mut self) -> &mut Tape {
        &mut self.common.parser.tape
    }

    fn again(&mut self, shape: &mut Shape, record: &[u8], at: RecordAt) -> Result<(), BadReason> {
        match self
            .common
            .parser
            .parse(shape, record, at.offset, End::File)
        {
            Parsed::Complete(_) => Ok(()),
            Parsed::Bad(reason) => Err(reason),
            Parsed::Incomplete => Err(BadReason::Truncated { at: at.offset }),
        }
    }

    fn held(&self) -> &[u8] {
        match &self.layout {
            Some(Layouts::Documents(documents)) => documents.held(),
            _ => &[],
        }
    }

    fn record_line(&self) -> u64 {
        self.common.progress.record_line()
    }

    fn guesses(&self) -> bool {
        self.common.progress.guesses()
    }

    fn refuse(
        &mut self,
        at: RecordAt,
        line: u64,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        self.common.progress.refuse(at, line, record, reason)
    }

    fn report(&self) -> &SplitReport {
        &self.common.progress.report
    }

    fn report_mut(&mut self) -> &mut SplitReport {
        &mut self.common.progress.report
    }
}

/// So many byte-order marks are passed over at a file's start.
const MARKS_MAX: usize = 2;

impl From<Settled> for Next {
    fn from(settled: Settled) -> Self {
        Step::of(settled).map_or(Self::Again, Self::Step)
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
