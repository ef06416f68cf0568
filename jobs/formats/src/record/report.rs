//! What a split came to: counts, bad records, and whatever did not fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::charset::SingleByte;

use super::{Split, Start, SyncPoint};

/// The counts of one split. Those of splits that [`verify_chain`](super::verify_chain) accepts add up to the file's.
///
/// In records: `read = emitted + quarantined + dropped + filtered`. Each of the five is counted where it happens; none
/// is computed from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReport {
    /// What the split's start was taken to be.
    pub assumed: Start,
    /// The split's end; at most the file's length once that is known.
    pub end: u64,
    /// The first sync point at or after the start ([`SyncKind::Given`](super::SyncKind) if the start is known).
    pub first: SyncPoint,
    /// The first sync point at or after the end, in the state that the reader was really in.
    pub reached: SyncPoint,
    /// Whether the reader has finished the split; the other fields are final only then.
    pub done: bool,
    /// Records that begin in the split.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read: u64,
    /// Records that became rows of a batch.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub emitted: u64,
    /// Records that became bad records.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quarantined: u64,
    /// Records left out by option: bad ones (`on_bad_record: drop`), and those with what the schema lacks
    /// (`on_unknown: discard_row`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// Well-formed records that the configuration's filter leaves out. Values that it does not look at are not looked
    /// at, so one that does not fit its column goes unnoticed in such a record.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub filtered: u64,
    /// Those among `emitted` that could not be read and have nothing but their raw text (`on_bad_record: keep`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kept_bad: u64,
    /// Those among `dropped` that `on_unknown: discard_row` left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discarded_rows: u64,
    /// Line feeds in `[start, end)`; right even if the start was a wrong guess (unless that was
    /// [`SyncKind::Lost`](super::SyncKind::Lost)).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub newlines: u64,
    /// Line feeds past the end, up to the sync point reached. With [`SplitReport::newlines`] and the line feeds before
    /// the split's start it gives those before a split that is read again from that point.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub newlines_past_end: u64,
    /// Values made NULL because they did not fit their column, by column path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bad_values: BTreeMap<String, PathCount>,
    /// Elements, attributes and texts that the schema lacks, by path from the record (`/` between names). What lies
    /// inside a column that is not read, or inside an unknown element, is not looked at, nor is a record that is not
    /// emitted; but `on_unknown: discard_row` and `freeze` look at every well-formed record and at all columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, PathCount>,
    /// How many more unknown ones there were, on paths beyond `unknown_paths_max`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown_more: u64,
    /// What was found first that the file's head rules out, and that makes all values of the file doubtful. Whoever
    /// believes the split has to refuse the file. (The reader itself cannot: on a wrong guess it may come upon such a
    /// thing in a comment.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

/// Most counts of most splits are zero, and there may be many splits: what is not written down is zero.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A later document of a file declares another encoding, or other entities, than the file's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("byte {at}: {what}")]
pub struct Conflict {
    /// The first byte of the declaration.
    pub at: u64,
    /// What it says, and what to do.
    pub what: String,
}

impl SplitReport {
    pub(crate) fn empty(split: Split, first: SyncPoint, reached: SyncPoint) -> Self {
        Self {
            assumed: split.start,
            end: split.end,
            first,
            reached,
            done: false,
            read: 0,
            emitted: 0,
            quarantined: 0,
            dropped: 0,
            filtered: 0,
            kept_bad: 0,
            discarded_rows: 0,
            newlines: 0,
            newlines_past_end: 0,
            bad_values: BTreeMap::new(),
            unknown: BTreeMap::new(),
            unknown_more: 0,
            conflict: None,
        }
    }

    /// Of what the schema lacks, the path that was met in the earliest record, and its count. Under `on_unknown:
    /// freeze` a split that began with a guess goes on, and whoever audits the file fails it with this.
    pub fn first_unknown(&self) -> Option<(&str, &PathCount)> {
        let earliest = self
            .unknown
            .iter()
            .min_by_key(|(_, count)| count.record_offset)?;
        Some((earliest.0.as_str(), earliest.1))
    }
}

/// How often something happened on a path, with one example.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCount {
    /// How often.
    pub count: u64,
    /// Offset of the record in which it happened first.
    pub record_offset: u64,
    /// The text of the first, cut at [`EXAMPLE_BYTES_MAX`].
    pub example: String,
}

/// How many bytes of an example are kept.
pub const EXAMPLE_BYTES_MAX: usize = 120;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// Offset of its first byte in the decompressed file.
    pub offset: u64,
    /// Line feeds between the split's start and the record. The line in the file, counted from 1, is this, plus the
    /// line feeds of the splits before, plus 1.
    pub line_in_split: u64,
    /// What is wrong.
    pub reason: BadReason,
    /// Its text, cut at `raw_bytes_max` bytes of the file; a byte that is no character of the file's encoding stands as
    /// `\xNN`, and a backslash before an `x` as `\x5C`, so that the bytes can be had back.
    pub raw: String,
    /// Its length in bytes before the cut.
    pub raw_bytes: u64,
}

impl BadRecord {
    pub(crate) fn new(
        offset: u64,
        line_in_split: u64,
        text: &[u8],
        reason: BadReason,
        raw_bytes_max: usize,
        table: Option<SingleByte>,
    ) -> Self {
        Self {
            offset,
            line_in_split,
            reason,
            raw: raw_text(text, raw_bytes_max, table),
            raw_bytes: text.len() as u64,
        }
    }
}

/// The text of a bad record, cut.
pub(crate) fn raw_text(text: &[u8], raw_bytes_max: usize, table: Option<SingleByte>) -> String {
    escape(text.get(..raw_bytes_max).unwrap_or(text), table)
}

/// Bytes as text from which they can be had back.
fn escape(bytes: &[u8], table: Option<SingleByte>) -> String {
    let mut text = String::with_capacity(bytes.len());
    let Some(table) = table else {
        escape_utf8(bytes, &mut text);
        return text;
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = table.first_invalid(rest).unwrap_or(rest.len());
        let (before, after) = rest.split_at(valid);
        let mut utf8 = Vec::with_capacity(before.len());
        table.decode(before, &mut utf8);
        escape_utf8(&utf8, &mut text);
        let (invalid, after) = after.split_at(after.len().min(1));
        escape_utf8(invalid, &mut text);
        rest = after;
    }
    text
}

fn escape_utf8(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace("\\x", "\\x5Cx"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
}

/// Why a record could not be read. `at` is the offset of the byte in the decompressed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum BadReason {
    /// It is not well-formed.
    #[error("byte {at}: {what}")]
    Malformed {
        /// The byte.
        at: u64,
        /// What stands there, and what should.
        what: String,
    },
    /// The file ends inside it.
    #[error("the file ends inside the record, at byte {at}")]
    Truncated {
        /// The file's length.
        at: u64,
    },
    /// Another record begins inside it and it is not closed within reach.
    #[error(
        "the record is not closed: another begins inside it at byte {at}, and no end tag for both follows within \
         {bytes_max} bytes"
    )]
    Unclosed {
        /// Where the other one begins.
        at: u64,
        /// The reach.
        bytes_max: u64,
    },
    /// It is longer than allowed.
    #[error("the record is longer than record_bytes_max, {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// Its elements are nested deeper than allowed.
    #[error("byte {at}: elements are nested deeper than depth_max, {depth_max}")]
    TooDeep {
        /// The byte.
        at: u64,
        /// The limit.
        depth_max: u64,
    },
    /// It holds bytes that the file's encoding has no character for.
    #[error(
        "byte {at}: 0x{byte:02X} is not {encoding}; if the file is in another encoding, set the option `encoding`"
    )]
    InvalidByte {
        /// The first such byte.
        at: u64,
        /// Its value.
        byte: u8,
        /// The encoding.
        encoding: String,
    },
    /// It holds a reference that is neither a character's number nor to an entity that is predefined or declared.
    #[error("byte {at}: `{text}` is not a known entity; a plain & is written &amp;")]
    UnknownEntity {
        /// The `&`.
        at: u64,
        /// The reference, cut.
        text: String,
    },
    /// It refers to a declared entity that is not put in.
    #[error("byte {at}: `{text}` {what}")]
    Entity {
        /// The `&`.
        at: u64,
        /// The reference, cut.
        text: String,
        /// Why.
        what: String,
    },
    /// A value does not fit its column.
    #[error("byte {at}: `{found}` in `{path}` is not {expected}")]
    Value {
        /// The value's first byte.
        at: u64,
        /// The column.
        path: String,
        /// What the column takes.
        expected: String,
        /// The value, cut.
        found: String,
    },
    /// A column that is no list is given a second value.
    #[error("byte {at}: `{path}` occurs again, but the column is not a list")]
    Repeated {
        /// The second one's first byte.
        at: u64,
        /// The column.
        path: String,
    },
    /// A document has nothing where its records should stand.
    #[error("the document has nothing at `{path}`")]
    NoRecords {
        /// Where they should stand.
        path: String,
    },
    /// Markup between records (a comment, say) never ends.
    #[error("the {what} that begins at byte {at} does not end before the end of the file")]
    Endless {
        /// Its first byte.
        at: u64,
        /// What it is.
        what: String,
    },
}

impl BadReason {
    /// The offset of the byte at which it was found, if there is one.
    pub fn at(&self) -> Option<u64> {
        match self {
            Self::Malformed { at, .. }
            | Self::Truncated { at }
            | Self::Unclosed { at, .. }
            | Self::TooDeep { at, .. }
            | Self::InvalidByte { at, .. }
            | Self::UnknownEntity { at, .. }
            | Self::Entity { at, .. }
            | Self::Value { at, .. }
            | Self::Repeated { at, .. }
            | Self::Endless { at, .. } => Some(*at),
            Self::TooLarge { .. } | Self::NoRecords { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn raw_text_gives_the_bytes_back() {
        let cases: &[(&[u8], &str)] = &[
            (b"<a>\xFF</a>", "<a>\\xFF</a>"),
            (b"\\xFF", "\\x5CxFF"),
            (b"\\n", "\\n"),
            ("é\u{0}".as_bytes(), "é\u{0}"),
            (b"\xC3", "\\xC3"),
        ];
        for (bytes, text) in cases {
            assert_eq!(escape(bytes, None), *text);
        }
    }
}
