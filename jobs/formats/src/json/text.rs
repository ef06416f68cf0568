//! The text of strings, and of values that are taken as they stand.

use super::recover::Skip;

/// Appends the text of the inside of a string whose escapes were checked. (One that stands for no character becomes
/// U+FFFD.)
pub(crate) fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut rest = inside;
    loop {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        let [_, escape, after @ ..] = after else {
            return;
        };
        rest = after;
        out.push(match escape {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, length) = code_point(rest).unwrap_or(('\u{FFFD}', 4));
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            other => *other,
        });
    }
}

/// The character whose number stands after a `\u`, and how many bytes it takes: 4, or 10 where it is written as a
/// surrogate pair (RFC 8259, 7). `None` if the bytes are no number, or a surrogate without the other.
pub(super) fn code_point(rest: &[u8]) -> Option<(char, usize)> {
    let first = hex(rest)?;
    if !(0xD800..0xE000).contains(&first) {
        return Some((char::from_u32(first)?, 4));
    }
    let second = hex(rest.get(4..)?.strip_prefix(b"\\u")?)?;
    if first >= 0xDC00 || !(0xDC00..0xE000).contains(&second) {
        return None;
    }
    let number = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    Some((char::from_u32(number)?, 10))
}

/// The number that four hexadecimal digits are.
pub(super) fn hex(digits: &[u8]) -> Option<u32> {
    let digits: &[u8; 4] = digits.first_chunk()?;
    let mut number = 0;
    for digit in digits {
        number = number * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(number)
}

/// The object or array of a well-formed record that begins at `start`, as it stands.
pub(crate) fn container(record: &[u8], start: usize) -> &[u8] {
    let rest = record.get(start..).unwrap_or_default();
    let end = Skip::value().pass(rest).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_their_characters() {
        let cases: &[(&str, &str)] = &[
            ("", ""),
            ("plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u0041\u00e9\uD834\uDD1Eb", "aAé\u{1D11E}b"),
            (r"\u0000", "\0"),
            (r"\uD834", "\u{FFFD}"),
            (r"\uD834\u0041", "\u{FFFD}A"),
            (r"\uDD1E", "\u{FFFD}"),
        ];
        for (inside, text) in cases {
            let mut out = Vec::new();
            unescape(inside.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), *text, "{inside}");
        }
    }

    #[test]
    fn containers_go_to_their_own_bracket() {
        let record = br#"{"a":[{"]":"}"},[1]],"b":2}"#;
        assert_eq!(container(record, 5), br#"[{"]":"}"},[1]]"#);
        assert_eq!(container(record, 0), record);
    }
}
