//! The entities that a document type declaration defines.
//!
//! Only what stands in the file itself is read (the internal subset), and of that only the general entities. Nothing
//! outside the file is ever fetched. An entity is expanded when a record refers to it, and never beyond a bound, so
//! that a declaration costs what it is long, whatever it would expand to.

use std::collections::HashMap;
use std::fmt;

use memchr::memchr;

use super::config::{is_name_byte, is_name_start};
use super::lex::Stretch;
use super::text::{self, is_xml_char};
use crate::charset::SingleByte;
use crate::values::is_space;

/// How deep entities may stand in one another. One that stands in itself is deeper than any bound.
const ENTITY_DEPTH_MAX: usize = 32;

/// The general entities of a document type declaration, by name in UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entities {
    by_name: HashMap<String, Entity>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entity {
    /// Its replacement text (XML 1.0, 4.5): character references are replaced, those to other entities are not yet.
    Text(String),
    Refused(Refusal),
}

/// Why a reference to an entity is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not declared.
    Unknown,
    /// Its text stands outside the file.
    External,
    /// It is declared where a parameter entity might have declared it otherwise (XML 1.0, 5.1).
    Unread,
    /// Its text has markup.
    Markup,
    /// Its text has bytes or characters that may not stand in XML.
    NotText,
    /// Its text has a reference that is none, or one to what is not declared.
    BadReference,
    /// It stands in itself, or too deep.
    TooDeep,
    /// It is too long.
    TooLong { bytes_max: usize },
    /// Those of one record are too long together.
    RecordTooLong { bytes_max: usize },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is not a known entity"),
            Self::External => f.write_str(
                "is declared as external (SYSTEM or PUBLIC), and nothing outside the file is fetched",
            ),
            Self::Unread => f.write_str(
                "is declared after a parameter entity, which is not read and might declare it otherwise",
            ),
            Self::Markup => f.write_str("holds markup (<), and only text is put in"),
            Self::NotText => f.write_str("holds what may not stand in XML text"),
            Self::BadReference => f.write_str("holds a reference to what is not declared"),
            Self::TooDeep => write!(
                f,
                "refers to itself, or to others more than {ENTITY_DEPTH_MAX} deep"
            ),
            Self::TooLong { bytes_max } => {
                write!(f, "expands to more than entity_bytes_max, {bytes_max} bytes")
            }
            Self::RecordTooLong { bytes_max } => write!(
                f,
                "makes the record longer than record_bytes_max, {bytes_max} bytes, with its entities expanded"
            ),
        }
    }
}

impl Entities {
    /// Reads a document type declaration, from its `<` to its `>`. What is no declaration of a general entity, or none
    /// that can be read, is passed over.
    pub(crate) fn of_doctype(doctype: &[u8], table: Option<SingleByte>) -> Self {
        let mut entities = Self::default();
        let mut subset = Cursor {
            bytes: doctype,
            at: 0,
        };
        // As in `lex::doctype_end`: quotes before the subset may hold a bracket.
        while let Some(byte) = subset.next() {
            match byte {
                b'"' | b'\'' => subset.skip_quoted(byte),
                b'[' => {
                    entities.read_subset(&mut subset, table);
                    break;
                }
                _ => {}
            }
        }
        entities
    }

    fn read_subset(&mut self, subset: &mut Cursor<'_>, table: Option<SingleByte>) {
        let mut all_read = true;
        while let Some(byte) = subset.peek() {
            let rest = subset.rest();
            if rest.starts_with(b"<!--") {
                subset.skip_stretch(Stretch::Comment);
            } else if rest.starts_with(b"<?") {
                subset.skip_stretch(Stretch::Instruction);
            } else if rest.starts_with(b"<!ENTITY") {
                subset.at += b"<!ENTITY".len();
                if let Some((name, entity)) = entity(subset, table) {
                    let entity = if all_read {
                        entity
                    } else {
                        Entity::Refused(Refusal::Unread)
                    };
                    // The first declaration counts (XML 1.0, 4.2).
                    self.by_name.entry(name).or_insert(entity);
                }
                subset.skip_declaration();
            } else if rest.starts_with(b"<!") {
                subset.skip_declaration();
            } else if byte == b']' {
                return;
            } else {
                all_read &= byte != b'%';
                subset.at += 1;
            }
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// An entity that these declare otherwise than `others` do, or that those lack: the first by name.
    pub(crate) fn differs_from(&self, others: Option<&Self>) -> Option<&str> {
        let same = |name: &String, entity: &Entity| {
            others.and_then(|others| others.by_name.get(name)) == Some(entity)
        };
        let differ = self.by_name.iter().filter(|(name, e)| !same(name, e));
        differ.map(|(name, _)| name.as_str()).min()
    }

    /// Appends what the entity stands for, with all entities in it replaced, and says what that costs: the texts that
    /// were gone through, each as often as it was referred to. In an attribute's value white space becomes spaces
    /// (XML 1.0, 3.3.3).
    ///
    /// # Errors
    /// [`Refusal`]; some of it may have been appended.
    pub(crate) fn expand(
        &self,
        name: &str,
        bytes_max: usize,
        in_attribute: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Refusal> {
        let mut expansion = Expansion {
            entities: self,
            bytes: 0,
            bytes_max,
            in_attribute,
            out,
        };
        expansion.go(name, 0)?;
        Ok(expansion.bytes)
    }
}

struct Expansion<'a> {
    entities: &'a Entities,
    bytes: usize,
    bytes_max: usize,
    in_attribute: bool,
    out: &'a mut Vec<u8>,
}

impl Expansion<'_> {
    fn go(&mut self, name: &str, depth: usize) -> Result<(), Refusal> {
        let entities = self.entities;
        let text = match entities.by_name.get(name) {
            Some(Entity::Text(text)) => text.as_bytes(),
            Some(Entity::Refused(refusal)) => return Err(*refusal),
            None if depth > 0 => return Err(Refusal::BadReference),
            None => return Err(Refusal::Unknown),
        };
        if depth >= ENTITY_DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        self.bytes += text.len();
        if self.bytes > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(Refusal::TooLong { bytes_max });
        }
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'&' => {
                    let reference = text.get(text.len() - rest.len() - 1..).unwrap_or_default();
                    let length = if let Some((character, length)) = text::reference(reference) {
                        let utf8 = character.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
                        self.out.extend_from_slice(&utf8);
                        length
                    } else {
                        let (name, length) =
                            text::entity_name(reference).ok_or(Refusal::BadReference)?;
                        let name = std::str::from_utf8(name).map_err(|_| Refusal::BadReference)?;
                        self.go(name, depth + 1)?;
                        length
                    };
                    rest = reference.get(length..).unwrap_or_default();
                }
                b'\t' | b'\n' | b'\r' if self.in_attribute => self.out.push(b' '),
                _ => self.out.push(byte),
            }
        }
        Ok(())
    }
}

/// Reads a general entity's declaration after its `<!ENTITY`; `None` if it is none.
fn entity(subset: &mut Cursor<'_>, table: Option<SingleByte>) -> Option<(String, Entity)> {
    subset.skip_space()?;
    let name = subset.name()?; // A parameter entity has a % here.
    let name = to_utf8(name, table)?;
    subset.skip_space()?;
    let quote = subset.peek()?;
    if matches!(quote, b'"' | b'\'') {
        subset.at += 1;
        let rest = subset.rest();
        let value = rest.get(..memchr(quote, rest)?)?;
        subset.at += value.len() + 1;
        return Some((name, replacement(value, table)));
    }
    let outside = matches!(subset.name()?, b"SYSTEM" | b"PUBLIC");
    outside.then_some((name, Entity::Refused(Refusal::External)))
}

fn to_utf8(bytes: &[u8], table: Option<SingleByte>) -> Option<String> {
    let Some(table) = table else {
        return std::str::from_utf8(bytes).ok().map(str::to_string);
    };
    if table.first_invalid(bytes).is_some() {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    table.decode(bytes, &mut out);
    String::from_utf8(out).ok()
}

/// The replacement text of an entity's value as it is written.
fn replacement(value: &[u8], table: Option<SingleByte>) -> Entity {
    let Some(value) = to_utf8(value, table) else {
        return Entity::Refused(Refusal::NotText);
    };
    if !value.chars().all(is_xml_char) {
        return Entity::Refused(Refusal::NotText);
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value.as_str();
    while let Some(i) = rest.find(['&', '\r', '%']) {
        let (before, after) = rest.split_at(i);
        out.push_str(before);
        let length = if after.starts_with('\r') {
            out.push('\n');
            if after.starts_with("\r\n") { 2 } else { 1 }
        } else if after.starts_with('%') {
            // Parameter entities are not put in, and may not stand here (XML 1.0, 2.8).
            return Entity::Refused(Refusal::BadReference);
        } else if after.starts_with("&#") {
            let Some((character, length)) = text::reference(after.as_bytes()) else {
                return Entity::Refused(Refusal::BadReference);
            };
            out.push(character);
            length
        } else {
            out.push('&');
            1
        };
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    if out.contains('<') {
        return Entity::Refused(Refusal::Markup);
    }
    Entity::Text(out)
}

/// A place in a declaration.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// White space, of which there must be some.
    fn skip_space(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        rest.first().filter(|byte| is_name_start(**byte))?;
        let length = rest.iter().position(|byte| !is_name_byte(*byte));
        let name = rest.get(..length.unwrap_or(rest.len()))?;
        self.at += name.len();
        Some(name)
    }

    /// To the position after the quote that closes the one before this position.
    fn skip_quoted(&mut self, quote: u8) {
        let close = memchr(quote, self.rest());
        self.at += close.map_or(self.rest().len(), |i| i + 1);
    }

    fn skip_stretch(&mut self, stretch: Stretch) {
        let end = stretch.end(self.bytes, self.at + stretch.opening().len());
        self.at = end.unwrap_or(self.bytes.len());
    }

    /// To the position after the `>` of the declaration at hand.
    fn skip_declaration(&mut self) {
        while let Some(byte) = self.next() {
            match byte {
                b'>' => return,
                b'"' | b'\'' => self.skip_quoted(byte),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(doctype: &str, name: &str) -> Result<String, Refusal> {
        let entities = Entities::of_doctype(doctype.as_bytes(), None);
        let mut out = Vec::new();
        entities.expand(name, 1000, false, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn entities_expand_as_xml_says() {
        let cases: &[(&str, Result<&str, Refusal>)] = &[
            ("<!ENTITY e 'text'>", Ok("text")),
            ("<!ENTITY e \"it's > ]\">", Ok("it's > ]")),
            ("<!ENTITY\n e\t'' >", Ok("")),
            ("<!ENTITY e '&#65;&#x20AC;é'>", Ok("A€é")),
            ("<!ENTITY e 'a&f;c'><!ENTITY f 'b'>", Ok("abc")),
            ("<!ENTITY e 'a&#38;f;c'><!ENTITY f 'b'>", Ok("abc")),
            ("<!ENTITY e '&lt;&amp;&#38;#60;'>", Ok("<&<")),
            ("<!ENTITY e '1'><!ENTITY e '2'>", Ok("1")),
            ("<!ENTITY e 'a\r\nb\rc'>", Ok("a\nb\nc")),
            ("<!-- <!ENTITY e '1'> --><!ENTITY e '2'>", Ok("2")),
            ("<?p <!ENTITY e '1'>?><!ENTITY e '2'>", Ok("2")),
            (
                "<!ELEMENT a (#PCDATA)><!ATTLIST a b CDATA '<!ENTITY e \"1\">'><!ENTITY e '2'>",
                Ok("2"),
            ),
            ("<!ENTITY % e '1'><!ENTITY e '2'>", Ok("2")),
            ("<!ENTITY e '1'>%p;<!ENTITY e '2'>", Ok("1")),
            ("%p;<!ENTITY e '2'>", Err(Refusal::Unread)),
            (
                "<!ENTITY e SYSTEM 'file:///etc/passwd'>",
                Err(Refusal::External),
            ),
            (
                "<!ENTITY e PUBLIC 'x' \"http://localhost/\">",
                Err(Refusal::External),
            ),
            ("<!ENTITY e SYSTEM 'x' NDATA gif>", Err(Refusal::External)),
            ("<!ENTITY e 'a<b/>'>", Err(Refusal::Markup)),
            ("<!ENTITY e '&#60;'>", Err(Refusal::Markup)),
            ("<!ENTITY e '&f;'><!ENTITY f '<b/>'>", Err(Refusal::Markup)),
            ("<!ENTITY e '&e;'>", Err(Refusal::TooDeep)),
            ("<!ENTITY e '&f;'><!ENTITY f '&e;'>", Err(Refusal::TooDeep)),
            ("<!ENTITY e '&f;'>", Err(Refusal::BadReference)),
            ("<!ENTITY e '&#38;'>", Err(Refusal::BadReference)),
            ("<!ENTITY e '&#0;'>", Err(Refusal::BadReference)),
            ("<!ENTITY e '%p;'>", Err(Refusal::BadReference)),
            ("<!ENTITY e '\u{1}'>", Err(Refusal::NotText)),
            ("<!ENTITY e>", Err(Refusal::Unknown)),
            ("<!ENTITY e 'x", Err(Refusal::Unknown)),
            ("<!ENTITYe 'x'>", Err(Refusal::Unknown)),
            ("", Err(Refusal::Unknown)),
        ];
        for (subset, expected) in cases {
            let found = expand(&format!("<!DOCTYPE a [{subset}]>"), "e");
            assert_eq!(found.as_deref(), expected.as_deref(), "{subset}");
        }
        let quoted = "<!DOCTYPE a SYSTEM \"[<!ENTITY e '1'>]\" [<!ENTITY e '2'>]>";
        assert_eq!(expand(quoted, "e").as_deref(), Ok("2"));
        assert_eq!(expand("<!DOCTYPE a>", "e"), Err(Refusal::Unknown));
    }

    #[test]
    fn an_expansion_is_bounded_by_what_it_goes_through() {
        // Ten of ten of ten, with something at the bottom, and with nothing.
        for bottom in ["lol", ""] {
            let mut subset = format!("<!ENTITY e0 '{bottom}'>");
            for i in 1..30 {
                let inner = format!("&e{};", i - 1).repeat(10);
                subset.push_str(&format!("<!ENTITY e{i} '{inner}'>"));
            }
            let doctype = format!("<!DOCTYPE a [{subset}]>");
            let too_long = Err(Refusal::TooLong { bytes_max: 1000 });
            assert_eq!(expand(&doctype, "e29"), too_long);
            assert_eq!(expand(&doctype, "e1"), Ok(bottom.repeat(10)));
        }
        let exact = format!("<!DOCTYPE a [<!ENTITY e '{}'>]>", "x".repeat(1000));
        assert_eq!(expand(&exact, "e").map(|text| text.len()), Ok(1000));
    }

    #[test]
    fn what_differs_is_named() {
        let of = |subset: &str| {
            Entities::of_doctype(format!("<!DOCTYPE a [{subset}]>").as_bytes(), None)
        };
        let head = of("<!ENTITY a '1'><!ENTITY b '2'>");
        let cases: &[(&str, Option<&str>)] = &[
            ("<!ENTITY b \"2\"> <!ENTITY a '1'>", None),
            ("<!ENTITY a '1'>", None),
            ("", None),
            ("<!ENTITY a '2'>", Some("a")),
            ("<!ENTITY c '1'>", Some("c")),
            ("<!ENTITY a SYSTEM 'x'>", Some("a")),
        ];
        for (subset, expected) in cases {
            assert_eq!(of(subset).differs_from(Some(&head)), *expected, "{subset}");
        }
        assert_eq!(head.differs_from(None), Some("a"));
    }
}
