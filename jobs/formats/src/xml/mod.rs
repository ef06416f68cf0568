//! XML to record batches.
//!
//! In the order in which the bytes meet them:
//!
//! | Module | What it does |
//! | --- | --- |
//! | [`config`] | what to read: row tags, schema, projection, limits |
//! | [`reader`] | [`XmlReader`]: the parts below, put together |
//! | [`split`] | which records of a file are ours, and the proof that the splits of a file fit together |
//! | `scanner` | what stands between records, and where each record begins and ends |
//! | `prologue` | byte-order marks and the declared encoding |
//! | `lex` | markup read tolerantly: between records, and inside broken ones |
//! | `recover` | the rule that says where a broken record ends |
//! | `record`, `attributes`, `input`, `text`, `bytes` | the strict pass over one record |
//! | `template`, `trace`, `replay` | what records have in common, learned, so that most markup is only compared |
//! | `shape` | the names that a record may hold, and a guess at which comes next |
//! | `tape` | what the pass leaves behind: a record's values in document order |
//! | `columns`, `column` | tapes to Arrow |
//! | `drift` | what did not fit the schema, counted |
//! | [`report`] | what a split came to |
//!
//! # How an element becomes a value
//!
//! | In the file | In the row |
//! | --- | --- |
//! | element | the column of its local name, whatever its prefix |
//! | attribute | the column of its local name, after `attribute_prefix` (`_`); namespace declarations are no attributes |
//! | element with attributes or child elements | `Struct`; text beside them is its field `value_tag` (`_VALUE`), if it is not blank |
//! | text of an element of `Struct` type that has no attributes | the same: its field `value_tag` |
//! | element that occurs again | the next item, if the column is a `List`; else the record is bad (`on_bad_value: null`: the first one stays, and the rest are counted) |
//! | one element of a `List` column | a list of one |
//! | element that is absent | NULL |
//! | empty or blank element, type text | the empty string |
//! | empty or blank element, any other type | NULL |
//! | element of `Struct` type without attributes, child elements and text | NULL |
//! | white space around a value | left out (`trim`), that written as a reference too |
//! | CDATA section | text, as it stands |
//! | comment, processing instruction | nothing; the text around it is one text |
//! | `&amp; &lt; &gt; &quot; &apos; &#N; &#xN;` | the character; any other reference makes the record bad |
//! | line end (CR LF, CR) | line feed; in an attribute a space (XML 1.0, 2.11 and 3.3.3) |
//! | element, attribute or text that the schema lacks | counted by path, with an example |
//! | `]]>` in text, control characters | let through |
//! | record inside a record | belongs to the outer one |
//!
//! What the types take is said in [`values`](crate::values).

mod attributes;
mod bytes;
mod column;
mod columns;
pub mod config;
mod doctype;
mod drift;
pub mod head;
mod input;
mod lex;
pub mod reader;
mod record;
mod recover;
mod replay;
pub mod report;
pub(crate) mod scanner;
pub(crate) mod shape;
pub mod split;
pub(crate) mod tape;
pub(crate) mod template;
mod text;
mod trace;

pub use config::{
    ConfigError, Limits, OFFSET_COLUMN, OnBadRecord, OnBadValue, ROW_TAG_COLUMN, RowTag, XmlConfig,
    XmlOptions,
};
pub use head::{Head, HeadState};
pub use reader::{Fed, FedState, ReadFailure, XmlReader};
pub use report::{BadReason, BadRecord, Conflict, PathCount, SplitReport};
pub use split::{Chain, Split, Start, SyncKind, SyncPoint, verify_chain};

#[cfg(test)]
mod tests;
