//! The tokens of RFC 8259, strictly.

use std::borrow::Cow;

use super::text::{code_point, hex};
use crate::bytes::{find_string_end, skip_digits};

/// Why a pass stopped early.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// The bytes end too early.
    Incomplete,
    /// What stands at this place is not allowed.
    Malformed(usize, Cow<'static, str>),
    /// What stands at this place is nested too deep.
    TooDeep(usize),
}

pub(super) fn malformed(at: usize, what: impl Into<Cow<'static, str>>) -> Stop {
    Stop::Malformed(at, what.into())
}

/// The byte at a place.
#[inline(always)]
pub(super) fn byte_at(bytes: &[u8], at: usize) -> Result<u8, Stop> {
    match bytes.get(at) {
        Some(byte) => Ok(*byte),
        None => Err(Stop::Incomplete),
    }
}

/// Where the string ends whose inside begins at `from`: the place of its quote, and whether it has escapes.
#[inline(always)]
pub(super) fn string_end(bytes: &[u8], from: usize) -> Result<(usize, bool), Stop> {
    let Some(end) = find_string_end(bytes, from) else {
        return Err(Stop::Incomplete);
    };
    if bytes.get(end) == Some(&b'"') {
        return Ok((end, false));
    }
    escaped_end(bytes, end).map(|end| (end, true))
}

/// The same from a place inside the string on, where it is not plain.
#[inline(never)]
fn escaped_end(bytes: &[u8], from: usize) -> Result<usize, Stop> {
    let mut at = from;
    loop {
        let Some(end) = find_string_end(bytes, at) else {
            return Err(Stop::Incomplete);
        };
        at = match bytes.get(end) {
            Some(b'"') => return Ok(end),
            Some(b'\\') => end + escape(bytes, end)?,
            _ => return Err(malformed(end, CONTROL)),
        };
    }
}

const CONTROL: &str = "a control character stands in a string; it is written as an escape (\\n, \\t, \\u00XX), and a \
                       string ends with a \"";

/// How long the escape at `at` is.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match byte_at(bytes, at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => {
            let rest = bytes.get(at + 2..).unwrap_or_default();
            if let Some((_, length)) = code_point(rest) {
                return Ok(2 + length);
            }
            // Of a pair that the bytes end in, the rest may follow.
            const PAIR_BYTES: usize = "D834\\uDD1E".len();
            let so_far = rest.get(..PAIR_BYTES).unwrap_or(rest);
            let digits = so_far.iter().take(4);
            if so_far.len() < 4 && digits.clone().all(u8::is_ascii_hexdigit) {
                return Err(Stop::Incomplete);
            }
            let Some(first) = hex(so_far) else {
                return Err(malformed(at, "\\u is followed by four hexadecimal digits"));
            };
            let second = so_far.get(4..).unwrap_or_default();
            let may_follow = match second.len() {
                0 => true,
                1 => second == b"\\",
                _ => second.starts_with(b"\\u") && second.len() < 6,
            };
            if (0xD800..0xDC00).contains(&first) && so_far.len() < PAIR_BYTES && may_follow {
                return Err(Stop::Incomplete);
            }
            Err(malformed(
                at,
                "half of a surrogate pair stands alone, which is no character",
            ))
        }
        _ => Err(malformed(
            at,
            "a backslash is followed by one of \" \\ / b f n r t u",
        )),
    }
}

/// Where the number that begins at `at` ends.
#[inline(always)]
pub(super) fn number_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match good_number_end(bytes, at) {
        Some(end) => Ok(end),
        None => Err(no_number(bytes, at)),
    }
}

/// The same if it is a number, and something follows by which it ends.
#[inline(always)]
pub(super) fn good_number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = skip_digits(bytes, first);
    let begins_with_zero = bytes.get(first) == Some(&b'0');
    if end == first || (begins_with_zero && end != first + 1) {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        let digits = end + 1;
        end = skip_digits(bytes, digits);
        if end == digits {
            return None;
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        let digits = end + 1 + usize::from(sign);
        end = skip_digits(bytes, digits);
        if end == digits {
            return None;
        }
    }
    // Where the bytes end, more digits may follow.
    (end < bytes.len()).then_some(end)
}

/// What is wrong with what is no number, or ends too early.
#[cold]
#[inline(never)]
fn no_number(bytes: &[u8], at: usize) -> Stop {
    let missing = |place: usize, what: &'static str| match bytes.get(place) {
        Some(_) => malformed(at, what),
        None => Stop::Incomplete,
    };
    let first = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = skip_digits(bytes, first);
    if end == first {
        return missing(end, "a number has a digit after its sign");
    }
    if bytes.get(first) == Some(&b'0') && end > first + 1 {
        return malformed(
            at,
            "a number does not begin with 0, unless it is 0 or has a point after it",
        );
    }
    if bytes.get(end) == Some(&b'.') {
        let digits = end + 1;
        end = skip_digits(bytes, digits);
        if end == digits {
            return missing(end, "a number has a digit after its point");
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        let digits = end + 1 + usize::from(sign);
        if skip_digits(bytes, digits) == digits {
            return missing(digits, "a number has a digit in its exponent");
        }
    }
    Stop::Incomplete
}

/// Where the word that begins at `at` ends, if it is one of JSON's.
pub(super) fn word_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let rest = bytes.get(at..).unwrap_or_default();
    for word in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(word) {
            return Ok(at + word.len());
        }
        if word.starts_with(rest) {
            return Err(Stop::Incomplete);
        }
    }
    Err(malformed(at, no_value(rest)))
}

/// What to say of bytes that begin no value. It goes by the first of them, since there may be no other yet.
fn no_value(rest: &[u8]) -> &'static str {
    match rest.first() {
        Some(b'N' | b'I') => "NaN and Infinity are no numbers of JSON",
        Some(b'\'') => "a string stands between \", not '",
        Some(b'+') => "a number has no + before it",
        Some(b'/' | b'#') => "a value is expected here; there are no comments in JSON",
        _ => "a value is expected here: { [ \" a number, true, false or null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_where_they_do_or_ask_for_more() {
        type End = fn(&[u8], usize) -> Result<usize, Stop>;
        let string: End = |bytes, at| string_end(bytes, at).map(|(end, _)| end);
        let cases: &[(End, &str, Option<usize>)] = &[
            (string, "abc\",", Some(3)),
            (string, "\"", Some(0)),
            (string, r#"a\"b\\",""#, Some(6)),
            (string, r#"\uD834\uDD1E","#, Some(12)),
            (string, r#"\uD834x","#, None),
            (string, r#"\uD834\n","#, None),
            (string, r#"\uD834\u0041","#, None),
            (string, r#"\uDD1E","#, None),
            (string, r#"\u00g0","#, None),
            (string, r#"\x","#, None),
            (string, "a\nb\",", None),
            (string, "a\u{1}b\",", None),
            (number_end, "0,", Some(1)),
            (number_end, "0.05,", Some(4)),
            (number_end, "1234567890123456789,", Some(19)),
            (number_end, "-0 ", Some(2)),
            (number_end, "01,", None),
            (number_end, "-007,", None),
            (number_end, "12.50]", Some(5)),
            (number_end, "1e5}", Some(3)),
            (number_end, "1.5E-10,", Some(7)),
            (number_end, "-,", None),
            (number_end, "1.,", None),
            (number_end, "1.e1,", None),
            (number_end, "1e,", None),
            (number_end, "1e+,", None),
            (number_end, "-a,", None),
            (word_end, "true,", Some(4)),
            (word_end, "false]", Some(5)),
            (word_end, "null}", Some(4)),
            (word_end, "nul,", None),
            (word_end, "True,", None),
            (word_end, "NaN,", None),
        ];
        for (end, text, expected) in cases {
            let found = end(text.as_bytes(), 0);
            match expected {
                Some(place) => assert_eq!(found, Ok(*place), "{text}"),
                None => assert!(
                    matches!(found, Err(Stop::Malformed(..))),
                    "{text}: {found:?}"
                ),
            }
            // Any part of it says the same, or that there is too little.
            for cut in 0..text.len() {
                let part = end(&text.as_bytes()[..cut], 0);
                let same = match (&part, &found) {
                    (Err(Stop::Malformed(a, _)), Err(Stop::Malformed(b, _))) => a == b,
                    (part, found) => part == found,
                };
                assert!(
                    same || part == Err(Stop::Incomplete),
                    "{text}, {cut}: {part:?}"
                );
            }
        }
    }
}
