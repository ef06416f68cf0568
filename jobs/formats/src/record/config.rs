//! What to make of the records of any format: types, columns, filter, and what becomes of what does not fit.
//!
//! Each format's configuration holds one of these, checked once; what comes after the tape takes it alone.

use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};

use super::filter::{Leaf, LeafPredicate};
use super::options::{Limits, OnBadRecord, OnBadValue};
use super::own_columns::{OwnColumn, check_own_column, check_own_names};
use super::{ConfigError, OnUnknown};
use crate::charset::Named;
use crate::infer::Sampled;
use crate::values::{Cleaner, Forms};

/// Name of the meta column that holds the offset (64-bit, in decompressed bytes) of the record's first byte.
pub const OFFSET_COLUMN: &str = "_hw_offset";
/// Name of the meta column that holds the local name of the record's tag.
pub const ROW_TAG_COLUMN: &str = "_hw_row_tag";
/// The key of a text field's metadata that says (`true`) that its element is taken as raw inner XML.
pub const RAW_KEY: &str = "headworks.raw";

/// The options of a format that do not depend on it.
#[derive(Debug, Clone)]
pub(crate) struct RecordOptions {
    /// Whether white space around a value is left out.
    pub(crate) trim: bool,
    /// Values that are NULL in a column of any type.
    pub(crate) null_values: Vec<String>,
    /// How dates and timestamps are written.
    pub(crate) forms: Forms,
    pub(crate) on_bad_record: OnBadRecord,
    pub(crate) on_bad_value: OnBadValue,
    pub(crate) on_unknown: OnUnknown,
    /// What [`ROW_TAG_COLUMN`] says of a record, by [`RecordAt::tag`](super::columns::RecordAt).
    pub(crate) row_tags: Vec<String>,
    /// Columns that options ask for, and that no value of a record fills.
    pub(crate) own_columns: Vec<OwnColumn>,
    /// Whether a list may hold lists.
    pub(crate) nested_lists: bool,
    pub(crate) limits: Limits,
}

impl RecordOptions {
    /// Checks what the fields' types cannot say. `reserved` is a name that no option's column may have.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn check(&self, reserved: Option<&str>) -> Result<(), ConfigError> {
        let keeps_raw = self
            .own_columns
            .iter()
            .any(|own| own.option == CORRUPT_OPTION);
        if (self.on_bad_record == OnBadRecord::Keep) != keeps_raw {
            return Err(ConfigError::Keep);
        }
        check_own_names(&self.own_columns, reserved)?;
        self.limits.check(keeps_raw)
    }

    /// What is done to a text before it is read as a value.
    pub(crate) fn cleaner(&self) -> Cleaner {
        Cleaner::new(self.trim, &self.null_values)
    }
}

/// The option that names the column of what cannot be read.
pub(crate) const CORRUPT_OPTION: &str = "corrupt_record_column";

/// Options, the record's full schema, the wanted columns and the filter, checked.
#[derive(Debug, Clone)]
pub(crate) struct RecordConfig {
    pub(crate) options: RecordOptions,
    schema: SchemaRef,
    output: SchemaRef,
    pub(crate) filter: Vec<Leaf>,
    /// If the schema is one of a sample, what that leaves open.
    pub(crate) sampled: Option<Sampled>,
}

impl RecordConfig {
    /// Puts options that were checked together with the schemas.
    ///
    /// # Errors
    /// [`ConfigError`]: a type that is not made, a column of `output` that `schema` lacks or has with another type, a
    /// field that is not nullable.
    pub(crate) fn new(
        options: RecordOptions,
        schema: SchemaRef,
        output: SchemaRef,
    ) -> Result<Self, ConfigError> {
        check_fields(schema.fields(), "", options.nested_lists)?;
        for own in &options.own_columns {
            check_own_column(own, &schema)?;
        }
        for field in output.fields() {
            if let Some(expected) = meta_type(field.name()) {
                if *field.data_type() != expected {
                    return Err(ConfigError::ColumnType {
                        path: field.name().clone(),
                        schema: expected,
                        output: field.data_type().clone(),
                    });
                }
                continue;
            }
            let known = schema
                .fields()
                .iter()
                .find(|known| known.name() == field.name());
            check_narrower(known.map(AsRef::as_ref), field, field.name())?;
        }
        Ok(Self {
            options,
            schema,
            output,
            filter: Vec::new(),
            sampled: None,
        })
    }

    /// With predicates on single values, all of which are to be true of a row.
    ///
    /// # Errors
    /// [`ConfigError::Filter`]
    pub(crate) fn with_filter(
        mut self,
        predicates: Vec<LeafPredicate>,
    ) -> Result<Self, ConfigError> {
        for predicate in predicates {
            let own = &self.options.own_columns;
            let leaf = Leaf::new(predicate, self.schema.fields(), own)?;
            self.filter.push(leaf);
        }
        Ok(self)
    }

    /// The full schema of a record, without meta columns.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema of the batches.
    pub(crate) fn output(&self) -> &SchemaRef {
        &self.output
    }

    /// The fields that values of a record fill: all but the options' columns.
    pub(crate) fn record_fields(&self) -> Fields {
        let own = |name: &str| self.options.own_columns.iter().any(|own| own.name == name);
        let fields = self.schema.fields().iter();
        fields.filter(|field| !own(field.name())).cloned().collect()
    }
}

/// Whether an encoding is one that is read.
///
/// # Errors
/// [`ConfigError::Encoding`]
pub(crate) fn check_encoding(name: Option<&str>) -> Result<(), ConfigError> {
    match name {
        Some(name) if matches!(Named::of(name), Named::Unknown | Named::Utf32) => {
            Err(ConfigError::Encoding(name.to_string()))
        }
        _ => Ok(()),
    }
}

/// The type of a meta column, if the name is one's.
pub(crate) fn meta_type(name: &str) -> Option<DataType> {
    match name {
        OFFSET_COLUMN => Some(DataType::Int64),
        ROW_TAG_COLUMN => Some(DataType::Utf8),
        _ => None,
    }
}

/// Whether the value of this text column is taken raw, as it stands in the file.
pub(crate) fn is_raw(field: &Field) -> bool {
    innermost_field(field)
        .metadata()
        .get(RAW_KEY)
        .is_some_and(|raw| raw == "true")
}

/// The type of a column that is a list's item, or the column's own.
pub(crate) fn item_field(field: &Field) -> &Field {
    match field.data_type() {
        DataType::List(item) => item,
        _ => field,
    }
}

/// The type of what lies inside all lists of a column, or the column's own.
pub(crate) fn innermost_field(mut field: &Field) -> &Field {
    while let DataType::List(item) = field.data_type() {
        field = item;
    }
    field
}

fn check_fields(fields: &Fields, parent: &str, nested_lists: bool) -> Result<(), ConfigError> {
    for (i, field) in fields.iter().enumerate() {
        let path = if parent.is_empty() {
            field.name().clone()
        } else {
            format!("{parent}.{}", field.name())
        };
        if parent.is_empty() && meta_type(field.name()).is_some() {
            return Err(ConfigError::MetaColumn(path));
        }
        if fields
            .iter()
            .take(i)
            .any(|earlier| earlier.name() == field.name())
        {
            return Err(ConfigError::DuplicateColumn(path));
        }
        check_type(field, &path, nested_lists)?;
    }
    Ok(())
}

fn check_type(field: &Field, path: &str, nested_lists: bool) -> Result<(), ConfigError> {
    if !field.is_nullable() {
        return Err(ConfigError::NotNullable(path.to_string()));
    }
    if is_raw(field) && *innermost_field(field).data_type() != DataType::Utf8 {
        return Err(ConfigError::Raw(path.to_string()));
    }
    match field.data_type() {
        DataType::Utf8
        | DataType::Int64
        | DataType::Float64
        | DataType::Boolean
        | DataType::Date32 => Ok(()),
        DataType::Decimal128(precision, scale) if *scale >= 0 && *scale as u8 <= *precision => {
            Ok(())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone)
            if zone.as_deref().is_none_or(|zone| zone == "UTC") =>
        {
            Ok(())
        }
        DataType::Struct(fields) if !fields.is_empty() => check_fields(fields, path, nested_lists),
        DataType::List(item) if nested_lists || !matches!(item.data_type(), DataType::List(_)) => {
            check_type(item, path, nested_lists)
        }
        other => Err(ConfigError::Unsupported {
            path: path.to_string(),
            data_type: other.clone(),
        }),
    }
}

/// Whether `output` is `known`, or has a part of its fields.
fn check_narrower(known: Option<&Field>, output: &Field, path: &str) -> Result<(), ConfigError> {
    let Some(known) = known else {
        return Err(ConfigError::UnknownColumn(path.to_string()));
    };
    if !output.is_nullable() {
        return Err(ConfigError::NotNullable(path.to_string()));
    }
    match (known.data_type(), output.data_type()) {
        (DataType::Struct(all), DataType::Struct(some)) if !some.is_empty() => {
            for field in some {
                let inner = all.iter().find(|known| known.name() == field.name());
                check_narrower(
                    inner.map(AsRef::as_ref),
                    field,
                    &format!("{path}.{}", field.name()),
                )?;
            }
            Ok(())
        }
        (DataType::List(known), DataType::List(output)) => {
            check_narrower(Some(known), output, path)
        }
        (known, output) if known == output => Ok(()),
        (known, output) => Err(ConfigError::ColumnType {
            path: path.to_string(),
            schema: known.clone(),
            output: output.clone(),
        }),
    }
}
