//! What to read from JSON files: layout, place of the records, names, limits.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::head::Layout;
use super::path::{JsonPath, PathStep};
use crate::infer::{SampleRatio, Sampled};
use crate::record::config::{CORRUPT_OPTION, RecordConfig, RecordOptions, check_encoding};
use crate::record::own_columns::{OwnColumn, complete_schema};
use crate::record::{ConfigError, LeafPredicate, Limits, OnBadRecord, OnBadValue, OnUnknown};
use crate::values::{Forms, Pattern};

/// Everything about reading JSON that does not depend on a schema; inference uses the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JsonOptions {
    /// How records stand in a file.
    pub layout: Layout,
    /// Where the records of a document stand; each document is a record if that is not said. No file is cut then.
    pub records: Option<JsonPath>,
    /// The column that holds the name of the field that is the record, if the path leads through the fields of an object
    /// (`.*`).
    pub key_column: Option<String>,
    /// What is copied from a document to each of its records: column, and path from the document's top, without `[*]`
    /// and `.*`.
    pub keep: BTreeMap<String, JsonPath>,
    /// What top-level fields of a record are called as columns, by their names in the file.
    pub rename: BTreeMap<String, String>,
    /// The encoding of the files, if it is not UTF-8 and they have no byte-order mark.
    pub encoding: Option<String>,
    /// What to do with a record that cannot be read.
    pub on_bad_record: OnBadRecord,
    /// What to do with a value that does not fit its column.
    pub on_bad_value: OnBadValue,
    /// What to do with a record that holds what the schema lacks.
    pub on_unknown: OnUnknown,
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
    /// The bounds.
    pub limits: Limits,
}

impl JsonOptions {
    /// Checks what the fields' types cannot say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_encoding(self.encoding.as_deref())?;
        self.check_records()?;
        let outside = self.outside_columns();
        for (i, name) in outside.iter().enumerate() {
            let taken = outside.iter().take(i).any(|other| other == name)
                || self.rename.values().any(|other| other == name)
                || self.corrupt_record_column.as_ref() == Some(name);
            if name.is_empty() || taken {
                let option = if self.key_column.as_ref() == Some(name) {
                    "key_column"
                } else {
                    "keep"
                };
                let name = name.clone();
                return Err(ConfigError::OwnColumnName { option, name });
            }
        }
        let mut columns: Vec<_> = self.rename.values().collect();
        columns.sort_unstable();
        if let Some([name, _]) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("two fields would be the column `{name}`");
            return Err(ConfigError::Option {
                option: "rename",
                what,
            });
        }
        self.record_options().check(None)
    }

    fn check_records(&self) -> Result<(), ConfigError> {
        let refused = |option, what: &str| {
            Err(ConfigError::Option {
                option,
                what: what.to_string(),
            })
        };
        let Some(records) = &self.records else {
            if self.key_column.is_some() {
                return refused("key_column", "it needs `records`, with `.*` for the fields");
            }
            if !self.keep.is_empty() {
                return refused("keep", "it needs `records`, the path to the records");
            }
            return Ok(());
        };
        if self.layout == Layout::Array {
            return refused(
                "layout",
                "an array's records are its items; with `records`, say documents",
            );
        }
        if self.key_column.is_some() && !records.has_each() {
            return refused("key_column", "`records` has no `.*`, so no field's name");
        }
        for path in self.keep.values() {
            if path.has_each() || path.steps().is_empty() {
                return refused(
                    "keep",
                    "a path to one field is needed, without `[*]` and `.*`",
                );
            }
            if path.steps().starts_with(records.steps()) {
                return refused(
                    "keep",
                    "the path leads into the records, whose fields are columns",
                );
            }
        }
        Ok(())
    }

    /// How dates and timestamps are written.
    pub(crate) fn forms(&self) -> Forms {
        Forms {
            date: self.date_format.clone(),
            timestamp: self.timestamp_format.clone(),
        }
    }

    /// What does not depend on the format.
    pub(crate) fn record_options(&self) -> RecordOptions {
        let path = self.records.as_ref().map_or("$", JsonPath::as_str);
        RecordOptions {
            trim: false,
            null_values: self.null_values.clone(),
            forms: self.forms(),
            on_bad_record: self.on_bad_record,
            on_bad_value: self.on_bad_value,
            on_unknown: self.on_unknown,
            row_tags: vec![path.to_string()],
            own_columns: self.own_columns(),
            nested_lists: true,
            limits: self.limits.clone(),
        }
    }

    /// The columns that the options ask for, and that no value of a file fills.
    pub(crate) fn own_columns(&self) -> Vec<OwnColumn> {
        let corrupt = self.corrupt_record_column.as_ref();
        let own = OwnColumn::given(CORRUPT_OPTION, corrupt, DataType::Utf8);
        own.into_iter().collect()
    }

    /// The columns that stand outside the record: of its key, and of what is kept of its document.
    pub(crate) fn outside_columns(&self) -> Vec<String> {
        let key = self.key_column.iter();
        key.chain(self.keep.keys()).cloned().collect()
    }

    /// The schema with the column that the options ask for ([`JsonOptions::corrupt_record_column`], text) at its end, if
    /// it lacks it.
    pub fn complete_schema(&self, schema: &Schema) -> Schema {
        complete_schema(self.own_columns(), schema)
    }

    /// Whether records are items inside of a file's documents, which are not cut.
    pub(crate) fn has_path(&self) -> bool {
        let steps = self.records.as_ref().map_or(&[][..], JsonPath::steps);
        steps
            .iter()
            .any(|step| matches!(step, PathStep::Name(_) | PathStep::Each))
    }
}

/// What to read, checked.
#[derive(Debug, Clone)]
pub struct JsonConfig {
    options: JsonOptions,
    record: RecordConfig,
}

impl JsonConfig {
    /// Puts options, the record's full schema and the wanted columns together.
    ///
    /// `schema` is what is known of a record, of its key and of what is kept of its document: a field that it lacks is
    /// reported as unknown. `output` is what the batches hold: top-level columns of `schema` in any order (a struct may
    /// have fewer fields than in `schema`), and the meta columns [`OFFSET_COLUMN`](crate::OFFSET_COLUMN) (`Int64`) and
    /// [`ROW_TAG_COLUMN`](crate::ROW_TAG_COLUMN) (`Utf8`, the text of [`JsonOptions::records`] or `$`). It may be empty:
    /// then the batches have a row count alone.
    ///
    /// # Errors
    /// [`ConfigError`]: options that do not go together, a type that the reader does not make, a column of `output` that
    /// `schema` lacks or has with another type, a field that is not nullable, a limit of zero.
    pub fn new(
        options: JsonOptions,
        schema: SchemaRef,
        output: SchemaRef,
    ) -> Result<Self, ConfigError> {
        options.validate()?;
        let record = RecordConfig::new(options.record_options(), schema, output)?;
        Ok(Self { options, record })
    }

    /// Leaves out records for which not every one of these predicates is true; they count as
    /// [`filtered`](crate::SplitReport::filtered). The predicates may be on columns that the output lacks.
    ///
    /// # Errors
    /// [`ConfigError::Filter`]: a path that is not in the schema or that a list stands on, a column whose type is not
    /// compared, a literal of another type than the column's.
    pub fn with_filter(mut self, predicates: Vec<LeafPredicate>) -> Result<Self, ConfigError> {
        self.record = self.record.with_filter(predicates)?;
        Ok(self)
    }

    /// The same, where the schema was inferred from a sample by these very options: the reader stops with
    /// [`ReadFailure::Surprise`](crate::ReadFailure::Surprise) at the first value with which inference would have made
    /// another one. Without a filter: what that leaves out could be such a value.
    ///
    /// # Errors
    /// [`ConfigError::Option`]: there is a filter, or records are parts of documents.
    pub fn with_sampled(mut self, sampled: Sampled) -> Result<Self, ConfigError> {
        if !self.record.filter.is_empty() || self.options.records.is_some() {
            return Err(ConfigError::Option {
                option: "sampled",
                what: "neither a filter nor a path to records goes with the schema of a sample"
                    .to_string(),
            });
        }
        // All that is unknown is a surprise; no contract comes before that.
        self.record.options.on_unknown = OnUnknown::default();
        self.options.on_unknown = OnUnknown::default();
        self.record.sampled = Some(sampled);
        Ok(self)
    }

    /// The options that do not depend on the schema.
    pub fn options(&self) -> &JsonOptions {
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
