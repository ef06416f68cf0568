//! Configurations that cannot be used.

use arrow::datatypes::DataType;
use thiserror::Error;

use crate::charset::ENCODINGS_SHOWN;

/// A configuration that cannot be used. All of these are for the user to fix.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConfigError {
    /// A row tag that is neither `tag` nor `prefix:tag`.
    #[error("`{0}` is not a row tag; write a local name (`award`) or `prefix:name`")]
    RowTag(String),
    /// No row tag at all.
    #[error("no row tag is given; name the tag whose elements are rows")]
    NoRowTag,
    /// An empty value tag.
    #[error("the value tag is empty; the default is `_VALUE`")]
    ValueTag,
    /// An encoding that is not known, or not read.
    #[error(
        "`{0}` is no encoding that is read; some that are: {known}",
        known = ENCODINGS_SHOWN
    )]
    Encoding(String),
    /// A share of records that is none.
    #[error("sample_ratio is {0}; it must be more than 0 and at most 1")]
    SampleRatio(String),
    /// One of two options that need each other.
    #[error(
        "on_bad_record: keep and corrupt_record_column need each other: name the column that holds the raw text of \
         what is kept, or leave out both"
    )]
    Keep,
    /// An option's column with a name that another column has.
    #[error("{option} is `{name}`; it must be a name that no other column has")]
    OwnColumnName {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// An option's column that the schema lacks, or has with another type.
    #[error("{option} is `{name}`; the schema must have that column with the type {expected}")]
    OwnColumnType {
        /// The option.
        option: &'static str,
        /// The column.
        name: String,
        /// Its type, in the words of a schema file.
        expected: &'static str,
    },
    /// Raw XML in a column that is no text.
    #[error("column `{0}` is declared as raw XML; only text can be")]
    Raw(String),
    /// A filter that the reader cannot apply.
    #[error("the reader cannot filter by `{path}`: {message}")]
    Filter {
        /// The path, `/` between names.
        path: String,
        /// Why not.
        message: String,
    },
    /// A path into documents that is not one, or not read.
    #[error("`{path}` is no path to records: {what}")]
    JsonPath {
        /// The path.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Options of a format that do not go together.
    #[error("{option}: {what}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A limit out of its range.
    #[error("{name} is {value}; it must be {allowed}")]
    Limit {
        /// The limit.
        name: &'static str,
        /// Its value.
        value: usize,
        /// What it may be.
        allowed: &'static str,
    },
    /// An option with a value that it cannot have.
    #[error("{option} is `{value}`; it must be {allowed}")]
    OptionValue {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A column with fields or items in a format that has none.
    #[error("column `{0}` has fields or is a list; a field of a CSV file holds one value")]
    Nested(String),
    /// A type that values cannot be read as.
    #[error(
        "column `{path}` has the type {data_type}; supported are Utf8, Int64, Decimal128, Float64, Boolean, Date32, \
         Timestamp(µs) without zone or in UTC, Struct, and List of these"
    )]
    Unsupported {
        /// The column.
        path: String,
        /// Its type.
        data_type: DataType,
    },
    /// A field that forbids NULL; a value can always be absent.
    #[error("column `{0}` is declared as not nullable; every value can be absent")]
    NotNullable(String),
    /// Two fields of one name.
    #[error("column `{0}` is declared twice")]
    DuplicateColumn(String),
    /// The schema of a record holds a meta column.
    #[error("column `{0}` is reserved: it is filled by the reader")]
    MetaColumn(String),
    /// A wanted column that the schema lacks.
    #[error("column `{0}` is not in the schema")]
    UnknownColumn(String),
    /// A wanted column with another type than the schema's.
    #[error("column `{path}` is asked for as {output}, but is {schema}")]
    ColumnType {
        /// The column.
        path: String,
        /// Its type in the schema.
        schema: DataType,
        /// The type that was asked for.
        output: DataType,
    },
}
