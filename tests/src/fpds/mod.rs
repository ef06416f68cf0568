//! Federal contract data (FPDS) in the shapes in which it is really published.
//!
//! - [`Shape::Archive`]: the yearly archive files. Root `listOfAwards` or `listOfIDVs`, a leading
//!   `count`, one record type and one fiscal year a file, no attributes on values, and records that
//!   bind the prefix `ns1` anew.
//! - [`Shape::Atom`]: pages of the ATOM feed. Ten entries a page, titles in CDATA (some ending in
//!   `]]]>`), records of about 18 KB with attributes, all record types and forty fiscal years mixed.
//! - [`Shape::Flat`]: the benchmark's file. Root `awards`, rows `award`, no namespace, one file.
//!
//! A run writes the data and `truth.json` ([`Truth`]): what a correct reader finds. Records come
//! from templates cut once into text and slots (`template`), so that a record costs a few dozen
//! copies; memory is bounded by one output buffer.

pub mod bad;
pub mod generate;
pub mod options;
pub mod truth;

mod files;
mod record;
mod shape;
mod slots;
mod template;
mod words;

#[cfg(test)]
mod tests;

pub use generate::generate;
pub use options::{Options, RecordType, Shape, Size};
pub use truth::Truth;
