//! How a CSV file is written, and what to make of it.

use serde::{Deserialize, Serialize};

use crate::charset::Named;
use crate::infer::SampleRatio;
use crate::values::{Cleaner, Forms, Pattern};
use crate::{ConfigError, Limits, OnBadRecord, OnBadValue, OnUnknown};

/// Everything about reading CSV that does not depend on a schema; inference uses the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CsvOptions {
    /// Whether the first record of each file has the names of its columns. Their order may differ from file to file.
    pub header: bool,
    /// The names of the columns in their order, if there is no header.
    pub columns: Vec<String>,
    /// What stands between two fields; ASCII, as are the next three.
    pub delimiter: char,
    /// What a field may stand between, so that it can hold delimiters and line ends; a doubled one in it is one.
    pub quote: Option<char>,
    /// What may stand before a quote between quotes, and before itself, beside doubling.
    pub escape: Option<char>,
    /// What a line begins with that is no record.
    pub comment: Option<char>,
    /// Whether spaces and tabs around fields, and around the quotes of a field, are left out.
    pub ignore_surrounding_spaces: bool,
    /// The encoding of the files; a name as the WHATWG Encoding Standard has it.
    pub encoding: Option<String>,
    /// What to do with a record that cannot be read.
    pub on_bad_record: OnBadRecord,
    /// What to do with a value that does not fit its column.
    pub on_bad_value: OnBadValue,
    /// What to do with a record that has a value in a column that the schema lacks.
    pub on_unknown: OnUnknown,
    /// Values that are NULL in a column of any type, with quotes or without, and tell inference nothing.
    pub null_values: Vec<String>,
    /// How dates are written, in place of `YYYY-MM-DD`.
    pub date_format: Option<Pattern>,
    /// How timestamps are written, in place of `YYYY-MM-DDThh:mm:ss`.
    pub timestamp_format: Option<Pattern>,
    /// How many of the records inference looks at.
    pub sample_ratio: SampleRatio,
    /// The column that holds the raw text of a record that is kept although it cannot be read
    /// ([`OnBadRecord::Keep`]), or in which a value was made NULL.
    pub corrupt_record_column: Option<String>,
    /// The bounds.
    pub limits: Limits,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            header: true,
            columns: Vec::new(),
            delimiter: ',',
            quote: Some('"'),
            escape: None,
            comment: None,
            ignore_surrounding_spaces: false,
            encoding: None,
            on_bad_record: OnBadRecord::default(),
            on_bad_value: OnBadValue::default(),
            on_unknown: OnUnknown::default(),
            null_values: Vec::new(),
            date_format: None,
            timestamp_format: None,
            sample_ratio: SampleRatio::ALL,
            corrupt_record_column: None,
            limits: Limits::default(),
        }
    }
}

/// The bytes that structure a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// If it is not the quote itself.
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
    /// Whether spaces and tabs around a field are left out.
    pub(super) trims: bool,
    /// A line feed, before which a carriage return may stand; or a carriage return.
    pub(super) line_end: u8,
}

impl CsvOptions {
    /// The bytes that structure a file with such line ends. (The options are checked: all of them are ASCII.)
    pub(super) fn dialect(&self, line_end: u8) -> Dialect {
        let byte = |character: char| u8::try_from(character).unwrap_or_default();
        Dialect {
            delimiter: byte(self.delimiter),
            quote: self.quote.map(byte),
            escape: self.escape.filter(|_| self.escape != self.quote).map(byte),
            comment: self.comment.map(byte),
            trims: self.ignore_surrounding_spaces,
            line_end,
        }
    }

    /// How dates and timestamps are written.
    pub(crate) fn forms(&self) -> Forms {
        Forms {
            date: self.date_format.clone(),
            timestamp: self.timestamp_format.clone(),
        }
    }

    /// How texts are read. (Spaces around them are left out before.)
    pub(crate) fn cleaner(&self) -> Cleaner {
        Cleaner::new(false, &self.null_values)
    }
}
