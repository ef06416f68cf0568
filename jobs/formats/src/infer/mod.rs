//! Schemas learned from data.
//!
//! An [`Inferrer`] is fed like the reader, split by split, and gives a [`TypeTree`]. Trees of many splits and files
//! merge, in any order, into one; [`TypeTree::to_schema`] turns it into a schema by the rules in [`rules`].

mod evolve;
pub(crate) mod learner;
pub mod rules;
pub(crate) mod sample;
mod sampled;
mod tree;

pub use crate::xml::infer::Inferrer;
pub use evolve::evolve;
pub use sample::SampleRatio;
pub use sampled::Sampled;
pub use tree::{InferOptions, SchemaError, TypeNode, TypeTree};

#[cfg(test)]
mod tests;
