//! CSV to record batches.
//!
//! In the order in which the bytes meet them:
//!
//! | Module | What it does |
//! | --- | --- |
//! | [`options`](CsvOptions), [`config`](CsvConfig) | how files are written, and what to read of them |
//! | [`reader`](CsvReader), [`infer`](CsvInferrer) | the parts below, put together |
//! | [`head`](CsvHead) | what a file's beginning says of all of it: encoding, line ends, the names of its columns |
//! | `scanner`, `lines` | from split to records |
//! | `guess` | where a split in mid-file probably has its first record |
//! | `record`, `words`, `fault` | where the fields of a record stand, where it ends, and what is wrong with it |
//! | `names`, `plan` | the columns of the schema, those that files have beyond it, and what is asked for of a record |
//!
//! What comes after a record's fields is the same for all formats: [`record`](crate::record).
//!
//! # How bytes become records and fields (RFC 4180, and what it leaves open)
//!
//! | In the file | Is |
//! | --- | --- |
//! | one or two byte-order marks at its start | nothing |
//! | the first record, with `header: true` | the names of the file's columns, in its own order. One that is empty or occurs twice is an error; one that the schema lacks is an unknown column; a column of the schema that the file lacks is NULL |
//! | LF, or CR LF, outside quotes | the end of a record; CR elsewhere is a character like others |
//! | CR, in a file whose first line end is one | the end of a record, whether an LF follows or not; an LF elsewhere is a character |
//! | the file's end without a line end (also after a CR) | the end of the last record |
//! | empty line (with `ignore_surrounding_spaces`: line of spaces and tabs) | nothing: so a NULL in a file of one column is to be written otherwise (`null_values`) |
//! | line that begins with `comment`, between records | nothing, whatever is quoted in it |
//! | field that begins with a quote | what stands before the next quote that is not doubled; delimiters and line ends in it are text, as they stand |
//! | quote anywhere else in a field | a character like others |
//! | `""` between quotes | a quote |
//! | `escape` between quotes, before a quote or itself | the character after it; before anything else it is a character like others, and so it is outside quotes. Doubled quotes are read as before |
//! | spaces and tabs around a field or its quotes | text, and after a closing quote an error; with `ignore_surrounding_spaces` nothing. Those between quotes always stay |
//! | record with more or fewer fields than the file has columns | bad |
//! | anything else between a closing quote and the next delimiter | makes the record bad |
//! | quote that is not closed in the file, or within `record_bytes_max` | makes the record bad |
//! | record longer than `record_bytes_max` | bad; it is passed over, and not held |
//! | bytes that the encoding has no character for, in whatever column | make the record bad |
//!
//! Where a bad record ends is said in `record.rs`: a quote too many or too few costs the record that has it, and not the
//! ones after it.
//!
//! # How a field becomes a value
//!
//! | In the file | In the row |
//! | --- | --- |
//! | nothing between two delimiters | NULL |
//! | `""` | the empty text; in a column of another type NULL |
//! | one of `null_values`, with quotes or without, spaces around it left out | NULL |
//! | number, truth value, date, timestamp, with quotes or without | as [`values`](crate::values) says; spaces in it do not fit |
//! | field of a column that the schema lacks, unless it is empty | counted by name, with an example; `on_unknown` says what becomes of the record |
//!
//! # Why splits are exact
//!
//! The argument is that of [`split`](crate::record::split), and simpler. Say that a *line begins* where the scanner
//! stands after a line end that is not between quotes: before a record, an empty line or a comment. What it does from
//! there on is a function of the bytes from there on, of the configuration and of the head; the rule for bad records
//! looks no further back either. The records of the split `[start, end)` are those whose line begins after `start` and
//! not after `end`, so that the reader need not see the byte before its start; the first split of a file has the one
//! that follows the header, too. S(p) is the first place after `p` at which a line begins, or the end of the file.
//! *First* is S(start) as the reader guesses it, *reached* is S(end) as it comes upon it after its own last record. If
//! the one is the other, both stand at the same place between records, and go on alike; else the split is read again
//! from the place that is known. A guess costs the second reading if it is wrong, and nothing else; it is seldom wrong
//! (`guess.rs`).
//!
//! UTF-16 and other encodings that a reader does not read as they are go through a [`Transcoder`](crate::Transcoder),
//! and are not cut ([`CsvHead::can_be_split`]).

mod config;
mod fault;
mod guess;
mod head;
mod infer;
mod lines;
mod names;
mod options;
mod plan;
mod reader;
mod record;
mod scanner;
mod words;

pub use config::CsvConfig;
pub use head::{CsvHead, CsvHeadState};
pub use infer::CsvInferrer;
pub use options::CsvOptions;
pub use reader::CsvReader;

#[cfg(test)]
mod tests;
