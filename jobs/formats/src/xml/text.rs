//! Character data: references, line ends, and the bytes that call for a closer look.

use std::sync::Arc;

use super::config::{is_name_byte, is_name_start};
use super::doctype::{Entities, Refusal};
use crate::bytes::find_special;
use crate::charset::SingleByte;
use crate::record::tape::Encoded;
use crate::values::trim;

/// How far ahead to look at once for a byte that calls for a closer look.
const LOOK_AHEAD_BYTES: usize = 4096;

/// Remembers up to where no `&` and no carriage return stands, so that most pieces of text need no look at all.
///
/// Positions are offsets in the file; pieces must be asked about in rising order, but for [`Special::begin`].
#[derive(Debug, Default)]
pub(crate) struct Special {
    /// No such byte stands in `[clear_from, clear_to)`.
    clear_from: u64,
    clear_to: u64,
}

impl Special {
    /// Says that the pieces to come lie at or after this offset, which may be an earlier one (a record that is read
    /// again).
    pub(crate) fn begin(&mut self, at: u64) {
        if at < self.clear_from {
            *self = Self {
                clear_from: at,
                clear_to: at,
            };
        }
    }

    /// The first `&` or carriage return in `buf[from..to]`, where `buf` begins at the offset `base`.
    #[inline]
    pub(crate) fn find(&mut self, buf: &[u8], base: u64, from: usize, to: usize) -> Option<usize> {
        if base + to as u64 <= self.clear_to {
            return None;
        }
        self.look(buf, base, from, to)
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, buf: &[u8], base: u64, from: usize, to: usize) -> Option<usize> {
        let clear = usize::try_from(self.clear_to.saturating_sub(base)).unwrap_or(usize::MAX);
        if from > clear {
            self.clear_from = base + from as u64;
        }
        let start = from.max(clear);
        let until = buf
            .len()
            .min(to.max(start.saturating_add(LOOK_AHEAD_BYTES)));
        match find_special(buf.get(start..until)?) {
            Some(i) => {
                self.clear_to = base + (start + i) as u64;
                (start + i < to).then_some(start + i)
            }
            None => {
                self.clear_to = base + until as u64;
                None
            }
        }
    }
}

/// What the head of a file says of its text.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextRules {
    /// How bytes of the upper half become characters, if they are not UTF-8.
    pub(crate) table: Option<SingleByte>,
    /// The entities that the file declares, if any.
    pub(crate) entities: Option<Arc<Entities>>,
    /// How much one of them may expand to.
    pub(crate) entity_bytes_max: usize,
}

impl TextRules {
    /// Checks every reference of a piece of text, and adds what the entities in it expand to to `expanded_bytes`, of
    /// which a record may have `record_bytes_max`.
    ///
    /// # Errors
    /// The position of the first `&` that begins no reference that can be replaced, and why that is so.
    pub(crate) fn check(
        &self,
        text: &[u8],
        encoded: Encoded,
        expanded_bytes: &mut usize,
        record_bytes_max: usize,
    ) -> Result<(), (usize, Refusal)> {
        let mut unused = Vec::new();
        for at in memchr::memchr_iter(b'&', text) {
            let found = text.get(at..).unwrap_or_default();
            if reference(found).is_some() {
                continue;
            }
            unused.clear();
            let expanded = self.expand(found, encoded, &mut unused);
            *expanded_bytes += expanded.map_err(|refusal| (at, refusal))?.1;
            if *expanded_bytes > record_bytes_max {
                let bytes_max = record_bytes_max;
                return Err((at, Refusal::RecordTooLong { bytes_max }));
            }
        }
        Ok(())
    }

    /// Expands the reference to a declared entity with which `text` begins: its length, and what the entity costs.
    fn expand(
        &self,
        text: &[u8],
        encoded: Encoded,
        out: &mut Vec<u8>,
    ) -> Result<(usize, usize), Refusal> {
        let entities = self.entities.as_ref().ok_or(Refusal::Unknown)?;
        let (name, length) = entity_name(text).ok_or(Refusal::Unknown)?;
        let mut utf8 = Vec::new();
        let name = match self.table {
            Some(table) => {
                table.decode(name, &mut utf8);
                &utf8
            }
            None => name,
        };
        let name = std::str::from_utf8(name).map_err(|_| Refusal::Unknown)?;
        let in_attribute = encoded == Encoded::Attribute;
        let cost = entities.expand(name, self.entity_bytes_max, in_attribute, out)?;
        Ok((length, cost))
    }

    /// Whether text whose references were checked comes to nothing but white space.
    pub(crate) fn is_space(&self, text: &[u8]) -> bool {
        // Most that is something begins with it.
        if trim(text).first().is_some_and(|byte| *byte != b'&') {
            return false;
        }
        let mut value = Vec::new();
        self.decode(text, Encoded::Escaped, &mut value);
        trim(&value).is_empty()
    }

    /// Appends the value of a piece of text whose references were checked.
    pub(crate) fn decode(&self, text: &[u8], encoded: Encoded, out: &mut Vec<u8>) {
        if matches!(encoded, Encoded::Plain | Encoded::Joined) {
            match self.table {
                Some(table) if encoded == Encoded::Plain => table.decode(text, out),
                _ => out.extend_from_slice(text),
            }
            return;
        }
        let mut i = 0;
        while let Some(&byte) = text.get(i) {
            i += 1;
            match byte {
                b'&' if encoded != Encoded::Lines => {
                    let found = text.get(i - 1..).unwrap_or_default();
                    let length = match reference(found) {
                        Some((character, length)) => {
                            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                            length
                        }
                        None => self.expand(found, encoded, out).map_or(1, |done| done.0),
                    };
                    i += length - 1;
                }
                b'\r' => {
                    // CR LF and a lone CR are one line end (XML 1.0, 2.11).
                    i += usize::from(text.get(i) == Some(&b'\n'));
                    out.push(if encoded == Encoded::Attribute {
                        b' '
                    } else {
                        b'\n'
                    });
                }
                b'\t' | b'\n' if encoded == Encoded::Attribute => out.push(b' '),
                0x80.. => match self.table {
                    Some(table) => table.decode(&[byte], out),
                    None => out.push(byte),
                },
                _ => out.push(byte),
            }
        }
    }
}

/// The name of the entity to which the reference at the start of `text` refers, and the reference's length.
pub(crate) fn entity_name(text: &[u8]) -> Option<(&[u8], usize)> {
    let rest = text.strip_prefix(b"&")?;
    rest.first().filter(|byte| is_name_start(**byte))?;
    let length = rest.iter().position(|byte| !is_name_byte(*byte))?;
    (rest.get(length) == Some(&b';')).then_some((rest.get(..length)?, length + 2))
}

/// The character that a reference stands for, and the reference's length; `text` begins with its `&`.
pub(crate) fn reference(text: &[u8]) -> Option<(char, usize)> {
    const PREDEFINED: [(&[u8], char); 5] = [
        (b"&amp;", '&'),
        (b"&lt;", '<'),
        (b"&gt;", '>'),
        (b"&quot;", '"'),
        (b"&apos;", '\''),
    ];
    for (name, character) in PREDEFINED {
        if text.starts_with(name) {
            return Some((character, name.len()));
        }
    }
    let rest = text.strip_prefix(b"&#")?;
    let (radix, digits) = match rest.strip_prefix(b"x") {
        Some(digits) => (16, digits),
        None => (10, rest),
    };
    let mut value: u32 = 0;
    let mut length = 0;
    for &byte in digits {
        if byte == b';' {
            break;
        }
        value = value
            .checked_mul(radix)?
            .checked_add(char::from(byte).to_digit(radix)?)?;
        length += 1;
    }
    if length == 0 || digits.get(length) != Some(&b';') {
        return None;
    }
    let character = char::from_u32(value).filter(|c| is_xml_char(*c))?;
    Some((character, text.len() - digits.len() + length + 1))
}

/// Whether XML may hold the character (XML 1.0, production 2).
pub(crate) fn is_xml_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_line_ends() {
        let cases: &[(&str, Encoded, &str)] = &[
            ("a&amp;b", Encoded::Escaped, "a&b"),
            ("&lt;&gt;&quot;&apos;", Encoded::Escaped, "<>\"'"),
            ("&#65;&#x42;&#x1F600;", Encoded::Escaped, "AB😀"),
            ("&amp;amp;", Encoded::Escaped, "&amp;"),
            ("a\r\nb\rc\nd", Encoded::Escaped, "a\nb\nc\nd"),
            ("a\r\nb\tc", Encoded::Attribute, "a b c"),
            ("a&#10;b", Encoded::Attribute, "a\nb"),
            ("&amp;\r\n", Encoded::Lines, "&amp;\n"),
        ];
        let rules = TextRules::default();
        for (text, encoded, expected) in cases {
            let mut out = Vec::new();
            if *encoded != Encoded::Lines {
                assert_eq!(
                    rules.check(text.as_bytes(), *encoded, &mut 0, 100),
                    Ok(()),
                    "{text}"
                );
            }
            rules.decode(text.as_bytes(), *encoded, &mut out);
            assert_eq!(std::str::from_utf8(&out).unwrap(), *expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_is_found() {
        let cases: &[(&str, usize)] = &[
            ("&", 0),
            ("a & b", 2),
            ("&amp;&nbsp;", 5),
            ("&#;", 0),
            ("&#x;", 0),
            ("&#xD800;", 0),
            ("&#0;", 0),
            ("&#1114112;", 0),
            ("&#99999999999;", 0),
            ("&#12", 0),
            ("&AMP;", 0),
        ];
        for (text, at) in cases {
            let found = TextRules::default().check(text.as_bytes(), Encoded::Escaped, &mut 0, 100);
            assert_eq!(found, Err((*at, Refusal::Unknown)), "{text}");
        }
    }

    #[test]
    fn a_record_read_again_shows_its_special_bytes_again() {
        let text = b"a&b.c&d.e";
        let mut special = Special::default();
        for _ in 0..2 {
            special.begin(0);
            assert_eq!(special.find(text, 0, 0, 3), Some(1));
            assert_eq!(special.find(text, 0, 4, 7), Some(5));
            assert_eq!(special.find(text, 0, 8, 9), None);
        }
    }

    #[test]
    fn special_bytes_are_found_whatever_was_asked_before() {
        let mut text = vec![b'x'; 20_000];
        let places = [3, 4, 4095, 4096, 9000, 19_999];
        for &place in &places {
            text[place] = b'&';
        }
        for step in [1, 2, 7, 100, 4096, 5000] {
            let mut special = Special::default();
            let mut found = Vec::new();
            let mut from = 0;
            while from < text.len() {
                let to = (from + step).min(text.len());
                let mut at = from;
                while let Some(i) = special.find(&text, 0, at, to) {
                    found.push(i);
                    at = i + 1;
                }
                from = to;
            }
            assert_eq!(found, places, "step {step}");
        }
    }
}
