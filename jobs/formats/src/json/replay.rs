//! A record read along the links of the [`Template`]: values are looked at, all else is compared.

use super::lex::{number_end, string_end};
use super::record::RecordParser;
use super::shape::Shape;
use super::trace::{Slot, Template};
use crate::record::nodes::{NodeId, Nodes};
use crate::record::tape::{Encoded, Op};

impl RecordParser {
    /// The length of the record with which `bytes` begin, and its tape, if all but its values is known. `None` says
    /// nothing about it; the tape is empty then.
    pub(super) fn follow(&mut self, shape: &Shape, bytes: &[u8]) -> Option<usize> {
        if !self.template.is_worth_a_try() {
            return None;
        }
        let mut template = std::mem::take(&mut self.template);
        self.tape.clear();
        self.keys.begin(shape.len());
        let end = self.links(&mut template, bytes);
        template.tried(end.is_some());
        self.template = template;
        if end.is_none() {
            self.tape.clear();
        }
        end
    }

    fn links(&mut self, template: &mut Template, bytes: &[u8]) -> Option<usize> {
        let (mut slot, mut at) = (template.start(), 0);
        loop {
            let keys = &mut self.keys;
            let followed =
                template.follow(slot, bytes, at, &mut self.tape, |steps| keys.take(steps))?;
            let Some((next, stands)) = followed.next else {
                return Some(followed.at);
            };
            slot = next;
            at = followed.at;
            at = match stands {
                Slot::String(push) => {
                    let (end, escaped) = string_end(bytes, at).ok()?;
                    let encoded = if escaped {
                        Encoded::String
                    } else {
                        Encoded::Plain
                    };
                    self.push(push, (at, end), encoded);
                    end
                }
                Slot::Number(push) => {
                    let end = number_end(bytes, at).ok()?;
                    self.push(push, (at, end), Encoded::Plain);
                    end
                }
                Slot::Truth(push) => {
                    let rest = bytes.get(at..)?;
                    let length = if rest.starts_with(b"true") {
                        4
                    } else if rest.starts_with(b"false") {
                        5
                    } else {
                        return None;
                    };
                    self.push(push, (at, at + length), Encoded::Plain);
                    at + length
                }
                Slot::Start => return None,
            };
        }
    }

    #[inline(always)]
    fn push(&mut self, push: Option<(Op, NodeId)>, range: (usize, usize), encoded: Encoded) {
        if let Some((op, node)) = push {
            self.tape.push(op, node, range, encoded);
        }
    }
}
