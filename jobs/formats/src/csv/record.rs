//! One record: where its fields stand, where it ends, and what is wrong with it.
//!
//! # Where a record ends
//!
//! After the first line end that does not stand between quotes, or with the file. Quotes count only where a field
//! begins with one; anywhere else in a field without quotes they are characters like others. What is broken ends so:
//!
//! 1. A character stands between a closing quote and the next delimiter. If the quotes hold a line end, the opening one
//!    was most likely never meant to reach so far: the record ends after the first line end between them. Else the
//!    field goes on to the next delimiter or line end, and the record goes on by the rule above.
//! 2. A quote is not closed before the file ends, or within `record_bytes_max` of the record's first byte: the record
//!    ends after the first line end that follows the quote, if it stands within that reach.
//! 3. No line end stands within `record_bytes_max`: the record ends after the next one.
//!
//! So a quote too many or too few costs the record that has it, and not the ones after it. The rule looks at the bytes
//! from the record's first one on and at nothing else, which is what makes splits exact.

use memchr::memchr;

use super::fault::Fault;
use super::options::Dialect;
use super::words::{Pair, find};

/// How the bytes of a field become its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// They are the value, and it has no quotes around it: NULL if it is empty.
    Bare,
    /// They are the value.
    Quoted,
    /// Quotes in them are doubled or escaped.
    Escaped,
}

/// A field's text, without the quotes around it, as a range of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) form: Form,
}

impl Field {
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What parsing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The record ends here, its line end included.
    Complete(usize),
    /// It is broken, and ends here, its line end included.
    Bad { end: usize, fault: Fault },
    /// It is broken, and ends after the first line end at or after this.
    Beyond { from: usize, fault: Fault },
    /// More bytes are needed.
    Incomplete,
}

/// Where in a record the bytes begin that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// At the start of a field.
    Field,
    /// Inside a field without quotes.
    Bare,
    /// Between quotes.
    Quotes,
}

/// Parses records of one form.
#[derive(Debug, Clone)]
pub(super) struct RecordParser {
    pub(super) dialect: Dialect,
    ends: Pair,
    /// How many fields a record has, or may have if it is a header.
    fields_max: usize,
    is_header: bool,
    record_bytes_max: usize,
    /// The fields of the record at hand, `fields_max` at most.
    pub(super) fields: Vec<Field>,
    /// Where those beyond begin, and how many there are.
    surplus: Option<(usize, usize)>,
}

/// The bytes of a record, as far as they may be looked at.
#[derive(Clone, Copy)]
struct View<'a> {
    bytes: &'a [u8],
    /// The file ends with them.
    ends_file: bool,
    /// The record must have ended in them.
    is_full: bool,
}

/// What stands after a closing quote.
enum After {
    Delimiter(usize),
    LineEnd(usize),
    Other(usize),
    Incomplete,
}

/// Where quotes close.
enum Closing {
    At { quote: usize, escaped: bool },
    None,
    Incomplete,
}

impl RecordParser {
    /// For records of so many fields; without a number, for a header.
    pub(super) fn new(dialect: Dialect, width: Option<usize>, record_bytes_max: usize) -> Self {
        Self {
            dialect,
            ends: Pair::new(dialect.delimiter, dialect.line_end),
            fields_max: width.unwrap_or(usize::MAX),
            is_header: width.is_none(),
            record_bytes_max,
            fields: Vec::new(),
            surplus: None,
        }
    }

    /// Parses the record that begins at `rest[0]`, or of which `rest` begins with a later part.
    pub(super) fn parse(&mut self, rest: &[u8], eof: bool, begins: Begins) -> Parsed {
        // A record of the greatest length is followed by its line end.
        let reach = self.record_bytes_max.saturating_add(1);
        let view = View {
            bytes: rest.get(..reach).unwrap_or(rest),
            ends_file: eof && rest.len() < reach,
            is_full: rest.len() >= reach,
        };
        self.fields.clear();
        self.surplus = None;
        // Copies, which need not be read again after each field.
        let (dialect, ends) = (self.dialect, self.ends);
        let mut fault: Option<Fault> = None;
        let mut at = 0;
        let mut begins = begins;
        loop {
            let quoted = match begins {
                Begins::Field => opening(dialect, view, at).map(|quote| (quote, quote + 1)),
                Begins::Bare => None,
                Begins::Quotes => Some((at, at)),
            };
            begins = Begins::Field;
            let start = at;
            if let Some((quote, from)) = quoted {
                let (text, form) = match closing(dialect, view, from) {
                    Closing::Incomplete => return Parsed::Incomplete,
                    Closing::None => return self.unclosed(view, quote, from, fault),
                    Closing::At { quote, escaped } => (
                        (from, quote),
                        if escaped { Form::Escaped } else { Form::Quoted },
                    ),
                };
                match after(dialect, view, text.1 + 1) {
                    After::Delimiter(next) => {
                        self.push(text, form);
                        at = next;
                        continue;
                    }
                    After::LineEnd(end) => {
                        self.push(text, form);
                        return self.ended(text.1, end, fault);
                    }
                    After::Incomplete => return self.beyond(view, fault),
                    After::Other(stray) => {
                        let fault = *fault.get_or_insert(Fault::AfterQuote { at: stray });
                        if let Some(end) = self.line_end_in(view, text.0, text.1) {
                            return Parsed::Bad { end, fault };
                        }
                        at = stray;
                    }
                }
            }
            let Some(end) = ends.find(view.bytes, at) else {
                if !view.ends_file {
                    return self.beyond(view, fault);
                }
                let length = view.bytes.len();
                let text_end = without_return(dialect, view.bytes, start, length);
                self.push_bare(dialect, view, (start, text_end));
                return self.ended(text_end, length, fault);
            };
            if view.bytes.get(end) == Some(&dialect.delimiter) {
                self.push_bare(dialect, view, (start, end));
                at = end + 1;
                continue;
            }
            let text_end = without_return(dialect, view.bytes, start, end);
            self.push_bare(dialect, view, (start, text_end));
            return self.ended(text_end, end + 1, fault);
        }
    }

    /// How many leading bytes belong to no record: an empty line, a comment, a line feed that goes with the carriage
    /// return before it. [`Skipped::None`] if a record begins here.
    #[inline]
    pub(super) fn skip(&self, rest: &[u8], eof: bool) -> Skipped {
        let Some(&first) = rest.first() else {
            return Skipped::None;
        };
        let dialect = &self.dialect;
        if first == dialect.line_end {
            return Skipped::Line(1);
        }
        if Some(first) == dialect.comment {
            return match memchr(dialect.line_end, rest) {
                Some(end) => Skipped::Line(end + 1),
                None => Skipped::Comment(rest.len()),
            };
        }
        match first {
            b'\n' => Skipped::Part(1), // the line end is a carriage return here
            b'\r' => self.blank(rest, 0, eof),
            b' ' | b'\t' if dialect.trims => {
                self.blank(rest, skip_space(self.dialect, rest, 0), eof)
            }
            _ => Skipped::None,
        }
    }

    /// The same, where nothing but a line end is left of a line that may be empty.
    fn blank(&self, rest: &[u8], at: usize, eof: bool) -> Skipped {
        match line_end_at(self.dialect, rest, at) {
            Some(Some(end)) => Skipped::Line(end),
            Some(None) => Skipped::None,
            None if eof => Skipped::Line(rest.len()),
            None => Skipped::Incomplete,
        }
    }

    /// The view ends outside quotes, and the record goes on.
    fn beyond(&self, view: View<'_>, fault: Option<Fault>) -> Parsed {
        if !view.is_full {
            return Parsed::Incomplete;
        }
        Parsed::Beyond {
            from: view.bytes.len(),
            fault: fault.unwrap_or(Fault::TooLarge),
        }
    }

    /// The view ends between quotes that should have been closed in it.
    fn unclosed(&self, view: View<'_>, at: usize, from: usize, fault: Option<Fault>) -> Parsed {
        let length = view.bytes.len();
        let fault = fault.unwrap_or(if view.ends_file {
            Fault::Unclosed { at }
        } else {
            Fault::UnclosedWithin { at }
        });
        match self.line_end_in(view, from, length) {
            Some(end) => Parsed::Bad { end, fault },
            None if view.ends_file => Parsed::Bad { end: length, fault },
            None => Parsed::Beyond {
                from: length,
                fault,
            },
        }
    }

    /// The end of the first line end between two places.
    fn line_end_in(&self, view: View<'_>, from: usize, to: usize) -> Option<usize> {
        let text = view.bytes.get(from..to)?;
        memchr(self.dialect.line_end, text).map(|i| from + i + 1)
    }

    /// The record is over: `text_end` is where its last field ends.
    #[inline(always)]
    fn ended(&self, text_end: usize, end: usize, fault: Option<Fault>) -> Parsed {
        let columns = self.fields_max;
        let fields = self.fields.len();
        let fault = match (fault, self.surplus) {
            (Some(fault), _) => fault,
            (None, Some((at, surplus))) => Fault::TooMany {
                at,
                fields: fields + surplus,
                columns,
            },
            (None, None) if self.is_header || fields == columns => return Parsed::Complete(end),
            (None, None) => Fault::TooFew {
                at: text_end,
                fields,
                columns,
            },
        };
        Parsed::Bad { end, fault }
    }

    /// Counts a field for which there is no column.
    #[cold]
    fn more(&mut self, start: usize) {
        let (_, count) = self.surplus.get_or_insert((start, 0));
        *count += 1;
    }

    #[inline(always)]
    fn push(&mut self, (start, end): (usize, usize), form: Form) {
        if self.fields.len() >= self.fields_max {
            self.more(start);
            return;
        }
        self.fields.push(Field {
            start: start as u32,
            end: end as u32,
            form,
        });
    }

    #[inline(always)]
    fn push_bare(&mut self, dialect: Dialect, view: View<'_>, range: (usize, usize)) {
        let range = if dialect.trims {
            trimmed(dialect, view.bytes, range)
        } else {
            range
        };
        self.push(range, Form::Bare);
    }
}

/// The end of the line end that stands at a place, `Some(None)` if something else does; `None` if more bytes are
/// needed.
fn line_end_at(dialect: Dialect, bytes: &[u8], at: usize) -> Option<Option<usize>> {
    let byte = *bytes.get(at)?;
    if byte == dialect.line_end {
        Some(Some(at + 1))
    } else if byte == b'\r' {
        let next = *bytes.get(at + 1)?;
        Some((next == b'\n').then_some(at + 2))
    } else {
        Some(None)
    }
}

/// The quote with which the field at `at` begins, if it does.
#[inline(always)]
fn opening(dialect: Dialect, view: View<'_>, at: usize) -> Option<usize> {
    let at = if dialect.trims {
        skip_space(dialect, view.bytes, at)
    } else {
        at
    };
    let byte = *view.bytes.get(at)?;
    (Some(byte) == dialect.quote).then_some(at)
}

/// The quote that closes the text which begins at `from`.
fn closing(dialect: Dialect, view: View<'_>, from: usize) -> Closing {
    let Some(quote) = dialect.quote else {
        return Closing::None;
    };
    let missing = if view.ends_file || view.is_full {
        Closing::None
    } else {
        Closing::Incomplete
    };
    let mut at = from;
    let mut escaped = false;
    loop {
        let found = match dialect.escape {
            None => find(quote, view.bytes, at),
            Some(escape) => Pair::new(quote, escape).find(view.bytes, at),
        };
        let Some(found) = found else {
            return missing;
        };
        let next = view.bytes.get(found + 1);
        let is_quote = view.bytes.get(found) == Some(&quote);
        match next {
            None if is_quote && view.ends_file => {}
            None => return missing,
            Some(next) if is_quote && *next != quote => {}
            // A doubled quote, or an escape before what it can escape; any other escape stands for itself.
            Some(next) => {
                let escapes = *next == quote || Some(*next) == dialect.escape;
                escaped |= escapes;
                at = found + 1 + usize::from(escapes);
                continue;
            }
        }
        return Closing::At {
            quote: found,
            escaped,
        };
    }
}

/// What stands at `at`, after a closing quote.
#[inline(always)]
fn after(dialect: Dialect, view: View<'_>, at: usize) -> After {
    let at = if dialect.trims {
        skip_space(dialect, view.bytes, at)
    } else {
        at
    };
    if view.bytes.get(at) == Some(&dialect.delimiter) {
        return After::Delimiter(at + 1);
    }
    match line_end_at(dialect, view.bytes, at) {
        Some(Some(end)) => After::LineEnd(end),
        Some(None) => After::Other(at),
        None if view.ends_file => After::LineEnd(view.bytes.len()),
        None => After::Incomplete,
    }
}

/// The end of a text before a line end, or before the end of the file: a carriage return there belongs to it.
#[inline(always)]
fn without_return(dialect: Dialect, bytes: &[u8], start: usize, end: usize) -> usize {
    let returns = end > start && dialect.line_end == b'\n' && bytes.get(end - 1) == Some(&b'\r');
    end - usize::from(returns)
}

fn trimmed(dialect: Dialect, bytes: &[u8], (start, end): (usize, usize)) -> (usize, usize) {
    let text = bytes.get(start..end).unwrap_or_default();
    let start = start + skip_space(dialect, text, 0);
    let rest = bytes.get(start..end).unwrap_or_default();
    let spaces = rest.iter().rev().take_while(|byte| is_blank(**byte));
    (start, end - spaces.count())
}

/// The first place at or after `at` that is no space around a field.
fn skip_space(dialect: Dialect, bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let delimiter = dialect.delimiter;
    let spaces = rest
        .iter()
        .take_while(|byte| is_blank(**byte) && **byte != delimiter);
    at + spaces.count()
}
/// What stands before a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// Nothing.
    None,
    /// A line without a record, of this many bytes.
    Line(usize),
    /// The second half of a line end, of this many bytes.
    Part(usize),
    /// A comment that goes on after this many bytes.
    Comment(usize),
    /// More bytes are needed to say.
    Incomplete,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Appends the value of a field in which quotes are doubled or escaped.
pub(super) fn unescape(text: &[u8], dialect: &Dialect, out: &mut Vec<u8>) {
    let Some(quote) = dialect.quote else {
        out.extend_from_slice(text);
        return;
    };
    let escape = dialect.escape.unwrap_or(quote);
    let mut rest = text;
    while let Some(at) = memchr::memchr2(quote, escape, rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let escapes = after
            .get(1)
            .is_some_and(|next| *next == quote || *next == escape);
        let (kept, after) = after.split_at(1 + usize::from(escapes));
        out.extend(kept.last());
        rest = after;
    }
    out.extend_from_slice(rest);
}
