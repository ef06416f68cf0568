//! Markup read tolerantly: between records, and inside broken ones.
//!
//! Everything here is a function of the bytes from a given `<` on, and of nothing before it. That is what makes it
//! possible to begin in the middle of a file (see [`split`](super::split)), and to say where a broken record ends
//! without knowing what came before it (see [`recover`](super::recover)).

use memchr::{memchr, memchr2, memmem};

use super::config::{RowTag, is_name_byte, is_name_start};
use crate::charset::SingleByte;
use crate::values::is_space;

/// How far to look for the end of a tag, of a quoted attribute value, or of a document type declaration. What is
/// longer is taken for text.
pub(crate) const TAG_BYTES_MAX: usize = 1 << 20;

/// What stands at a `<`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    /// The buffer ends before that can be said.
    Incomplete,
    /// A start tag or an empty-element tag; its name ends here.
    Open { name_end: usize },
    /// An end tag; its name ends here.
    Close { name_end: usize },
    /// A stretch that ends with a terminator.
    Stretch(Stretch),
    /// A document type declaration.
    Doctype,
    /// Nothing: the `<` is taken for text.
    Text,
}

/// Markup that ends with the first of its terminators, whatever stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    Comment,
    CData,
    Instruction,
}

impl Stretch {
    /// What it begins with.
    pub(crate) fn opening(self) -> &'static [u8] {
        match self {
            Self::Comment => b"<!--",
            Self::CData => b"<![CDATA[",
            Self::Instruction => b"<?",
        }
    }

    /// What it ends with.
    pub(crate) fn terminator(self) -> &'static [u8] {
        match self {
            Self::Comment => b"-->",
            Self::CData => b"]]>",
            Self::Instruction => b"?>",
        }
    }

    /// What to call it to a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::CData => "CDATA section",
            Self::Instruction => "processing instruction",
        }
    }

    /// The position after its terminator, looked for from `from`.
    pub(crate) fn end(self, buf: &[u8], from: usize) -> Option<usize> {
        let found = memmem::find(buf.get(from..)?, self.terminator())?;
        Some(from + found + self.terminator().len())
    }
}

/// Says what stands at `buf[at]`, a `<`.
pub(crate) fn markup(buf: &[u8], at: usize, eof: bool) -> Markup {
    let rest = buf.get(at..).unwrap_or_default();
    let incomplete = if eof {
        Markup::Text
    } else {
        Markup::Incomplete
    };
    match rest.get(1) {
        None => incomplete,
        Some(b'/') => match name_end(buf, at + 2) {
            NameEnd::At(end) if end == at + 2 => Markup::Text,
            NameEnd::At(name_end) => Markup::Close { name_end },
            NameEnd::Incomplete => incomplete,
            NameEnd::TooLong => Markup::Text,
        },
        Some(b'?') => Markup::Stretch(Stretch::Instruction),
        Some(b'!') => {
            for stretch in [Stretch::Comment, Stretch::CData] {
                if rest.starts_with(stretch.opening()) {
                    return Markup::Stretch(stretch);
                }
            }
            const DOCTYPE: &[u8] = b"<!DOCTYPE";
            if rest.starts_with(DOCTYPE) {
                return Markup::Doctype;
            }
            let cut = |opening: &[u8]| rest.len() < opening.len() && opening.starts_with(rest);
            if cut(DOCTYPE) || cut(Stretch::Comment.opening()) || cut(Stretch::CData.opening()) {
                return incomplete;
            }
            Markup::Text
        }
        Some(&byte) if is_name_start(byte) => match name_end(buf, at + 1) {
            NameEnd::At(name_end) => Markup::Open { name_end },
            NameEnd::Incomplete if eof => Markup::Open {
                name_end: buf.len(),
            },
            NameEnd::Incomplete => Markup::Incomplete,
            NameEnd::TooLong => Markup::Text,
        },
        Some(_) => Markup::Text,
    }
}

enum NameEnd {
    Incomplete,
    At(usize),
    TooLong,
}

/// Where the name that begins at `from` ends.
fn name_end(buf: &[u8], from: usize) -> NameEnd {
    let rest = buf.get(from..).unwrap_or_default();
    let reach = rest.get(..TAG_BYTES_MAX).unwrap_or(rest);
    match reach.iter().position(|b| !is_name_byte(*b)) {
        Some(length) => NameEnd::At(from + length),
        None if reach.len() == TAG_BYTES_MAX => NameEnd::TooLong,
        None => NameEnd::Incomplete,
    }
}

/// Where a tag ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagEnd {
    /// The buffer ends before that can be said.
    Incomplete,
    /// At its `>`; the position after it, and whether a `/` stands before it.
    Closed { end: usize, empty: bool },
    /// It has no `>` of its own: it ends before the next `<`, or with the file.
    Cut { end: usize },
}

impl TagEnd {
    /// The position after the tag, if it is known.
    pub(crate) fn position(self) -> Option<usize> {
        match self {
            Self::Incomplete => None,
            Self::Closed { end, .. } | Self::Cut { end } => Some(end),
        }
    }
}

/// Finds the end of the tag whose name ended at `from`.
///
/// A quoted value may hold `>`; it may hold `<` only if white space, `/` or `>` follows its closing quote, since else
/// the quote that seems to close it belongs to a later tag.
pub(crate) fn tag_end(buf: &[u8], from: usize, eof: bool) -> TagEnd {
    let mut p = from;
    let mut after_equals = false;
    let reach = from.saturating_add(TAG_BYTES_MAX);
    while let Some(&byte) = buf.get(p).filter(|_| p < reach) {
        match byte {
            b'>' => {
                let empty = p > from && buf.get(p - 1) == Some(&b'/');
                return TagEnd::Closed { end: p + 1, empty };
            }
            b'<' => return TagEnd::Cut { end: p },
            b'"' | b'\'' if after_equals => match quoted_end(buf, p, eof) {
                Quoted::Incomplete => return TagEnd::Incomplete,
                Quoted::End(end) => {
                    p = end;
                    after_equals = false;
                    continue;
                }
                Quoted::No => after_equals = false,
            },
            b'=' => after_equals = true,
            _ if is_space(byte) => {}
            _ => after_equals = false,
        }
        p += 1;
    }
    if eof || p >= reach {
        TagEnd::Cut { end: p }
    } else {
        TagEnd::Incomplete
    }
}

/// Whether a start tag, from the end of its name on, is one that a strict pass reads as [`tag_end`] does: attributes
/// with quoted values that hold no `<`, and nothing else.
pub(crate) fn is_plain_tag(tag: &[u8]) -> bool {
    let mut p = 0;
    loop {
        let spaces = tag.get(p..).unwrap_or_default().iter();
        p += spaces.take_while(|byte| is_space(**byte)).count();
        let rest = tag.get(p..).unwrap_or_default();
        if rest == b">" || rest == b"/>" {
            return true;
        }
        let is_key = |byte: &u8| is_name_byte(*byte) || is_space(*byte);
        let key = rest.iter().take_while(|byte| is_key(byte)).count();
        let Some([b'=', value @ ..]) = rest.get(key..) else {
            return false;
        };
        let spaces = value.iter().take_while(|byte| is_space(**byte)).count();
        let Some([quote @ (b'"' | b'\''), text @ ..]) = value.get(spaces..) else {
            return false;
        };
        let Some(length) = memchr2(*quote, b'<', text) else {
            return false;
        };
        if text.get(length) != Some(quote) {
            return false;
        }
        p += key + 1 + spaces + 1 + length + 1;
    }
}

enum Quoted {
    Incomplete,
    /// The position after the closing quote.
    End(usize),
    /// It is not a quoted value.
    No,
}

fn quoted_end(buf: &[u8], at: usize, eof: bool) -> Quoted {
    let rest = buf.get(at + 1..).unwrap_or_default();
    let reach = rest.get(..TAG_BYTES_MAX).unwrap_or(rest);
    let quote = buf.get(at).copied().unwrap_or(b'"');
    let Some(close) = memchr(quote, reach) else {
        return if eof || reach.len() == TAG_BYTES_MAX {
            Quoted::No
        } else {
            Quoted::Incomplete
        };
    };
    let end = at + 1 + close + 1;
    if memchr(b'<', rest.get(..close).unwrap_or_default()).is_none() {
        return Quoted::End(end);
    }
    match buf.get(end) {
        Some(b'>' | b'/' | b'?') => Quoted::End(end),
        Some(&byte) if is_space(byte) => Quoted::End(end),
        None if !eof => Quoted::Incomplete,
        _ => Quoted::No,
    }
}

/// The position after the end tag whose name ended at `from`.
pub(crate) fn close_end(buf: &[u8], from: usize, eof: bool) -> Option<usize> {
    let rest = buf.get(from..)?;
    let reach = rest.get(..TAG_BYTES_MAX).unwrap_or(rest);
    match memchr2(b'>', b'<', reach) {
        Some(i) if reach.get(i) == Some(&b'>') => Some(from + i + 1),
        Some(i) => Some(from + i),
        None if eof || reach.len() == TAG_BYTES_MAX => Some(from + reach.len()),
        None => None,
    }
}

/// What a document type declaration comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doctype {
    Incomplete,
    /// The position after it.
    End(usize),
    /// It does not end within reach: its `<` is taken for text.
    Endless,
}

/// Finds the end of the document type declaration that begins at `at`, internal subset included. None holds another:
/// one that does has no end of its own.
pub(crate) fn doctype_end(buf: &[u8], at: usize, eof: bool) -> Doctype {
    let rest = buf.get(at..).unwrap_or_default();
    let reach = rest.get(..TAG_BYTES_MAX).unwrap_or(rest);
    let missing = if eof || reach.len() == TAG_BYTES_MAX {
        Doctype::Endless
    } else {
        Doctype::Incomplete
    };
    let mut in_subset = false;
    let mut p = 2;
    while let Some(&byte) = reach.get(p) {
        let tail = reach.get(p..).unwrap_or_default();
        p = match byte {
            b'>' if !in_subset => return Doctype::End(at + p + 1),
            b'[' => {
                in_subset = true;
                p + 1
            }
            b']' => {
                in_subset = false;
                p + 1
            }
            b'"' | b'\'' => match memchr(byte, tail.get(1..).unwrap_or_default()) {
                Some(close) => p + close + 2,
                None => return missing,
            },
            b'<' if tail.starts_with(b"<!DOCTYPE") => return Doctype::Endless,
            b'<' if tail.starts_with(b"<!--") || tail.starts_with(b"<?") => {
                let stretch = if tail.starts_with(b"<?") {
                    Stretch::Instruction
                } else {
                    Stretch::Comment
                };
                match stretch.end(reach, p + stretch.opening().len()) {
                    Some(end) => end,
                    None => return missing,
                }
            }
            _ => p + 1,
        };
    }
    missing
}

/// Knows the row tags, as the bytes of a file's encoding.
#[derive(Debug, Clone)]
pub(crate) struct RowMatcher {
    tags: Vec<RowName>,
}

#[derive(Debug, Clone)]
struct RowName {
    prefix: Option<Vec<u8>>,
    local: Vec<u8>,
}

impl RowMatcher {
    /// For files in an encoding; `None` is UTF-8.
    pub(crate) fn new(tags: &[RowTag], table: Option<SingleByte>) -> Self {
        let encode = |name: &str| match table {
            Some(table) => table.encode(name),
            None => Some(name.as_bytes().to_vec()),
        };
        // What the encoding lacks stands in no file: no name holds this byte.
        let encode = |name: &str| encode(name).unwrap_or_else(|| vec![b'<']);
        let tags = tags.iter().map(|tag| RowName {
            prefix: tag.prefix.as_deref().map(encode),
            local: encode(&tag.local),
        });
        Self {
            tags: tags.collect(),
        }
    }

    /// Which of the tags the name, as it stands in the file, is.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        self.tags.iter().position(|tag| {
            if name.len() < tag.local.len() || name.last() != tag.local.last() {
                return false; // Most are told apart without a comparison.
            }
            let Some(before) = name.strip_suffix(tag.local.as_slice()) else {
                return false;
            };
            match (&tag.prefix, before) {
                (None, []) => true,
                (None, [prefix @ .., b':']) => !prefix.is_empty() && !prefix.contains(&b':'),
                (Some(wanted), [prefix @ .., b':']) => prefix == wanted,
                _ => false,
            }
        })
    }
}

/// The name without its prefix.
pub(crate) fn local_name(name: &[u8]) -> &[u8] {
    match memchr(b':', name) {
        Some(colon) if colon > 0 && colon + 1 < name.len() => name.get(colon + 1..).unwrap_or(name),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_at_its_first_byte() {
        let cases: &[(&str, Markup)] = &[
            ("<a>", Markup::Open { name_end: 2 }),
            ("<a:b c", Markup::Open { name_end: 4 }),
            ("</a>", Markup::Close { name_end: 3 }),
            ("<!-- ", Markup::Stretch(Stretch::Comment)),
            ("<![CDATA[", Markup::Stretch(Stretch::CData)),
            ("<?xml", Markup::Stretch(Stretch::Instruction)),
            ("<!DOCTYPE a", Markup::Doctype),
            ("<!ENTITY", Markup::Text),
            ("< a", Markup::Text),
            ("<5", Markup::Text),
            ("</>", Markup::Text),
            ("<", Markup::Incomplete),
            ("<!", Markup::Incomplete),
            ("<!-", Markup::Incomplete),
            ("<![CDATA", Markup::Incomplete),
            ("<!DOC", Markup::Incomplete),
            ("<a", Markup::Incomplete),
            ("</a", Markup::Incomplete),
        ];
        for (text, expected) in cases {
            assert_eq!(markup(text.as_bytes(), 0, false), *expected, "{text}");
        }
    }

    #[test]
    fn tags_end_where_a_person_would_say() {
        let cut = |end| TagEnd::Cut { end };
        let closed = |end, empty| TagEnd::Closed { end, empty };
        let cases: &[(&str, TagEnd)] = &[
            ("<a>", closed(3, false)),
            ("<a/>", closed(4, true)),
            ("<a b='>'>", closed(9, false)),
            ("<a b='<row>'>", closed(13, false)),
            ("<a b='<row>' c=\"\"/>", closed(19, true)),
            ("<a b=\"5 <row id=\"1\">", cut(8)),
            ("<a b=\"5 <row id=\"\">", cut(8)),
            ("<a <b>", cut(3)),
            ("<a it's>", closed(8, false)),
            ("<a b=\"", cut(6)),
        ];
        for (text, expected) in cases {
            assert_eq!(tag_end(text.as_bytes(), 2, true), *expected, "{text}");
        }
    }

    #[test]
    fn document_types_end_after_their_subset() {
        let cases: &[(&str, Doctype)] = &[
            ("<!DOCTYPE a>b", Doctype::End(12)),
            ("<!DOCTYPE a SYSTEM \"x>y\">", Doctype::End(25)),
            ("<!DOCTYPE a [<!ENTITY b \"]>\">]>", Doctype::End(31)),
            ("<!DOCTYPE a [<!-- ]> --><?p ]>?>]>", Doctype::End(34)),
            ("<!DOCTYPE a [", Doctype::Endless),
            ("<!DOCTYPE a [<!DOCTYPE b>", Doctype::Endless),
            ("<!DOCTYPE a '<!DOCTYPE b>'>", Doctype::End(27)),
        ];
        for (text, expected) in cases {
            assert_eq!(doctype_end(text.as_bytes(), 0, true), *expected, "{text}");
        }
        assert_eq!(doctype_end(b"<!DOCTYPE a [", 0, false), Doctype::Incomplete);
    }

    #[test]
    fn row_tags_match_whole_names() {
        let tags = [RowTag::parse("row"), RowTag::parse("n:idv")].map(Result::unwrap);
        let matcher = RowMatcher::new(&tags, None);
        let cases: &[(&str, Option<usize>)] = &[
            ("row", Some(0)),
            ("x:row", Some(0)),
            ("rows", None),
            ("arow", None),
            ("a-row", None),
            (":row", None),
            ("a:b:row", None),
            ("n:idv", Some(1)),
            ("m:idv", None),
            ("idv", None),
        ];
        for (name, expected) in cases {
            assert_eq!(matcher.find(name.as_bytes()), *expected, "{name}");
        }
    }
}
