//! From a buffer to records, and on to rows or to types: what the readers and inferrers of nested formats have in common.

use std::borrow::Cow;

use super::block::Waiting;
use super::columns::RecordAt;
use super::nodes::Nodes;
use super::progress::Settled;
use super::rows::Rows;
use super::tape::Tape;
use super::{BadReason, BadRecord, Fed, FedState, ReadFailure, SplitReport};
use crate::infer::learner::Learner;

/// What a scanner has come to.
#[derive(Debug)]
pub(crate) enum Step {
    /// A well-formed record; its tape is [`Scan::tape`].
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

impl Step {
    /// What is to be done about a bad record, if anything is.
    pub(crate) fn of(settled: Settled) -> Option<Self> {
        match settled {
            Settled::Bad(bad) => Some(Self::Bad(bad)),
            Settled::Kept { at, bad } => Some(Self::Kept { at, bad }),
            Settled::Dropped => None,
        }
    }
}

/// Where the bytes of a record are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In the caller's buffer.
    Buffer { from: usize, to: usize },
    /// Held by the scanner.
    Held,
}

/// What goes from record to record in a split.
pub(crate) trait Scan {
    /// The format's tree of names.
    type Shape: Nodes;

    /// Offset of the next byte to be looked at.
    fn position(&self) -> u64;

    /// Goes on in a buffer that begins at the offset `base`, which is not after the position.
    ///
    /// # Errors
    /// [`ReadFailure`]; the scanner is of no use after one.
    fn next(
        &mut self,
        shape: &mut Self::Shape,
        buf: &[u8],
        base: u64,
        eof: bool,
    ) -> Result<Step, ReadFailure>;

    /// The tape of the record at hand.
    fn tape(&self) -> &Tape;

    /// The same.
    fn tape_mut(&mut self) -> &mut Tape;

    /// Reads a good record of the split once more, for its tape.
    ///
    /// # Errors
    /// It is not good, which would be our own mistake.
    fn again(
        &mut self,
        shape: &mut Self::Shape,
        record: &[u8],
        at: RecordAt,
    ) -> Result<(), BadReason>;

    /// The bytes of the record at hand, if they are [held](Place::Held).
    fn held(&self) -> &[u8] {
        &[]
    }

    /// Line feeds of the split before the record at hand.
    fn record_line(&self) -> u64;

    /// Whether the split's start is a guess, so that what is found may be no record at all.
    fn guesses(&self) -> bool;

    /// A record, before which so many line feeds stand, has a value that does not fit. `record` is its text.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    fn refuse(
        &mut self,
        at: RecordAt,
        line: u64,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure>;

    /// The counts.
    fn report(&self) -> &SplitReport;

    /// The same, to count what becomes of good records.
    fn report_mut(&mut self) -> &mut SplitReport;
}

/// The bytes of the record at hand.
fn bytes<'a>(scanner: &'a impl Scan, buf: &'a [u8], place: Place) -> &'a [u8] {
    match place {
        Place::Buffer { from, to } => buf.get(from..to).unwrap_or_default(),
        Place::Held => scanner.held(),
    }
}

/// Makes rows of as much of the buffer as can be read.
///
/// # Errors
/// [`ReadFailure`]
pub(crate) fn read<S: Scan>(
    scanner: &mut S,
    shape: &mut S::Shape,
    rows: &mut Rows,
    buf: &[u8],
    eof: bool,
) -> Result<Fed, ReadFailure> {
    let base = scanner.position();
    let state = loop {
        if rows.are_full_with_waiting() {
            add_waiting(scanner, shape, rows, buf)?;
            if rows.are_full() {
                break FedState::BatchReady;
            }
        }
        let step = scanner.next(shape, buf, base, eof);
        if let Ok(Step::Record {
            at,
            place: Place::Buffer { from, to },
        }) = step
        {
            let line = scanner.record_line();
            if rows.wait(shape, scanner.tape_mut(), buf, (at, line), (from, to)) {
                if rows.is_enough_waiting() {
                    add_waiting(scanner, shape, rows, buf)?;
                }
                continue;
            }
        }
        // What comes after a record is not to be seen before it.
        add_waiting(scanner, shape, rows, buf)?;
        match step? {
            Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
            Step::Done => break FedState::Done,
            Step::Bad(bad) => rows.hold(bad),
            Step::Kept { at, bad } => rows.keep(at, &bad),
            Step::Record { at, place } => {
                let record = bytes(scanner, buf, place);
                let guesses = scanner.guesses();
                if let Some(reason) = rows.add(shape, scanner.tape(), record, at, guesses)? {
                    let record = match place {
                        Place::Buffer { from, to } => {
                            Cow::Borrowed(buf.get(from..to).unwrap_or_default())
                        }
                        Place::Held => Cow::Owned(scanner.held().to_vec()),
                    };
                    let line = scanner.record_line();
                    rows.settle(scanner.refuse(at, line, &record, reason)?);
                }
            }
        }
    };
    Ok(Fed {
        consumed: (scanner.position() - base) as usize,
        state,
    })
}

/// Makes rows of the records that wait: at once, or one by one if a value of any does not fit.
#[inline]
fn add_waiting<S: Scan>(
    scanner: &mut S,
    shape: &mut S::Shape,
    rows: &mut Rows,
    buf: &[u8],
) -> Result<(), ReadFailure> {
    if rows.add_waiting(scanner.tape_mut(), buf) {
        return Ok(());
    }
    add_one_by_one(scanner, shape, rows, buf)
}

#[cold]
fn add_one_by_one<S: Scan>(
    scanner: &mut S,
    shape: &mut S::Shape,
    rows: &mut Rows,
    buf: &[u8],
) -> Result<(), ReadFailure> {
    // Without cells, records are read to their tapes. That of the record at hand is still to be used.
    let cells = scanner.tape_mut().cells.take();
    let at_hand = scanner.tape().copy();
    let guesses = scanner.guesses();
    for (waiting, tape) in rows.take_waiting() {
        let Waiting {
            at,
            line,
            start,
            end,
            ..
        } = waiting;
        let record = buf.get(start..end).unwrap_or_default();
        let read = match tape {
            Some(_) => Ok(()),
            None => scanner.again(shape, record, at),
        };
        let tape = tape.as_ref().unwrap_or(scanner.tape());
        let bad = match read {
            Ok(()) => rows.add(shape, tape, record, at, guesses)?,
            Err(reason) => Some(reason),
        };
        if let Some(reason) = bad {
            rows.settle(scanner.refuse(at, line, record, reason)?);
        }
    }
    let tape = scanner.tape_mut();
    *tape = at_hand;
    tape.cells = cells;
    Ok(())
}

/// Learns the types of as much of the buffer as can be read.
///
/// # Errors
/// [`ReadFailure`]
pub(crate) fn learn<S: Scan>(
    scanner: &mut S,
    shape: &mut S::Shape,
    learner: &mut Learner,
    buf: &[u8],
    eof: bool,
) -> Result<Fed, ReadFailure> {
    let base = scanner.position();
    let state = loop {
        match scanner.next(shape, buf, base, eof)? {
            Step::NeedInput(at_least) => break FedState::NeedInput { at_least },
            Step::Done => break FedState::Done,
            Step::Bad(_) | Step::Kept { .. } => {}
            Step::Record { at, place } => {
                scanner.report_mut().emitted += 1;
                let record = bytes(scanner, buf, place);
                learner.learn(shape.len(), scanner.tape(), record, at.offset)?;
            }
        }
    };
    Ok(Fed {
        consumed: (scanner.position() - base) as usize,
        state,
    })
}
