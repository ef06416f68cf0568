//! Options and schemas, put together and checked once, so that the reader can take them for granted.

use arrow::datatypes::{DataType, SchemaRef};

use super::options::CsvOptions;
use crate::record::config::RecordConfig;
use crate::record::{ConfigError, LeafPredicate};

/// What to read, checked.
#[derive(Debug, Clone)]
pub struct CsvConfig {
    options: CsvOptions,
    record: RecordConfig,
}

impl CsvConfig {
    /// Puts options, the record's full schema and the wanted columns together.
    ///
    /// `schema` is what is known of a record: a column of a file that it lacks is reported as unknown. `output` is what
    /// the batches hold: columns of `schema` in any order, and the meta column [`OFFSET_COLUMN`](crate::OFFSET_COLUMN)
    /// (`Int64`). It may be empty: then the batches have a row count alone.
    ///
    /// # Errors
    /// [`ConfigError`]: what [`CsvOptions::validate`] says, a type that the reader does not make (those with fields or
    /// items among them), a column of `output` that `schema` lacks or has with another type, a field that is not
    /// nullable.
    pub fn new(
        options: CsvOptions,
        schema: SchemaRef,
        output: SchemaRef,
    ) -> Result<Self, ConfigError> {
        options.validate()?;
        let nested = schema
            .fields()
            .iter()
            .find(|field| matches!(field.data_type(), DataType::Struct(_) | DataType::List(_)));
        if let Some(field) = nested {
            return Err(ConfigError::Nested(field.name().clone()));
        }
        let record = RecordConfig::new(options.record_options(), schema, output)?;
        Ok(Self { options, record })
    }

    /// Leaves out records for which not every one of these predicates is true; they count as
    /// [`filtered`](crate::SplitReport::filtered). The predicates may be on columns that the output lacks.
    ///
    /// # Errors
    /// [`ConfigError::Filter`]: a column that is not in the schema, one whose type is not compared, a literal of
    /// another type than the column's.
    pub fn with_filter(mut self, predicates: Vec<LeafPredicate>) -> Result<Self, ConfigError> {
        self.record = self.record.with_filter(predicates)?;
        Ok(self)
    }

    /// The options that do not depend on the schema.
    pub fn options(&self) -> &CsvOptions {
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

    pub(super) fn record(&self) -> &RecordConfig {
        &self.record
    }
}
