//! What did not fit the schema, counted by path with one example each.

use std::collections::BTreeMap;

use super::nodes::{NO_NODE, NodeId, Nodes};
use super::report::{EXAMPLE_BYTES_MAX, PathCount};
use crate::values::trim;

/// Counts by node: the paths are written out only when a report is asked for.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    unknown: Vec<PathCount>,
    bad_values: Vec<PathCount>,
    /// Unknown ones for whose path there was no room.
    pub(crate) unknown_more: u64,
}

impl Drift {
    /// Counts one; `example` is asked for only if it is the node's first.
    pub(crate) fn count(
        &mut self,
        node: NodeId,
        bad_value: bool,
        record_offset: u64,
        example: impl FnOnce() -> String,
    ) {
        if node == NO_NODE {
            self.unknown_more += 1;
            return;
        }
        let counts = if bad_value {
            &mut self.bad_values
        } else {
            &mut self.unknown
        };
        let index = node as usize;
        if counts.len() <= index {
            counts.resize(index + 1, PathCount::default());
        }
        if let Some(count) = counts.get_mut(index) {
            if count.count == 0 {
                count.record_offset = record_offset;
                count.example = example();
            }
            count.count += 1;
        }
    }

    /// The elements that the schema lacks, by path.
    pub(crate) fn unknown<N: Nodes>(&self, shape: &N) -> BTreeMap<String, PathCount> {
        by_path(&self.unknown, shape)
    }

    /// The values that became NULL, by path.
    pub(crate) fn bad_values<N: Nodes>(&self, shape: &N) -> BTreeMap<String, PathCount> {
        by_path(&self.bad_values, shape)
    }
}

/// An attribute and an element may have one path: they are counted together.
fn by_path<N: Nodes>(counts: &[PathCount], shape: &N) -> BTreeMap<String, PathCount> {
    let mut paths: BTreeMap<String, PathCount> = BTreeMap::new();
    for (node, count) in counts.iter().enumerate().filter(|(_, c)| c.count > 0) {
        let sum = paths.entry(shape.path(node as NodeId)).or_default();
        let before = sum.count;
        if before == 0 || count.record_offset < sum.record_offset {
            *sum = count.clone();
            sum.count = 0;
        }
        sum.count = before + count.count;
    }
    paths
}

/// A text for a person, cut at [`EXAMPLE_BYTES_MAX`].
pub(crate) fn cut_text(text: &[u8]) -> String {
    let text = trim(text);
    String::from_utf8_lossy(text.get(..EXAMPLE_BYTES_MAX).unwrap_or(text)).into_owned()
}
