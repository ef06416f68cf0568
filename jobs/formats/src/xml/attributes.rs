//! The attributes of a start tag inside a record.

use memchr::{memchr2, memchr3};

use super::input::{Input, Stop, or_incomplete};
use super::record::RecordParser;
use super::shape::{NO_NODE, NodeId, Shape};
use super::trace::Slot;
use crate::bytes::stands_at;
use crate::record::tape::Encoded;
use crate::record::tape::Op;
use crate::values::is_space;

/// Up to this many attributes of a tag are compared each with each; more are sorted first.
const COMPARED_MAX: usize = 16;

/// The rest of a start tag.
pub(super) struct Tag {
    /// The position after its `>`.
    pub(super) end: usize,
    /// Whether it is an empty-element tag.
    pub(super) empty: bool,
    /// Whether it has attributes other than namespace declarations.
    pub(super) has_attributes: bool,
}

impl RecordParser {
    /// Reads the tag whose name ended at `p`. The attributes go to the tape, as fields of `owner`; if that is
    /// [`NO_NODE`] they are only checked.
    pub(super) fn attributes(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        owner: NodeId,
        mut p: usize,
    ) -> Result<Tag, Stop> {
        self.seen.clear();
        let mut prev = NO_NODE;
        let mut has_attributes = false;
        loop {
            let before = p;
            while is_space(input.byte(p)?) {
                p += 1;
            }
            match input.byte(p)? {
                b'>' => {
                    self.check_duplicates(input)?;
                    return Ok(Tag {
                        end: p + 1,
                        empty: false,
                        has_attributes,
                    });
                }
                b'/' => {
                    if input.byte(p + 1)? != b'>' {
                        return Err(input.malformed(p, "a / in a tag is followed by >"));
                    }
                    self.check_duplicates(input)?;
                    return Ok(Tag {
                        end: p + 2,
                        empty: true,
                        has_attributes,
                    });
                }
                _ if p == before => {
                    return Err(input.malformed(p, "white space is expected before an attribute"));
                }
                _ => {}
            }
            let mut node = guess(shape, input, owner, prev, p);
            let name = match node {
                NO_NODE => (p, input.name_end(p)?),
                guessed => (p, p + shape.node(guessed).written.len()),
            };
            let value = self.attribute_value(input, name)?;
            p = value.1 + 1;
            self.seen.push(name);
            let encoded = self.attribute_encoding(input, value)?;
            let name = input.slice(name);
            let before = self.tape.entries.len();
            if name.starts_with(b"xmlns") && matches!(name.get(5), None | Some(b':')) {
                self.note_attribute(input, name, value, before);
                continue;
            }
            has_attributes = true;
            if owner != NO_NODE {
                if node == NO_NODE {
                    node = shape.attribute(owner, prev, name);
                }
                if node != NO_NODE {
                    prev = node;
                }
                if node == NO_NODE || !shape.node(node).known {
                    self.tape.push(Op::Unknown, node, value, encoded);
                } else if shape.node(node).wanted {
                    self.tape.push(Op::Value, node, value, encoded);
                }
            }
            self.note_attribute(input, name, value, before);
        }
    }

    /// For the template: an attribute whose value made the tape's entries from `before` on.
    #[inline]
    fn note_attribute(
        &mut self,
        input: &Input<'_>,
        name: &[u8],
        value: (usize, usize),
        before: usize,
    ) {
        if !self.trace.is_on() {
            return;
        }
        let entries = self.tape.entries.get(before..).unwrap_or_default();
        let push = entries.first().map(|entry| (entry.op, entry.node));
        let Some(&quote) = input.bytes.get(value.1) else {
            return;
        };
        self.trace.attribute(name);
        let after = self.tape.entries.len();
        self.trace
            .slot(Slot::Attribute { quote, push }, value, (before, after));
    }

    /// From an attribute's name to its value, without the quotes.
    fn attribute_value(
        &mut self,
        input: &Input<'_>,
        name: (usize, usize),
    ) -> Result<(usize, usize), Stop> {
        let mut p = name.1;
        while is_space(input.byte(p)?) {
            p += 1;
        }
        if input.byte(p)? != b'=' {
            let name = input.shown(name);
            return Err(input.malformed(p, format!("the attribute {name} has no value")));
        }
        p += 1;
        while is_space(input.byte(p)?) {
            p += 1;
        }
        let quote = input.byte(p)?;
        if quote != b'"' && quote != b'\'' {
            let name = input.shown(name);
            return Err(input.malformed(
                p,
                format!("the value of the attribute {name} is not quoted"),
            ));
        }
        let from = p + 1;
        let rest = input.bytes.get(from..).unwrap_or_default();
        let to = from + or_incomplete(memchr2(quote, b'<', rest))?;
        if input.byte(to)? == b'<' {
            let name = input.shown(name);
            let what = format!("the value of the attribute {name} holds <, which is written &lt;");
            return Err(input.malformed(to, what));
        }
        Ok((from, to))
    }

    pub(super) fn attribute_encoding(
        &mut self,
        input: &Input<'_>,
        value: (usize, usize),
    ) -> Result<Encoded, Stop> {
        if let Some(first) = self.special.find(input.bytes, input.base, value.0, value.1) {
            return self.escaped(input, first, value, Encoded::Attribute);
        }
        let space = memchr3(b'\t', b'\n', b'\r', input.slice(value));
        Ok(space.map_or(Encoded::Plain, |_| Encoded::Attribute))
    }

    fn check_duplicates(&mut self, input: &Input<'_>) -> Result<(), Stop> {
        if self.seen.len() > COMPARED_MAX {
            // Of each name the second comes behind the first then, and the first of all second ones is what is told.
            self.seen
                .sort_unstable_by(|a, b| input.slice(*a).cmp(input.slice(*b)).then(a.cmp(b)));
            let is_same = |i: &usize| {
                let [a, b] = [i - 1, *i].map(|i| self.seen.get(i).copied().unwrap_or_default());
                input.slice(a) == input.slice(b)
            };
            let seconds = (1..self.seen.len()).filter(is_same);
            let first = seconds.min_by_key(|i| self.seen.get(*i).copied());
            return match first {
                Some(i) => self.check_duplicate(input, i - 1, i),
                None => Ok(()),
            };
        }
        for later in 1..self.seen.len() {
            for earlier in 0..later {
                self.check_duplicate(input, earlier, later)?;
            }
        }
        Ok(())
    }

    fn check_duplicate(&self, input: &Input<'_>, a: usize, b: usize) -> Result<(), Stop> {
        let (Some(&a), Some(&b)) = (self.seen.get(a), self.seen.get(b)) else {
            return Ok(());
        };
        if input.slice(a) == input.slice(b) {
            let name = input.shown(b);
            return Err(input.malformed(a.0.max(b.0), format!("the attribute {name} occurs twice")));
        }
        Ok(())
    }
}

/// The attribute that followed the last time, if it stands at `at`.
#[inline]
fn guess(shape: &Shape, input: &Input<'_>, owner: NodeId, prev: NodeId, at: usize) -> NodeId {
    let guess = match (owner, prev) {
        (NO_NODE, _) => NO_NODE,
        (owner, NO_NODE) => shape.node(owner).first_attribute,
        (_, prev) => shape.node(prev).next,
    };
    if guess != NO_NODE {
        let node = shape.node(guess);
        let ends = input.bytes.get(at + node.written.len()) == Some(&b'=');
        if ends && node.attribute && stands_at(input.bytes, at, &node.written) {
            return guess;
        }
    }
    NO_NODE
}
