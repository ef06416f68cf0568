//! A record read along the links of the [`Template`]: values are looked at, all else is compared.

use super::keys::Keys;
use super::lex::{good_number_end, string_end};
use super::record::RecordParser;
use super::shape::Shape;
use super::trace::{Slot, Template};
use crate::record::nodes::Nodes;
use crate::record::tape::{Encoded, Tape};

impl RecordParser {
    /// The length of the record with which `bytes` begin, `at` so many bytes of the caller's buffer if that is of use,
    /// and its tape, if all but its values is known. `None` says nothing about it; the tape is empty then.
    pub(super) fn follow(
        &mut self,
        shape: &Shape,
        bytes: &[u8],
        at: Option<usize>,
    ) -> Option<usize> {
        if !self.template.is_worth_a_try() {
            return None;
        }
        self.tape.begin_replay(at);
        self.keys.begin(shape.len());
        let end = links(&mut self.template, &mut self.tape, &mut self.keys, bytes);
        self.template.tried(end.is_some());
        if end.is_none() {
            self.tape.clear();
        }
        end
    }
}

/// Goes from slot to slot; the position after the record.
#[inline(always)]
fn links(template: &mut Template, tape: &mut Tape, keys: &mut Keys, bytes: &[u8]) -> Option<usize> {
    let (mut slot, mut at) = (template.start(), 0);
    loop {
        let followed = template.follow(slot, bytes, at, tape, |steps| keys.take(steps))?;
        let Some((next, stands)) = followed.next else {
            return Some(followed.at);
        };
        slot = next;
        at = followed.at;
        let (push, end, encoded) = match stands {
            Slot::String(push) => {
                let (end, escaped) = string_end(bytes, at).ok()?;
                let encoded = if escaped {
                    Encoded::String
                } else {
                    Encoded::Plain
                };
                (push, end, encoded)
            }
            Slot::Number(push) => (push, good_number_end(bytes, at)?, Encoded::Plain),
            Slot::Truth(push) => {
                let rest = bytes.get(at..)?;
                let length = if rest.starts_with(b"true") {
                    4
                } else if rest.starts_with(b"false") {
                    5
                } else {
                    return None;
                };
                (push, at + length, Encoded::Plain)
            }
            Slot::Start => return None,
        };
        if let Some((op, node)) = push {
            tape.push(op, node, (at, end), encoded);
        }
        at = end;
    }
}
