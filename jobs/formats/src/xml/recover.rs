//! Where a broken record ends.
//!
//! # The rule
//!
//! A record that is well-formed ends with its own end tag, whatever it holds. One that is not (or that is not UTF-8,
//! has an unknown entity, is nested too deep, or holds an element with a row tag's name and is not closed within
//! `recovery_bytes_max`) ends at the first of these that exists:
//!
//! 1. after the end tag that balances its start tag, counting only tags of its own name (prefix included), if that
//!    tag begins within `recovery_bytes_max` of the record's first byte;
//! 2. before the first row tag after its own, if that one begins within `recovery_bytes_max`;
//! 3. after the next end tag of its own name or before the next row tag, whichever comes first;
//! 4. at the end of the file.
//!
//! So `<row><a></row>` ends with its `</row>`, a record with an element of its own name inside ends where it should
//! although it is broken, and a record that is never closed costs itself alone: the row tags of the records after it
//! do not balance, and rule 2 gives them back. Comments, CDATA sections and processing instructions are passed over,
//! unless they do not end within `recovery_bytes_max`.
//!
//! The rule looks at the bytes from the record's start on and at nothing else, so it gives the same answer whichever
//! split reads the record, and whatever the buffers.

use memchr::memchr;

use super::ahead::Unended;
use super::lex::{self, Doctype, Markup, RowMatcher, TagEnd};

/// What came of looking for a broken record's end by rules 1, 2 and 4 (see [`ahead`](super::ahead)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// More bytes are needed.
    Incomplete,
    /// It ends here, after its own end tag.
    Closed(usize),
    /// It ends here, before another record.
    Before(usize),
    /// It ends here, with the file.
    Eof(usize),
    /// Rules 1 and 2 do not apply; [`pass`] goes on from here.
    Pass(usize),
}

/// The start tag of the record that `buf` begins with.
pub(super) fn own_tag(buf: &[u8], eof: bool) -> Next {
    let Markup::Open { name_end } = lex::markup(buf, 0, eof) else {
        return Next::Incomplete;
    };
    open_tag(buf, 0, name_end, eof)
}

/// What [`pass`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// The record ends here.
    End(usize),
    /// It goes on; everything before this position is done with.
    Until(usize),
}

/// Applies rules 3 and 4 from the start of `buf`, at the offset `base`, on: for records that are too long to be held.
/// `own` is the record's name with its prefix.
pub(crate) fn pass(
    buf: &[u8],
    base: u64,
    eof: bool,
    own: &[u8],
    rows: &RowMatcher,
    recovery_bytes_max: usize,
    unended: &mut Unended,
) -> Passed {
    let mut p = 0;
    loop {
        let token = match next_token(buf, base, p, eof, usize::MAX, recovery_bytes_max, unended) {
            Next::Token(token) => token,
            Next::Eof => return Passed::End(buf.len()),
            Next::Incomplete | Next::Beyond(_) => {
                let next = memchr(b'<', buf.get(p..).unwrap_or_default());
                return Passed::Until(next.map_or(buf.len(), |i| p + i));
            }
        };
        match token.kind {
            TokenKind::Open { name_end, .. } => {
                if rows
                    .find(buf.get(token.at + 1..name_end).unwrap_or_default())
                    .is_some()
                {
                    return Passed::End(token.at);
                }
            }
            TokenKind::Close { name_end } => {
                if buf.get(token.at + 2..name_end) == Some(own) {
                    return Passed::End(token.end);
                }
            }
            TokenKind::Other => {}
        }
        p = token.end;
    }
}

/// What comes next.
pub(super) enum Next {
    Token(Token),
    Incomplete,
    Eof,
    /// The next token, if any, begins at or after `until`; this is the position to go on from.
    Beyond(usize),
}

/// A token in the buffer.
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) kind: TokenKind,
}

pub(super) enum TokenKind {
    Open { name_end: usize, empty: bool },
    Close { name_end: usize },
    Other,
}

/// The next token that begins in `buf[from..until]`; `buf` begins at the offset `base`.
pub(super) fn next_token(
    buf: &[u8],
    base: u64,
    from: usize,
    eof: bool,
    until: usize,
    stretch_bytes_max: usize,
    unended: &mut Unended,
) -> Next {
    let window = buf.get(from..until.min(buf.len())).unwrap_or_default();
    let Some(i) = memchr(b'<', window) else {
        return if buf.len() >= until {
            Next::Beyond(until.max(from))
        } else if eof {
            Next::Eof
        } else {
            Next::Incomplete
        };
    };
    let at = from + i;
    let token = |end, kind| Next::Token(Token { at, end, kind });
    match lex::markup(buf, at, eof) {
        Markup::Incomplete => Next::Incomplete,
        Markup::Text => token(at + 1, TokenKind::Other),
        Markup::Open { name_end } => open_tag(buf, at, name_end, eof),
        Markup::Close { name_end } => match lex::close_end(buf, name_end, eof) {
            Some(end) => token(end, TokenKind::Close { name_end }),
            None => Next::Incomplete,
        },
        Markup::Stretch(stretch) => {
            let content = at + stretch.opening().len();
            let reach = content.saturating_add(stretch_bytes_max);
            match unended.end(stretch, buf, base, content, reach) {
                Some(end) => token(end, TokenKind::Other),
                None if eof || reach < buf.len() => token(content, TokenKind::Other),
                None => Next::Incomplete,
            }
        }
        Markup::Doctype => match lex::doctype_end(buf, at, eof) {
            Doctype::Incomplete => Next::Incomplete,
            Doctype::End(end) => token(end, TokenKind::Other),
            Doctype::Endless => token(at + 1, TokenKind::Other),
        },
    }
}

fn open_tag(buf: &[u8], at: usize, name_end: usize, eof: bool) -> Next {
    let (end, empty) = match lex::tag_end(buf, name_end, eof) {
        TagEnd::Incomplete => return Next::Incomplete,
        TagEnd::Closed { end, empty } => (end, empty),
        TagEnd::Cut { end } => (end, false),
    };
    let kind = TokenKind::Open { name_end, empty };
    Next::Token(Token { at, end, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::RowTag;
    use crate::xml::ahead::Ahead;

    const REACH_BYTES: usize = 200;

    fn rows() -> RowMatcher {
        let tags = [RowTag::parse("r"), RowTag::parse("q")].map(Result::unwrap);
        RowMatcher::new(&tags, None)
    }

    fn recover(buf: &[u8], eof: bool, rows: &RowMatcher, reach: usize) -> Recovery {
        Ahead::default().recover(buf, 0, eof, rows, reach)
    }

    #[test]
    fn broken_records_end_by_the_rule() {
        let cases: &[(&str, Recovery)] = &[
            // rule 1
            ("<r><a></r><r>", Recovery::Closed(10)),
            ("<r/><r>", Recovery::Closed(4)),
            ("<r><r>&x;</r><a></r>..", Recovery::Closed(20)),
            ("<r><!-- </r> --><a></r>", Recovery::Closed(23)),
            ("<r><![CDATA[</r>]]><a></r>", Recovery::Closed(26)),
            ("<r><a b='</r>'/></b></r>", Recovery::Closed(24)),
            ("<r a='5 < 6'>x</r>", Recovery::Closed(18)),
            ("<r></r <r>", Recovery::Closed(7)),
            ("<n:r><r></r></n:r>", Recovery::Closed(18)),
            ("<r><q></r><q/>", Recovery::Closed(10)),
            // rule 2
            ("<r><a>1<r>2</r><r>3</r></rs>", Recovery::Before(7)),
            ("<r><a>1<q>2</q></rs>", Recovery::Before(7)),
            ("<r><a b=\"1<r c=\"2\">2</r></rs>", Recovery::Before(10)),
            // rule 4
            ("<r><a>1</rs>", Recovery::Eof(12)),
            ("<r", Recovery::Eof(2)),
            ("<r><!-- </r>", Recovery::Closed(12)),
        ];
        for (text, expected) in cases {
            assert_eq!(
                recover(text.as_bytes(), true, &rows(), REACH_BYTES),
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_how_much_is_in_the_buffer() {
        let long = "x".repeat(150);
        let cases = [
            "<r><a></r><r></r>".to_string(),
            "<r><a>1<r>2</r><r>3</r></rs>".to_string(),
            format!("<r><a>{long}{long}</a></r><r/>"),
            format!("<r><!-- {long}{long} --><r/>"),
            format!("<r><r>{long}</r>{long}</r>"),
            format!("<r b='{long}<'{long}</r>"),
        ];
        for text in cases {
            let whole = recover(text.as_bytes(), true, &rows(), REACH_BYTES);
            for cut in 0..text.len() {
                let part = recover(&text.as_bytes()[..cut], false, &rows(), REACH_BYTES);
                assert!(
                    part == Recovery::Incomplete || part == whole,
                    "{text} cut at {cut}: {part:?}, not {whole:?}"
                );
            }
        }
    }

    #[test]
    fn a_long_record_is_passed_over() {
        let text = format!("<r><a>{}</a></r>..", "x".repeat(500));
        let Recovery::Pass(from) = recover(text.as_bytes(), false, &rows(), REACH_BYTES) else {
            panic!("not passed");
        };
        assert_eq!(from, REACH_BYTES);
        let passed = |bytes: &[u8]| {
            let (rows, mut unended) = (rows(), Unended::default());
            pass(
                &bytes[from..],
                from as u64,
                false,
                b"r",
                &rows,
                REACH_BYTES,
                &mut unended,
            )
        };
        let length = text.len() - from;
        assert_eq!(passed(text.as_bytes()), Passed::End(length - 2));
        let part = &text.as_bytes()[..text.len() - 4];
        assert_eq!(passed(part), Passed::Until(length - 4 - 2));
    }
}
