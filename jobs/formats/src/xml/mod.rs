//! XML to record batches.
//!
//! In the order in which the bytes meet them:
//!
//! | Module | What it does |
//! | --- | --- |
//! | [`config`], `own_columns` | what to read: row tags, schema, projection, limits, columns that options ask for |
//! | [`reader`], `infer` | [`XmlReader`] and [`Inferrer`](crate::Inferrer): the parts below, put together |
//! | `scanner` | what stands between records, and where each record begins and ends |
//! | [`head`], `doctype` | what a file's beginning says of all of it: its encoding, and the entities that it declares |
//! | `lex` | markup read tolerantly: between records, and inside broken ones |
//! | `recover`, `ahead` | the rule that says where a broken record ends, applied in linear time |
//! | `record`, `attributes`, `input`, `text` | the strict pass over one record |
//! | `trace`, `replay` | what records have in common, learned, so that most markup is only compared |
//! | `shape` | the names that a record may hold, and a guess at which comes next |
//!
//! What comes after a record's tape is the same for all formats: [`record`](crate::record).
//!
//! # How an element becomes a value
//!
//! | In the file | In the row |
//! | --- | --- |
//! | element | the column of its local name, whatever its prefix |
//! | attribute | the column of its local name, after `attribute_prefix` (`_`); namespace declarations are no attributes |
//! | element with attributes or child elements | `Struct`; text beside them is its field `value_tag` (`_VALUE`), if it is not white space alone |
//! | text of an element of `Struct` type that has no attributes | the same: its field `value_tag` |
//! | element that occurs again | the next item, if the column is a `List`; else the record is bad (`on_bad_value: null`: the first one stays, and the rest are counted) |
//! | one element of a `List` column | a list of one |
//! | element that is absent | NULL |
//! | value that is one of `null_values` | NULL |
//! | empty or blank element, type text | the empty string |
//! | empty or blank element, any other type | NULL |
//! | element of `Struct` type without attributes, child elements and text | NULL |
//! | white space around a value | left out (`ignore_surrounding_spaces`), that written as a reference too |
//! | CDATA section | text, as it stands |
//! | comment, processing instruction | nothing; the text around it is one text |
//! | `&amp; &lt; &gt; &quot; &apos; &#N; &#xN;` | the character, whatever the file declares |
//! | `&name;` | the text that the DOCTYPE before the first element declares in its internal subset, references in it replaced, up to `entity_bytes_max`; the record is bad if that is not declared, has markup, stands outside the file (which is never fetched), refers to itself, or is declared after a reference to a parameter entity |
//! | any other `&` | the record is bad |
//! | attribute with a default value in a DOCTYPE | not added |
//! | line end (CR LF, CR) | line feed; in an attribute a space (XML 1.0, 2.11 and 3.3.3) |
//! | element of type raw XML (`xml`) | what stands between its tags, as it stands: references, CDATA and comments untouched |
//! | child element of the record that the schema lacks, if there is a `wildcard_column` | an item of that column (of type text: a part of it), from its start tag to its end tag, as it stands |
//! | element, attribute or text that the schema lacks otherwise | counted by path, with an example; `on_unknown` says what becomes of the record |
//! | child element of an element of type text | the same: unknown; the text around it is the value |
//! | element that differs from a column in case alone | not that column |
//! | bytes that the file's encoding has no character for | the record is bad |
//! | `]]>` in text; control characters, U+FFFE and U+FFFF as such | let through: to look for them costs 2 to 6 % of the time (as references they make the record bad) |
//! | record inside a record | belongs to the outer one |
//! | another document in the same file, with a byte-order mark, declaration and DOCTYPE of its own | its records are the file's, too |
//! | a later document that declares another encoding, or an entity otherwise than the first (or one that the first lacks) | a [`Conflict`] in the report, for which the file is to be refused |
//!
//! What encodings there are, and how they are read, is said in [`charset`](crate::charset); what follows from marks and
//! declarations that contradict one another, in [`Head::look`].
//! What the types take is said in [`values`](crate::values); how the options are called in Spark, in `SPARK.md`.

mod ahead;
mod attributes;
pub mod config;
mod doctype;
pub mod head;
pub(crate) mod infer;
mod input;
mod lex;
mod own_columns;
pub mod reader;
mod record;
mod recover;
mod replay;
mod scanner;
mod shape;
pub(crate) mod text;
pub(crate) mod trace;

// What all formats share, under the names that it has had here.
pub use crate::record::{
    BadReason, BadRecord, Chain, ConfigError, Conflict, Fed, FedState, LeafPredicate, LeafTest,
    Limits, Literal, OFFSET_COLUMN, OnBadRecord, OnBadValue, OnUnknown, PathCount, RAW_KEY,
    ROW_TAG_COLUMN, ReadFailure, Split, SplitReport, Start, SyncKind, SyncPoint, verify_chain,
};
pub use config::{RowTag, XmlConfig, XmlOptions};
pub use head::{Head, HeadState};
pub use reader::XmlReader;

#[cfg(test)]
pub(crate) mod tests;
