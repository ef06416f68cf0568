//! A record read along the links of the [`Template`]: values are looked at, markup is compared.

use memchr::memchr2;

use super::input::{Input, Stop};
use super::record::{Piece, RecordParser};
use super::shape::{Kind, NO_NODE, NodeId, Shape};
use super::trace::{Slot, Template};
use crate::bytes::{find_lt, find_value_end, skip_space};
use crate::record::nodes::Nodes;
use crate::record::tape::Encoded;
use crate::record::tape::Op;

impl RecordParser {
    /// Reads the record that begins with `input`, if all its markup is known: its length, with its tape. `None` says
    /// nothing about the record; the tape is empty then. `at` is where the record stands in the caller's buffer.
    pub(super) fn replay(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        at: usize,
    ) -> Option<usize> {
        if !self.template.is_worth_a_try() {
            return None;
        }
        self.tape.begin_replay(Some(at));
        let names = shape.len();
        let mut template = std::mem::take(&mut self.template);
        let end = self.follow(&mut template, shape, input);
        template.tried(end.is_some());
        self.template = template;
        if end.is_none() {
            self.tape.clear();
            self.pieces.clear();
            self.special.begin(input.base);
            // The record may be broken, and its names are none then.
            shape.forget_from(names);
        }
        end
    }

    fn follow(
        &mut self,
        template: &mut Template,
        shape: &mut Shape,
        input: &Input<'_>,
    ) -> Option<usize> {
        let (mut slot, mut at) = (template.start(), 0);
        loop {
            let followed = template.follow(slot, input.bytes, at, &mut self.tape, |()| true)?;
            let Some((next, stands)) = followed.next else {
                return Some(followed.at);
            };
            slot = next;
            at = followed.at;
            at = match stands {
                Slot::Attribute { quote, push } => self.attribute_slot(input, at, quote, push)?,
                Slot::Leaf(node) => {
                    let lt = find_lt(input.bytes, at)?;
                    let encoded = unless_stopped(self.encoding(input, (at, lt)))?;
                    self.leaf(shape, input, node, (at, lt), encoded);
                    lt
                }
                Slot::Tagged { node, layout } => {
                    self.tagged_slot(shape, input, at, node, layout)?
                }
                Slot::Start => return None,
            };
        }
    }

    /// An attribute's value, up to its quote.
    #[inline(always)]
    fn attribute_slot(
        &mut self,
        input: &Input<'_>,
        at: usize,
        quote: u8,
        push: Option<(Op, NodeId)>,
    ) -> Option<usize> {
        let mut end = find_value_end(input.bytes, at, quote)?;
        let mut encoded = Encoded::Plain;
        if input.bytes.get(end) != Some(&quote) {
            end = at + memchr2(quote, b'<', input.bytes.get(at..)?)?;
            if input.bytes.get(end) != Some(&quote) {
                return None;
            }
            encoded = unless_stopped(self.attribute_encoding(input, (at, end)))?;
        }
        if let Some((op, node)) = push {
            self.tape.push(op, node, (at, end), encoded);
        }
        Some(end)
    }

    /// The text of an element with attributes, up to its end tag.
    fn tagged_slot(
        &mut self,
        shape: &mut Shape,
        input: &Input<'_>,
        at: usize,
        id: NodeId,
        layout: bool,
    ) -> Option<usize> {
        let from = if layout {
            skip_space(input.bytes, at)
        } else {
            at
        };
        let lt = find_lt(input.bytes, from)?;
        let encoded = unless_stopped(self.encoding(input, (from, lt)))?;
        if id == NO_NODE {
            return Some(lt);
        }
        let node = shape.node(id);
        if !node.known {
            self.tape.push(Op::Unknown, id, (at, lt), Encoded::Plain);
        } else if node.wanted {
            let range = if from < lt { (from, lt) } else { (lt, lt) };
            let encoded = if from < lt { encoded } else { Encoded::Plain };
            let piece = Piece { range, encoded };
            match node.kind {
                // Raw ones are not learned.
                Kind::Inner | Kind::Outer => return None,
                Kind::Struct if self.is_blank(input, piece) => {
                    if !shape.reads_attributes {
                        return None; // Without its attributes it is NULL.
                    }
                }
                Kind::Struct => {
                    let value = node.value;
                    self.pieces.push(piece);
                    self.struct_text(shape, input, id, value, 0, lt);
                    self.pieces.clear();
                }
                Kind::Any if shape.reads_attributes && self.is_blank(input, piece) => {}
                Kind::Leaf | Kind::Any => self.tape.push(Op::Value, id, range, encoded),
            }
        }
        Some(lt)
    }
}

/// What was found, if the pass need not stop. (`Result::ok` is a call on the hot path, for what there is to drop.)
#[inline(always)]
fn unless_stopped(found: Result<Encoded, Stop>) -> Option<Encoded> {
    match found {
        Ok(encoded) => Some(encoded),
        Err(stop) => {
            give_up(stop);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn give_up(_stop: Stop) {}
