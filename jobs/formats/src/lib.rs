//! Bytes to Arrow: XML, JSON, CSV, and the inference of schemas. Pure: no I/O.
//!
//! A parser here is a state machine: the caller presents bytes, the parser says how many of them it has used and what
//! it has made of them. It opens no file, reads no clock and holds no thread, so the same bytes give the same rows
//! however a file is cut into splits and whatever the sizes of the buffers, and every test can chop its input at
//! every byte.
//!
//! - [`record`]: what the readers of all formats share, from a record's values to Arrow, splits and reports.
//! - [`xml`]: [`XmlReader`] turns one split of one XML file into record batches, bad records and a [`SplitReport`];
//!   [`verify_chain`] proves that the splits of a file fit together.
//! - [`json`]: [`JsonReader`] does the same for JSON.
//! - [`csv`]: [`CsvReader`] and [`CsvInferrer`] do the same for CSV.
//! - [`infer`]: [`Inferrer`] learns a [`TypeTree`] from the same splits, and trees of many splits merge into a schema.
//! - [`format`](mod@format): the same calls over every format, for whoever does not care which one a file has.
//! - [`charset`]: encodings other than UTF-8, and how a file is turned into it.
//! - [`schema_file`]: the YAML form of a schema, for people to read and edit.
//! - [`xsd`]: [`Xsd`] gives the schema of a record that XML Schema files declare.
//! - [`values`]: text to numbers, dates and truth values: one set of rules for reading and for inference.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bytes;
pub mod charset;
pub mod csv;
pub mod format;
pub mod infer;
pub mod json;
pub mod record;
pub mod schema_file;
#[cfg(test)]
mod tests;
pub mod values;
pub mod xml;
pub mod xsd;

pub use charset::{Charset, EncodingError, Transcoder};
pub use csv::{CsvConfig, CsvHead, CsvHeadState, CsvInferrer, CsvOptions, CsvReader};
pub use format::{
    FormatConfig, FormatHead, FormatHeadState, FormatInferrer, FormatOptions, FormatReader,
};
pub use infer::{InferOptions, Inferrer, SampleRatio, Sampled, SchemaError, TypeTree, evolve};
pub use json::{
    JsonConfig, JsonHead, JsonHeadState, JsonInferrer, JsonOptions, JsonPath, JsonReader, Layout,
};
pub use record::{
    BadReason, BadRecord, Chain, ConfigError, Conflict, Fed, FedState, LeafPredicate, LeafTest,
    Limits, Literal, OFFSET_COLUMN, OnBadRecord, OnBadValue, OnUnknown, RAW_KEY, ROW_TAG_COLUMN,
    ReadFailure, Split, SplitReport, Start, SyncKind, SyncPoint, verify_chain,
};
pub use values::Pattern;
pub use xml::{Head, HeadState, RowTag, XmlConfig, XmlOptions, XmlReader};
pub use xsd::{DateTimeAs, Xsd, XsdError, XsdOptions, XsdSchema};
