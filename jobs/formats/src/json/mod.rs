//! JSON to record batches.
//!
//! In the order in which the bytes meet them:
//!
//! | Module | What it does |
//! | --- | --- |
//! | [`options`], [`path`] | what to read: layout, place of the records, schema, projection, limits |
//! | [`reader`], [`infer`] | [`JsonReader`] and [`JsonInferrer`]: the parts below, put together |
//! | [`head`] | what a file's beginning says of all of it: its encoding, and its layout |
//! | `scanner` | from split to records, whatever the layout |
//! | `lines` | a record a line: where splits meet |
//! | `documents`, `around` | documents one after another, or one array, the records inside them, and what belongs to these from outside |
//! | `recover` | where broken text ends |
//! | `record`, `lex`, `text`, `utf8`, `keys` | the strict pass over one record |
//! | `place` | where its values go |
//! | `trace`, `replay` | what records have in common, learned, so that most of their text is only compared |
//! | `shape` | the fields that a record may hold, and a guess at which comes next |
//!
//! What comes after a record's tape is the same for all formats: [`record`](crate::record).
//!
//! # How a record is found
//!
//! | In the file | Is |
//! | --- | --- |
//! | layout `lines`: a line that is not blank | a record. It ends with its line, whatever is wrong with it |
//! | layout `documents`: each of the values that stand one after another | a record; or with a path (`records`) each value to which that leads |
//! | layout `array`: each item of the one array that the file is | a record; anything after that array is a bad one |
//! | one or two byte-order marks at the file's start | nothing |
//! | a record that breaks RFC 8259 (a comma too many, `NaN`, `'`, a comment, a leading zero, a control character in a string, half of a surrogate pair, bytes that are no UTF-8), is deeper than `depth_max` or longer than `record_bytes_max` | a bad record, whether or not anybody reads what is wrong in it. Where it ends: the table in `documents.rs` |
//! | a path (`records`): `$`, then any of `.name`, `["name"]`, and `[*]` or `.*` for all items or fields | leads to records. What stands beside it is passed over by its brackets, and not checked |
//! | a document with nothing where `records` should stand: no such field, or a scalar in place of what holds them (null holds none) | a bad record, all of it: an error message served as data is no empty answer |
//! | the name of the field that the innermost `.*` went through | the column `key_column`, as text or date |
//! | what stands at a path of `keep`, the first time | a column of each record of the document; records before it are held, up to `record_bytes_max` in all, and it is an error if they are more. NULL if the document lacks it |
//! | a field of a record with the name of such a column | unknown |
//!
//! # How a value becomes a value
//!
//! | In the record | In the row |
//! | --- | --- |
//! | field | the column of its name; of a top-level field, that which `rename` says |
//! | a name that occurs again in an object | the last one counts, as if the others were not there |
//! | object | `Struct`; `{}` is one with NULL in every field |
//! | array | `List`, also of lists; `[]` is one without items, null in it an item that is NULL |
//! | scalar or object in place of an array | a list of that one item, at any depth |
//! | scalar in place of an object | an object whose field is `_VALUE` |
//! | a record that is no object | the field `_VALUE` of one; null is one without fields |
//! | null, or nothing | NULL |
//! | string | text, its escapes replaced, white space kept; or whatever the column's type reads from it (`"12"` for int64). Empty is NULL, but in a text column |
//! | number | int64, decimal or float64, as the column says, read from its digits; a text column has them as they stand (`1.50`, `1e3`). One beyond the range of float64 (`1e400`) does not fit a float64 column, and is text for inference |
//! | `true`, `false` | bool, or the word as text |
//! | object or array in a text column | its text as it stands |
//! | anything in a raw column (`raw`) | its text as it stands, a string with its quotes |
//! | array where the schema has no list, object where it has neither fields nor text | does not fit: `on_bad_value` |
//! | field that the schema lacks, whatever its value; a scalar where the schema has an object without `_VALUE` | counted by path, with an example; `on_unknown` says what becomes of the record |
//! | value that is one of `null_values` | NULL |
//!
//! What types are inferred is said in [`rules`](crate::infer::rules); numbers and words in strings are text there, and so
//! are numbers of more than 38 digits.

pub(crate) mod around;
pub(crate) mod documents;
pub mod head;
pub mod infer;
pub(crate) mod keys;
pub(crate) mod lex;
pub(crate) mod lines;
pub mod options;
pub mod path;
pub(crate) mod place;
pub mod reader;
pub(crate) mod record;
pub(crate) mod recover;
pub(crate) mod replay;
pub(crate) mod scanner;
pub(crate) mod shape;
pub(crate) mod text;
pub(crate) mod trace;
mod utf8;

pub use head::{JsonHead, JsonHeadState, Layout};
pub use infer::JsonInferrer;
pub use options::{JsonConfig, JsonOptions};
pub use path::JsonPath;
pub use reader::JsonReader;

/// The field of a scalar that stands where an object is expected.
pub const VALUE_COLUMN: &str = "_VALUE";
/// The byte-order mark of UTF-8.
pub(crate) const MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests;
