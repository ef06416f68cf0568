//! One record, strictly: a tree, or what is wrong with it.

use super::markup::{broken_end, find, in_name, is_space, row_tag, starts_name};
use super::value::row;
use super::{Slow, Why};
use crate::xml::{RowTag, XmlConfig};

/// An element with all that it holds, in the order in which it stands there.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// With its prefix.
    pub(super) name: Vec<u8>,
    /// Without namespace declarations; names with their prefixes.
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) children: Vec<Element>,
    /// All its own text, decoded.
    pub(super) text: Vec<u8>,
    /// Whether nothing but white space was written for it, references aside.
    pub(super) blank: bool,
}

/// Why a pass over a record stops.
enum Stop {
    /// The bytes that may be looked at end.
    Cut,
    /// It is broken: kind and place in the record.
    Bad(&'static str, usize),
}

struct Pass<'a> {
    /// The record's bytes, as far as they may be looked at.
    bytes: &'a [u8],
    tags: &'a [RowTag],
    reach: usize,
    depth_max: usize,
    /// Where the first element inside stands that has a row tag's name.
    nested_at: Option<usize>,
}

/// Reads the record that begins at `at`, and says where it ends.
pub(super) fn read(config: &XmlConfig, bytes: &[u8], at: usize, slow: &mut Slow) -> usize {
    let options = config.options();
    let limits = &options.limits;
    let reach = limits.recovery_bytes_max.min(limits.record_bytes_max);
    let rest = &bytes[at..];
    let mut pass = Pass {
        bytes: &rest[..rest.len().min(limits.record_bytes_max)],
        tags: &options.row_tags,
        reach,
        depth_max: limits.depth_max,
        nested_at: None,
    };
    let why = match pass.element(0, 0) {
        Ok((element, length)) => match std::str::from_utf8(&rest[..length]) {
            Ok(_) => {
                match row(config, &element, at, slow) {
                    Ok(value) => slow.rows.push(value),
                    Err(why) => return slow.refuse(bytes, at, at + length, why),
                }
                return at + length;
            }
            Err(error) => Why::new("utf-8", Some(at + error.valid_up_to()), ""),
        },
        Err(Stop::Bad(kind, found)) => Why::new(kind, Some(at + found), ""),
        Err(Stop::Cut) if pass.bytes.len() == rest.len() => {
            Why::new("truncated", Some(bytes.len()), "")
        }
        Err(Stop::Cut) => match pass.nested_at {
            Some(found) => Why::new("unclosed", Some(at + found), ""),
            None => Why::new("too large", None, ""),
        },
    };
    let (end, rule) = broken_end(bytes, at, &options.row_tags, reach);
    // Whatever is wrong after the next record's start is a consequence of not being closed.
    let why = match why.at {
        Some(found) if (found as usize) < end => why,
        _ if rule == 2 => Why::new("unclosed", Some(end), ""),
        _ => why,
    };
    slow.refuse(bytes, at, end, why)
}

impl Pass<'_> {
    fn byte(&self, p: usize) -> Result<u8, Stop> {
        self.bytes.get(p).copied().ok_or(Stop::Cut)
    }

    fn stands(&self, p: usize, what: &[u8]) -> Result<bool, Stop> {
        for (i, wanted) in what.iter().enumerate() {
            if self.byte(p + i)? != *wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn spaces(&self, mut p: usize) -> Result<usize, Stop> {
        while is_space(self.byte(p)?) {
            p += 1;
        }
        Ok(p)
    }

    fn name(&self, from: usize) -> Result<(Vec<u8>, usize), Stop> {
        if !starts_name(self.byte(from)?) {
            return Err(Stop::Bad("malformed", from));
        }
        let mut p = from;
        while in_name(self.byte(p)?) {
            p += 1;
        }
        Ok((self.bytes[from..p].to_vec(), p))
    }

    /// The element whose `<` is at `at`, and the place after it.
    fn element(&mut self, at: usize, depth: usize) -> Result<(Element, usize), Stop> {
        let (name, mut p) = self.name(at + 1)?;
        if depth > 0 && row_tag(self.tags, &name).is_some() && self.nested_at.is_none() {
            self.nested_at = Some(at);
            if at >= self.reach {
                return Err(Stop::Bad("unclosed", at));
            }
            self.bytes = &self.bytes[..self.bytes.len().min(self.reach)];
        }
        if depth >= self.depth_max {
            return Err(Stop::Bad("too deep", at));
        }
        let mut element = Element {
            name,
            blank: true,
            ..Element::default()
        };
        let mut keys: Vec<(Vec<u8>, usize)> = Vec::new();
        loop {
            let next = self.spaces(p)?;
            match self.byte(next)? {
                end @ (b'>' | b'/') => {
                    if end == b'/' && self.byte(next + 1)? != b'>' {
                        return Err(Stop::Bad("malformed", next));
                    }
                    for (i, (key, at)) in keys.iter().enumerate() {
                        if keys[..i].iter().any(|(earlier, _)| earlier == key) {
                            return Err(Stop::Bad("malformed", *at));
                        }
                    }
                    if end == b'/' {
                        return Ok((element, next + 2));
                    }
                    p = next + 1;
                    break;
                }
                _ if next == p => return Err(Stop::Bad("malformed", p)),
                _ => p = self.attribute(next, &mut element, &mut keys)?,
            }
        }
        loop {
            let start = p;
            while self.byte(p)? != b'<' {
                p += 1;
            }
            let text = &self.bytes[start..p];
            element.blank &= text.iter().all(|byte| is_space(*byte));
            decode(text, false, &mut element.text).map_err(|i| Stop::Bad("entity", start + i))?;
            p = match self.byte(p + 1)? {
                b'/' => return self.end_tag(p, element),
                b'?' => find(self.bytes, p + 2, b"?>").ok_or(Stop::Cut)? + 2,
                b'!' if self.stands(p, b"<!--")? => {
                    find(self.bytes, p + 4, b"-->").ok_or(Stop::Cut)? + 3
                }
                b'!' if self.stands(p, b"<![CDATA[")? => {
                    let end = find(self.bytes, p + 9, b"]]>").ok_or(Stop::Cut)?;
                    let text = &self.bytes[p + 9..end];
                    element.blank &= text.iter().all(|byte| is_space(*byte));
                    line_ends(text, &mut element.text);
                    end + 3
                }
                b'!' => return Err(Stop::Bad("malformed", p)),
                _ => {
                    let (child, end) = self.element(p, depth + 1)?;
                    element.children.push(child);
                    end
                }
            };
        }
    }

    fn attribute(
        &self,
        at: usize,
        element: &mut Element,
        keys: &mut Vec<(Vec<u8>, usize)>,
    ) -> Result<usize, Stop> {
        let (key, p) = self.name(at)?;
        let equals = self.spaces(p)?;
        if self.byte(equals)? != b'=' {
            return Err(Stop::Bad("malformed", equals));
        }
        let open = self.spaces(equals + 1)?;
        let quote = self.byte(open)?;
        if quote != b'"' && quote != b'\'' {
            return Err(Stop::Bad("malformed", open));
        }
        let mut close = open + 1;
        while self.byte(close)? != quote {
            if self.byte(close)? == b'<' {
                return Err(Stop::Bad("malformed", close));
            }
            close += 1;
        }
        let mut value = Vec::new();
        decode(&self.bytes[open + 1..close], true, &mut value)
            .map_err(|i| Stop::Bad("entity", open + 1 + i))?;
        keys.push((key.clone(), at));
        if key != b"xmlns" && !key.starts_with(b"xmlns:") {
            element.attributes.push((key, value));
        }
        Ok(close + 1)
    }

    fn end_tag(&self, at: usize, element: Element) -> Result<(Element, usize), Stop> {
        let (name, p) = self.name(at + 2)?;
        let end = self.spaces(p)?;
        if name != element.name {
            return Err(Stop::Bad("malformed", at));
        }
        if self.byte(end)? != b'>' {
            return Err(Stop::Bad("malformed", end));
        }
        Ok((element, end + 1))
    }
}

/// References and line ends; in an attribute white space becomes spaces. The error is the place of a `&` that begins
/// no known reference.
fn decode(text: &[u8], attribute: bool, out: &mut Vec<u8>) -> Result<(), usize> {
    let mut normal = Vec::new();
    line_ends(text, &mut normal);
    if attribute {
        for byte in &mut normal {
            if is_space(*byte) {
                *byte = b' ';
            }
        }
    }
    let mut seen = 0; // how many `&` so far: their places are those in the text as written
    let mut p = 0;
    while p < normal.len() {
        if normal[p] != b'&' {
            out.push(normal[p]);
            p += 1;
            continue;
        }
        let end = find(&normal, p, b";");
        let Some(character) = end.and_then(|end| reference(&normal[p + 1..end])) else {
            let mut places = (0..text.len()).filter(|i| text[*i] == b'&');
            return Err(places.nth(seen).unwrap());
        };
        seen += 1;
        out.extend_from_slice(character.to_string().as_bytes());
        p = end.unwrap() + 1;
    }
    Ok(())
}

fn line_ends(text: &[u8], out: &mut Vec<u8>) {
    for (i, byte) in text.iter().enumerate() {
        match byte {
            b'\r' if text.get(i + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            _ => out.push(*byte),
        }
    }
}

/// The character that a name between `&` and `;` stands for.
fn reference(name: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(name).ok()?;
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    let allowed = matches!(character, '\t' | '\n' | '\r') || character >= ' ';
    (allowed && character != '\u{FFFE}' && character != '\u{FFFF}').then_some(character)
}
