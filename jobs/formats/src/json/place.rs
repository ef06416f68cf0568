//! Where the values of a record go: the table in `json/mod.rs`, put on the tape.
//!
//! A tape is laid out as the schema has it, not as the record does: what stands in place of a list is put into one, what
//! stands in place of an object goes to its field for scalars, and what is raw stays as it is. For inference, which knows
//! no schema yet, values are laid out as they stand.

use super::record::{Frame, RecordParser, Scalar, Target};
use super::shape::{Kind, Shape};
use crate::record::nodes::{NO_NODE, NodeId, Nodes};
use crate::record::tape::{Encoded, Op};

impl RecordParser {
    /// Puts a scalar on the tape for a column of lists, of an object, or of what stands there raw.
    #[inline(never)]
    pub(super) fn placed_scalar(&mut self, shape: &mut Shape, target: Target, scalar: Scalar) {
        let (id, mut leaves) = self.inside_lists(shape, target, scalar.whole.0);
        let node = shape.node(id);
        match node.kind {
            Kind::Leaf | Kind::Any => self.slot(scalar, Some((scalar.op, id))),
            Kind::Raw => {
                self.tape.push(Op::Value, id, scalar.whole, Encoded::Plain);
                self.trace.spoil();
            }
            Kind::Struct => {
                let (value, place) = (node.value, (scalar.whole.0, scalar.whole.0));
                if value == NO_NODE {
                    self.tape.push(Op::Null, id, place, Encoded::Plain);
                    let unknown = shape.unknown_value(id);
                    if unknown == NO_NODE {
                        let range = scalar.whole;
                        self.tape.push(Op::Unknown, NO_NODE, range, Encoded::Plain);
                        self.trace.spoil();
                    } else {
                        self.slot(scalar, Some((Op::Unknown, unknown)));
                    }
                } else {
                    self.tape.push(Op::Enter, id, place, Encoded::Plain);
                    leaves += 1;
                    self.scalar_in(shape, value, scalar);
                }
            }
        }
        self.leave(leaves);
    }

    /// A scalar in the field of an object that is there for scalars. (One level: that field may be an object again.)
    fn scalar_in(&mut self, shape: &mut Shape, value: NodeId, scalar: Scalar) {
        let node = shape.node(value);
        if !node.wanted {
            self.slot(scalar, None);
        } else if node.kind == Kind::Leaf && node.items == NO_NODE {
            self.slot(scalar, Some((scalar.op, value)));
        } else {
            self.placed_scalar(shape, Target::column(value), scalar);
        }
    }

    /// Puts null on the tape where it is more than nothing: as an item, and for inference.
    pub(super) fn null(&mut self, shape: &mut Shape, range: (usize, usize), target: Target) {
        let id = target.node;
        if id == NO_NODE {
            return;
        }
        let node = shape.node(id);
        if !node.known {
            self.tape.push(Op::Unknown, id, range, Encoded::Plain);
        } else if node.wanted && (shape.learning || target.is_item) {
            self.tape.push(Op::Null, id, range, Encoded::Plain);
        }
    }

    /// Opens what lists stand around a value that is not one, or is one item too few: the node of what is inside of all
    /// of them, and how many values end with it.
    fn inside_lists(&mut self, shape: &Shape, target: Target, at: usize) -> (NodeId, u32) {
        let mut id = target.node;
        let mut leaves = 0;
        while shape.node(id).items != NO_NODE {
            self.tape.push(Op::Enter, id, (at, at), Encoded::Plain);
            leaves += 1;
            id = shape.node(id).items;
        }
        (id, leaves)
    }

    /// Says where the values of a container go.
    pub(super) fn lay_out(
        &mut self,
        shape: &mut Shape,
        at: usize,
        target: Target,
        frame: &mut Frame,
    ) {
        let id = target.node;
        let node = shape.node(id);
        let (lists, kind, items) = (node.lists, node.kind, node.items);
        let here = (at, at + 1);
        if !node.known {
            self.tape.push(Op::Unknown, id, here, Encoded::Container);
            return;
        }
        if !node.wanted {
            return;
        }
        if kind == Kind::Any {
            frame.node = id;
            if frame.is_object {
                self.tape.push(Op::Enter, id, here, Encoded::Plain);
                frame.leaves = 1;
            } else {
                frame.level = target.level.saturating_add(1);
                self.tape
                    .push(Op::Lists(frame.level), id, (0, 0), Encoded::Plain);
            }
            return;
        }
        if !frame.is_object && lists > 0 && !target.is_item {
            frame.node = id;
            return;
        }
        if !frame.is_object && target.is_item && items != NO_NODE {
            self.tape.push(Op::Enter, id, here, Encoded::Plain);
            (frame.node, frame.leaves) = (items, 1);
            return;
        }
        let (id, leaves) = self.inside_lists(shape, target, at);
        frame.leaves = leaves;
        if frame.is_object && kind == Kind::Struct {
            self.tape.push(Op::Enter, id, here, Encoded::Plain);
            frame.node = id;
            frame.leaves += 1;
            return;
        }
        // As it stands; an array where the schema has an object fits as little as an object where it has a number.
        self.tape.push(Op::Value, id, here, Encoded::Container);
    }

    /// Removes the entries of a field from those of the object at hand, which begin at `from`.
    pub(super) fn take_back(&mut self, shape: &Shape, from: usize, node: NodeId) {
        let own = self.tape.entries.split_off(from);
        let mut depth = 0_usize;
        let mut removing = false;
        for entry in own {
            if depth == 0 {
                let goes_with_the_last = entry.op == Op::Unknown
                    && (entry.node, entry.encoded) == (NO_NODE, Encoded::Plain);
                if !goes_with_the_last {
                    removing = is_inside(shape, entry.node, node);
                }
            }
            match entry.op {
                Op::Enter => depth += 1,
                Op::Leave => depth = depth.saturating_sub(1),
                _ => {}
            }
            if !removing {
                self.tape.entries.push(entry);
            }
        }
    }
}

/// Whether a node is this one, or inside of it: where a scalar stood for an object, only the latter is on the tape.
fn is_inside(shape: &Shape, node: NodeId, outer: NodeId) -> bool {
    let mut at = node;
    while at != NO_NODE {
        if at == outer {
            return true;
        }
        at = shape.parent(at);
    }
    false
}
