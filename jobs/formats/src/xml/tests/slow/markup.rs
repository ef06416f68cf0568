//! Markup as it is read tolerantly: between records, and where a broken record's end is looked for.

use std::ops::Range;

use crate::xml::RowTag;

/// What stands at a `<`.
#[derive(Debug, Clone)]
pub(super) enum Token {
    /// A start tag.
    Start {
        name: Range<usize>,
        end: usize,
        empty: bool,
    },
    /// An end tag.
    End { name: Range<usize>, end: usize },
    /// A comment, CDATA section, instruction or document type that ends.
    Hidden { end: usize },
    /// A comment, CDATA section or instruction that does not end. Its content would begin at `content`.
    Endless { what: &'static str, content: usize },
    /// Nothing.
    Text,
}

pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t' || byte == b'\n' || byte == b'\r'
}

pub(super) fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':' || byte >= 0x80
}

pub(super) fn in_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
}

/// The first place at or after `from` where `what` stands.
pub(super) fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    (from..bytes.len()).find(|p| bytes[*p..].starts_with(what))
}

/// Which row tag the name is: without a prefix asked for, whatever its prefix.
pub(super) fn row_tag(tags: &[RowTag], name: &[u8]) -> Option<usize> {
    let colons = name.iter().filter(|byte| **byte == b':').count();
    let (prefix, local) = match name.iter().position(|byte| *byte == b':') {
        None => (None, name),
        Some(at) => (Some(&name[..at]), &name[at + 1..]),
    };
    tags.iter().position(|tag| match &tag.prefix {
        Some(wanted) => prefix == Some(wanted.as_bytes()) && local == tag.local.as_bytes(),
        None => colons <= 1 && prefix != Some(b"") && local == tag.local.as_bytes(),
    })
}

/// Says what stands at `at`, a `<`.
pub(super) fn token(bytes: &[u8], at: usize) -> Token {
    let rest = &bytes[at..];
    for (what, opening, terminator) in [
        ("comment", "<!--", "-->"),
        ("CDATA section", "<![CDATA[", "]]>"),
        ("processing instruction", "<?", "?>"),
    ] {
        if rest.starts_with(opening.as_bytes()) {
            let content = at + opening.len();
            return match find(bytes, content, terminator.as_bytes()) {
                Some(found) => Token::Hidden {
                    end: found + terminator.len(),
                },
                None => Token::Endless { what, content },
            };
        }
    }
    if rest.starts_with(b"<!DOCTYPE") {
        return doctype(bytes, at);
    }
    if rest.starts_with(b"</") {
        let name = at + 2..name_end(bytes, at + 2);
        if name.is_empty() || name.end == bytes.len() {
            return Token::Text;
        }
        let mut end = name.end;
        while end < bytes.len() && bytes[end] != b'<' && bytes[end] != b'>' {
            end += 1;
        }
        if bytes.get(end) == Some(&b'>') {
            end += 1;
        }
        return Token::End { name, end };
    }
    if rest.len() > 1 && starts_name(rest[1]) {
        let name = at + 1..name_end(bytes, at + 1);
        let (end, empty) = start_tag_end(bytes, name.end);
        return Token::Start { name, end, empty };
    }
    Token::Text
}

fn name_end(bytes: &[u8], from: usize) -> usize {
    let mut p = from;
    while p < bytes.len() && in_name(bytes[p]) {
        p += 1;
    }
    p
}

/// A start tag ends after its `>`, or before the next `<`, or with the file; what stands in quotes after a `=` does
/// not count.
fn start_tag_end(bytes: &[u8], name_end: usize) -> (usize, bool) {
    let mut p = name_end;
    let mut value_may_begin = false;
    while p < bytes.len() {
        let byte = bytes[p];
        if byte == b'<' {
            return (p, false);
        }
        if byte == b'>' {
            return (p + 1, p > name_end && bytes[p - 1] == b'/');
        }
        if (byte == b'"' || byte == b'\'')
            && value_may_begin
            && let Some(close) = find(bytes, p + 1, &[byte])
        {
            let holds_lt = bytes[p..close].contains(&b'<');
            let follows = bytes.get(close + 1).copied();
            let closes = follows.is_some_and(|b| is_space(b) || matches!(b, b'>' | b'/' | b'?'));
            if !holds_lt || closes {
                p = close;
            }
        }
        value_may_begin = byte == b'=' || (value_may_begin && is_space(byte));
        p += 1;
    }
    (p, false)
}

fn doctype(bytes: &[u8], at: usize) -> Token {
    let mut in_subset = false;
    let mut p = at + 2;
    while p < bytes.len() {
        let skipped = match bytes[p] {
            b'>' if !in_subset => return Token::Hidden { end: p + 1 },
            b'[' => {
                in_subset = true;
                Some(p + 1)
            }
            b']' => {
                in_subset = false;
                Some(p + 1)
            }
            b'<' if bytes[p..].starts_with(b"<!DOCTYPE") => None,
            quote @ (b'"' | b'\'') => find(bytes, p + 1, &[quote]).map(|close| close + 1),
            b'<' if bytes[p..].starts_with(b"<!--") => find(bytes, p + 4, b"-->").map(|i| i + 3),
            b'<' if bytes[p..].starts_with(b"<?") => find(bytes, p + 2, b"?>").map(|i| i + 2),
            _ => Some(p + 1),
        };
        match skipped {
            Some(next) => p = next,
            None => return Token::Text,
        }
    }
    Token::Text
}

/// Where the broken record that begins at `at` ends, by `recover`'s rule; and the rule's number.
pub(super) fn broken_end(bytes: &[u8], at: usize, tags: &[RowTag], reach: usize) -> (usize, u8) {
    let Token::Start {
        name,
        end: mut p,
        empty,
    } = token(bytes, at)
    else {
        panic!("a record begins with a start tag");
    };
    if empty {
        return (p, 1);
    }
    let own = &bytes[name];
    let mut open = 1;
    let mut inner_record = None; // for rule 2
    let mut far = None; // for rule 3
    while p < bytes.len() {
        if bytes[p] != b'<' {
            p += 1;
            continue;
        }
        let within = p < at + reach;
        if !within && inner_record.is_some() {
            break;
        }
        let (start, end) = match within_reach(bytes, p, reach) {
            Token::Start { name, end, empty } => {
                let is_row = row_tag(tags, &bytes[name.clone()]).is_some();
                if is_row && within {
                    inner_record.get_or_insert(p);
                }
                if is_row && !within {
                    far = Some(p);
                    break;
                }
                open += i32::from(bytes[name] == *own && !empty);
                (p, end)
            }
            Token::End { name, end } => {
                if bytes[name] == *own {
                    open -= 1;
                    if open == 0 && within {
                        return (end, 1);
                    }
                    if !within {
                        far = Some(end);
                        break;
                    }
                }
                (p, end)
            }
            Token::Hidden { end } => (p, end),
            Token::Endless { content, .. } => (p, content),
            Token::Text => (p, p + 1),
        };
        assert!(end > start);
        p = end;
    }
    match (inner_record, far) {
        (Some(inner), _) => (inner, 2),
        (None, Some(far)) => (far, 3),
        (None, None) => (bytes.len(), 4),
    }
}

/// The token at `at`; a comment or the like that does not end within reach counts as one that never ends.
fn within_reach(bytes: &[u8], at: usize, reach: usize) -> Token {
    let token = token(bytes, at);
    let Token::Hidden { end } = token else {
        return token;
    };
    for (opening, what) in [
        ("<!--", "comment"),
        ("<![CDATA[", "CDATA section"),
        ("<?", "processing instruction"),
    ] {
        let content = at + opening.len();
        if bytes[at..].starts_with(opening.as_bytes()) && end > content + reach {
            return Token::Endless { what, content };
        }
    }
    token
}
