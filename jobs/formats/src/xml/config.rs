//! What to read from an XML file: row tags, names, schema, projection, limits.
//!
//! The configuration is checked once, when it is made, so that the reader can take it for granted.

use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::filter::Leaf;
use super::gate::OnUnknown;
use super::own_columns::check_own_column;
use crate::charset::{ENCODINGS_SHOWN, Named};
use crate::infer::SampleRatio;
use crate::values::{Forms, Pattern};

/// Name of the meta column that holds the offset (64-bit, in decompressed bytes) of the record's first byte.
pub const OFFSET_COLUMN: &str = "_hw_offset";
/// Name of the meta column that holds the local name of the record's tag.
pub const ROW_TAG_COLUMN: &str = "_hw_row_tag";
/// The key of a text field's metadata that says (`true`) that its element is taken as raw inner XML.
pub const RAW_KEY: &str = "headworks.raw";

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

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRecord {
    /// Keep it, with its place and the reason, as a [`BadRecord`](super::BadRecord).
    #[default]
    Quarantine,
    /// Leave it out and count it.
    Drop,
    /// Stop with an error that names its byte. A split that began with a guess ([`Start::Guess`](super::Start)) cannot
    /// know that the record is one: it quarantines, and whoever audits the file fails it.
    Fail,
    /// It becomes a row that has its raw text in [`XmlOptions::corrupt_record_column`], and NULL in all others.
    /// (Markup that never ends is no record, and is quarantined.)
    Keep,
}

/// What to do with a value that does not fit the type of its column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadValue {
    /// The whole record is bad, and [`OnBadRecord`] says what happens to it.
    #[default]
    Quarantine,
    /// The value becomes NULL, and is counted by path with an example.
    Null,
}

/// The bounds of the reader. None of them depends on the size of a file or of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// A record longer than this many bytes is bad, and is passed over without being held whole.
    pub record_bytes_max: usize,
    /// How far from its first byte a broken record, or one that holds an element with a row tag's name, may reach
    /// before it counts as never closed. At most `record_bytes_max`.
    pub recovery_bytes_max: usize,
    /// How many bytes of a bad record are kept in [`BadRecord::raw`](super::BadRecord::raw).
    pub raw_bytes_max: usize,
    /// Rows of a batch.
    pub batch_rows_max: usize,
    /// A batch ends after the record with which its input, or its fixed-width output, reaches this many bytes.
    pub batch_bytes_max: usize,
    /// How far past the end of a split to look for the first record of the next.
    pub sync_bytes_max: u64,
    /// Elements open at once inside a record, itself included.
    pub depth_max: usize,
    /// Paths that are not in the schema and are counted one by one; those beyond are counted together.
    pub unknown_paths_max: usize,
    /// How much an entity that the file declares may expand to: its text and those of the entities in it, each as often
    /// as it is referred to. What those of one record expand to counts towards `record_bytes_max`, too.
    pub entity_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes_max: 64 << 20,
            recovery_bytes_max: 8 << 20,
            raw_bytes_max: 4 << 10,
            batch_rows_max: 8192,
            batch_bytes_max: 8 << 20,
            sync_bytes_max: 4 << 20,
            depth_max: 256,
            unknown_paths_max: 1000,
            entity_bytes_max: 64 << 10,
        }
    }
}

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
        if let Some(name) = &self.encoding
            && matches!(Named::of(name), Named::Unknown | Named::Utf32)
        {
            return Err(ConfigError::Encoding(name.clone()));
        }
        if (self.on_bad_record == OnBadRecord::Keep) != self.corrupt_record_column.is_some() {
            return Err(ConfigError::Keep);
        }
        self.check_own_names()?;
        let limits = &self.limits;
        let bounds = [
            ("record_bytes_max", limits.record_bytes_max),
            ("recovery_bytes_max", limits.recovery_bytes_max),
            ("batch_rows_max", limits.batch_rows_max),
            ("batch_bytes_max", limits.batch_bytes_max),
            ("depth_max", limits.depth_max),
        ];
        for (name, value) in bounds {
            if value == 0 {
                return Err(ConfigError::Limit {
                    name,
                    value,
                    allowed: "at least 1",
                });
            }
        }
        if limits.record_bytes_max > RECORD_BYTES_LARGEST {
            return Err(ConfigError::Limit {
                name: "record_bytes_max",
                value: limits.record_bytes_max,
                allowed: "at most 1 GiB",
            });
        }
        if self.corrupt_record_column.is_some() && limits.raw_bytes_max > KEPT_BYTES_LARGEST {
            return Err(ConfigError::Limit {
                name: "raw_bytes_max",
                value: limits.raw_bytes_max,
                allowed: "at most 256 MiB where there is a corrupt_record_column",
            });
        }
        Ok(())
    }
}

/// The largest `record_bytes_max`: the text of a batch must fit 32-bit offsets.
pub(crate) const RECORD_BYTES_LARGEST: usize = 1 << 30;
/// The largest `raw_bytes_max` where raw text is kept in a column: escaped, each byte may become four.
const KEPT_BYTES_LARGEST: usize = 1 << 28;

/// What to read, checked.
#[derive(Debug, Clone)]
pub struct XmlConfig {
    options: XmlOptions,
    schema: SchemaRef,
    output: SchemaRef,
    pub(super) filter: Vec<Leaf>,
}

impl XmlConfig {
    /// Puts options, the record's full schema and the wanted columns together.
    ///
    /// `schema` is what is known of a record: an element that it lacks is reported as unknown. `output` is what the
    /// batches hold: top-level columns of `schema` in any order (a struct may have fewer fields than in `schema`), and
    /// the meta columns [`OFFSET_COLUMN`] (`Int64`) and [`ROW_TAG_COLUMN`] (`Utf8`). It may be empty: then the batches
    /// have a row count alone.
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
        check_fields(schema.fields(), "")?;
        for own in options.own_columns() {
            check_own_column(&own, &schema)?;
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
        })
    }

    /// The options that do not depend on the schema.
    pub fn options(&self) -> &XmlOptions {
        &self.options
    }

    /// The full schema of a record, without meta columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema of the batches.
    pub fn output(&self) -> &SchemaRef {
        &self.output
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

/// Whether the element of this text column is taken as raw inner XML.
pub(crate) fn is_raw(field: &Field) -> bool {
    let field = item_field(field);
    field
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

fn check_fields(fields: &Fields, parent: &str) -> Result<(), ConfigError> {
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
        check_type(field, &path)?;
    }
    Ok(())
}

fn check_type(field: &Field, path: &str) -> Result<(), ConfigError> {
    if !field.is_nullable() {
        return Err(ConfigError::NotNullable(path.to_string()));
    }
    if is_raw(field) && *item_field(field).data_type() != DataType::Utf8 {
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
        DataType::Struct(fields) if !fields.is_empty() => check_fields(fields, path),
        DataType::List(item) if !matches!(item.data_type(), DataType::List(_)) => {
            check_type(item, path)
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
    /// A type that XML values cannot be read as.
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
    /// A field that forbids NULL; an element can always be absent.
    #[error("column `{0}` is declared as not nullable; in XML every element can be absent")]
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
