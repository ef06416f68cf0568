//! How a CSV file is written, and what to make of it.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Schema};
use serde::{Deserialize, Serialize};

use crate::infer::SampleRatio;
use crate::record::config::{CORRUPT_OPTION, RecordOptions, check_encoding};
use crate::record::own_columns::{OwnColumn, complete_schema};
use crate::record::{ConfigError, Limits, OnBadRecord, OnBadValue, OnUnknown};
use crate::values::{Forms, Pattern};

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

    /// Checks what the fields' types cannot say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_encoding(self.encoding.as_deref())?;
        self.check_marks()?;
        let wrong = |option, value: &str, allowed| {
            Err(ConfigError::OptionValue {
                option,
                value: value.to_string(),
                allowed,
            })
        };
        match (self.header, self.columns.as_slice()) {
            (true, [_, ..]) => {
                return wrong("columns", "given", "left out unless `header: false`");
            }
            (false, []) => {
                let allowed = "a list of the columns' names where `header: false`";
                return wrong("columns", "empty", allowed);
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        for name in &self.columns {
            if name.is_empty() || !seen.insert(name) {
                return wrong("columns", name, "a list of names that differ");
            }
        }
        self.record_options().check(None)
    }

    /// Whether delimiter, quote, escape and comment can be told apart.
    fn check_marks(&self) -> Result<(), ConfigError> {
        let escape = self.escape.filter(|_| self.escape != self.quote);
        let marks = [
            ("delimiter", Some(self.delimiter)),
            ("quote", self.quote),
            ("escape", escape),
            ("comment", self.comment),
        ];
        let mut seen: Vec<char> = Vec::new();
        for (option, mark) in marks {
            let Some(mark) = mark else {
                continue;
            };
            let is_space = mark == ' ' || (mark == '\t' && option != "delimiter");
            let allowed = if !mark.is_ascii() || matches!(mark, '\n' | '\r') {
                "one ASCII character other than a line end"
            } else if seen.contains(&mark) {
                "another character than the delimiter, the quote and the escape"
            } else if is_space && self.ignore_surrounding_spaces {
                "no space where `ignore_surrounding_spaces: true`"
            } else {
                seen.push(mark);
                continue;
            };
            let value = match mark {
                mark if mark.is_control() => mark.escape_debug().to_string(),
                mark => mark.to_string(),
            };
            return Err(ConfigError::OptionValue {
                option,
                value,
                allowed,
            });
        }
        Ok(())
    }

    /// The schema with the column that the options ask for ([`CsvOptions::corrupt_record_column`], text) at its end, if
    /// it lacks it.
    pub fn complete_schema(&self, schema: &Schema) -> Schema {
        complete_schema(self.own_columns(), schema)
    }

    /// The columns that the options ask for, and that no field fills.
    pub(crate) fn own_columns(&self) -> Vec<OwnColumn> {
        let corrupt = self.corrupt_record_column.as_ref();
        let own = OwnColumn::given(CORRUPT_OPTION, corrupt, DataType::Utf8);
        own.into_iter().collect()
    }

    /// What the readers of all formats are asked.
    pub(super) fn record_options(&self) -> RecordOptions {
        RecordOptions {
            // Spaces around a field go before its value is looked at: those between quotes stay.
            trim: false,
            null_values: self.null_values.clone(),
            forms: Forms {
                date: self.date_format.clone(),
                timestamp: self.timestamp_format.clone(),
            },
            on_bad_record: self.on_bad_record,
            on_bad_value: self.on_bad_value,
            on_unknown: self.on_unknown,
            row_tags: Vec::new(),
            own_columns: self.own_columns(),
            nested_lists: false,
            limits: self.limits.clone(),
        }
    }
}
