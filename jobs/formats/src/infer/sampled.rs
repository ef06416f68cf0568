//! Schemas inferred from a sample, and how the rest of the records bears them out.
//!
//! To look at every byte before the first is read costs a pass. Where a format tells its types (JSON: a string is no
//! number), a schema of a sample can be tried at once: a reader with [`Sampled`] takes the values alone that would leave
//! the inferred schema as it is, and stops at the first other one with
//! [`ReadFailure::Surprise`](crate::ReadFailure::Surprise). Records that were all read this way have the very schema
//! that inference over all of them would have given; after a surprise, that is what is to be done.

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::tree::{InferOptions, TypeNode, TypeTree};

/// What a schema that was inferred from a sample leaves open beyond its types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampled {
    /// The columns that are text for want of a value: paths of names from the record.
    pub open: Vec<Vec<String>>,
}

impl Sampled {
    /// What the schema of this tree leaves open.
    pub fn of(tree: &TypeTree, options: &InferOptions) -> Self {
        let mut sampled = Self::default();
        sampled.add(&tree.root, options, &mut Vec::new());
        sampled
    }

    fn add(&mut self, node: &TypeNode, options: &InferOptions, path: &mut Vec<String>) {
        let mut leaf = |name: &str, node: &TypeNode, path: &[String]| {
            if node.text.data_type() == DataType::Utf8 && !node.text.is_settled() {
                self.open
                    .push(path.iter().cloned().chain([name.to_owned()]).collect());
            }
        };
        if node.text.any() || node.text.empty {
            leaf(&options.value_tag, node, path);
        }
        for (name, inner) in &node.elements {
            if inner.elements.is_empty() {
                leaf(name, inner, path);
            }
        }
        for (name, inner) in &node.elements {
            if !inner.elements.is_empty() {
                path.push(name.clone());
                self.add(inner, options, path);
                path.pop();
            }
        }
    }
}
