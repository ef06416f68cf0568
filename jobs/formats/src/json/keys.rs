//! Which fields the open objects have had, so that one that occurs again is noticed.

use std::collections::HashSet;

use crate::record::nodes::NodeId;

/// An object begins.
pub(crate) const OPEN: u32 = u32::MAX - 1;
/// The innermost object ends.
pub(crate) const CLOSE: u32 = u32::MAX - 2;

/// The objects that are open, each by a number of its own, and in which of them each field was met last.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// By node.
    met: Vec<u64>,
    open: Vec<u64>,
    count: u64,
    /// The names in the record for which there was no node, each with its object.
    nameless: HashSet<(u64, Box<[u8]>)>,
}

impl Keys {
    /// Begins a record. There are this many nodes.
    #[inline(always)]
    pub(crate) fn begin(&mut self, nodes: usize) {
        self.open.clear();
        if !self.nameless.is_empty() {
            self.nameless = HashSet::new();
        }
        if self.met.len() < nodes {
            self.met.resize(nodes, 0);
        }
    }

    /// An object begins.
    #[inline(always)]
    pub(crate) fn open(&mut self) {
        self.count += 1;
        self.open.push(self.count);
    }

    /// The innermost object ends.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        self.open.pop();
    }

    /// The innermost object has this field: whether it is the first time.
    #[inline(always)]
    pub(crate) fn is_first(&mut self, node: NodeId) -> bool {
        let object = self.open.last().copied().unwrap_or_default();
        let index = node as usize;
        if index >= self.met.len() {
            self.met.resize(index + 1, 0);
        }
        match self.met.get_mut(index) {
            Some(met) => std::mem::replace(met, object) != object,
            None => true,
        }
    }

    /// The innermost object has a field of this name, for which there is no node: whether it is the first time.
    pub(crate) fn is_first_name(&mut self, name: &[u8]) -> bool {
        let object = self.open.last().copied().unwrap_or_default();
        self.nameless.insert((object, name.into()))
    }

    /// Takes several steps: [`OPEN`], [`CLOSE`], or a field. `false` if a field occurs again.
    #[inline(always)]
    pub(crate) fn take(&mut self, steps: &[u32]) -> bool {
        for step in steps {
            match *step {
                OPEN => self.open(),
                CLOSE => self.close(),
                node => {
                    if !self.is_first(node) {
                        return false;
                    }
                }
            }
        }
        true
    }
}
