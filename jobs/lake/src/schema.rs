//! A table's schema as the log writes it: plain JSON that a person and another program can read.
//!
//! A field is `{"name", "type", "nullable"}`; a `struct` has `fields`, a `list` has `element`. The types' words are
//! those of schema files: `text`, `int64`, `decimal(18,2)`, `float64`, `bool`, `date`, `timestamp` (microseconds,
//! no zone), `timestamptz` (microseconds, UTC), `struct`, `list`; others that SQL can make have Arrow's name in
//! small letters (`int32`, `large_text`, `binary`, `timestamp(ns)`, `timestamp(ms,Europe/Berlin)`, ...).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::error::LakeError;

pub use crate::evolve::{adapt, merge, widened};
pub use arrow::datatypes::SchemaRef;

/// The depth of nesting that a schema may have.
pub const SCHEMA_DEPTH_MAX: usize = 64;

/// A table's schema in a log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaEntry {
    /// All columns in order, those of the partitions too.
    pub fields: Vec<FieldEntry>,
}

/// A field in a log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldEntry {
    /// The column's or the struct field's name.
    pub name: String,
    /// The type's word; see the module.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether values may be missing.
    pub nullable: bool,
    /// The fields of a struct.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldEntry>,
    /// The element of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<Box<FieldEntry>>,
}

impl SchemaEntry {
    /// Writes an Arrow schema down. Metadata of fields is left out.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] names the column whose type has no word.
    pub fn from_arrow(schema: &Schema) -> Result<Self, LakeError> {
        let fields = schema.fields().iter();
        Ok(SchemaEntry {
            fields: fields
                .map(|field| write_field(field, 0))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] names the field whose word is not known.
    pub fn to_arrow(&self) -> Result<SchemaRef, LakeError> {
        let fields: Vec<Field> = self
            .fields
            .iter()
            .map(read_field)
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Schema::new(fields)))
    }
}

fn write_field(field: &FieldRef, depth: usize) -> Result<FieldEntry, LakeError> {
    if depth > SCHEMA_DEPTH_MAX {
        return Err(LakeError::invalid(
            format!(
                "column `{}` is nested deeper than {SCHEMA_DEPTH_MAX}",
                field.name()
            ),
            "select the parts that are needed",
        ));
    }
    let mut entry = FieldEntry {
        name: field.name().clone(),
        type_name: String::new(),
        nullable: field.is_nullable(),
        fields: Vec::new(),
        element: None,
    };
    entry.type_name = match field.data_type() {
        DataType::Struct(children) => {
            for child in children {
                entry.fields.push(write_field(child, depth + 1)?);
            }
            "struct".to_string()
        }
        DataType::List(element) => {
            entry.element = Some(Box::new(write_field(element, depth + 1)?));
            "list".to_string()
        }
        other => scalar_word(other).ok_or_else(|| {
            LakeError::invalid(
                format!(
                    "column `{}` has type {other}, which a lake does not hold",
                    field.name()
                ),
                "CAST it in the SQL",
            )
        })?,
    };
    Ok(entry)
}

fn read_field(entry: &FieldEntry) -> Result<Field, LakeError> {
    let data_type = match (entry.type_name.as_str(), &entry.element) {
        ("struct", _) => {
            let fields: Vec<Field> = entry
                .fields
                .iter()
                .map(read_field)
                .collect::<Result<_, _>>()?;
            DataType::Struct(fields.into())
        }
        ("list", Some(element)) => DataType::List(Arc::new(read_field(element)?)),
        (word, _) => scalar_type(word).ok_or_else(|| {
            LakeError::invalid(
                format!("field `{}` has the unknown type `{word}`", entry.name),
                "use a newer Headworks, or overwrite the table",
            )
        })?,
    };
    Ok(Field::new(&entry.name, data_type, entry.nullable))
}

/// The types whose word has no parameters.
const PLAIN: &[(&str, DataType)] = &[
    ("text", DataType::Utf8),
    ("large_text", DataType::LargeUtf8),
    ("text_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("bool", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("date", DataType::Date32),
    (
        "timestamp",
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ),
];

const UNITS: &[(&str, TimeUnit)] = &[
    ("s", TimeUnit::Second),
    ("ms", TimeUnit::Millisecond),
    ("us", TimeUnit::Microsecond),
    ("ns", TimeUnit::Nanosecond),
];

fn scalar_word(data_type: &DataType) -> Option<String> {
    if let Some((word, _)) = PLAIN.iter().find(|(_, plain)| plain == data_type) {
        return Some(word.to_string());
    }
    match data_type {
        DataType::Decimal128(precision, scale) => Some(format!("decimal({precision},{scale})")),
        DataType::Decimal256(precision, scale) => Some(format!("decimal256({precision},{scale})")),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            Some("timestamptz".to_string())
        }
        DataType::Timestamp(unit, zone) => {
            let (unit, _) = UNITS.iter().find(|(_, known)| known == unit)?;
            Some(match zone {
                Some(zone) => format!("timestamp({unit},{zone})"),
                None => format!("timestamp({unit})"),
            })
        }
        _ => None,
    }
}

fn scalar_type(word: &str) -> Option<DataType> {
    if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == word) {
        return Some(plain.clone());
    }
    if word == "timestamptz" {
        return Some(DataType::Timestamp(
            TimeUnit::Microsecond,
            Some("UTC".into()),
        ));
    }
    let (name, arguments) = word.strip_suffix(')')?.split_once('(')?;
    let (first, second) = match arguments.split_once(',') {
        Some((first, second)) => (first, Some(second)),
        None => (arguments, None),
    };
    match name {
        "decimal" => Some(DataType::Decimal128(
            first.parse().ok()?,
            second?.parse().ok()?,
        )),
        "decimal256" => Some(DataType::Decimal256(
            first.parse().ok()?,
            second?.parse().ok()?,
        )),
        "timestamp" => {
            let (_, unit) = UNITS.iter().find(|(known, _)| *known == first)?;
            Some(DataType::Timestamp(*unit, second.map(Into::into)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_type() -> Schema {
        let micros = TimeUnit::Microsecond;
        let item = Field::new("item", DataType::Decimal128(18, 2), true);
        let inner = DataType::Struct(
            vec![
                Field::new("_name", DataType::Utf8, true),
                Field::new("codes", DataType::List(Arc::new(item)), false),
            ]
            .into(),
        );
        let mut fields = vec![
            Field::new("amount", DataType::Decimal128(38, -2), true),
            Field::new("big", DataType::Decimal256(76, 10), true),
            Field::new("utc", DataType::Timestamp(micros, Some("UTC".into())), true),
            Field::new(
                "nanos",
                DataType::Timestamp(TimeUnit::Nanosecond, None),
                true,
            ),
            Field::new(
                "zone",
                DataType::Timestamp(TimeUnit::Second, Some("Europe/Berlin".into())),
                true,
            ),
            Field::new("nested", inner.clone(), true),
            Field::new(
                "rows",
                DataType::List(Arc::new(Field::new("element", inner, false))),
                true,
            ),
        ];
        for (index, (word, plain)) in PLAIN.iter().enumerate() {
            fields.push(Field::new(*word, plain.clone(), index % 2 == 0));
        }
        Schema::new(fields)
    }

    #[test]
    fn every_type_survives_json() {
        let schema = every_type();
        let entry = SchemaEntry::from_arrow(&schema).unwrap();
        let json = serde_json::to_string(&entry).unwrap();
        let back: SchemaEntry = serde_json::from_str(&json).unwrap();
        assert_eq!(back.to_arrow().unwrap().as_ref(), &schema);
    }

    #[test]
    fn the_json_is_what_others_read() {
        let schema = Schema::new(vec![Field::new(
            "l",
            DataType::List(Arc::new(Field::new(
                "item",
                DataType::Decimal128(9, 2),
                true,
            ))),
            false,
        )]);
        let json = serde_json::to_string(&SchemaEntry::from_arrow(&schema).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"fields":[{"name":"l","type":"list","nullable":false,"element":{"name":"item","type":"decimal(9,2)","nullable":true}}]}"#
        );
    }

    #[test]
    fn a_type_without_a_word_is_refused_by_column() {
        let schema = Schema::new(vec![Field::new(
            "gap",
            DataType::Duration(TimeUnit::Second),
            true,
        )]);
        let error = SchemaEntry::from_arrow(&schema).unwrap_err().to_string();
        assert!(error.contains("column `gap` has type Duration"), "{error}");
        let entry = r#"{"fields":[{"name":"x","type":"decimal(1)","nullable":true}]}"#;
        let entry: SchemaEntry = serde_json::from_str(entry).unwrap();
        assert!(
            entry
                .to_arrow()
                .unwrap_err()
                .to_string()
                .contains("unknown type `decimal(1)`")
        );
    }
}
