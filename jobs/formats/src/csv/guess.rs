//! Where the first record of a split in mid-file begins: a guess, but a good one.
//!
//! The first line end of the split ends a record if it does not stand between quotes, and its bytes do not say whether
//! it does. There are three cases: the split begins in a field without quotes, between quotes, or where a field begins.
//! In each the rest of the record at hand is passed over, and the records that then follow are looked at: on the wrong
//! assumption text is read as markup and markup as text, so that they have stray quotes and odd numbers of fields. The
//! case that gives the best records is taken; of those as good, the first.
//!
//! Nothing depends on the guess being right but time: see [`split`](crate::record::split).

use super::record::{Begins, Parsed, RecordParser, Skipped};

/// How many bytes are looked at, if the record at hand ends in them.
const GUESS_BYTES: usize = 64 << 10;
/// How many records are looked at in each case.
const RECORDS_MAX: u32 = 8;

/// A guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// At least this many bytes are needed.
    NeedMore(usize),
    /// A line begins after this many bytes, outside quotes; or the file ends there.
    At(usize),
    /// Not even the record at hand ends within reach: a line begins after the next line end from here on.
    Beyond(usize),
}

/// Guesses where a line begins, outside quotes, in the bytes from a split's start on.
pub(super) fn line_start(parser: &mut RecordParser, rest: &[u8], eof: bool) -> Guess {
    let mut enough = GUESS_BYTES;
    loop {
        if rest.len() < enough && !eof {
            return Guess::NeedMore(enough);
        }
        let view = rest.get(..enough).unwrap_or(rest);
        let eof = eof && view.len() == rest.len();
        let mut cases = vec![Begins::Bare];
        if parser.dialect.quote.is_some() {
            cases.extend([Begins::Quotes, Begins::Field]);
        }
        let mut best: Option<Case> = None;
        for begins in cases {
            let case = Case::of(parser, view, eof, begins);
            let score = |case: &Option<Case>| case.as_ref().map_or(0, Case::score);
            // One whose record goes on beyond the view is as good as one that is followed by nothing good.
            if (case.is_some() && best.is_none() && begins == Begins::Bare)
                || score(&case) > score(&best)
            {
                best = case;
            }
        }
        match best {
            Some(case) => return case.guess,
            None => enough *= 2,
        }
    }
}

/// One of the cases.
struct Case {
    guess: Guess,
    good: i32,
    bad: i32,
}

impl Case {
    /// `None` if the record at hand goes on beyond the view.
    fn of(parser: &mut RecordParser, view: &[u8], eof: bool, begins: Begins) -> Option<Self> {
        let mut case = Self {
            guess: Guess::At(0),
            good: 0,
            bad: 0,
        };
        let mut at = match parser.parse(view, eof, begins) {
            Parsed::Incomplete => return None,
            Parsed::Beyond { from, .. } => {
                case.guess = Guess::Beyond(from);
                return Some(case);
            }
            Parsed::Complete(end) | Parsed::Bad { end, .. } => end,
        };
        case.guess = Guess::At(at);
        for _ in 0..RECORDS_MAX {
            let rest = view.get(at..).unwrap_or_default();
            match parser.skip(rest, eof) {
                Skipped::Line(length) | Skipped::Part(length) | Skipped::Comment(length) => {
                    at += length;
                    continue;
                }
                Skipped::Incomplete => break,
                Skipped::None if rest.is_empty() => break,
                Skipped::None => {}
            }
            match parser.parse(rest, eof, Begins::Field) {
                Parsed::Complete(end) => {
                    case.good += 1;
                    at += end;
                }
                Parsed::Bad { end, .. } => {
                    case.bad += 1;
                    at += end;
                }
                Parsed::Beyond { .. } | Parsed::Incomplete => break,
            }
        }
        Some(case)
    }

    fn score(&self) -> i32 {
        self.good - self.bad
    }
}
