//! What to read from an XML file: row tags, names, schema, projection, limits.
//!
//! The configuration is checked once, when it is made, so that the reader can take it for granted.

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::infer::SampleRatio;
use crate::record::config::{RecordConfig, RecordOptions, check_encoding};
use crate::record::{ConfigError, LeafPredicate, Limits, OnBadRecord, OnBadValue, OnUnknown};
use crate::values::{Forms, Pattern};

/// One tag whose elements are rows.
///
/// Written `award` it means every element of that local name, whatever its prefix; written `ns1:award` it means the
/// name exactly as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowTag {
    /// The prefix to ask for, if one was given.
    pub prefix: Option<String>,
    /// The local name.
    pub local: String,
}

impl RowTag {
    /// Reads `tag` or `prefix:tag`.
    ///
    /// # Errors
    /// [`ConfigError::RowTag`] if the text is not such a name.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (prefix, local) = match text.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, text),
        };
        let fits = |name: &str| {
            let mut bytes = name.bytes();
            bytes.next().is_some_and(is_name_start) && bytes.all(|b| is_name_byte(b) && b != b':')
        };
        if !fits(local) || !prefix.is_none_or(fits) {
            return Err(ConfigError::RowTag(text.to_string()));
        }
        Ok(Self {
            prefix: prefix.map(str::to_string),
            local: local.to_string(),
        })
    }
}

/// Whether a name of an element or attribute may begin with this byte (XML 1.0, production 4; every byte of a
/// multi-byte character is let through).
#[inline]
pub(crate) const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80
}

/// Whether a name may hold this byte after its first (XML 1.0, production 4a).
#[inline]
pub(crate) const fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[byte as usize]
}

const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let at = byte as u8;
        table[byte] = is_name_start(at) || at.is_ascii_digit() || matches!(at, b'-' | b'.');
        byte += 1;
    }
    table
};

/// Everything about reading XML that does not depend on a schema; inference uses the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmlOptions {
    /// The tags whose elements are rows; at least one.
    pub row_tags: Vec<RowTag>,
    /// What the column of an attribute begins with, before the attribute's local name.
    pub attribute_prefix: String,
    /// The column of the text that stands beside attributes or child elements.
    pub value_tag: String,
    /// Whether white space around a value is left out.
    pub trim: bool,
    /// The encoding of the files, instead of what they declare; a name as XML and the WHATWG Encoding Standard have it.
    #[serde(default)]
    pub encoding: Option<String>,
    /// What to do with a record that cannot be read.
    pub on_bad_record: OnBadRecord,
    /// What to do with a value that does not fit its column.
    pub on_bad_value: OnBadValue,
    /// What to do with a record that holds what the schema lacks.
    pub on_unknown: OnUnknown,
    /// Whether attributes are left out: no columns, and not unknown either.
    pub exclude_attributes: bool,
    /// Whether columns have local names; else those of the file, prefix and all.
    pub ignore_namespaces: bool,
    /// Values that are NULL in a column of any type, and tell inference nothing.
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
    /// The column that holds the child elements of a record that the schema lacks, each as raw XML. They are not
    /// unknown then.
    pub wildcard_column: Option<String>,
    /// The bounds.
    pub limits: Limits,
}

impl XmlOptions {
    /// Options with every default, for these row tags (`tag` or `prefix:tag`).
    ///
    /// # Errors
    /// [`ConfigError::RowTag`] if a tag is not a name, [`ConfigError::NoRowTag`] if there is none.
    pub fn new<T: AsRef<str>>(row_tags: &[T]) -> Result<Self, ConfigError> {
        let row_tags = row_tags
            .iter()
            .map(|tag| RowTag::parse(tag.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if row_tags.is_empty() {
            return Err(ConfigError::NoRowTag);
        }
        Ok(Self {
            row_tags,
            attribute_prefix: "_".to_string(),
            value_tag: "_VALUE".to_string(),
            trim: true,
            encoding: None,
            on_bad_record: OnBadRecord::default(),
            on_bad_value: OnBadValue::default(),
            on_unknown: OnUnknown::default(),
            exclude_attributes: false,
            ignore_namespaces: true,
            null_values: Vec::new(),
            date_format: None,
            timestamp_format: None,
            sample_ratio: SampleRatio::ALL,
            corrupt_record_column: None,
            wildcard_column: None,
            limits: Limits::default(),
        })
    }

    /// How dates and timestamps are written.
    pub(crate) fn forms(&self) -> Forms {
        Forms {
            date: self.date_format.clone(),
            timestamp: self.timestamp_format.clone(),
        }
    }

    /// Checks what the fields' types cannot say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.row_tags.is_empty() {
            return Err(ConfigError::NoRowTag);
        }
        if self.value_tag.is_empty() {
            return Err(ConfigError::ValueTag);
        }
        check_encoding(self.encoding.as_deref())?;
        self.record_options().check(Some(&self.value_tag))
    }

    /// What does not depend on the format.
    pub(crate) fn record_options(&self) -> RecordOptions {
        RecordOptions {
            trim: self.trim,
            null_values: self.null_values.clone(),
            forms: self.forms(),
            on_bad_record: self.on_bad_record,
            on_bad_value: self.on_bad_value,
            on_unknown: self.on_unknown,
            row_tags: self.row_tags.iter().map(|tag| tag.local.clone()).collect(),
            own_columns: self.own_columns(),
            nested_lists: false,
            limits: self.limits.clone(),
        }
    }
}

/// What to read, checked.
#[derive(Debug, Clone)]
pub struct XmlConfig {
    options: XmlOptions,
    record: RecordConfig,
}

impl XmlConfig {
    /// Puts options, the record's full schema and the wanted columns together.
    ///
    /// `schema` is what is known of a record: an element that it lacks is reported as unknown. `output` is what the
    /// batches hold: top-level columns of `schema` in any order (a struct may have fewer fields than in `schema`), and
    /// the meta columns [`OFFSET_COLUMN`](crate::OFFSET_COLUMN) (`Int64`) and [`ROW_TAG_COLUMN`](crate::ROW_TAG_COLUMN) (`Utf8`). It
    /// may be empty: then the batches have a row count alone.
    ///
    /// # Errors
    /// [`ConfigError`]: a type that the reader does not make, a column of `output` that `schema` lacks or has with
    /// another type, a field that is not nullable, a limit of zero.
    pub fn new(
        options: XmlOptions,
        schema: SchemaRef,
        output: SchemaRef,
    ) -> Result<Self, ConfigError> {
        options.validate()?;
        let record = RecordConfig::new(options.record_options(), schema, output)?;
        Ok(Self { options, record })
    }

    /// Leaves out records for which not every one of these predicates is true; they count as
    /// [`filtered`](super::SplitReport::filtered). The predicates may be on columns that the output lacks.
    ///
    /// # Errors
    /// [`ConfigError::Filter`]: a path that is not in the schema or that a list stands on, a column whose type is not
    /// compared, a literal of another type than the column's.
    pub fn with_filter(mut self, predicates: Vec<LeafPredicate>) -> Result<Self, ConfigError> {
        self.record = self.record.with_filter(predicates)?;
        Ok(self)
    }

    /// The options that do not depend on the schema.
    pub fn options(&self) -> &XmlOptions {
        &self.options
    }

    /// The full schema of a record, without meta columns.
    pub fn schema(&self) -> &SchemaRef {
        self.record.schema()
    }

    /// The schema of the batches.
    pub fn output(&self) -> &SchemaRef {
        self.record.output()
    }

    /// What does not depend on the format.
    pub(crate) fn record(&self) -> &RecordConfig {
        &self.record
    }
}
