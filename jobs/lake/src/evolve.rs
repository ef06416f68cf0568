//! How a table's schema grows from version to version, and how the files of older versions are read by the newest.
//!
//! A file is never written anew because the schema has grown: the log keeps the schema that it was written with, and
//! its values are cast when they are read. So a type may only become one that holds each value of the old one
//! exactly, and still is of the same kind for those who read the table:
//!
//! | One has | The other has | The table has from then on |
//! | --- | --- | --- |
//! | a column | no such column | the column, nullable, behind those that are there |
//! | a whole number | a wider whole number | the wider one (`uint64` with a signed one: `decimal(20,0)`) |
//! | a whole number | `decimal(p,s)` | a decimal with `s` places and room for all of either before the point |
//! | `decimal(p,s)` | `decimal(q,t)` | the larger `s`, and room for all of either before the point; 38 digits, else 76 |
//! | `float32` | `float64` | `float64` |
//! | a whole number of at most 32 bits | `float64` | `float64` |
//! | `date` | `timestamp` | `timestamp`: midnight |
//! | a timestamp | one of the same zone in another unit | the finer unit |
//! | `text`, `binary` | the same with large offsets or as views | the one with large offsets |
//! | `struct` | `struct` | their fields by these same rules |
//! | `list` | `list` | the element by these same rules |
//!
//! Whatever else differs is refused with the column's name: a number that becomes text, say, changes what the column
//! means to everybody who reads it, and wants a word in the SQL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
    new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Schema,
    SchemaRef, TimeUnit,
};
use arrow::error::ArrowError;

use crate::error::LakeError;

/// The schema of a table after rows of another schema are added, by the rules above.
///
/// # Errors
/// [`LakeError::Invalid`] names the column and both types.
pub fn merge(table: &Schema, added: &Schema) -> Result<SchemaRef, LakeError> {
    Ok(Arc::new(Schema::new(merge_fields(
        "",
        table.fields(),
        added.fields(),
    )?)))
}

fn merge_fields(
    above: &str,
    old: &[FieldRef],
    new: &[FieldRef],
) -> Result<Vec<FieldRef>, LakeError> {
    let mut merged = Vec::new();
    for field in old {
        merged.push(
            match new.iter().find(|other| other.name() == field.name()) {
                Some(other) => merge_field(&format!("{above}{}", field.name()), field, other)?,
                None => Arc::new(field.as_ref().clone().with_nullable(true)),
            },
        );
    }
    for field in new {
        if !old.iter().any(|other| other.name() == field.name()) {
            merged.push(Arc::new(field.as_ref().clone().with_nullable(true)));
        }
    }
    Ok(merged)
}

fn merge_field(path: &str, old: &Field, new: &Field) -> Result<FieldRef, LakeError> {
    let data_type = match (old.data_type(), new.data_type()) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            DataType::Struct(merge_fields(&format!("{path}."), a, b)?.into())
        }
        (DataType::List(a), DataType::List(b)) => {
            let element = merge_field(&format!("{path}[]"), a, b)?;
            DataType::List(element)
        }
        (a, b) => widened(a, b).ok_or_else(|| {
            LakeError::invalid(
                format!("column `{path}` is {a} in the table and {b} in this commit"),
                "CAST it in the SQL, or use `mode: overwrite`",
            )
        })?,
    };
    let nullable = old.is_nullable() || new.is_nullable();
    Ok(Arc::new(Field::new(old.name(), data_type, nullable)))
}

/// The type that holds each value of both exactly, by the rules above; `None` if there is none. Neither is a struct
/// or a list, unless they are equal.
pub fn widened(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    if let (Some(a), Some(b)) = (Digits::of(a), Digits::of(b)) {
        return a.with(b);
    }
    match (a, b) {
        (T::Float32, T::Float64) | (T::Float64, T::Float32) => Some(T::Float64),
        (T::Float64, other) | (other, T::Float64)
            if other.is_integer() && other.primitive_width() <= Some(4) =>
        {
            Some(T::Float64)
        }
        (T::Date32, T::Timestamp(unit, None)) | (T::Timestamp(unit, None), T::Date32) => {
            Some(T::Timestamp(*unit, None))
        }
        (T::Timestamp(a, of_a), T::Timestamp(b, of_b)) if of_a == of_b => {
            Some(T::Timestamp(finer(*a, *b), of_a.clone()))
        }
        (T::Utf8 | T::LargeUtf8 | T::Utf8View, T::Utf8 | T::LargeUtf8 | T::Utf8View) => {
            Some(T::LargeUtf8)
        }
        (
            T::Binary | T::LargeBinary | T::BinaryView,
            T::Binary | T::LargeBinary | T::BinaryView,
        ) => Some(T::LargeBinary),
        _ => None,
    }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    // The units are declared from seconds to nanoseconds.
    if a > b { a } else { b }
}

/// A number whose values are exact.
#[derive(Debug, Clone, Copy)]
struct Digits {
    /// For a whole number: its bits, and whether it has a sign.
    whole: Option<(u8, bool)>,
    /// Digits before the point.
    before: i16,
    /// Digits behind it.
    behind: i16,
}

impl Digits {
    fn of(data_type: &DataType) -> Option<Digits> {
        let whole = |bits, signed, before| Digits {
            whole: Some((bits, signed)),
            before,
            behind: 0,
        };
        Some(match data_type {
            DataType::Int8 => whole(8, true, 3),
            DataType::Int16 => whole(16, true, 5),
            DataType::Int32 => whole(32, true, 10),
            DataType::Int64 => whole(64, true, 19),
            DataType::UInt8 => whole(8, false, 3),
            DataType::UInt16 => whole(16, false, 5),
            DataType::UInt32 => whole(32, false, 10),
            DataType::UInt64 => whole(64, false, 20),
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Digits {
                    whole: None,
                    before: i16::from(*precision) - i16::from(*scale),
                    behind: i16::from(*scale),
                }
            }
            _ => return None,
        })
    }

    /// The type that has room for both.
    fn with(self, other: Digits) -> Option<DataType> {
        if let (Some((a, a_signed)), Some((b, b_signed))) = (self.whole, other.whole) {
            let unsigned = if a_signed { b } else { a };
            let bits = match (a_signed, b_signed) {
                (true, true) | (false, false) => a.max(b),
                // A signed number holds an unsigned one of half its bits.
                _ => a.max(b).max(unsigned.saturating_mul(2)),
            };
            return Some(match (bits, a_signed || b_signed) {
                (16, true) => DataType::Int16,
                (32, true) => DataType::Int32,
                (64, true) => DataType::Int64,
                (16, false) => DataType::UInt16,
                (32, false) => DataType::UInt32,
                (64, false) => DataType::UInt64,
                _ => DataType::Decimal128(20, 0),
            });
        }
        let behind = self.behind.max(other.behind);
        let precision = u8::try_from(self.before.max(other.before) + behind).ok()?;
        let scale = i8::try_from(behind).ok()?;
        if precision <= DECIMAL128_MAX_PRECISION {
            Some(DataType::Decimal128(precision, scale))
        } else if precision <= DECIMAL256_MAX_PRECISION {
            Some(DataType::Decimal256(precision, scale))
        } else {
            None
        }
    }
}

/// A batch of a file as the table's newest schema has it: columns that the file lacks are NULL, others are cast.
///
/// # Errors
/// [`LakeError::Invalid`] for a file that the rules of [`merge`] would not have let in.
pub fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => adapt_array(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .collect::<Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &rows))
        .map_err(|error| {
            LakeError::invalid(
                format!("a file cannot be read by the table's schema: {error}"),
                "overwrite the table",
            )
        })
}

fn adapt_array(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), wanted) {
        (found, wanted) if found == wanted => Ok(Arc::clone(array)),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let parts = array.as_struct();
            let columns = fields
                .iter()
                .map(|field| match parts.column_by_name(field.name()) {
                    Some(column) => adapt_array(column, field.data_type()),
                    None => Ok(new_null_array(field.data_type(), parts.len())),
                });
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let nulls = parts.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                nulls,
                parts.len(),
            )?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let values = adapt_array(list.values(), element.data_type())?;
            Ok(Arc::new(ListArray::try_new(
                Arc::clone(element),
                list.offsets().clone(),
                values,
                list.nulls().cloned(),
            )?))
        }
        (_, wanted) => {
            let exact = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(array, wanted, &exact)
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, TimestampMicrosecondArray};
    use arrow::buffer::OffsetBuffer;

    use super::*;
    use crate::schema::SchemaEntry;

    /// A type by the log's word.
    fn of(word: &str) -> DataType {
        let json = format!(r#"{{"fields":[{{"name":"x","type":"{word}","nullable":true}}]}}"#);
        let entry: SchemaEntry = serde_json::from_str(&json).unwrap();
        entry.to_arrow().unwrap().field(0).data_type().clone()
    }

    #[test]
    fn types_widen_by_the_table_and_in_either_order() {
        for (a, b, wide) in [
            ("int64", "int64", "int64"),
            ("int8", "int64", "int64"),
            ("int32", "uint16", "int32"),
            ("uint32", "int32", "int64"),
            ("uint8", "int8", "int16"),
            ("uint8", "uint64", "uint64"),
            ("uint64", "int64", "decimal(20,0)"),
            ("int64", "decimal(9,2)", "decimal(21,2)"),
            ("int64", "decimal(38,2)", "decimal(38,2)"),
            ("int64", "decimal(30,18)", "decimal(37,18)"),
            ("int64", "decimal(38,20)", "decimal256(39,20)"),
            ("decimal(9,2)", "decimal(12,2)", "decimal(12,2)"),
            ("decimal(9,2)", "decimal(9,4)", "decimal(11,4)"),
            ("decimal(38,0)", "decimal(38,38)", "decimal256(76,38)"),
            ("float32", "float64", "float64"),
            ("int32", "float64", "float64"),
            ("date", "timestamp", "timestamp"),
            ("timestamp(ms)", "timestamp", "timestamp"),
            ("timestamp(ns)", "timestamp", "timestamp(ns)"),
            ("text", "text_view", "large_text"),
            ("binary", "large_binary", "large_binary"),
        ] {
            assert_eq!(widened(&of(a), &of(b)), Some(of(wide)), "{a} {b}");
            assert_eq!(widened(&of(b), &of(a)), Some(of(wide)), "{b} {a}");
        }
        for (a, b) in [
            ("int64", "text"),
            ("bool", "text"),
            ("int64", "float64"),
            ("decimal(9,2)", "float64"),
            ("int64", "bool"),
            ("int64", "date"),
            ("date", "timestamptz"),
            ("timestamp", "timestamptz"),
            ("text", "binary"),
            ("decimal256(76,0)", "decimal256(76,70)"),
        ] {
            assert_eq!(widened(&of(a), &of(b)), None, "{a} {b}");
            assert_eq!(widened(&of(b), &of(a)), None, "{b} {a}");
        }
    }

    #[test]
    fn added_columns_merge_and_conflicts_name_the_column() {
        let part = |fields: Vec<Field>| Field::new("s", DataType::Struct(fields.into()), false);
        let a = Field::new("a", DataType::Int64, false);
        let b = Field::new("b", DataType::Utf8, false);
        let wide = Field::new("a", DataType::Decimal128(21, 2), false);
        let merged = merge(
            &Schema::new(vec![a.clone(), part(vec![a.clone()])]),
            &Schema::new(vec![b.clone(), part(vec![wide.clone(), b.clone()])]),
        )
        .unwrap();
        let expected = Schema::new(vec![
            a.clone().with_nullable(true),
            part(vec![wide, b.clone().with_nullable(true)]),
            b.clone().with_nullable(true),
        ]);
        assert_eq!(merged.as_ref(), &expected);

        let text = Field::new("a", DataType::Utf8, true);
        let error = merge(
            &Schema::new(vec![part(vec![a])]),
            &Schema::new(vec![part(vec![text])]),
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("column `s.a` is Int64 in the table and Utf8 in this commit"),
            "{error}"
        );
    }

    #[test]
    fn values_of_an_older_file_stay_what_they_were() {
        let old_item = Arc::new(Field::new(
            "item",
            DataType::Struct(vec![Field::new("n", DataType::Int64, true)].into()),
            true,
        ));
        let items = StructArray::from(vec![(
            Arc::new(Field::new("n", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(7), None, Some(-9)])) as ArrayRef,
        )]);
        let list = ListArray::new(
            old_item,
            OffsetBuffer::from_lengths([2, 0, 1]),
            Arc::new(items),
            None,
        );
        let days = arrow::array::Date32Array::from(vec![0, 1, -1]);
        let old = RecordBatch::try_from_iter_with_nullable([
            ("l", Arc::new(list) as ArrayRef, true),
            ("d", Arc::new(days) as ArrayRef, true),
        ])
        .unwrap();
        let new_item = DataType::Struct(
            vec![
                Field::new("n", DataType::Decimal128(21, 2), true),
                Field::new("m", DataType::Utf8, true),
            ]
            .into(),
        );
        let schema = Arc::new(Schema::new(vec![
            Field::new("d", of("timestamp"), true),
            Field::new(
                "l",
                DataType::List(Arc::new(Field::new("item", new_item, true))),
                true,
            ),
            Field::new("later", DataType::Boolean, true),
        ]));
        let new = adapt(&old, &schema).unwrap();
        assert_eq!(new.schema(), schema);
        let day = 86_400_000_000;
        let expected = TimestampMicrosecondArray::from(vec![0, day, -day]);
        assert_eq!(new.column(0).as_primitive(), &expected);
        let items = new.column(1).as_list::<i32>().values().as_struct().clone();
        let expected = Decimal128Array::from(vec![Some(700), None, Some(-900)]);
        let expected = expected.with_precision_and_scale(21, 2).unwrap();
        assert_eq!(items.column(0).as_primitive(), &expected);
        assert_eq!(items.column(1).null_count(), 3);
        assert_eq!(new.column(2).null_count(), 3);
    }
}
